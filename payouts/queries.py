"""Reads for the settlement run, the payouts and the studio, scoped by creator."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum
from djmoney.money import Money

from payouts.models import Destination, Payout, SettlementRun
from wallet import money as units
from wallet.models import Account, FxRate


def destination_in_use(*, creator_id: int) -> Destination | None:
    return Destination.objects.filter(creator_id=creator_id, replaced_at=None).first()


def earlier_destinations(*, creator_id: int) -> QuerySet[Destination]:
    """Accounts that were replaced, latest first."""
    rows = Destination.objects.filter(creator_id=creator_id).exclude(replaced_at=None)
    return rows.order_by("-replaced_at", "pk")


def next_creator_id(*, after: int) -> int | None:
    """The next creator, by id, who has diamonds to settle or cash to be paid."""
    return (
        Account.objects.filter(
            owner_id__gt=after,
            code__in=[Account.Code.DIAMOND_AVAILABLE, Account.Code.CASH_PAYABLE],
            balance__credits__gt=F("balance__debits"),
        )
        .order_by("owner_id")
        .values_list("owner_id", flat=True)
        .first()
    )


def cards_to_settle(*, creator_id: int) -> list[int]:
    """The rate cards under which the creator has diamonds available, oldest first."""
    return list(
        Account.objects.filter(
            owner_id=creator_id,
            code=Account.Code.DIAMOND_AVAILABLE,
            balance__credits__gt=F("balance__debits"),
        )
        .order_by("card_id")
        .values_list("card_id", flat=True)
    )


def payable_minor(*, creator_id: int, currency: str) -> int:
    """Cash that is the creator's and not on its way yet."""
    account = Account.objects.filter(
        owner_id=creator_id,
        code=Account.Code.CASH_PAYABLE,
        unit=units.CURRENCY_NUMBERS[currency],
    )
    held = account.annotate(held=F("balance__credits") - F("balance__debits"))
    return held.values_list("held", flat=True).first() or 0


def minimum_minor(rate: FxRate) -> int:
    """The least that is paid out, in the rate's currency, rounded up to its minor unit."""
    return _of_cents(settings.PAYOUT_MINIMUM_USD_CENTS, rate)


def second_person_minor(rate: FxRate) -> int:
    """From which amount two members of staff must approve, in the rate's currency."""
    return _of_cents(settings.PAYOUT_SECOND_PERSON_USD_CENTS, rate)


def _of_cents(usd_cents: int, rate: FxRate) -> int:
    minor_a_unit: int = 10 ** units.decimals(rate.currency)
    return ceil(Fraction(usd_cents, 100) * Fraction(rate.per_usd) * minor_a_unit)


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
    ).aggregate(payouts=Count("pk"), sum=Sum("amount_minor", default=0))
    return Waiting(payouts=found["payouts"], amount=units.money(int(found["sum"]), "EUR"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotal:
    """What a run has settled in one currency."""

    creators: int
    lines: int
    amount: Money


def run_totals(run: SettlementRun) -> list[RunTotal]:
    rows = (
        run.lines.values("currency")
        .annotate(
            creators=Count("creator", distinct=True), number=Count("pk"), sum=Sum("amount_minor")
        )
        .order_by("currency")
    )
    return [
        RunTotal(
            creators=row["creators"],
            lines=row["number"],
            amount=units.money(int(row["sum"]), row["currency"]),
        )
        for row in rows
    ]


def creators_left(run: SettlementRun) -> int:
    """How many creators with something to settle or pay the run has not come to yet."""
    if run.state == SettlementRun.State.DONE:
        return 0
    return (
        Account.objects.filter(
            owner_id__gt=run.after_creator_id,
            code__in=[Account.Code.DIAMOND_AVAILABLE, Account.Code.CASH_PAYABLE],
            balance__credits__gt=F("balance__debits"),
        )
        .values("owner_id")
        .distinct()
        .count()
    )
