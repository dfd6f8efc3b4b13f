"""Creators' earnings for services.

Promises: what a creator sees in the studio and nothing of what their fans paid.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar, Final

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
from payouts import breakdowns, closing, earnings, eligibility, risk, rules
from payouts.models import Statement
from wallet import api as value

DAYS_MAX: Final = 366


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


class EarnedDayAnswered(base.Answered):
    """What a creator earned on one UTC day, and what went that day with payments taken back."""

    day = serializers.DateField()
    gifts = serializers.IntegerField()
    diamonds = value.DiamondsField()
    diamonds_taken_back = value.DiamondsField()


class EarnedDaysAnswered(base.Answered):
    """Counted from the ledger up to that moment; days on which nothing happened are left out."""

    results = EarnedDayAnswered(many=True)
    counted_at = serializers.DateTimeField(allow_null=True)


class DaysQuery(base.Asked):
    """From one UTC day to another, both included."""

    first = serializers.DateField(help_text="The first day, as 2026-11-01.")
    last = serializers.DateField(help_text="The last day; at most 366 days in all.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not 0 <= (attrs["last"] - attrs["first"]).days < DAYS_MAX:
            raise serializers.ValidationError({"last": [f"Ask for 1 to {DAYS_MAX} days."]})
        return attrs


class EarnedDays(base.Door):
    """What a creator earned, day by day."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "earnings:read"}

    @extend_schema(
        operation_id="creators_earnings_days_list",
        parameters=[DaysQuery],
        responses=EarnedDaysAnswered,
    )
    def get(self, _request: Request, creator: str) -> Response:
        asked = self.asked(DaysQuery)
        found = breakdowns.by_day(
            creator=_creator_or_404(creator),
            begins=asked["first"],
            ends=asked["last"] + timedelta(days=1),
        )
        return Response(
            {
                "results": [
                    {
                        "day": row.on,
                        "gifts": row.gifts,
                        "diamonds": value.diamonds(row.diamonds_milli),
                        "diamonds_taken_back": value.diamonds(row.taken_milli),
                    }
                    for row in found
                ],
                "counted_at": breakdowns.counted_at(),
            }
        )


class StatementAnswered(base.Answered):
    """A month's statement. Anybody can check it by its code on the public page."""

    number = serializers.CharField()
    month = serializers.CharField(help_text="As 2026-11: a UTC calendar month.")
    issued_at = serializers.DateTimeField()
    digest = serializers.CharField(help_text="SHA-256 of its lines.")
    code = serializers.CharField()
    closing_diamonds = value.DiamondsField()
    last_period = serializers.IntegerField()
    last_seal = serializers.CharField()


class StatementPageAnswered(base.Answered):
    results = StatementAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class Statements(base.Door):
    """A creator's monthly statements, newest first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "earnings:read"}

    @extend_schema(
        operation_id="creators_statements_list",
        parameters=[base.PageQuery],
        responses=StatementPageAnswered,
    )
    def get(self, _request: Request, creator: str) -> Response:
        asked = self.asked(base.PageQuery)
        after = base.read_cursor(asked.get("after"), base.whole)
        rows = closing.statements_of(creator=_creator_or_404(creator))
        if after:
            rows = rows.filter(
                month_id__lt=date.fromordinal(max(1, min(after[0], date.max.toordinal())))
            )
        return Response(
            base.page(
                list(rows[: asked["limit"] + 1]),
                limit=asked["limit"],
                shown=_statement,
                cursor=lambda row: base.cursor_of(row.month_id.toordinal()),
            )
        )


def _statement(row: Statement) -> dict[str, Any]:
    return {
        "number": row.label,
        "month": f"{row.month_id:%Y-%m}",
        "issued_at": row.issued_at,
        "digest": row.digest,
        "code": row.code,
        "closing_diamonds": value.diamonds(row.facts["diamonds"][-1][1]),
        "last_period": row.facts["periods"]["last"],
        "last_seal": row.facts["periods"]["seal"],
    }


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
