"""Money set aside on a card: the merchant takes it, lets it go, or waits too long and loses it."""

from datetime import datetime

from django.db import models, transaction

from config.standin import ids, payments, refusals, shapes, webhooks
from config.standin.models import (
    Charge,
    ChargeStatus,
    IntentStatus,
    PaymentIntent,
    Refund,
    RefundStatus,
)


class NoSuchIntent(refusals.Refused):
    """There is no payment intent of that name."""

    status = 404


class UnexpectedState(refusals.Refused):
    """The payment intent is not one that this can be done to."""


class PartCaptured(refusals.Refused):
    """The stand-in captures the whole or nothing."""

    is_kept = False


@transaction.atomic
def capture(
    *, public_id: str, amount_minor: int | None, at: datetime, cause: webhooks.Cause
) -> PaymentIntent:
    """Take the money that was set aside. Raises NoSuchIntent, UnexpectedState, PartCaptured."""
    intent = named(public_id)
    charge = _held(intent, deed="captured")
    if amount_minor not in (None, charge.amount_minor):
        raise PartCaptured("The stand-in captures the whole amount.", param="amount_to_capture")
    charge.is_captured = True
    charge.capture_before = None
    charge.save(update_fields=["is_captured", "capture_before"])
    payments.book(charge=charge, at=at)
    webhooks.record(kind="charge.captured", snapshot=shapes.charge(charge), at=at, cause=cause)
    intent = charge.intent
    webhooks.record(
        kind="payment_intent.succeeded", snapshot=shapes.intent(intent), at=at, cause=cause
    )
    return intent


@transaction.atomic
def cancel(*, public_id: str, reason: str, at: datetime, cause: webhooks.Cause) -> PaymentIntent:
    """Let go of the money that was set aside. Raises NoSuchIntent, UnexpectedState."""
    charge = _held(named(public_id), deed="canceled")
    return _let_go(charge, reason=reason, at=at, cause=cause)


@transaction.atomic(durable=True)
def expire_due(*, at: datetime) -> int:
    """Let go of what was set aside and not captured in time, and return how many there were."""
    charges = list(late(at=at).select_related("intent__session").order_by("number"))
    for charge in charges:
        _let_go(charge, reason="automatic", at=at, cause=webhooks.Cause())
    return len(charges)


def late(*, at: datetime) -> models.QuerySet[Charge]:
    """Return what was set aside and not captured in time."""
    return Charge.objects.filter(
        status=ChargeStatus.SUCCEEDED, is_captured=False, capture_before__lte=at
    )


def named(public_id: str) -> PaymentIntent:
    """Return a payment intent by its public name. Raises NoSuchIntent."""
    rows = PaymentIntent.objects.select_related("session")
    intent = rows.filter(public_id=public_id).first()
    if intent is None:
        raise NoSuchIntent(
            f"No such payment_intent: '{public_id}'", code="resource_missing", param="intent"
        )
    return intent


def _held(intent: PaymentIntent, *, deed: str) -> Charge:
    if intent.status != IntentStatus.NEEDS_CAPTURE:
        raise UnexpectedState(
            f"This PaymentIntent could not be {deed} because it has a status of {intent.status}. "
            f"Only a PaymentIntent with one of the following statuses may be {deed}: "
            "requires_capture.",
            code="payment_intent_unexpected_state",
        )
    charge = Charge.objects.get(intent=intent, status=ChargeStatus.SUCCEEDED)
    charge.intent = intent
    return charge


def _let_go(charge: Charge, *, reason: str, at: datetime, cause: webhooks.Cause) -> PaymentIntent:
    """Cancel; the company writes a refund for it, which moves no money."""
    charge.capture_before = None
    charge.save(update_fields=["capture_before"])
    Refund.objects.create(
        public_id=ids.new_id("re"),
        charge=charge,
        created_at=at,
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        status=RefundStatus.SUCCEEDED,
        reason="expired_uncaptured_charge" if reason == "automatic" else "",
        moves_money=False,
    )
    intent = charge.intent
    intent.status = IntentStatus.CANCELED
    intent.canceled_at = at
    intent.cancellation_reason = reason
    intent.save(update_fields=["status", "canceled_at", "cancellation_reason"])
    webhooks.record(kind="charge.refunded", snapshot=shapes.charge(charge), at=at, cause=cause)
    webhooks.record(
        kind="payment_intent.canceled", snapshot=shapes.intent(intent), at=at, cause=cause
    )
    return intent
