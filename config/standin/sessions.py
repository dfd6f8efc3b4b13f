"""Checkout sessions: what a merchant opens for a payer, until it is paid or its time is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction

from config.standin import ids, refusals, shapes, webhooks
from config.standin.models import CheckoutSession, Customer, IntentStatus, SessionStatus


class NoSuchSession(refusals.Refused):
    """There is no checkout session of that name."""

    status = 404


class SessionNotOpen(refusals.Refused):
    """The checkout session is complete or expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a merchant asks a payer to pay for."""

    currency: str
    line_items: Sequence[Mapping[str, Any]]
    success_url: str
    cancel_url: str
    expires_at: datetime
    client_reference_id: str
    customer_email: str
    metadata: Mapping[str, str]
    intent_metadata: Mapping[str, str]
    intent_description: str
    locale: str
    submit_type: str
    three_d_secure: str
    method_types: Sequence[str] = ("card",)
    captures_later: bool = False
    customer: Customer | None = None
    makes_customer: bool = False
    offers_saving: bool = False

    @property
    def amount_minor(self) -> int:
        return sum(int(item["unit_amount"]) * int(item["quantity"]) for item in self.line_items)


@transaction.atomic
def open_session(*, order: Order, at: datetime) -> CheckoutSession:
    """Open a checkout session; its page can be paid until it expires."""
    return CheckoutSession.objects.create(
        public_id=ids.new_id("cs_test", length=58),
        created_at=at,
        expires_at=order.expires_at,
        currency=order.currency,
        amount_minor=order.amount_minor,
        line_items=list(order.line_items),
        client_reference_id=order.client_reference_id,
        customer_email=order.customer_email,
        metadata=dict(order.metadata),
        intent_metadata=dict(order.intent_metadata),
        intent_description=order.intent_description,
        success_url=order.success_url,
        cancel_url=order.cancel_url,
        locale=order.locale,
        submit_type=order.submit_type,
        three_d_secure=order.three_d_secure,
        method_types=list(order.method_types),
        captures_later=order.captures_later,
        customer=order.customer,
        makes_customer=order.makes_customer,
        offers_saving=order.offers_saving,
    )


@transaction.atomic
def expire_session(*, public_id: str, at: datetime, cause: webhooks.Cause) -> CheckoutSession:
    """Close an open session for good. Raises NoSuchSession, SessionNotOpen."""
    session = session_named(public_id)
    if session.status != SessionStatus.OPEN:
        raise SessionNotOpen(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Session has a status of {session.status}."
        )
    _expire(session=session, at=at, cause=cause)
    return session


@transaction.atomic(durable=True)
def expire_due(*, at: datetime) -> int:
    """Close every open session whose time is over, and return how many."""
    sessions = list(over(at=at).order_by("number"))
    for session in sessions:
        _expire(session=session, at=at, cause=webhooks.Cause())
    return len(sessions)


def over(*, at: datetime) -> models.QuerySet[CheckoutSession]:
    """Return the open sessions whose time is over."""
    return CheckoutSession.objects.filter(status=SessionStatus.OPEN, expires_at__lte=at)


def session_named(public_id: str) -> CheckoutSession:
    """Return a session by its public name. Raises NoSuchSession."""
    session = CheckoutSession.objects.filter(public_id=public_id).first()
    if session is None:
        raise NoSuchSession(
            f"No such checkout.session: '{public_id}'", code="resource_missing", param="session"
        )
    return session


def _expire(*, session: CheckoutSession, at: datetime, cause: webhooks.Cause) -> None:
    session.status = SessionStatus.EXPIRED
    session.save(update_fields=["status"])
    intent = shapes.intent_of(session)
    if intent is not None:
        intent.status = IntentStatus.CANCELED
        intent.canceled_at = at
        intent.cancellation_reason = "automatic"
        intent.save(update_fields=["status", "canceled_at", "cancellation_reason"])
        webhooks.record(
            kind="payment_intent.canceled", snapshot=shapes.intent(intent), at=at, cause=cause
        )
    webhooks.record(
        kind="checkout.session.expired", snapshot=shapes.session(session), at=at, cause=cause
    )
