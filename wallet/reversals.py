"""Reads of what goes back: refunds, what of a purchase is left, and gifts that were reversed.

Promises: reads only; those for a person are scoped by whose it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, F, Model, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Least

from wallet.models import Dispute, Lot, Purchase, Refund, Transfer


def lot_state(*, purchase_id: UUID) -> Lot.State:
    """Whether the purchase's coins are good, disputed, or lost with all of their money."""
    states = Lot.objects.filter(purchase_id=purchase_id).values_list("state", flat=True)
    return Lot.State(states.get())


def returned_minor() -> Combinable:
    """What of a purchase's money went back by refunds: for a query of purchases.

    Those made here and those made at the provider; not what a bank took back in a dispute. A refund
    that its bank sent back to us did not go back.
    """
    paid = Refund.objects.filter(purchase=OuterRef("pk"), state=Refund.State.PAID)
    made_there = Dispute.objects.filter(
        purchase=OuterRef("pk"), kind=Dispute.Kind.PROVIDER_REFUND, state=Dispute.State.LOST
    )
    # A company can send back more than was paid; what was not paid is nobody's spending.
    return Least(
        _sum(paid, "amount_minor") + _sum(made_there, "lost_minor"),
        F("gross_minor"),
        output_field=BigIntegerField(),
    )


def _sum[Row: Model](rows: QuerySet[Row], name: str) -> Coalesce:
    sums = rows.order_by().values("purchase").annotate(total=Sum(name)).values("total")
    return Coalesce(Subquery(sums), 0, output_field=BigIntegerField())


def coins_left_of(*, purchase_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many coins of each purchase were neither used nor given back."""
    lots = Lot.objects.filter(purchase_id__in=purchase_ids)
    return dict(lots.values_list("purchase_id", "remaining"))


def purchases_with(rows: QuerySet[Any], *, purchase_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of the purchases have such refunds or disputes."""
    return set(rows.filter(purchase_id__in=purchase_ids).values_list("purchase_id", flat=True))


def bought_by(*, user_id: int, before: UUID | None, limit: int) -> list[Purchase]:
    """Return the person's purchases that brought coins, newest first, made before another."""
    rows = Purchase.objects.filter(buyer_id=user_id, state=Purchase.State.CREDITED)
    if before is not None:
        rows = rows.filter(pk__lt=before)  # their ids begin with the time
    return list(rows.select_related("method", "region").order_by("-pk")[:limit])


def refunds_of(*, user_id: int) -> QuerySet[Refund]:
    """Return what the person asked to give back, latest first."""
    rows = Refund.objects.filter(purchase__buyer_id=user_id)
    return rows.select_related("purchase__method", "credit_note__taken_back_by").order_by(
        "-requested_at", "-pk"
    )


def page_of_refunds(*, user_id: int, after: Sequence[Any] | None, limit: int) -> list[Refund]:
    """Return the person's refunds, latest first, after the one of that time and id."""
    rows = refunds_of(user_id=user_id)
    if after is not None:
        requested_at, refund_id = after
        rows = rows.filter(requested_at__lte=requested_at)
        rows = rows.exclude(requested_at=requested_at, pk__gte=refund_id)
    return list(rows[:limit])


def refund_with(*, operation_id: UUID) -> Refund | None:
    """The refund that an operation of the ledger froze coins for, or ended."""
    asked = Refund.objects.filter(Q(hold_id=operation_id) | Q(end_id=operation_id))
    return asked.first()


def was_paid(refund: Refund) -> bool:
    """Whether the money of a refund left, whatever became of it afterwards."""
    return Transfer.objects.filter(op=refund.end_id, code=Transfer.Code.REFUND_COINS).exists()


@dataclass(frozen=True, slots=True)
class Booked:
    """The money that an operation booked as gone back to its payer, or as come back from them."""

    gross_minor: int
    tax_minor: int


def booked_back(*, operation_id: UUID) -> Booked:
    """Sum what of a payment the operation moved, and the tax in it.

    Of a loss all of it, but for what was taken beyond the payment: that is no price given back.
    """
    code = Transfer.Code
    taxes = (code.RETURN_TAX, code.CAME_BACK_TAX)
    codes = (code.RETURN_NET, code.CAME_BACK_NET, code.LOSS, *taxes)
    legs = Transfer.objects.filter(op_id=operation_id, code__in=codes)
    sums = legs.aggregate(
        gross=Sum("amount", default=0),
        tax=Sum("amount", filter=Q(code__in=taxes), default=0),
    )
    return Booked(int(sums["gross"]), int(sums["tax"]))


@dataclass(frozen=True, slots=True)
class Uses:
    """What coins of a purchase were given as."""

    coins: int
    gifts: int
    creators: int


def uses_of(*, purchase_id: UUID) -> Uses:
    """Count what coins of a purchase paid for."""
    # A gift's coins are found through its diamonds: the lot's index has only those.
    legs = Transfer.objects.filter(
        lot__purchase_id=purchase_id, code=Transfer.Code.GIFT_DIAMONDS
    ).values_list("op_id", "credit_account__owner_id")
    gifts = {operation_id for operation_id, _ in legs}
    coins = Transfer.objects.filter(
        op_id__in=gifts, lot__purchase_id=purchase_id, code=Transfer.Code.GIFT_COINS
    ).aggregate(total=Sum("amount", default=0))
    return Uses(int(coins["total"]), len(gifts), len({creator_id for _, creator_id in legs}))


def reversed_gifts(*, operation_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many diamonds (thousandths) of these gifts were taken back. Others are not named."""
    taken = (
        Transfer.objects.filter(
            code=Transfer.Code.LOSS_DIAMONDS,
            reverses__op_id__in=operation_ids,
            reverses__code=Transfer.Code.GIFT_DIAMONDS,
        )
        .values("reverses__op_id")
        .annotate(diamonds=Sum("amount"))
    )
    return {row["reverses__op_id"]: int(row["diamonds"]) for row in taken}


def gifts_taken_back() -> list[UUID]:
    """List every gift of which a bank took the payment, or a part of it, back."""
    taken = Transfer.objects.filter(
        code=Transfer.Code.LOSS_DIAMONDS,
        reverses__isnull=False,
        reverses__code=Transfer.Code.GIFT_DIAMONDS,
    )
    return list(taken.values_list("reverses__op_id", flat=True).distinct())
