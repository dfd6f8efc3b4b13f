"""Charging cards and rails: what a payer does on the hosted page, and the settling of slow charges.

Each deed is one transaction with its events. SQLite lets one writer in at a time and takes it at
the transaction's start, so what a deed reads stays true until it commits. A session is paid at
most once, however often a form is sent.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db import models, transaction

from config.standin import cards, customers, ids, money, options, rails, sessions, shapes, webhooks
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
# docs.stripe.com/payments/place-a-hold-on-a-payment-method, 2026-11: most cards, online, 7 days.
CAPTURE_WITHIN: Final = timedelta(days=7)

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
    """A card or rail as the payer chose it, and how its bank made sure of the payer, if it did.

    ``holder``: whose card it is, where one test number stands for the cards of many.
    """

    card: rails.Instrument
    expiry: str
    flow: str = ""
    saves: bool = False
    holder: str = ""

    def details(self) -> Json:
        """Show it as charges do. Another holder's card has another fingerprint."""
        shown = self.card.details(expiry=self.expiry, flow=self.flow)
        if self.holder and shown.get("fingerprint"):
            whose = hashlib.sha256(f"{shown['fingerprint']} {self.holder}".encode())
            shown["fingerprint"] = whose.hexdigest()[:16]
        return shown


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
            card=instrument_named(intent.waiting_card),
            expiry=intent.waiting_expiry,
            flow="challenge",
            saves=intent.is_waiting_to_save,
        )
        _succeed(intent=intent, tender=tender, at=at)
        return Attempt(outcome=Outcome.PAID)
    intent.status = IntentStatus.NEEDS_CARD
    intent.last_error = _error_shape(CHALLENGE_FAILED, charge=None)
    intent.save()
    webhooks.record(kind="payment_intent.payment_failed", snapshot=shapes.intent(intent), at=at)
    return Attempt(outcome=Outcome.DECLINED, message=CHALLENGE_FAILED.message)


def instrument_named(name: str) -> rails.Instrument:
    """Return the test card or the rail of that name."""
    return cards.BY_NAME.get(name) or rails.BY_NAME[name]


@transaction.atomic(durable=True)
def settle_due(*, at: datetime) -> int:
    """Settle every slow charge whose time has come, and return how many."""
    charges = list(slow(at=at).select_related("intent__session").order_by("number"))
    for charge in charges:
        if charge.failure_code:
            _fail_slow(charge=charge, at=at)
        else:
            _succeed_slow(charge=charge, at=at)
    return len(charges)


def slow(*, at: datetime) -> models.QuerySet[Charge]:
    """Return the slow charges whose time has come."""
    return Charge.objects.filter(status=ChargeStatus.PENDING, settles_at__lte=at)


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
    intent.is_waiting_to_save = tender.saves
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
    customers.remember(
        session=intent.session,
        tender_name=tender.card.name,
        expiry=tender.expiry,
        saves=tender.saves,
        at=at,
    )
    if intent.session.captures_later:
        _set_aside(charge=charge, at=at)
    else:
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


def _set_aside(*, charge: Charge, at: datetime) -> None:
    """Hold the money for the merchant, who takes it later or lets it go."""
    intent = charge.intent
    _end_waiting(intent, status=IntentStatus.NEEDS_CAPTURE)
    session = intent.session
    session.status = SessionStatus.COMPLETE
    session.save(update_fields=["status"])
    webhooks.record(kind="charge.succeeded", snapshot=shapes.charge(charge), at=at)
    webhooks.record(
        kind="payment_intent.amount_capturable_updated", snapshot=shapes.intent(intent), at=at
    )
    webhooks.record(kind="checkout.session.completed", snapshot=shapes.session(session), at=at)


def _take_money(*, charge: Charge, kind: str, at: datetime) -> None:
    """Book the charge and tell of it, in the order the company does: charge, intent, session."""
    book(charge=charge, at=at)
    webhooks.record(kind="charge.succeeded", snapshot=shapes.charge(charge), at=at)
    webhooks.record(kind="payment_intent.succeeded", snapshot=shapes.intent(charge.intent), at=at)
    webhooks.record(kind=kind, snapshot=shapes.session(charge.intent.session), at=at)


def book(*, charge: Charge, at: datetime) -> None:
    """Put a charge on the merchant's balance, once, and call its session paid."""
    BalanceTransaction.objects.create(
        public_id=ids.new_id("txn"),
        charge=charge,
        created_at=at,
        available_at=at + AVAILABLE_AFTER,
        amount_minor=charge.amount_minor,
        fee_minor=money.fee_minor(amount_minor=charge.amount_minor),
        currency=charge.currency,
    )
    if charge.turn:
        charge.turns_at = at + timedelta(seconds=options.current().slow_s)
        charge.save(update_fields=["turns_at"])
    _end_waiting(charge.intent, status=IntentStatus.SUCCEEDED)
    session = charge.intent.session
    session.status = SessionStatus.COMPLETE
    session.is_paid = True
    session.save(update_fields=["status", "is_paid"])


def _end_waiting(intent: PaymentIntent, *, status: IntentStatus) -> None:
    intent.status = status
    intent.last_error = None
    intent.waiting_card = ""
    intent.waiting_expiry = ""
    intent.save()


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
        method_type=tender.card.method_type,
        details=tender.details(),
        is_captured=not session.captures_later,
        capture_before=at + CAPTURE_WITHIN if session.captures_later else None,
        refund_fate=tender.card.refund_fate,
        turn=tender.card.turn,
        failure_code=decline.code if decline else "",
        decline_code=decline.decline_code if decline else "",
        failure_message=decline.message if decline else "",
        settles_at=at + timedelta(seconds=options.current().slow_s) if is_slow else None,
    )
