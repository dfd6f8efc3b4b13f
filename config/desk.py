"""The first page of the back office: what needs somebody now, how the books stand, and the day.

Promises: reads only; a member of staff sees a queue only with the permission to view its rows, and
every number leads to the list it counts; the number of queries does not grow with what waits.
Ages are told against the clocks of ``queues``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncHour
from django.urls import reverse
from djmoney.money import Money

from accounts.models import User
from config import figures, queues
from payouts import admin_owed
from payouts.models import Payout, SettlementRun
from wallet import admin_losses, seals, totals
from wallet.models import (
    Period,
    Purchase,
    Transfer,
)
from wallet.money import money

# How late what runs by itself may be.
FOLDED: Final = timedelta(minutes=1)
SETTLED: Final = timedelta(hours=6)
SEAL_PERIODS: Final = 3
HOURS: Final = 24
# Rows are found by their ids, which begin with a time: how much older an id may be than the event.
GIFT_ID_AGE: Final = timedelta(days=1)
PAYMENT_ID_AGE: Final = timedelta(days=30)
REPORTS: Final = (
    ("What staff did", "trail", ("admin.view_logentry",)),
    ("Money that is held", "held", admin_owed.SEES_HELD),
    ("Debts of creators", "debts", admin_owed.SEES_DEBTS),
    ("Unclaimed money", "unclaimed", admin_owed.SEES_UNCLAIMED),
    ("Lost payments and recourse", "losses", admin_losses.SEES),
)


@dataclass(frozen=True, slots=True)
class Clock:
    """Something that runs by itself, and when it last did."""

    label: str
    value: str
    at: datetime | None
    note: str
    tone: str
    address: str


@dataclass(frozen=True, slots=True)
class Sold:
    currency: str
    purchases: int
    coins: int
    paid: Money


@dataclass(frozen=True, slots=True)
class PaidOut:
    currency: str
    payouts: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of gifts, and its bar in per cent of the chart."""

    begins_at: datetime
    name: str  # its beginning, in UTC whatever the viewer's time zone
    gifts: int
    coins: int
    diamonds_milli: int
    left: str
    width: str
    top: str
    height: str
    label: str


@dataclass(frozen=True, slots=True)
class Gifts:
    count: int
    coins: int
    diamonds_milli: int
    hours: list[Hour]


@dataclass(frozen=True, slots=True)
class Desk:
    """What one member of staff sees. None: not theirs to see."""

    waiting: list[queues.Waiting]
    quiet: list[queues.Waiting]
    clocks: list[Clock]
    sold: list[Sold] | None
    paid_out: list[PaidOut] | None
    gifts: Gifts | None
    figures: list[figures.Figure]
    reports: list[tuple[str, str]]  # in words, with the address


def desk_of(user: User | AnonymousUser, *, at: datetime) -> Desk:
    """Gather what this member of staff may see."""
    found = [
        queues.look(queue, at=at)
        for queue in queues.all_queues(at=at)
        if user.has_perm(queue.permission)
    ]
    begins_at = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Desk(
        waiting=sorted((row for row in found if row.count), key=lambda row: not row.is_late),
        quiet=[row for row in found if not row.count],
        clocks=_clocks(user, at=at),
        sold=_sold(begins_at) if user.has_perm(queues.view(Purchase)) else None,
        paid_out=_paid_out(begins_at) if user.has_perm(queues.view(Payout)) else None,
        gifts=_gifts(begins_at) if user.has_perm(queues.view(Transfer)) else None,
        figures=figures.figures_of(user, at=at),
        reports=[
            (words, reverse(f"admin:{name}"))
            for words, name, permissions in REPORTS
            if user.has_perms(permissions)
        ],
    )


# What runs by itself


def _clocks(user: User | AnonymousUser, *, at: datetime) -> list[Clock]:
    clocks = []
    if user.has_perm(queues.view(Period)):
        clocks += [_fold(at=at), _seal(at=at)]
    if user.has_perm(queues.view(SettlementRun)):
        clocks.append(_settlement(at=at))
    return clocks


def _fold(*, at: datetime) -> Clock:
    folded_at = seals.folded_at()
    is_late = at - folded_at > FOLDED
    return Clock(
        "Balances folded",
        "Late" if is_late else "Up to date",
        folded_at,
        "" if not is_late else "Balances stay exact, but reading them takes longer.",
        "bad" if is_late else "good",
        queues.list_of(Period),
    )


def _seal(*, at: datetime) -> Clock:
    """The newest sealed period: until then the books are proved."""
    newest = Period.objects.exclude(seal=None).order_by("-pk").first()
    if newest is None:
        return Clock(
            "Books sealed", "Not yet", None, "No period has ended.", "", queues.list_of(Period)
        )
    assert newest.closed_at is not None, "a sealed period is closed"
    is_late = at - newest.closed_at > SEAL_PERIODS * timedelta(seconds=settings.PERIOD_S)
    return Clock(
        "Books sealed",
        f"Period {newest.pk}",
        newest.closed_at,
        "The next seals are late." if is_late else "",
        "bad" if is_late else "good",
        queues.list_of(Period),
    )


def _settlement(*, at: datetime) -> Clock:
    run = SettlementRun.objects.order_by("-started_at").first()
    words: tuple[str, datetime | None, str, str]
    if run is None:
        words = ("None yet", None, "", "")
    elif run.state == SettlementRun.State.DONE:
        words = ("Done", run.ended_at, run.period_key, "good")
    elif run.state != SettlementRun.State.RUNNING:
        is_late = at - run.started_at > queues.SECOND_PERSON
        waits = "Waits for approval"
        words = (waits, run.started_at, run.period_key, "bad" if is_late else "")
    elif run.stopped_why:
        words = ("Stopped", run.started_at, run.stopped_why, "bad")
    else:
        is_late = at - run.started_at > SETTLED
        words = ("Running", run.started_at, run.period_key, "bad" if is_late else "")
    value, when, note, tone = words
    return Clock("Latest settlement", value, when, note, tone, queues.list_of(SettlementRun))


# The day


def _sold(begins_at: datetime) -> list[Sold]:
    rows = (
        Purchase.objects.filter(
            pk__gte=totals.first_id(begins_at - PAYMENT_ID_AGE), credited_at__gte=begins_at
        )
        .values("currency")
        .annotate(purchases=Count("pk"), sold=Sum("coins"), paid_minor=Sum("gross_minor"))
        .order_by("currency")
    )
    return [
        Sold(
            row["currency"],
            row["purchases"],
            row["sold"],
            money(row["paid_minor"], row["currency"]),
        )
        for row in rows
    ]


def _paid_out(begins_at: datetime) -> list[PaidOut]:
    rows = (
        Payout.objects.filter(
            pk__gte=totals.first_id(begins_at - PAYMENT_ID_AGE),
            state=Payout.State.PAID,
            resolved_at__gte=begins_at,
        )
        .values("currency")
        .annotate(payouts=Count("pk"), paid_minor=Sum("amount_minor"))
        .order_by("currency")
    )
    return [
        PaidOut(row["currency"], row["payouts"], money(row["paid_minor"], row["currency"]))
        for row in rows
    ]


def _gifts(begins_at: datetime) -> Gifts:
    """The day's gifts by the hour, from the ledger's own legs."""
    coins, diamonds = Transfer.Code.GIFT_COINS, Transfer.Code.GIFT_DIAMONDS
    rows = (
        Transfer.objects.filter(
            op_id__gte=totals.first_id(begins_at - GIFT_ID_AGE),
            code__in=(coins, diamonds),
            op__recorded_at__gte=begins_at,
        )
        .values(hour=TruncHour("op__recorded_at", tzinfo=UTC))
        .annotate(
            gifts=Count("op_id", distinct=True),
            coins=Sum("amount", filter=Q(code=coins), default=0),
            diamonds_milli=Sum("amount", filter=Q(code=diamonds), default=0),
        )
    )
    by_hour: dict[datetime, Mapping[str, Any]] = {row["hour"]: row for row in rows}
    most = max((row["coins"] for row in by_hour.values()), default=0)
    hours = [
        _hour(begins_at + timedelta(hours=number), by_hour, most=most, number=number)
        for number in range(HOURS)
    ]
    return Gifts(
        sum(hour.gifts for hour in hours),
        sum(hour.coins for hour in hours),
        sum(hour.diamonds_milli for hour in hours),
        hours,
    )


def _hour(
    begins_at: datetime, rows: Mapping[datetime, Mapping[str, Any]], *, most: int, number: int
) -> Hour:
    row = rows.get(begins_at, {"gifts": 0, "coins": 0, "diamonds_milli": 0})
    height = Decimal(100 * row["coins"]) / (most or 1)
    step = Decimal(100) / HOURS
    name = f"{begins_at:%H:%M}"
    return Hour(
        begins_at,
        name,
        row["gifts"],
        row["coins"],
        row["diamonds_milli"],
        left=f"{number * step:.2f}",
        width=f"{step * Decimal('0.8'):.2f}",
        top=f"{100 - height:.2f}",
        height=f"{height:.2f}",
        label=f"{name}: {row['coins']:,} coins",
    )
