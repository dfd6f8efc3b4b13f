"""Limits on buying for services: what anybody may pay in a region, and how far a fan is.

Promises: the same rows and the same use that purchases are held to; a fan's use and own limits only
under that fan's consent ``balance:read``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import consents
from accounts import queries as people
from accounts.models import Scope
from wallet import api as value
from wallet import api_quotes, quotes
from wallet.models import PaymentKind, Tier


class LimitsAnswered(base.Answered):
    """Of a region: each tier's. Of a fan: theirs, with what is used, and their own."""

    region = value.RegionAnswered()
    tier = serializers.ChoiceField([tier.value for tier in Tier], allow_null=True)
    time_out_until = serializers.DateTimeField(allow_null=True)
    results = api_quotes.LimitAnswered(many=True)


class LimitsQuery(base.Asked):
    region = serializers.RegexField(value.REGION_CODE, required=False, help_text="Either, or fan.")
    fan = base.PersonField(required=False, help_text="Needs their consent balance:read.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("region" in attrs) == ("fan" in attrs):
            raise serializers.ValidationError("Name either a region or a fan.", "one_place")
        return attrs


class Limits(base.Door):
    """What may be paid for coins, by way to pay, window and trust, and what is used of it."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "limits:read"}

    @extend_schema(operation_id="limits_list", parameters=[LimitsQuery], responses=LimitsAnswered)
    def get(self, _request: Request) -> Response:
        asked = self.asked(LimitsQuery)
        if "region" in asked:
            return Response(_of_region(asked["region"]))
        return Response(self._of_fan(asked["fan"]))

    def _of_fan(self, named: int | str) -> dict[str, Any]:
        fan, at = people.person(named), timezone.now()
        if fan is None:  # the same answer as for somebody who has not allowed it
            raise consents.missing(Scope.BALANCE_READ)
        consents.check(fan_id=fan.pk, client_id=self.client_id, scope=Scope.BALANCE_READ, at=at)
        buyer = quotes.buyer(user=fan, at=at)
        is_out = buyer.time_out_until is not None and at < buyer.time_out_until
        return {
            "region": value.region(buyer.region),
            "tier": buyer.tier.value,
            "time_out_until": buyer.time_out_until if is_out else None,
            "results": api_quotes.limits_of(buyer, kinds=PaymentKind),
        }


def _of_region(code: str) -> dict[str, Any]:
    region = value.region_or_404(code)
    return {
        "region": value.region(region),
        "tier": None,
        "time_out_until": None,
        "results": api_quotes.limits_in(region, kinds=PaymentKind, at=timezone.now()),
    }
