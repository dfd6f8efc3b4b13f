"""Refunds: money that goes back to the card or rail it came from, at once, later or in vain.

Promises: a charge never gives back more than it took, and nothing while its payer's bank takes it
back. A refund leaves the balance when it is made; one that fails comes back to it, once.
Sources: docs.stripe.com/refunds and docs.stripe.com/testing (refunds), read November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import models, transaction
from django.db.models import Sum

from config.standin import claim_shapes, ids, money, options, refusals, shapes, webhooks
from config.standin.cards import RefundFate
from config.standin.models import (
    CONTESTED,
    BalanceKind,
    BalanceTransaction,
    Charge,
    ChargeStatus,
    Dispute,
    DisputeStatus,
    Refund,
    RefundStatus,
)


class NothingToRefund(refusals.Refused):
    """There is no such payment, or it took no money."""


class AlreadyRefunded(refusals.Refused):
    """All of the charge went back before."""


class MoreThanIsLeft(refusals.Refused):
    """The amount is more than the charge has left, or not one of the currency."""


class ChargedBack(refusals.Refused):
    """The payer's bank takes the charge back, or took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to go back; without an amount, all that is left."""

    intent_id: str = ""
    charge_id: str = ""
    amount_minor: int | None = None
    reason: str = ""
    metadata: Mapping[str, str]


# What becomes of a refund: its first status, and the one it goes to a while later.
_WAYS: Final[Mapping[RefundFate, tuple[RefundStatus, RefundStatus | None]]] = {
    RefundFate.SUCCEEDS: (RefundStatus.SUCCEEDED, None),
    RefundFate.SUCCEEDS_LATER: (RefundStatus.PENDING, RefundStatus.SUCCEEDED),
    RefundFate.FAILS_LATER: (RefundStatus.SUCCEEDED, RefundStatus.FAILED),
    RefundFate.PENDS_AND_FAILS: (RefundStatus.PENDING, RefundStatus.FAILED),
}
_TOLD: Final = ("refund.updated", "charge.refund.updated")


@transaction.atomic
def make(*, wish: Wish, at: datetime, cause: webhooks.Cause) -> Refund:
    """Send money back.

    Raises NothingToRefund, AlreadyRefunded, MoreThanIsLeft, ChargedBack.
    """
    charge = _charge_of(wish)
    amount_minor = _allowed(charge, wish)
    first, then = _WAYS[RefundFate(charge.refund_fate)]
    slow = timedelta(seconds=options.current().slow_s)
    refund = Refund.objects.create(
        public_id=ids.new_id("re"),
        charge=charge,
        created_at=at,
        amount_minor=amount_minor,
        currency=charge.currency,
        status=first,
        reason=wish.reason,
        metadata=dict(wish.metadata),
        next_status=then or "",
        moves_at=at + slow if then else None,
    )
    _book(refund, kind=BalanceKind.REFUND, amount_minor=-amount_minor, at=at)
    shown = claim_shapes.refund(refund)
    webhooks.record(kind="refund.created", snapshot=shown, at=at, cause=cause)
    webhooks.record(kind="charge.refunded", snapshot=shapes.charge(charge), at=at, cause=cause)
    return refund


@transaction.atomic(durable=True)
def move_due(*, at: datetime) -> int:
    """Move every refund whose time has come, and return how many."""
    moving = list(due(at=at).select_related("charge__intent__session").order_by("number"))
    for refund in moving:
        if refund.next_status == RefundStatus.FAILED:
            was_pending = refund.status == RefundStatus.PENDING
            reason = "declined" if was_pending else "expired_or_canceled_card"
            _fail(refund, reason=reason, at=at)
        else:
            _enter(refund, status=RefundStatus.SUCCEEDED)
            for kind in _TOLD:
                webhooks.record(kind=kind, snapshot=claim_shapes.refund(refund), at=at)
    return len(moving)


def due(*, at: datetime) -> models.QuerySet[Refund]:
    """Return the refunds whose time has come."""
    return Refund.objects.filter(moves_at__lte=at)


def fail_disputed(*, charge: Charge, at: datetime) -> None:
    """Fail what is still pending of a charge that its payer's bank takes back."""
    for refund in Refund.objects.filter(charge=charge, status=RefundStatus.PENDING):
        refund.charge = charge
        _fail(refund, reason="charge_for_pending_refund_disputed", at=at)


def refunded_minor(charge: Charge) -> int:
    """Return what went back of a charge, or is on its way."""
    rows = Refund.objects.filter(charge=charge).exclude(status=RefundStatus.FAILED)
    return int(rows.aggregate(total=Sum("amount_minor"))["total"] or 0)


def _charge_of(wish: Wish) -> Charge:
    rows = Charge.objects.select_related("intent__session")
    if wish.charge_id:
        found = rows.filter(public_id=wish.charge_id).first()
        noun, name = "charge", wish.charge_id
    else:
        noun, name = "payment_intent", wish.intent_id
        paid = rows.filter(intent__public_id=wish.intent_id, status=ChargeStatus.SUCCEEDED)
        found = paid.first()
        if found is None and rows.filter(intent__public_id=wish.intent_id).exists():
            raise NothingToRefund(
                f"This PaymentIntent ({name}) does not have a successful charge to refund.",
                code="payment_intent_unexpected_state",
            )
    if found is None:
        raise NothingToRefund(f"No such {noun}: '{name}'", code="resource_missing", param=noun)
    if found.status != ChargeStatus.SUCCEEDED or not found.is_captured:
        raise NothingToRefund(
            f"Charge {found.public_id} was not captured; there is nothing to refund.",
            code="charge_not_refundable",
        )
    return found


def _allowed(charge: Charge, wish: Wish) -> int:
    """Return the amount that may go back."""
    taken_back = (*CONTESTED, DisputeStatus.LOST)
    if Dispute.objects.filter(charge=charge, status__in=taken_back).exists():
        raise ChargedBack(
            f"Charge {charge.public_id} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    left = charge.amount_minor - refunded_minor(charge)
    if left == 0:
        raise AlreadyRefunded(
            f"Charge {charge.public_id} has already been refunded.", code="charge_already_refunded"
        )
    amount = left if wish.amount_minor is None else wish.amount_minor
    step = money.step(currency=charge.currency)
    if amount > left or amount <= 0 or amount % step:
        raise MoreThanIsLeft(
            f"Refund amount ({money.shown(amount_minor=amount, currency=charge.currency)}) is "
            "greater than unrefunded amount on charge "
            f"({money.shown(amount_minor=left, currency=charge.currency)}), or not a multiple "
            f"of {step}.",
            param="amount",
        )
    return amount


def _fail(refund: Refund, *, reason: str, at: datetime) -> None:
    """Call a refund failed, and put its money back on the balance."""
    refund.failure_reason = reason
    _enter(refund, status=RefundStatus.FAILED)
    _book(refund, kind=BalanceKind.REFUND_FAILURE, amount_minor=refund.amount_minor, at=at)
    for kind in ("refund.failed", *_TOLD):
        webhooks.record(kind=kind, snapshot=claim_shapes.refund(refund), at=at)


def _enter(refund: Refund, *, status: RefundStatus) -> None:
    refund.status = status
    refund.next_status = ""
    refund.moves_at = None
    refund.save()


def _book(refund: Refund, *, kind: BalanceKind, amount_minor: int, at: datetime) -> None:
    BalanceTransaction.objects.create(
        public_id=ids.new_id("txn"),
        kind=kind,
        charge=refund.charge,
        refund=refund,
        created_at=at,
        available_at=at,
        amount_minor=amount_minor,
        fee_minor=0,
        currency=refund.currency,
    )
