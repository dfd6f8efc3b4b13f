"""Customers: payers whom a merchant may meet again, and the cards they let the company offer again.

Made by Checkout when the merchant asks for it. A saved card is its name and its expiry; of a number
nothing is kept. A customer who is deleted is forgotten: the saved cards go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from config.standin import cards, ids, refusals, webhooks
from config.standin.models import CheckoutSession, Customer, Json, SavedMethod, epoch


class NoSuchCustomer(refusals.Refused):
    """There is no customer of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCard:
    """A card that a customer can pay with again."""

    public_id: str
    card: cards.Card
    expiry: str


def remember(
    *, session: CheckoutSession, tender_name: str, expiry: str, saves: bool, at: datetime
) -> None:
    """Make the session's customer when it asks for one, and save the card when the payer does."""
    if session.customer is None and session.makes_customer:
        session.customer = make(email=session.customer_email, metadata={}, at=at)
        session.save(update_fields=["customer"])
    can_save = saves and session.offers_saving and tender_name in cards.BY_NAME
    if session.customer is not None and can_save:
        SavedMethod.objects.update_or_create(
            customer=session.customer,
            card=tender_name,
            defaults={"expiry": expiry},
            create_defaults={"expiry": expiry, "public_id": ids.new_id("pm"), "created_at": at},
        )


def saved_cards(session: CheckoutSession) -> list[SavedCard]:
    """Return the cards that the session's customer saved, latest first."""
    if session.customer is None:
        return []
    rows = SavedMethod.objects.filter(customer=session.customer).order_by("-number")
    return [
        SavedCard(public_id=row.public_id, card=cards.BY_NAME[row.card], expiry=row.expiry)
        for row in rows
    ]


@transaction.atomic
def make(
    *, email: str, metadata: Mapping[str, str], at: datetime, cause: webhooks.Cause | None = None
) -> Customer:
    """Write a customer down, and tell of it."""
    customer = Customer.objects.create(
        public_id=ids.new_id("cus", length=14), created_at=at, email=email, metadata=dict(metadata)
    )
    webhooks.record(kind="customer.created", snapshot=shape(customer), at=at, cause=cause)
    return customer


@transaction.atomic
def forget(*, public_id: str, at: datetime, cause: webhooks.Cause) -> Customer:
    """Delete a customer and what they saved. Raises NoSuchCustomer."""
    customer = named(public_id)
    SavedMethod.objects.filter(customer=customer).delete()
    customer.is_deleted = True
    customer.email = ""
    customer.save()
    webhooks.record(kind="customer.deleted", snapshot=shape(customer), at=at, cause=cause)
    return customer


def named(public_id: str) -> Customer:
    """Return a customer who is not deleted. Raises NoSuchCustomer."""
    customer = Customer.objects.filter(public_id=public_id, is_deleted=False).first()
    if customer is None:
        raise NoSuchCustomer(
            f"No such customer: '{public_id}'", code="resource_missing", param="customer"
        )
    return customer


def shape(row: Customer) -> Json:
    """Show a customer; of a deleted one only that it was."""
    if row.is_deleted:
        return {"id": row.public_id, "object": "customer", "deleted": True}
    return {
        "id": row.public_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "business_name": None,
        "created": epoch(row.created_at),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": row.email or None,
        "individual_name": None,
        "invoice_prefix": None,
        "livemode": False,
        "metadata": row.metadata,
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
