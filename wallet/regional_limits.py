"""Limits on buying by region and way to pay, set by staff: dated rows, added and never edited.

Promises: a limit of ours that gets lower is announced before it binds, with the notice everybody
was promised; a higher one, and a cap of law or of a payment network, may begin at once. Every fan
of the region is told in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts import services as people
from accounts.models import NoticeKind
from wallet import events, limits
from wallet.models import BPS, PaymentKind, PurchaseLimit, Region, Tier

WINDOWS: Final = ("purchase_minor", "day_minor", "month_minor", "first_day_minor")


class LimitInThePast(Exception):
    """The row would begin before now."""


class LimitDateTaken(Exception):
    """The same limit has another row that begins at the same moment."""


class LimitNoticeTooShort(Exception):
    """The limit gets lower and would begin inside the notice that fans were promised."""


class LimitOutOfOrder(Exception):
    """A shorter time would have a higher limit than a longer one, or a cap has a factor."""


def add_limit(*, row: PurchaseLimit, at: datetime) -> PurchaseLimit:
    """Add a row, not saved yet, that is in force from ``valid_from`` until the next of its sort.

    Raises LimitInThePast, LimitDateTaken, LimitNoticeTooShort, LimitOutOfOrder.
    """
    with transaction.atomic(durable=True):
        Region.objects.select_for_update(no_key=True).get(pk=row.region_id)
        check_limit(row=row, at=at)
        row.save(force_insert=True)
        events.limit_announced(row)
        _tell_fans(row)
    return row


def check_limit(*, row: PurchaseLimit, at: datetime) -> None:
    """Refuse what ``add_limit`` refuses, without writing."""
    if row.valid_from < at:
        raise LimitInThePast("A limit cannot begin in the past. Let it begin now or later.")
    _check_order(row)
    same = PurchaseLimit.objects.filter(region=row.region, kind=row.kind, is_hard=row.is_hard)
    if same.filter(valid_from=row.valid_from).exists():
        raise LimitDateTaken("This limit already changes at that moment. Choose another time.")
    before = before_of(row)
    earliest = at + timedelta(days=settings.LIMIT_NOTICE_DAYS)
    if not row.is_hard and is_lower(row=row, before=before) and row.valid_from < earliest:
        raise LimitNoticeTooShort(
            "This is lower than before for some, and fans were promised "
            f"{settings.LIMIT_NOTICE_DAYS} days' notice: it could start on "
            f"{earliest:%d %B %Y at %H:%M UTC}, no earlier. A cap of law or of a payment network "
            "may start at once."
        )


def before_of(row: PurchaseLimit) -> PurchaseLimit | None:
    """The row that is in force until this one begins."""
    same = PurchaseLimit.objects.filter(region=row.region, kind=row.kind, is_hard=row.is_hard)
    return same.filter(valid_from__lt=row.valid_from).order_by("-valid_from").first()


def is_lower(*, row: PurchaseLimit, before: PurchaseLimit | None) -> bool:
    """Say whether anybody may pay less by the row than before it; without one before, no."""
    if before is None:
        return False
    return any(
        _is_less(_amount(row, window, tier), _amount(before, window, tier))
        for window in WINDOWS
        for tier in Tier
    )


def words(row: PurchaseLimit) -> str:
    """Say what the row allows somebody with an account in use."""
    said = [
        f"{line.amount} {line.words}"
        for line in limits.published(rows=[row], kind=PaymentKind(row.kind), tier=Tier.ACTIVE)
    ]
    return ", ".join(said) or "no limit"


def by_tier(rows: Sequence[PurchaseLimit]) -> list[tuple[Tier, str]]:
    """What each tier may pay by rows of one kind."""
    if not rows:
        return []
    kind = PaymentKind(rows[0].kind)
    return [
        (
            tier,
            ", ".join(
                f"{line.amount} {line.words}"
                for line in limits.published(rows=rows, kind=kind, tier=tier)
            )
            or "no limit",
        )
        for tier in Tier
    ]


def _check_order(row: PurchaseLimit) -> None:
    rising = [row.purchase_minor, row.day_minor, row.month_minor]
    given = [amount for amount in rising if amount is not None]
    if given != sorted(given):
        raise LimitOutOfOrder(
            "A limit over a longer time cannot be lower than one over a shorter time."
        )
    if row.is_hard and (row.new_bps, row.verified_bps) != (BPS, BPS):
        raise LimitOutOfOrder("A cap of law or network is the same for everybody: no factors.")
    if not 1 <= row.new_bps <= BPS <= row.verified_bps:
        raise LimitOutOfOrder("New accounts get at most, and verified ones at least, the whole.")


def _amount(row: PurchaseLimit, window: str, tier: Tier) -> int | None:
    amount_minor: int | None = getattr(row, window)
    return None if amount_minor is None else limits.amount_for(amount_minor, row=row, tier=tier)


def _is_less(amount: int | None, before: int | None) -> bool:
    if amount is None:
        return False
    return before is None or amount < before


def _tell_fans(row: PurchaseLimit) -> None:
    when = f"{row.valid_from:%-d %B %Y, %H:%M UTC}"
    trust = "" if row.is_hard else f" New accounts can pay {row.new_bps / 100:g} % of that."
    people.notify_countries(
        countries=[str(place.country) for place in row.region.countries.all()],
        kind=NoticeKind.RATES,
        subject_key=f"limit:{row.pk}",
        title=f"What you can pay by {row.get_kind_display().lower()} changes",
        body=f"From {when} it is {words(row)}.{trust} Why: {row.source}",
        path=reverse("wallet:limits"),
    )
