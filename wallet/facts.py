"""What limits are judged by: everything about one buyer, read once.

Promises: nothing is decided here. Amounts are in minor units of the region's currency, what was
paid in another one converted at today's rate, up. Money that went back by a refund is not spent, so
no amount counts it; the purchase it was of still counts as one, as do its attempt and instrument,
which are watched for cards being tried. Addresses and instruments are known as keyed hashes alone.
Read under the buyer's lock (``own_limits.lock``) no purchase can come behind it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from fractions import Fraction
from math import ceil
from typing import Final

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from djmoney.money import Money

from accounts import queries as people
from accounts.models import User
from wallet import money, queries, reversals
from wallet.models import (
    OwnLimit,
    PaymentKind,
    Purchase,
    PurchaseAttempt,
    PurchaseLimit,
    Region,
    SpendingLimits,
    Tier,
    Window,
    kind_of,
    tier_of,
)

ATTEMPTS_OVER: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A purchase that counts: paid at a time, or open, which may be paid at any moment.

    ``amount_minor`` is what was paid less ``returned_minor``, which went back: 0 if all of it did.
    """

    kind: PaymentKind
    amount_minor: int
    at: datetime
    is_open: bool
    returned_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """All that decides what a person may pay now."""

    at: datetime
    region: Region
    tier: Tier
    rows: Sequence[PurchaseLimit]
    counted: Sequence[Counted] = ()
    first_paid_at: Mapping[PaymentKind, datetime] = field(default_factory=dict)
    own: Mapping[Window, int] = field(default_factory=dict)
    time_out_until: datetime | None = None
    attempts: Sequence[datetime] = ()
    network_attempts: Sequence[datetime] = ()
    instruments: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What a person paid for coins in one month of their calendar, in one currency."""

    month: datetime
    paid: Money
    paid_minor: int
    coins: int
    purchases: int
    most_minor: int  # in the month with the most, in that currency: for a bar


def of_buyer(*, user: User, region: Region, at: datetime, network: str = "") -> Buyer:
    """Read all about a buyer in a region. Raises FxMissing, FxStale (only after they moved)."""
    mine = Purchase.objects.filter(buyer_id=user.pk)
    first_paid_at = _first_paid_at(mine)
    limits = SpendingLimits.objects.filter(pk=user.pk).first()
    since = at - ATTEMPTS_OVER
    return Buyer(
        at=at,
        region=region,
        tier=tier_of(
            joined_at=user.joined_at,
            has_paid=bool(first_paid_at),
            is_verified=people.is_identity_verified(user_id=user.pk),
            at=at,
        ),
        rows=list(rows_in_force(region=region, at=at)),
        counted=_counted(mine, currency=region.currency, at=at),
        first_paid_at=first_paid_at,
        own=_own(user_id=user.pk, currency=region.currency, at=at),
        time_out_until=limits.time_out_until if limits else None,
        attempts=list(
            mine.filter(created_at__gt=since)
            .order_by("created_at")
            .values_list("created_at", flat=True)
        ),
        network_attempts=_network_attempts(network, since=since),
        instruments=_instruments(user_id=user.pk, since=since),
    )


def rows_in_force(*, region: Region, at: datetime) -> QuerySet[PurchaseLimit]:
    """Return the region's limits in force, at most two of each kind: the operator's and a cap."""
    return (
        PurchaseLimit.objects.filter(region=region, currency=region.currency, valid_from__lte=at)
        .order_by("kind", "is_hard", "-valid_from")
        .distinct("kind", "is_hard")
    )


def rows_to_come(*, region: Region, at: datetime) -> QuerySet[PurchaseLimit]:
    """Return the region's limits that are announced and not in force yet, soonest first."""
    return PurchaseLimit.objects.filter(
        region=region, currency=region.currency, valid_from__gt=at
    ).order_by("valid_from", "kind", "is_hard")


def own_limits(*, user_id: int, at: datetime) -> dict[Window, OwnLimit]:
    """The person's own limits in force by window; a row without amount says they took one away."""
    rows = (
        OwnLimit.objects.filter(user_id=user_id, withdrawn_at=None, effective_at__lte=at)
        .order_by("window", "-effective_at", "-pk")
        .distinct("window")
    )
    return {Window(row.window): row for row in rows}


def waiting_limits(*, user_id: int, at: datetime) -> dict[Window, OwnLimit]:
    """The raises the person asked for that have not begun, by window."""
    rows = OwnLimit.objects.filter(user_id=user_id, withdrawn_at=None, effective_at__gt=at)
    return {Window(row.window): row for row in rows.order_by("effective_at")}


def convert(amount_minor: int, *, source: str, target: str, at: datetime) -> Fraction:
    """Value minor units of one currency in those of another. Raises FxMissing, FxStale."""
    if source == target:
        return Fraction(amount_minor)
    major = Fraction(amount_minor, 10 ** money.decimals(source))
    usd = major / Fraction(queries.fx(source, at).per_usd)
    units = Fraction(10 ** money.decimals(target))
    return usd * Fraction(queries.fx(target, at).per_usd) * units


def paid_since(*, user_id: int, since: datetime, currency: str, at: datetime) -> int:
    """What the person has paid since then and did not get back, in the currency, up.

    Raises FxMissing, FxStale.
    """
    rows = Purchase.objects.filter(buyer_id=user_id, paid_at__gt=since).annotate(
        returned_minor=reversals.returned_minor()
    )
    totals: Counter[str] = Counter()
    for gross, returned, source in rows.values_list("gross_minor", "returned_minor", "currency"):
        totals[source] += gross - returned
    return _up(
        convert(total, source=source, target=currency, at=at) for source, total in totals.items()
    )


def months(*, user_id: int, zone: tzinfo, count: int) -> list[Month]:
    """What the person paid for coins by month of their calendar, newest first."""
    rows = list(
        Purchase.objects.filter(buyer_id=user_id, paid_at__isnull=False)
        .annotate(month=TruncMonth("paid_at", tzinfo=zone))
        .values("month", "currency")
        .annotate(total=Sum("gross_minor"), sum_coins=Sum("coins"), number=Count("pk"))
        .order_by("-month", "currency")[:count]
    )
    most: dict[str, int] = {}
    for row in rows:
        most[row["currency"]] = max(most.get(row["currency"], 0), row["total"])
    return [
        Month(
            month=row["month"],
            paid=money.money(row["total"], row["currency"]),
            paid_minor=row["total"],
            coins=row["sum_coins"],
            purchases=row["number"],
            most_minor=most[row["currency"]],
        )
        for row in rows
    ]


def paid_in_month(*, user_id: int, begins: datetime, ends: datetime) -> QuerySet[Purchase]:
    """The purchases a person paid between two moments, newest first."""
    return (
        Purchase.objects.filter(buyer_id=user_id, paid_at__gte=begins, paid_at__lt=ends)
        .select_related("method")
        .order_by("-paid_at", "pk")
    )


def _counted(mine: QuerySet[Purchase], *, currency: str, at: datetime) -> list[Counted]:
    counting = mine.filter(
        Q(paid_at__gt=at - Window.MONTH.length) | Q(paid_at=None, state__in=queries.OPEN)
    )
    # One statement: a refund is seen with the purchase it is of, or neither is.
    rows = counting.annotate(returned_minor=reversals.returned_minor()).values_list(
        "method__hold_class", "gross_minor", "returned_minor", "currency", "paid_at"
    )
    found = []
    for hold_class, gross_minor, returned_minor, source, paid_at in rows:
        paid, kept = (
            _up([convert(amount, source=source, target=currency, at=at)])
            for amount in (gross_minor, gross_minor - returned_minor)
        )
        found.append(
            Counted(
                kind=kind_of(hold_class),
                amount_minor=kept,
                at=paid_at or at,
                is_open=paid_at is None,
                returned_minor=paid - kept,
            )
        )
    return sorted(found, key=lambda one: one.at)


def _first_paid_at(mine: QuerySet[Purchase]) -> dict[PaymentKind, datetime]:
    rows = (
        mine.filter(paid_at__isnull=False)
        .values("method__hold_class")
        .annotate(first=Min("paid_at"))
        .order_by("-first")
    )
    return {kind_of(row["method__hold_class"]): row["first"] for row in rows}


def _own(*, user_id: int, currency: str, at: datetime) -> dict[Window, int]:
    """The person's own limits in the region's currency, rounded down."""
    return {
        window: int(convert(row.amount_minor, source=row.currency, target=currency, at=at))
        for window, row in own_limits(user_id=user_id, at=at).items()
        if row.amount_minor is not None
    }


def _network_attempts(network: str, *, since: datetime) -> list[datetime]:
    if not network:
        return []
    rows = PurchaseAttempt.objects.filter(network=network, at__gt=since).order_by("at")
    return list(rows.values_list("at", flat=True))


def _instruments(*, user_id: int, since: datetime) -> dict[str, datetime]:
    """When each instrument paid last, of those that paid since then."""
    rows = (
        PurchaseAttempt.objects.filter(purchase__buyer_id=user_id, purchase__paid_at__gt=since)
        .exclude(instrument="")
        .values("instrument")
        .annotate(last=Max("purchase__paid_at"))
        .order_by("last")
    )
    return {row["instrument"]: row["last"] for row in rows}


def _up(parts: Iterable[Fraction]) -> int:
    return sum(ceil(part) for part in parts)
