"""Charging cards: the deeds of a payer on the hosted page, and the settling of slow charges.

Each deed is one transaction with its events. SQLite lets one writer in at a time and takes it at
the transaction's start, so what a deed reads stays true until it commits. A session is paid at
most once, however often a form is sent.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db import transaction

from config.standin import cards, ids, money, options, sessions, shapes, webhooks
from config.standin.models import (
    BalanceTransaction,
    Charge,
    ChargeStatus,
    CheckoutSession,
    IntentStatus,
    Json,
    PaymentIntent,
    SessionStatus,
)

AVAILABLE_AFTER: Final = timedelta(days=2)

CHALLENGE_FAILED: Final = cards.Decline(
    code="payment_intent_authentication_failure",
    decline_code="",
    message=(
        "We are unable to authenticate your payment method. "
        "Please choose a different payment method and try again."
    ),
)


class Outcome(StrEnum):
    """What the payer meets after a try."""

    PAID = "paid"
    PROCESSING = "processing"
    CHALLENGE = "challenge"
    DECLINED = "declined"
    UNANSWERED = "unanswered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The outcome of a try, and what to tell the payer."""

    outcome: Outcome
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tender:
    """A card as the payer gave it, and how its bank made sure of the payer, if it did."""

    card: cards.Card
    expiry: str
    flow: str = ""


@transaction.atomic(durable=True)
def pay(*, session_id: str, attempt: int, tender: Tender, at: datetime) -> Attempt:
    """Try a card on an open session, once per ``attempt``.

    The same attempt sent again gets the first one's outcome and charges nothing; a session that
    is paid says so. Raises NoSuchSession.
    """
    session = sessions.session_named(session_id)
    if not session.is_open(at=at) or attempt <= session.attempts:
        return _outcome_so_far(session=session, at=at)
    session.attempts += 1
    session.save(update_fields=["attempts"])
    intent = _intent_for(session=session, at=at)
    conduct = tender.card.conduct
    if session.three_d_secure == "challenge" and conduct == cards.Conduct.PAYS:
        conduct = cards.Conduct.CHALLENGE
    match conduct:
        case cards.Conduct.CHALLENGE:
            return _ask_for_approval(intent=intent, tender=tender, at=at)
        case cards.Conduct.DECLINES:
            return _decline(intent=intent, tender=tender, at=at)
        case cards.Conduct.SLOW | cards.Conduct.SLOW_FAILS:
            return _start_slow(intent=intent, tender=tender, at=at)
        case cards.Conduct.PAYS | cards.Conduct.NEVER_ANSWERS:
            flow = "frictionless" if session.three_d_secure == "any" else ""
            _succeed(intent=intent, tender=replace(tender, flow=flow), at=at)
    is_silent = conduct == cards.Conduct.NEVER_ANSWERS
    return Attempt(outcome=Outcome.UNANSWERED if is_silent else Outcome.PAID)


@transaction.atomic(durable=True)
def answer_challenge(*, session_id: str, attempt: int, is_approved: bool, at: datetime) -> Attempt:
    """Record what the payer said on their bank's page, once. Raises NoSuchSession."""
    session = sessions.session_named(session_id)
    intent = shapes.intent_of(session)
    if (
        not session.is_open(at=at)
        or intent is None
        or intent.status != IntentStatus.NEEDS_ACTION
        or attempt != session.attempts
    ):
        return _outcome_so_far(session=session, at=at)
    if is_approved:
        tender = Tender(
            card=cards.BY_NAME[intent.waiting_card],
            expiry=intent.waiting_expiry,
            flow="challenge",
        )
        _succeed(intent=intent, tender=tender, at=at)
        return Attempt(outcome=Outcome.PAID)
    intent.status = IntentStatus.NEEDS_CARD
    intent.last_error = _error_shape(CHALLENGE_FAILED, charge=None)
    intent.save()
    webhooks.record(kind="payment_intent.payment_failed", snapshot=shapes.intent(intent), at=at)
    return Attempt(outcome=Outcome.DECLINED, message=CHALLENGE_FAILED.message)


@transaction.atomic(durable=True)
def settle_due(*, at: datetime) -> int:
    """Settle every slow charge whose time has come, and return how many."""
    slow = Charge.objects.filter(status=ChargeStatus.PENDING, settles_at__lte=at)
    charges = list(slow.select_related("intent__session").order_by("number"))
    for charge in charges:
        if charge.failure_code:
            _fail_slow(charge=charge, at=at)
        else:
            _succeed_slow(charge=charge, at=at)
    return len(charges)


def _outcome_so_far(*, session: CheckoutSession, at: datetime) -> Attempt:
    """Return what the payer should see for a form that came late or twice."""
    if session.status == SessionStatus.COMPLETE:
        return Attempt(outcome=Outcome.PAID if session.is_paid else Outcome.PROCESSING)
    intent = shapes.intent_of(session)
    if not session.is_open(at=at) or intent is None:
        return Attempt(outcome=Outcome.CLOSED)
    if intent.status == IntentStatus.NEEDS_ACTION:
        return Attempt(outcome=Outcome.CHALLENGE)
    return Attempt(outcome=Outcome.DECLINED, message=(intent.last_error or {}).get("message", ""))


def _intent_for(*, session: CheckoutSession, at: datetime) -> PaymentIntent:
    intent = shapes.intent_of(session)
    if intent is None:
        intent = PaymentIntent.objects.create(
            public_id=ids.new_id("pi"), session=session, created_at=at
        )
        webhooks.record(kind="payment_intent.created", snapshot=shapes.intent(intent), at=at)
    intent.session = session
    return intent


def _ask_for_approval(*, intent: PaymentIntent, tender: Tender, at: datetime) -> Attempt:
    intent.status = IntentStatus.NEEDS_ACTION
    intent.waiting_card = tender.card.name
    intent.waiting_expiry = tender.expiry
    intent.save()
    webhooks.record(kind="payment_intent.requires_action", snapshot=shapes.intent(intent), at=at)
    return Attempt(outcome=Outcome.CHALLENGE)


def _decline(*, intent: PaymentIntent, tender: Tender, at: datetime) -> Attempt:
    decline = tender.card.decline
    assert decline is not None, "a card that declines says why"
    charge = _new_charge(intent=intent, tender=tender, at=at, status=ChargeStatus.FAILED)
    _fail_intent(intent=intent, charge=charge, decline=decline, at=at)
    return Attempt(outcome=Outcome.DECLINED, message=decline.message)


def _start_slow(*, intent: PaymentIntent, tender: Tender, at: datetime) -> Attempt:
    charge = _new_charge(intent=intent, tender=tender, at=at, status=ChargeStatus.PENDING)
    intent.status = IntentStatus.PROCESSING
    intent.last_error = None
    intent.save()
    session = intent.session
    session.status = SessionStatus.COMPLETE
    session.save(update_fields=["status"])
    webhooks.record(kind="charge.pending", snapshot=shapes.charge(charge), at=at)
    webhooks.record(kind="payment_intent.processing", snapshot=shapes.intent(intent), at=at)
    webhooks.record(kind="checkout.session.completed", snapshot=shapes.session(session), at=at)
    return Attempt(outcome=Outcome.PROCESSING)


def _succeed(*, intent: PaymentIntent, tender: Tender, at: datetime) -> None:
    charge = _new_charge(intent=intent, tender=tender, at=at, status=ChargeStatus.SUCCEEDED)
    _take_money(charge=charge, kind="checkout.session.completed", at=at)


def _succeed_slow(*, charge: Charge, at: datetime) -> None:
    charge.status = ChargeStatus.SUCCEEDED
    charge.settles_at = None
    charge.save()
    _take_money(charge=charge, kind="checkout.session.async_payment_succeeded", at=at)


def _fail_slow(*, charge: Charge, at: datetime) -> None:
    charge.status = ChargeStatus.FAILED
    charge.settles_at = None
    charge.save()
    decline = cards.Decline(
        code=charge.failure_code,
        decline_code=charge.decline_code,
        message=charge.failure_message,
    )
    _fail_intent(intent=charge.intent, charge=charge, decline=decline, at=at)
    webhooks.record(
        kind="checkout.session.async_payment_failed",
        snapshot=shapes.session(charge.intent.session),
        at=at,
    )


def _take_money(*, charge: Charge, kind: str, at: datetime) -> None:
    """Book the charge and tell of it, in the order the company does: charge, intent, session."""
    BalanceTransaction.objects.create(
        public_id=ids.new_id("txn"),
        charge=charge,
        created_at=at,
        available_at=at + AVAILABLE_AFTER,
        amount_minor=charge.amount_minor,
        fee_minor=money.fee_minor(amount_minor=charge.amount_minor),
        currency=charge.currency,
    )
    intent = charge.intent
    intent.status = IntentStatus.SUCCEEDED
    intent.last_error = None
    intent.waiting_card = ""
    intent.waiting_expiry = ""
    intent.save()
    session = intent.session
    session.status = SessionStatus.COMPLETE
    session.is_paid = True
    session.save(update_fields=["status", "is_paid"])
    webhooks.record(kind="charge.succeeded", snapshot=shapes.charge(charge), at=at)
    webhooks.record(kind="payment_intent.succeeded", snapshot=shapes.intent(intent), at=at)
    webhooks.record(kind=kind, snapshot=shapes.session(session), at=at)


def _fail_intent(
    *, intent: PaymentIntent, charge: Charge, decline: cards.Decline, at: datetime
) -> None:
    intent.status = IntentStatus.NEEDS_CARD
    intent.last_error = _error_shape(decline, charge=charge)
    intent.save()
    webhooks.record(kind="charge.failed", snapshot=shapes.charge(charge), at=at)
    webhooks.record(kind="payment_intent.payment_failed", snapshot=shapes.intent(intent), at=at)


def _error_shape(decline: cards.Decline, *, charge: Charge | None) -> Json:
    shape = {"type": "card_error", "code": decline.code, "message": decline.message}
    if decline.decline_code:
        shape["decline_code"] = decline.decline_code
    if charge is not None:
        shape["charge"] = charge.public_id
    return shape


def _new_charge(
    *,
    intent: PaymentIntent,
    tender: Tender,
    at: datetime,
    status: ChargeStatus,
) -> Charge:
    session = intent.session
    decline = tender.card.decline
    is_slow = status == ChargeStatus.PENDING
    return Charge.objects.create(
        public_id=ids.new_id("ch"),
        intent=intent,
        attempt=session.attempts,
        created_at=at,
        status=status,
        amount_minor=session.amount_minor,
        currency=session.currency,
        payment_method_id=ids.new_id("pm"),
        card=_card_shape(tender),
        failure_code=decline.code if decline else "",
        decline_code=decline.decline_code if decline else "",
        failure_message=decline.message if decline else "",
        settles_at=at + timedelta(seconds=options.current().slow_s) if is_slow else None,
    )


def _card_shape(tender: Tender) -> Json:
    """Show a card as charges do."""
    card = tender.card
    month, year = tender.expiry.split("/")
    proof = {
        "authentication_flow": tender.flow,
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": ids.new_id("3ds"),
        "version": "2.2.0",
    }
    return {
        "amount_authorized": None,
        "authorization_code": None,
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": card.country,
        "exp_month": int(month),
        "exp_year": int(year),
        "fingerprint": card.fingerprint,
        "funding": "credit",
        "installments": None,
        "last4": card.last4,
        "mandate": None,
        "network": card.brand,
        "network_transaction_id": None,
        "regulated_status": "unregulated",
        "three_d_secure": proof if tender.flow else None,
        "wallet": None,
    }
