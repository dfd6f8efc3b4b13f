"""Quotes for services, and the limits that stand beside them.

Promises: what a purchase would cost and be held to now; nothing is stored. Where a fan is named,
their own limits and what they have used, only under that fan's consent ``balance:read``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
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
from wallet import facts, limits, quotes
from wallet.models import PaymentKind, Region, Tier, Window


class LimitAnswered(base.Answered):
    """One limit on buying. Windows roll: `room_at` is when some of what is used is free again,
    `resets_at` when all of it is. Without a fan nothing is `used`.
    """

    set_by = serializers.ChoiceField([whose.value for whose in limits.Source])
    kind = serializers.ChoiceField(
        PaymentKind.values, allow_null=True, help_text="Null: every way to pay."
    )
    tier = serializers.ChoiceField([tier.value for tier in Tier], allow_null=True)
    window = serializers.ChoiceField(Window.values)
    is_first_day = serializers.BooleanField(
        help_text="Counts in the first 24 hours of a new way to pay only."
    )
    amount = value.MoneyAnswered()
    used = value.MoneyAnswered(allow_null=True)
    left = value.MoneyAnswered(allow_null=True)
    room_at = serializers.DateTimeField(allow_null=True)
    resets_at = serializers.DateTimeField(allow_null=True)


class QuoteAnswered(value.BasketAnswered):
    region = value.RegionAnswered()
    limits = LimitAnswered(many=True, help_text="Of the ways to pay quoted.")


class QuoteAsked(base.Asked):
    coins = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=value.COINS_ASKED_MAX,
        help_text="Either, or a package.",
    )
    package = serializers.IntegerField(required=False, min_value=1, max_value=value.PACKAGE_MAX)
    region = serializers.RegexField(
        value.REGION_CODE, required=False, help_text="Either, or a fan."
    )
    fan = base.PersonField(
        required=False, help_text="Quotes where the fan lives; needs their consent balance:read."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("coins" in attrs) == ("package" in attrs):
            raise serializers.ValidationError("Name either coins or a package.", "one_amount")
        if ("region" in attrs) == ("fan" in attrs):
            raise serializers.ValidationError("Name either a region or a fan.", "one_place")
        return attrs


class Quotes(base.Door):
    """Price a package or an exact number of coins. Nothing is stored and nothing is promised."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "prices:read"}

    @extend_schema(operation_id="quotes_create", request=QuoteAsked, responses=QuoteAnswered)
    def post(self, _request: Request) -> Response:
        asked = self.asked(QuoteAsked)
        at = timezone.now()
        till = self._till(asked, at=at)
        basket = till.basket(coins=asked.get("coins"), package_id=asked.get("package"))
        found = (
            limits_of(till.buyer, kinds=till.kinds)
            if till.buyer
            else limits_in(till.region, kinds=till.kinds, at=at)
        )
        return Response(
            value.basket_of(basket) | {"region": value.region(till.region), "limits": found}
        )

    def _till(self, asked: Mapping[str, Any], *, at: datetime) -> quotes.Till:
        if "region" in asked:
            return quotes.till_of(region=value.region_or_404(asked["region"]), at=at)
        fan = people.person(asked["fan"])
        if fan is None:
            raise consents.missing(Scope.BALANCE_READ)
        consents.check(fan_id=fan.pk, client_id=self.client_id, scope=Scope.BALANCE_READ, at=at)
        return quotes.till_for(user=fan, at=at)


def limit(line: limits.Line, *, tier: Tier | None, is_used: bool) -> dict[str, Any]:
    """Write a limit as the API does."""
    return {
        "set_by": line.set_by.value,
        "kind": line.kind and line.kind.value,
        "tier": tier and tier.value,
        "window": line.window.value,
        "is_first_day": line.is_first_day,
        "amount": value.minor_amount(line.amount_minor, line.currency),
        "used": value.minor_amount(line.used_minor, line.currency) if is_used else None,
        "left": value.minor_amount(line.left_minor, line.currency) if is_used else None,
        "room_at": line.room_at,
        "resets_at": line.resets_at,
    }


def limits_of(buyer: facts.Buyer, *, kinds: Iterable[PaymentKind]) -> list[dict[str, Any]]:
    """Write a fan's limits with what is used of them, their own last."""
    tier = buyer.tier
    found = [line for kind in kinds for line in limits.lines(buyer=buyer, kind=kind)]
    return [limit(line, tier=tier, is_used=True) for line in found] + [
        limit(line, tier=None, is_used=True) for line in limits.own_lines(buyer)
    ]


def limits_in(
    region: Region, *, kinds: Iterable[PaymentKind], at: datetime
) -> list[dict[str, Any]]:
    """Write what each tier may pay in a region."""
    rows = list(facts.rows_in_force(region=region, at=at))
    return [
        limit(line, tier=tier, is_used=False)
        for kind in kinds
        for tier in Tier
        for line in limits.published(rows=rows, kind=kind, tier=tier)
    ]
