"""How a creator is paid, for services: by what terms, and whether by themselves.

Promises: what the studio shows before a payout is confirmed; a service changes it only for creators
who let it (``payouts:choose``), and asks for no payout.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils import timezone
from djmoney.money import Money
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import consents
from accounts import queries as people
from accounts.models import Scope, User
from payouts import earnings, periods, queries, services
from wallet import api as value


class PayoutTermsAnswered(base.Answered):
    """What a payout would be now. Amounts are null without an account or an exchange rate."""

    creator = base.PersonAnswered()
    automatic = serializers.BooleanField(help_text="Paid at each settlement, without being asked.")
    next_settlement_at = serializers.DateTimeField()
    currency = serializers.CharField(allow_null=True, help_text="Of the account that is paid.")
    ready = value.MoneyAnswered(allow_null=True)
    fee = value.MoneyAnswered(allow_null=True)
    minimum = value.MoneyAnswered(allow_null=True)
    day_max = value.MoneyAnswered(allow_null=True)
    week_max = value.MoneyAnswered(allow_null=True)
    why_not = serializers.CharField(allow_blank=True, help_text="Why nothing can be paid now.")


class ChoiceAsked(base.Asked):
    automatic = serializers.BooleanField()


class PayoutTerms(base.Door):
    """How a creator is paid, read and chosen."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "earnings:read", "PUT": "payouts:choose"}

    @extend_schema(operation_id="creators_payout_terms", responses=PayoutTermsAnswered)
    def get(self, _request: Request, creator: str) -> Response:
        self.asked(base.NoQuery)
        found = people.person(people.reference(creator))
        if found is None or not found.is_creator:
            raise NotFound("There is no such creator.")
        return Response(_terms(found, at=timezone.now()))

    @extend_schema(
        operation_id="creators_payout_terms_choose",
        request=ChoiceAsked,
        responses=PayoutTermsAnswered,
    )
    def put(self, _request: Request, creator: str) -> Response:
        """Choose whether settlements pay the creator out by themselves; the same again is no
        change."""
        asked, at = self.asked(ChoiceAsked), timezone.now()
        reference = people.reference(creator)
        if reference is None:
            raise consents.missing(Scope.PAYOUTS_CHOOSE)
        found = base.consenting(self, reference, Scope.PAYOUTS_CHOOSE, at=at)
        services.choose_automatic(creator=found, is_automatic=asked["automatic"], at=at)
        return Response(_terms(found, at=at))


def _terms(creator: User, *, at: datetime) -> dict[str, Any]:
    offer = earnings.offer(creator=creator, at=at)
    day, week = offer.maxima or (None, None)
    return {
        "creator": base.person(creator),
        "automatic": queries.is_automatic(creator_id=creator.pk),
        "next_settlement_at": periods.settlement_at(at=at).ends_at,
        "currency": offer.destination.currency if offer.destination else None,
        "ready": _amount(offer.amount),
        "fee": _amount(offer.fee),
        "minimum": _amount(offer.minimum),
        "day_max": _amount(day),
        "week_max": _amount(week),
        "why_not": offer.refusal,
    }


def _amount(found: Money | None) -> dict[str, Any] | None:
    return None if found is None else value.amount(found)
