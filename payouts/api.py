"""Creators' earnings for services.

Promises: what a creator sees in the studio and nothing of what their fans paid.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils import timezone
from djmoney.money import Money
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import queries as people
from accounts.models import User
from payouts import earnings, eligibility, risk, rules
from wallet import api as value


class EarningsAnswered(base.Answered):
    """Diamonds by where they are, and cash by currency. A worth is an estimate at today's rate."""

    creator = base.PersonAnswered()
    pending = value.DiamondsField()
    pending_worth = value.MoneyAnswered(allow_null=True)
    next_release_at = serializers.DateTimeField(allow_null=True)
    available = value.DiamondsField()
    available_worth = value.MoneyAnswered(allow_null=True)
    debt = value.DiamondsField()
    settled = value.DiamondsField()
    payable = value.MoneyAnswered(many=True)
    in_payout = value.MoneyAnswered(many=True)
    paid = value.MoneyAnswered(many=True)


class EarnedAnswered(base.Answered):
    """One gift received, in the words of when it was sent."""

    at = serializers.DateTimeField()
    gift = serializers.CharField()
    slug = serializers.CharField(allow_blank=True)
    quantity = serializers.IntegerField()
    sender = serializers.CharField(allow_blank=True)
    where = serializers.CharField(allow_blank=True)
    coins = serializers.IntegerField()
    diamonds = value.DiamondsField()
    diamonds_taken_back = value.DiamondsField()
    rate_card = serializers.CharField()


class EarnedPageAnswered(base.Answered):
    results = EarnedAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class LineAnswered(base.Answered):
    """One line of the checklist. ``let_pass``: our staff let it pass for a time."""

    key = serializers.ChoiceField(choices=[key.value for key in risk.Key])
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=[state.value for state in rules.State])
    reason = serializers.CharField()
    todo = serializers.CharField(allow_blank=True)
    let_pass = serializers.BooleanField()


class EligibilityAnswered(base.Answered):
    """Whether the creator is settled and paid now, and each line that is asked for."""

    creator = base.PersonAnswered()
    eligible = serializers.BooleanField()
    lines = LineAnswered(many=True)


class Eligibility(base.Door):
    """Whether a creator may be paid, as they see it themselves, read now."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "earnings:read"}

    @extend_schema(operation_id="creators_eligibility", responses=EligibilityAnswered)
    def get(self, _request: Request, creator: str) -> Response:
        self.asked(base.NoQuery)
        found = _creator_or_404(creator)
        lines = eligibility.checklist(creator=found, at=timezone.now())
        return Response(
            {
                "creator": base.person(found),
                "eligible": risk.is_eligible(lines),
                "lines": [
                    {
                        "key": line.key,
                        "title": line.title,
                        "state": line.state,
                        "reason": line.reason,
                        "todo": line.todo,
                        "let_pass": line.is_waived,
                    }
                    for line in lines
                ],
            }
        )


class Earnings(base.Door):
    """What a creator has earned and where it is."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "earnings:read"}

    @extend_schema(operation_id="creators_earnings", responses=EarningsAnswered)
    def get(self, _request: Request, creator: str) -> Response:
        self.asked(base.NoQuery)
        found = _creator_or_404(creator)
        sums = earnings.sums(creator=found, at=timezone.now())
        return Response(
            {
                "creator": base.person(found),
                "pending": value.diamonds(sums.pending_milli),
                "pending_worth": _worth(sums.pending_worth),
                "next_release_at": sums.next_at,
                "available": value.diamonds(sums.available_milli),
                "available_worth": _worth(sums.available_worth),
                "debt": value.diamonds(sums.debt_milli),
                "settled": value.diamonds(sums.settled_milli),
                "payable": [value.amount(part) for part in sums.payable],
                "in_payout": [value.amount(part) for part in sums.in_payout],
                "paid": [value.amount(part) for part in sums.paid],
            }
        )


class EarnedGifts(base.Door):
    """The gifts a creator received, newest first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "earnings:read"}

    @extend_schema(
        operation_id="creators_gifts_list",
        parameters=[base.PageQuery],
        responses=EarnedPageAnswered,
    )
    def get(self, _request: Request, creator: str) -> Response:
        asked = self.asked(base.PageQuery)
        after = base.read_cursor(asked.get("after"), base.whole)
        rows = earnings.gifts(
            creator=_creator_or_404(creator),
            at=timezone.now(),
            before=after[0] if after else None,
            limit=asked["limit"] + 1,
        )
        return Response(
            base.page(
                rows,
                limit=asked["limit"],
                shown=_gift,
                cursor=lambda row: base.cursor_of(row.cursor),
            )
        )


def _creator_or_404(given: str) -> User:
    found = people.person(people.reference(given))
    if found is None or not found.is_creator:
        raise NotFound("There is no such creator.")
    return found


def _worth(worth: Money | None) -> dict[str, Any] | None:
    return None if worth is None else value.amount(worth)


def _gift(gift: earnings.Gift) -> dict[str, Any]:
    return {
        "at": gift.at,
        "gift": gift.name,
        "slug": gift.slug,
        "quantity": gift.quantity,
        "sender": gift.sender,
        "where": gift.where,
        "coins": gift.coins,
        "diamonds": value.diamonds(gift.diamonds_milli),
        "diamonds_taken_back": value.diamonds(gift.reversed_milli),
        "rate_card": gift.card.name,
    }
