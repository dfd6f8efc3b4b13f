"""What every adapter to a payment company promises.

A provider hosts the page where the buyer pays, tells us that something happened, and answers what
became of a checkout. What it tells is only a doorbell: coins are credited for what was fetched.
Amounts are in minor units as ISO 4217 counts them; an adapter converts where its company differs.

A failure is either *declined* (final: asking again gives the same answer) or *unavailable* (nobody
knows: ask again with the same key). The adapter decides which; nobody else looks at its errors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Declined(Exception):
    """The provider said no, for good. The message is for our logs and staff."""


class Unavailable(Exception):
    """The provider did not answer, or not in time. It may or may not have done what we asked."""


class Forged(Exception):
    """A notice that the provider did not send now, to us: it is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeBounds:
    """What the provider can charge in a currency: at least, at most, and in steps of."""

    minimum_minor: int
    maximum_minor: int
    step_minor: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the buyer is to pay for. The same order always asks for the same checkout."""

    purchase_id: UUID
    coins: int
    amount_minor: int
    currency: str
    email: str
    language: str
    expires_at: datetime
    return_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The hosted page where the order can be paid until it expires."""

    ref: str
    url: str
    expires_at: datetime


class PaymentState(StrEnum):
    PAID = "paid"
    PENDING = "pending"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What became of a checkout, as the provider says now.

    ``is_page_open``: it can still be paid. ``problem`` is why the last try did not work, in words
    for the buyer. ``fee_minor`` is in the
    payment's own currency, None while the provider has not said. ``is_ours`` is whether it is of
    the mode (live or test) of the key we fetch with.
    """

    state: PaymentState
    checkout_ref: str
    purchase_id: str
    amount_minor: int
    currency: str
    is_ours: bool
    is_page_open: bool = False
    payment_ref: str = ""
    is_authenticated: bool = False
    card_country: str = ""
    fee_minor: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNotice:
    """A notice that was proven to be the provider's.

    ``object_ref`` is the checkout it is about, empty when it is about something else.
    """

    event_id: str
    kind: str
    object_ref: str


class Provider(Protocol):
    """An adapter. It keeps nothing, and reads no row of ours."""

    def charge_bounds(self, *, currency: str) -> ChargeBounds:
        """Say what can be charged in ``currency``."""

    def start_checkout(self, order: Order) -> Checkout:
        """Open the page for an order, or give the one it has. Raises Declined, Unavailable."""

    def fetch(self, checkout_ref: str) -> Payment:
        """Ask what became of a checkout. Raises Declined, Unavailable."""

    def expire(self, checkout_ref: str) -> None:
        """Close the page, so that it cannot be paid. Does nothing when it is closed already.

        Raises Declined (it was paid), Unavailable.
        """

    def verify_event(
        self, *, body: bytes, headers: Mapping[str, str], at: datetime
    ) -> ProviderNotice:
        """Prove that a notice came from the provider, to us, now. Raises Forged."""
