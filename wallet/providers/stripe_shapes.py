"""Reads Stripe's objects: what a payment, refund, dispute or warning of its API means to us.

The states are those of stripe-python 16.1 (API 2026-10-28.endive). One that is not known here is
declined rather than taken for another: a new version of the API is a decision.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from wallet.providers import stripe_calls, stripe_units
from wallet.providers.base import (
    Activity,
    ActivityKind,
    Declined,
    Dispute,
    DisputeState,
    FraudWarning,
    Payment,
    PaymentState,
    Refund,
    RefundState,
)

# docs.stripe.com/api/refunds/object#refund_object-status, 2026-11
REFUND_STATES: Final = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
# docs.stripe.com/api/disputes/object#dispute_object-status, 2026-11. An appeal is heard while the
# money is gone; one that was prevented is settled by Stripe itself, and its money tells how.
DISPUTE_STATES: Final = {
    "warning_needs_response": DisputeState.WARNING,
    "warning_under_review": DisputeState.WARNING,
    "warning_closed": DisputeState.WON,
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "appeal_needs_response": DisputeState.OPEN,
    "appeal_under_review": DisputeState.OPEN,
    "won": DisputeState.WON,
    "prevented": DisputeState.WON,
    "lost": DisputeState.LOST,
}
ANSWERABLE: Final = frozenset({"warning_needs_response", "needs_response", "appeal_needs_response"})
# docs.stripe.com/payments/paymentintents/lifecycle, 2026-11, as a reconciliation tells them.
INTENT_STATES: Final = {
    "requires_payment_method": PaymentState.PENDING,
    "requires_confirmation": PaymentState.PENDING,
    "requires_action": PaymentState.PENDING,
    "processing": PaymentState.PENDING,
    "requires_capture": PaymentState.AUTHORISED,
    "succeeded": PaymentState.PAID,
    "canceled": PaymentState.EXPIRED,
}


def payment(session: Mapping[str, Any]) -> Payment:
    """Read a Checkout session with its intent, charge and balance transaction expanded."""
    currency = session["currency"].upper()
    intent = session["payment_intent"] or {}
    charge = intent.get("latest_charge") or {}
    method = charge.get("payment_method_details") or {}
    instrument = method.get(method.get("type")) or {}
    proof = instrument.get("three_d_secure") or {}
    state = _payment_state(session, intent)
    is_there = state in (PaymentState.PAID, PaymentState.AUTHORISED)
    return Payment(
        state=state,
        checkout_ref=session["id"],
        purchase_id=session["metadata"].get("purchase", ""),
        amount_minor=stripe_units.from_stripe(session["amount_total"], currency),
        currency=currency,
        is_ours=session["livemode"] is stripe_calls.is_live(),
        is_page_open=session["status"] == "open",
        payment_ref=intent.get("id", "") if is_there else "",
        # "attempt_acknowledged" and "exempted" passed without the holder doing anything.
        is_authenticated=proof.get("result") == "authenticated",
        card_country=instrument.get("country") or "",
        instrument_fingerprint=instrument.get("fingerprint") or "",
        brand=instrument.get("brand") or method.get("type") or "",
        last4=instrument.get("last4") or "",
        customer_ref=session["customer"] or "",
        fee_minor=stripe_units.fee_minor(charge.get("balance_transaction"), currency),
        problem=(intent.get("last_payment_error") or {}).get("message") or "",
    )


def moved_money(refund: Mapping[str, Any]) -> bool:
    """Tell whether a refund, with its charge expanded, is one of money that was ever taken.

    Letting go of money that was only set aside makes a refund object, too.
    """
    return bool((refund["charge"] or {}).get("captured", True))


def refund(shown: Mapping[str, Any]) -> Refund:
    """Read a refund with its charge expanded. Raises Declined when it moved no money."""
    if not moved_money(shown):
        raise Declined(f"{shown['id']} let go of money that was never taken.")
    currency = shown["currency"].upper()
    return Refund(
        ref=shown["id"],
        payment_ref=shown["payment_intent"] or "",
        refund_id=(shown["metadata"] or {}).get("refund", ""),
        state=_known(REFUND_STATES, shown),
        amount_minor=stripe_units.from_stripe(shown["amount"], currency),
        currency=currency,
        problem=shown.get("failure_reason") or "",
        created_at=at(shown["created"]),
        purchase_ref=_purchase_ref(shown),
    )


def dispute(shown: Mapping[str, Any]) -> Dispute:
    """Read a dispute, with the movements of its money, which it always carries."""
    currency = shown["currency"].upper()
    amount_minor = stripe_units.from_stripe(shown["amount"], currency)
    state = _known(DISPUTE_STATES, shown)
    withdrawn_minor = _withdrawn_minor(shown, amount_minor, state)
    if state == DisputeState.WON and withdrawn_minor:
        state = DisputeState.LOST
    fees = [stripe_units.fee_minor(one, currency) for one in shown["balance_transactions"]]
    due = shown["evidence_details"].get("due_by")
    return Dispute(
        ref=shown["id"],
        payment_ref=shown["payment_intent"] or "",
        state=state,
        amount_minor=amount_minor,
        currency=currency,
        reason=shown["reason"],
        withdrawn_minor=withdrawn_minor,
        fee_minor=sum(fee or 0 for fee in fees),
        due_at=at(due) if due and shown["status"] in ANSWERABLE else None,
        created_at=at(shown["created"]),
        purchase_ref=_purchase_ref(shown),
    )


def warning(shown: Mapping[str, Any]) -> FraudWarning:
    """Read an early fraud warning."""
    return FraudWarning(
        ref=shown["id"],
        payment_ref=shown["payment_intent"] or "",
        kind=shown["fraud_type"],
        is_actionable=shown["actionable"],
        created_at=at(shown["created"]),
    )


def payment_activity(intent: Mapping[str, Any]) -> Activity:
    """Read a payment intent, with its charge and balance transaction expanded, for reconciling."""
    currency = intent["currency"].upper()
    booked = (intent["latest_charge"] or {}).get("balance_transaction")
    return Activity(
        kind=ActivityKind.PAYMENT,
        ref=intent["id"],
        payment_ref=intent["id"],
        amount_minor=stripe_units.from_stripe(intent["amount"], currency),
        fee_minor=stripe_units.fee_minor(booked, currency),
        currency=currency,
        state=_known(INTENT_STATES, intent).value,
        at=at(intent["created"]),
        order_ref=intent["metadata"].get("purchase", ""),
    )


def refund_activity(shown: Mapping[str, Any]) -> Activity:
    """Read a refund for reconciling. Stripe takes no fee for it, and gives none back."""
    read = refund(shown)
    return Activity(
        kind=ActivityKind.REFUND,
        ref=read.ref,
        payment_ref=read.payment_ref,
        amount_minor=read.amount_minor,
        fee_minor=0,
        currency=read.currency,
        state=read.state.value,
        at=read.created_at,
        order_ref=read.refund_id,
    )


def dispute_activity(shown: Mapping[str, Any]) -> Activity:
    """Read a dispute for reconciling."""
    read = dispute(shown)
    return Activity(
        kind=ActivityKind.DISPUTE,
        ref=read.ref,
        payment_ref=read.payment_ref,
        amount_minor=read.amount_minor,
        fee_minor=read.fee_minor,
        currency=read.currency,
        state=read.state.value,
        at=read.created_at,
    )


def at(seconds: int) -> datetime:
    """Read one of Stripe's times."""
    return datetime.fromtimestamp(seconds, UTC)


def _purchase_ref(shown: Mapping[str, Any]) -> str:
    """Our purchase, which its intent named, and the charge with it; only where that is expanded.

    support.stripe.com/questions/how-metadata-works-with-related-objects, 2026-11: a charge gets a
    copy of its payment intent's metadata.
    """
    charge = shown["charge"]
    carried = charge.get("metadata") if isinstance(charge, Mapping) else None
    return str((carried or {}).get("purchase", ""))


def _known[State](states: Mapping[str, State], shown: Mapping[str, Any]) -> State:
    state = states.get(shown["status"])
    if state is None:
        raise Declined(f"{shown['id']} is {shown['status']!r}, which is not known here.")
    return state


def _payment_state(session: Mapping[str, Any], intent: Mapping[str, Any]) -> PaymentState:
    """A page that is open can still be paid, whatever the last card did.

    A session says "unpaid" of money that is set aside, and may say so for a while after it was
    captured: there the intent knows better.
    """
    status = intent.get("status")
    if session["payment_status"] == "paid" or status == "succeeded":
        return PaymentState.PAID
    if status == "requires_capture":
        return PaymentState.AUTHORISED
    if session["status"] == "expired":
        return PaymentState.EXPIRED
    is_over = session["status"] == "complete" and status in ("requires_payment_method", "canceled")
    return PaymentState.FAILED if is_over else PaymentState.PENDING


def _withdrawn_minor(shown: Mapping[str, Any], amount_minor: int, state: DisputeState) -> int:
    """What was taken for a dispute and not given back, in its own currency.

    Where Stripe settles in another currency, rates drift between taking and giving back, so the
    state decides there, and a part that was won cannot be told.
    """
    movements = shown["balance_transactions"]
    if any(one["currency"] != shown["currency"] for one in movements):
        return amount_minor if state in (DisputeState.OPEN, DisputeState.LOST) else 0
    taken = -sum(one["amount"] for one in movements)
    return max(0, stripe_units.from_stripe(taken, shown["currency"].upper()))
