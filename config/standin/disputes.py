"""Disputes and warnings: what a payer's bank does with a payment, and what that moves.

An inquiry moves nothing. A chargeback takes its amount and a fee off the balance at once; when it
is won, the amount (or the part that the bank grants) comes back and the fee does not.
Sources: docs.stripe.com/disputes/how-disputes-work and /disputes/api, and
support.stripe.com/questions/dispute-fees-faq ("$15.00 fee (or local equivalent)"), November 2026.
"""

import contextlib
from datetime import datetime, timedelta
from typing import Final

from django.db import models, transaction
from django.db.models import Sum

from config.standin import claim_shapes, ids, refunds, refusals, webhooks
from config.standin.cards import Turn
from config.standin.models import (
    CONTESTED,
    INQUIRIES,
    BalanceKind,
    BalanceTransaction,
    Charge,
    ChargeStatus,
    Dispute,
    DisputeStatus,
    FraudWarning,
)

# docs.stripe.com/disputes/responding, 2026-11: "7 to 21 days, depending on the card network".
ANSWER_WITHIN: Final = timedelta(days=14)
FEE_MINOR: Final = 1500  # fifteen units of a currency with two decimals, and 1500 of any other

REASONS: Final = (
    "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated",
    "debit_not_authorized", "duplicate", "fraudulent", "general", "incorrect_account_details",
    "insufficient_funds", "noncompliant", "product_not_received", "product_unacceptable",
    "subscription_canceled", "unrecognized",
)  # fmt: skip
FRAUD_TYPES: Final = (
    "card_never_received", "fraudulent_card_application", "made_with_counterfeit_card",
    "made_with_lost_card", "made_with_stolen_card", "misc", "unauthorized_use_of_card",
)  # fmt: skip


class CannotDispute(refusals.Refused):
    """A bank could not do this to the payment as it stands."""


@transaction.atomic
def open_dispute(
    *,
    charge: Charge,
    at: datetime,
    amount_minor: int | None = None,
    reason: str = "fraudulent",
    is_inquiry: bool = False,
) -> Dispute:
    """Dispute a payment, or inquire about it; without an amount, about what did not go back.

    Banks can dispute more than is left, up to what was paid. Raises CannotDispute.
    """
    left = charge.amount_minor - refunds.refunded_minor(charge)
    amount = left if amount_minor is None else amount_minor
    _check_disputable(charge, amount_minor=amount)
    dispute = Dispute.objects.create(
        public_id=ids.new_id("du"),
        charge=charge,
        created_at=at,
        due_at=at + ANSWER_WITHIN,
        amount_minor=amount,
        currency=charge.currency,
        status=DisputeStatus.WARNING if is_inquiry else DisputeStatus.OPEN,
        reason=reason,
        was_inquiry=is_inquiry,
    )
    if not is_inquiry:
        _withdraw(dispute, at=at)
    _tell(dispute, "charge.dispute.created", at=at)
    if not is_inquiry:
        _tell(dispute, "charge.dispute.funds_withdrawn", at=at)
    return dispute


@transaction.atomic
def escalate(*, dispute: Dispute, at: datetime) -> Dispute:
    """Turn an inquiry into a chargeback: now the money goes. Raises CannotDispute."""
    _expect(dispute, *INQUIRIES)
    dispute.due_at = at + ANSWER_WITHIN
    _enter(dispute, DisputeStatus.OPEN)
    _withdraw(dispute, at=at)
    _tell(dispute, "charge.dispute.updated", "charge.dispute.funds_withdrawn", at=at)
    return dispute


@transaction.atomic
def submit(*, dispute: Dispute, at: datetime) -> Dispute:
    """Answer a dispute: its bank reviews it now. Raises CannotDispute."""
    _expect(dispute, DisputeStatus.WARNING, DisputeStatus.OPEN)
    dispute.submissions += 1
    is_inquiry = dispute.status == DisputeStatus.WARNING
    _enter(dispute, DisputeStatus.WARNING_REVIEW if is_inquiry else DisputeStatus.REVIEW)
    _tell(dispute, "charge.dispute.updated", at=at)
    return dispute


@transaction.atomic
def win(*, dispute: Dispute, at: datetime, amount_minor: int | None = None) -> Dispute:
    """Decide for the merchant, who gets the amount back, or the part that the bank grants.

    Raises CannotDispute.
    """
    _expect(dispute, *CONTESTED)
    back = dispute.amount_minor if amount_minor is None else amount_minor
    if not 0 < back <= dispute.amount_minor:
        raise CannotDispute("The bank grants at most what was disputed.", param="amount")
    _enter(dispute, DisputeStatus.WON)
    _move(dispute, kind=BalanceKind.DISPUTE_REVERSAL, amount_minor=back, fee_minor=0, at=at)
    _tell(dispute, "charge.dispute.closed", "charge.dispute.funds_reinstated", at=at)
    return dispute


@transaction.atomic
def lose(*, dispute: Dispute, at: datetime, cause: webhooks.Cause | None = None) -> Dispute:
    """Decide for the payer: what was withdrawn stays away. Raises CannotDispute."""
    _expect(dispute, *CONTESTED)
    _enter(dispute, DisputeStatus.LOST)
    _tell(dispute, "charge.dispute.closed", at=at, cause=cause)
    return dispute


@transaction.atomic
def close_inquiry(*, dispute: Dispute, at: datetime) -> Dispute:
    """End an inquiry without a chargeback. Raises CannotDispute."""
    _expect(dispute, *INQUIRIES)
    _enter(dispute, DisputeStatus.WARNING_CLOSED)
    _tell(dispute, "charge.dispute.closed", at=at)
    return dispute


def close_refunded(*, charge: Charge, at: datetime) -> None:
    """End the inquiry of a charge that went back in full."""
    if refunds.refunded_minor(charge) < charge.amount_minor:
        return
    for dispute in Dispute.objects.filter(charge=charge, status__in=INQUIRIES):
        dispute.charge = charge
        close_inquiry(dispute=dispute, at=at)


@transaction.atomic
def warn(*, charge: Charge, at: datetime, fraud_type: str = "misc") -> FraudWarning:
    """Warn that a payment may be fraud. Raises CannotDispute."""
    if charge.status != ChargeStatus.SUCCEEDED:
        raise CannotDispute("Only a payment that succeeded can be warned of.")
    warning = FraudWarning.objects.create(
        public_id=ids.new_id("issfr"), charge=charge, created_at=at, fraud_type=fraud_type
    )
    webhooks.record(
        kind="radar.early_fraud_warning.created", snapshot=claim_shapes.warning(warning), at=at
    )
    return warning


@transaction.atomic(durable=True)
def turn_due(*, at: datetime) -> int:
    """Let the banks of the cards that dispute or warn do so, and return how many did."""
    turning = list(due(at=at).select_related("intent__session").order_by("number"))
    for charge in turning:
        charge.turns_at = None
        charge.save(update_fields=["turns_at"])
        with contextlib.suppress(CannotDispute):  # it went back before its bank could ask
            _turn(charge, at=at)
    return len(turning)


def due(*, at: datetime) -> models.QuerySet[Charge]:
    """Return the payments whose banks ask for them now."""
    return Charge.objects.filter(turns_at__lte=at)


def _turn(charge: Charge, *, at: datetime) -> None:
    match Turn(charge.turn):
        case Turn.WARNING:
            warn(charge=charge, at=at, fraud_type="unauthorized_use_of_card")
        case Turn.INQUIRY:
            open_dispute(charge=charge, at=at, reason="general", is_inquiry=True)
        case Turn.NOT_RECEIVED:
            open_dispute(charge=charge, at=at, reason="product_not_received")
        case _:
            open_dispute(charge=charge, at=at)


def _check_disputable(charge: Charge, *, amount_minor: int) -> None:
    if charge.status != ChargeStatus.SUCCEEDED or not charge.is_captured:
        raise CannotDispute("Only a payment that took money can be disputed.")
    # docs.stripe.com/refunds, 2026-11: what was refunded in full cannot be disputed.
    if refunds.refunded_minor(charge) >= charge.amount_minor:
        raise CannotDispute("A payment that was refunded in full cannot be disputed.")
    others = Dispute.objects.filter(charge=charge)
    if others.filter(status__in=[*INQUIRIES, *CONTESTED]).exists():
        raise CannotDispute("The payment is disputed already.")
    lost = others.filter(status=DisputeStatus.LOST).aggregate(total=Sum("amount_minor"))["total"]
    if not 0 < amount_minor <= charge.amount_minor - (lost or 0):
        raise CannotDispute("A bank disputes at most what was paid.", param="amount")


def _expect(dispute: Dispute, *statuses: DisputeStatus) -> None:
    if dispute.status not in statuses:
        raise CannotDispute(f"The dispute has a status of {dispute.status}.")


def _enter(dispute: Dispute, status: DisputeStatus) -> None:
    dispute.status = status
    dispute.save()


def _withdraw(dispute: Dispute, *, at: datetime) -> None:
    refunds.fail_disputed(charge=dispute.charge, at=at)
    _move(
        dispute,
        kind=BalanceKind.DISPUTE,
        amount_minor=-dispute.amount_minor,
        fee_minor=FEE_MINOR,
        at=at,
    )


def _move(
    dispute: Dispute, *, kind: BalanceKind, amount_minor: int, fee_minor: int, at: datetime
) -> None:
    BalanceTransaction.objects.create(
        public_id=ids.new_id("txn"),
        kind=kind,
        charge=dispute.charge,
        dispute=dispute,
        created_at=at,
        available_at=at,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        currency=dispute.currency,
    )


def _tell(dispute: Dispute, *kinds: str, at: datetime, cause: webhooks.Cause | None = None) -> None:
    for kind in kinds:
        webhooks.record(kind=kind, snapshot=claim_shapes.dispute(dispute), at=at, cause=cause)
