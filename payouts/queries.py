"""Reads for payouts and the studio, scoped by creator."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from djmoney.money import Money

from payouts.models import Destination, Payout, PayoutChoice, StripeAccount, TaxProfile
from wallet import money as units
from wallet.models import Account


def destination_in_use(*, creator_id: int) -> Destination | None:
    return Destination.objects.filter(creator_id=creator_id, replaced_at=None).first()


def stripe_account(*, creator_id: int) -> StripeAccount | None:
    return StripeAccount.objects.filter(creator_id=creator_id).first()


def earlier_destinations(*, creator_id: int) -> QuerySet[Destination]:
    """Accounts that were replaced, latest first."""
    rows = Destination.objects.filter(creator_id=creator_id).exclude(replaced_at=None)
    return rows.order_by("-replaced_at", "pk")


def tax_profile(*, creator_id: int) -> TaxProfile | None:
    """What the creator certified last for the tax office."""
    return TaxProfile.objects.filter(creator_id=creator_id, replaced_at=None).first()


def is_automatic(*, creator_id: int) -> bool:
    """Whether settlements pay the creator out by themselves. Without a choice they do."""
    by_hand = PayoutChoice.objects.filter(creator_id=creator_id, is_automatic=False)
    return not by_hand.exists()


def payable_minor(*, creator_id: int, currency: str) -> int:
    """Cash that is the creator's and not on its way yet."""
    account = Account.objects.filter(
        owner_id=creator_id,
        code=Account.Code.CASH_PAYABLE,
        unit=units.CURRENCY_NUMBERS[currency],
    )
    held = account.annotate(held=F("balance__credits") - F("balance__debits"))
    return held.values_list("held", flat=True).first() or 0


def not_arrived(*, creator_id: int, limit: int) -> QuerySet[Payout]:
    """Payouts that a bank refused or sent back, latest first."""
    states = (Payout.State.FAILED, Payout.State.RETURNED)
    rows = Payout.objects.filter(creator_id=creator_id, state__in=states)
    return rows.select_related("destination").order_by("-requested_at", "-pk")[:limit]


def due_payout_ids(*, at: datetime, limit: int) -> list[UUID]:
    """Payouts that are to be looked at and that no worker has leased, longest waiting first."""
    free = Q(leased_until=None) | Q(leased_until__lte=at)
    return list(
        Payout.objects.filter(free, due_at__lte=at)
        .order_by("due_at", "pk")
        .values_list("pk", flat=True)[:limit]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Payouts that wait for a SEPA file."""

    payouts: int
    amount: Money


def waiting_for_file() -> Waiting:
    found = Payout.objects.filter(
        state=Payout.State.RESERVED, destination__rail__in=Destination.IN_FILES
    ).aggregate(payouts=Count("pk"), sum=Sum(F("amount_minor") - F("fee_minor"), default=0))
    return Waiting(payouts=found["payouts"], amount=units.money(int(found["sum"]), "EUR"))
