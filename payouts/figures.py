"""Counting the figures of the back office's first page, so that opening it costs next to nothing.

Promises: days that are over are counted once, today and yesterday anew each time; counting again
comes to the same. It holds no lock while it reads.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import floor
from typing import Any, Final

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import TruncDate

from payouts.models import EarningsDay, Payout, PlatformDay, PlatformHoldings
from wallet import totals
from wallet.models import Purchase
from wallet.money import decimals

DAYS_KEPT_UP: Final = 60  # as far back as a chart goes
# Rows are found by their ids, which begin with a time: how much older an id may be than the event.
ID_AGE: Final = timedelta(days=30)


@dataclass(slots=True)
class _Sums:
    """Of one day. ``usd`` is exact until the end: floored once."""

    sold_usd: Fraction = Fraction(0)
    paid_usd: Fraction = Fraction(0)
    gifts: int = 0
    gift_coins: int = 0
    without_rate: set[str] = field(default_factory=set)


def count(*, at: datetime) -> int:
    """Count what everybody holds now, and the days that are not counted for good. How many."""
    today = at.astimezone(UTC).date()
    days = _days_to_count(today)
    found = _sums(days, at=at)
    held = totals.by_kind(codes=[*totals.CREATORS, *totals.PLATFORM], at=at)
    maturing = totals.maturing_by_week()
    with transaction.atomic(durable=True):
        PlatformDay.objects.bulk_create(
            [_row(day, found[day], at=at) for day in days],
            update_conflicts=True,
            unique_fields=["day"],
            update_fields=[
                "sold_usd_cents", "gifts", "gift_coins", "paid_usd_cents", "without_rate",
                "counted_at",
            ],
        )  # fmt: skip
        PlatformHoldings.objects.update_or_create(
            pk=1,
            defaults={
                "totals": [asdict(total) for total in held],
                "maturing": [{"week": str(week), "milli": milli} for week, milli in maturing],
                "counted_at": at,
            },
        )
    return len(days)


def _days_to_count(today: date) -> list[date]:
    """Today and yesterday, and of the others those that were not counted after they were over."""
    wanted = [today - timedelta(days=number) for number in range(DAYS_KEPT_UP)]
    counted = dict(PlatformDay.objects.filter(day__gte=wanted[-1]).values_list("day", "counted_at"))
    return [
        day
        for number, day in enumerate(wanted)
        if number < 2 or day not in counted or counted[day] < _midnight(day + timedelta(days=2))
    ]


def _sums(days: Collection[date], *, at: datetime) -> Mapping[date, _Sums]:
    found: dict[date, _Sums] = defaultdict(_Sums)
    first = _midnight(min(days))
    since = {"pk__gte": totals.first_id(first - ID_AGE)}
    sold = Purchase.objects.filter(**since, credited_at__gte=first, credited_at__lte=at)
    for day, currency, minor in _by_day(sold, "credited_at", "gross_minor"):
        _add(found[day], "sold_usd", currency, minor, at=at)
    paid = Payout.objects.filter(
        **since, state=Payout.State.PAID, resolved_at__gte=first, resolved_at__lte=at
    )
    for day, currency, minor in _by_day(paid, "resolved_at", "amount_minor"):
        _add(found[day], "paid_usd", currency, minor, at=at)
    earned = EarningsDay.objects.filter(day__in=days).values("day")
    for row in earned.annotate(sum_gifts=Sum("gifts"), sum_coins=Sum("coins")).order_by("day"):
        found[row["day"]].gifts = int(row["sum_gifts"])
        found[row["day"]].gift_coins = int(row["sum_coins"])
    return found


def _by_day(rows: Any, moment: str, amount: str) -> list[tuple[date, str, int]]:
    grouped = rows.annotate(on=TruncDate(moment, tzinfo=UTC)).values("on", "currency")
    summed = grouped.annotate(sum=Sum(amount)).order_by("on", "currency")
    return [(row["on"], row["currency"], int(row["sum"])) for row in summed]


def _add(sums: _Sums, name: str, currency: str, minor: int, *, at: datetime) -> None:
    per_usd = totals.usd_rate(currency, at=at)
    if per_usd is None:
        sums.without_rate.add(currency)
        return
    setattr(sums, name, getattr(sums, name) + Fraction(minor, 10 ** decimals(currency)) / per_usd)


def _row(day: date, sums: _Sums, *, at: datetime) -> PlatformDay:
    return PlatformDay(
        day=day,
        sold_usd_cents=floor(sums.sold_usd * 100),
        gifts=sums.gifts,
        gift_coins=sums.gift_coins,
        paid_usd_cents=floor(sums.paid_usd * 100),
        without_rate=", ".join(sorted(sums.without_rate))[:100],
        counted_at=at,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
