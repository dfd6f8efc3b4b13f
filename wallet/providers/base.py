"""What every adapter to a payment company promises.

A provider hosts the page where the buyer pays, tells us that something happened, and answers what
became of a checkout, a refund, a dispute or a warning. What it tells is only a doorbell: value
moves for what was fetched. Amounts are in minor units as ISO 4217 counts them; an adapter converts
where its company differs. A ``ref`` is the provider's own name for a thing, the same in every
answer; ``payment_ref`` names the payment that a refund, dispute or warning is about.

A failure is either *declined* (final: asking again gives the same answer) or *unavailable* (nobody
knows: ask again with the same key). The adapter decides which; nobody else looks at its errors.
"""

from collections.abc import Iterator, Mapping
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


class RailKind(StrEnum):
    """What a rail is to its buyer. Bank: an instant transfer from an account, confirmed at once."""

    CARD = "card"
    WALLET = "wallet"
    BANK = "bank"
    CARRIER = "carrier"
    GIFT_CARD = "gift_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """One way to pay that a provider offers: ``code`` is its own name for it.

    ``currencies`` are those it can be used in, None for any. ``can_set_aside``: the money can be
    held before it is taken (``Order.captures_later``).
    """

    code: str
    title: str
    kind: RailKind
    currencies: frozenset[str] | None = None
    can_set_aside: bool = False

    def takes(self, currency: str) -> bool:
        """Tell whether it can be used in that currency."""
        return self.currencies is None or currency in self.currencies


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the buyer is to pay for. The same order always asks for the same checkout.

    ``rail`` is the code of what the page takes, one of the provider's ``rails``.
    ``customer_ref`` is the buyer as the provider knows them from an earlier payment, so that the
    page can offer what they saved; ``remembers_method`` lets them save what they pay with.
    With ``captures_later`` the money is only set aside, until ``Provider.capture`` or ``void``.
    """

    purchase_id: UUID
    coins: int
    amount_minor: int
    currency: str
    email: str
    language: str
    expires_at: datetime
    return_url: str
    cancel_url: str
    rail: str = "card"
    customer_ref: str = ""
    remembers_method: bool = False
    captures_later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The hosted page where the order can be paid until it expires."""

    ref: str
    url: str
    expires_at: datetime


class PaymentState(StrEnum):
    """Authorised: the money is set aside for us, and neither taken nor let go yet."""

    PAID = "paid"
    AUTHORISED = "authorised"
    PENDING = "pending"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What became of a checkout, as the provider says now.

    ``is_page_open``: it can still be paid. ``problem`` is why the last try did not work, in words
    for the buyer. ``fee_minor`` is in the
    payment's own currency, None while the provider has not said. ``is_ours`` is whether it is of
    the mode (live or test) of the key we fetch with. ``instrument_fingerprint`` is the same for
    every payment with the same card or account, and tells nothing of its number.
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
    instrument_fingerprint: str = ""
    brand: str = ""
    last4: str = ""
    customer_ref: str = ""
    fee_minor: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """What is to go back to the buyer. The same ``refund_id`` always asks for the same refund."""

    refund_id: UUID
    payment_ref: str
    amount_minor: int
    currency: str
    reason: str = ""


class RefundState(StrEnum):
    """Pending: the provider took it, and it may still fail."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What became of a refund, as the provider says now.

    ``refund_id`` is the one we ordered it under, empty when it was not we who ordered it.
    ``problem`` is why it failed, for staff. ``payment_ref`` can be empty only for a refund that is
    not of a payment of ours. ``purchase_ref`` is our own id of the purchase that the payment
    carries, empty when it carries none.
    """

    ref: str
    payment_ref: str
    refund_id: str
    state: RefundState
    amount_minor: int
    currency: str
    problem: str = ""
    created_at: datetime
    purchase_ref: str = ""


class DisputeState(StrEnum):
    """Warning: an inquiry, no money was taken. Open: it was taken, and both sides are heard."""

    WARNING = "warning"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A payment that its payer's bank takes back, as the provider says now.

    ``amount_minor`` is what is disputed, which can be less than the payment; ``withdrawn_minor`` is
    what was taken from us for it and not given back. A dispute won in part is LOST, with the part
    that stays away in ``withdrawn_minor``; a closed inquiry is WON: nothing was taken.
    ``fee_minor`` is what the provider keeps for it so far. ``due_at`` is until when it can be
    answered, None when it cannot (any more). ``purchase_ref`` is as in a Refund.
    """

    ref: str
    payment_ref: str
    state: DisputeState
    amount_minor: int
    currency: str
    reason: str
    withdrawn_minor: int
    fee_minor: int
    due_at: datetime | None
    created_at: datetime
    purchase_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudWarning:
    """The card's issuer says that a payment may be fraud; a dispute often follows.

    ``is_actionable``: it is neither refunded in full nor disputed yet.
    """

    ref: str
    payment_ref: str
    kind: str
    is_actionable: bool
    created_at: datetime


class ActivityKind(StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing of a provider's book, as it stands now, for reconciling by id.

    ``state`` is a PaymentState, RefundState or DisputeState value. ``fee_minor`` is None while the
    provider has not said. ``order_ref`` is our own id that it carries (the purchase's or the
    refund's), empty when it carries none. ``at`` is when it was made.
    """

    kind: ActivityKind
    ref: str
    payment_ref: str
    amount_minor: int
    fee_minor: int | None
    currency: str
    state: str
    at: datetime
    order_ref: str = ""


class NoticeObject(StrEnum):
    """What a notice is about."""

    CHECKOUT = "checkout"
    REFUND = "refund"
    DISPUTE = "dispute"
    WARNING = "warning"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNotice:
    """A notice that was proven to be the provider's.

    ``object_ref`` is what it is about, empty when ``object_kind`` is NONE: nothing of ours.
    """

    event_id: str
    kind: str
    object_ref: str
    object_kind: NoticeObject = NoticeObject.CHECKOUT


class Provider(Protocol):
    """An adapter. It keeps nothing, and reads no row of ours."""

    def charge_bounds(self, *, currency: str) -> ChargeBounds:
        """Say what can be charged in ``currency``."""

    def rails(self) -> tuple[Rail, ...]:
        """Name the ways to pay that it offers, the card first where there is one."""

    def start_checkout(self, order: Order) -> Checkout:
        """Open the page for an order, or give the one it has. Raises Declined, Unavailable."""

    def fetch(self, checkout_ref: str) -> Payment:
        """Ask what became of a checkout. Raises Declined, Unavailable."""

    def forget(self, customer_ref: str) -> None:
        """Delete what the provider keeps of a buyer to offer again; does nothing when it is gone.

        Payments stay: the provider must keep them, too. Raises Declined, Unavailable.
        """

    def expire(self, checkout_ref: str) -> None:
        """Close the page, so that it cannot be paid. Does nothing when it is closed already.

        Raises Declined (it was paid), Unavailable.
        """

    def capture(self, payment_ref: str, *, key: str) -> None:
        """Take the money that was set aside; does nothing when it was taken already.

        Raises Declined (it was let go, or is gone), Unavailable.
        """

    def void(self, payment_ref: str, *, key: str) -> None:
        """Let the money go that was set aside; does nothing when it was let go already.

        Raises Declined (it was taken), Unavailable.
        """

    def refund(self, order: RefundOrder) -> Refund:
        """Send money back by the way it came. Asked again with the same id: the same refund.

        Raises Declined (no such payment, more than is left of it, or it is disputed), Unavailable.
        """

    def fetch_refund(self, ref: str) -> Refund:
        """Ask what became of a refund. Raises Declined, Unavailable."""

    def refunds_of(self, payment_ref: str) -> list[Refund]:
        """Every refund of a payment, oldest first, ours or not. Raises Declined, Unavailable."""

    def fetch_dispute(self, ref: str) -> Dispute:
        """Ask how a dispute stands. Raises Declined, Unavailable."""

    def disputes_of(self, payment_ref: str) -> list[Dispute]:
        """Every dispute of a payment, oldest first. Raises Declined, Unavailable."""

    def fetch_warning(self, ref: str) -> FraudWarning:
        """Ask about an issuer's warning. Raises Declined, Unavailable."""

    def activity(self, *, since: datetime, until: datetime) -> Iterator[Activity]:
        """Everything made from ``since`` until before ``until``, in no order; read in pages.

        Raises Declined, Unavailable, at any step.
        """

    def verify_event(
        self, *, body: bytes, headers: Mapping[str, str], at: datetime
    ) -> ProviderNotice:
        """Prove that a notice came from the provider, to us, now. Raises Forged."""
