"""Reads for payouts and the studio, scoped by creator."""

from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet

from payouts.models import Destination, Payout
from wallet import money as units
from wallet.models import Account


def destination_in_use(*, creator_id: int) -> Destination | None:
    return Destination.objects.filter(creator_id=creator_id, replaced_at=None).first()


def earlier_destinations(*, creator_id: int) -> QuerySet[Destination]:
    """Accounts that were replaced, latest first."""
    rows = Destination.objects.filter(creator_id=creator_id).exclude(replaced_at=None)
    return rows.order_by("-replaced_at", "pk")


def payable_minor(*, creator_id: int, currency: str) -> int:
    """Cash that is the creator's and not on its way yet."""
    account = Account.objects.filter(
        owner_id=creator_id,
        code=Account.Code.CASH_PAYABLE,
        unit=units.CURRENCY_NUMBERS[currency],
    )
    held = account.annotate(held=F("balance__credits") - F("balance__debits"))
    return held.values_list("held", flat=True).first() or 0


def due_payout_ids(*, at: datetime, limit: int) -> list[UUID]:
    """Payouts that are to be looked at and that no worker has leased, longest waiting first."""
    free = Q(leased_until=None) | Q(leased_until__lte=at)
    return list(
        Payout.objects.filter(free, due_at__lte=at)
        .order_by("due_at", "pk")
        .values_list("pk", flat=True)[:limit]
    )
