"""The test cards: what each number does. A number is never stored, only its ending.

The numbers are those the payment company publishes for testing (docs.stripe.com/testing, November
2026), except 0077, 0085, 0101 and 0341, which stand for what its own test cards cannot show.
"""

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Any, Final

from config.standin import ids


class Conduct(StrEnum):
    """What happens when the card is charged."""

    PAYS = "pays"
    CHALLENGE = "challenge"
    DECLINES = "declines"
    SLOW = "slow"
    SLOW_FAILS = "slow_fails"
    NEVER_ANSWERS = "never_answers"


class Turn(StrEnum):
    """What the payer's bank does a while after the card was charged."""

    NONE = ""
    DISPUTE = "dispute"
    NOT_RECEIVED = "not_received"
    INQUIRY = "inquiry"
    WARNING = "warning"


class RefundFate(StrEnum):
    """How a refund to the card goes."""

    SUCCEEDS = ""
    SUCCEEDS_LATER = "succeeds_later"
    FAILS_LATER = "fails_later"
    PENDS_AND_FAILS = "pends_and_fails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Why a bank says no, in the company's words for the merchant and the payer."""

    code: str
    decline_code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A test card."""

    number: str
    name: str
    meaning: str
    conduct: Conduct
    brand: str = "visa"
    country: str = "US"
    decline: Decline | None = None
    turn: Turn = Turn.NONE
    refund_fate: RefundFate = RefundFate.SUCCEEDS
    method_type: str = "card"

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """The same for every payment with this card, and tells nothing of its number."""
        digest = hashlib.sha256(f"carat stand-in {self.number}".encode()).digest()
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:16])

    @property
    def title(self) -> str:
        """How people read it: the brand and the last four digits."""
        brand = {"amex": "American Express"}.get(self.brand, self.brand.capitalize())
        return f"{brand} •••• {self.last4}"

    def details(self, *, expiry: str, flow: str) -> dict[str, Any]:
        """Show it as charges do. ``flow`` is how its bank made sure of the payer, if it did."""
        month, year = expiry.split("/")
        return {
            "amount_authorized": None,
            "authorization_code": None,
            "brand": self.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": self.country,
            "exp_month": int(month),
            "exp_year": int(year),
            "fingerprint": self.fingerprint,
            "funding": "credit",
            "installments": None,
            "last4": self.last4,
            "mandate": None,
            "network": self.brand,
            "network_transaction_id": None,
            "regulated_status": "unregulated",
            "three_d_secure": _proof(flow) if flow else None,
            "wallet": None,
        }

    @property
    def cvc_digits(self) -> int:
        return 4 if self.brand == "amex" else 3

    @property
    def grouped(self) -> str:
        """The number as it is printed on such a card."""
        sizes = (4, 6, 5) if self.brand == "amex" else (4, 4, 4, 4)
        ends = list(accumulate(sizes))
        return " ".join(
            self.number[end - size : end] for size, end in zip(sizes, ends, strict=True)
        )


def _proof(flow: str) -> dict[str, Any]:
    return {
        "authentication_flow": flow,
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": ids.new_id("3ds"),
        "version": "2.2.0",
    }


NUMBER_LENGTHS: Final = range(12, 20)  # ISO/IEC 7812-1
_ALPHABET: Final = string.ascii_letters + string.digits

GENERIC: Final = Decline(
    code="card_declined",
    decline_code="generic_decline",
    message="Your card was declined.",
)
NO_FUNDS: Final = Decline(
    code="card_declined",
    decline_code="insufficient_funds",
    message="Your card has insufficient funds.",
)
EXPIRED: Final = Decline(
    code="expired_card",
    decline_code="expired_card",
    message="Your card has expired.",
)
NOT_PROCESSED: Final = Decline(
    code="processing_error",
    decline_code="processing_error",
    message="An error occurred while processing your card. Try again in a little bit.",
)

CARDS: Final = (
    Card(
        number="4242424242424242",
        name="visa",
        meaning="Pays at once",
        conduct=Conduct.PAYS,
    ),
    Card(
        number="4000000000003220",
        name="challenge",
        meaning="Asks its bank to approve (3-D Secure)",
        conduct=Conduct.CHALLENGE,
    ),
    Card(
        number="4000000000000002",
        name="declined",
        meaning="Is declined",
        conduct=Conduct.DECLINES,
        decline=GENERIC,
    ),
    Card(
        number="4000000000009995",
        name="no-funds",
        meaning="Has too little money on it",
        conduct=Conduct.DECLINES,
        decline=NO_FUNDS,
    ),
    Card(
        number="4000000000000069",
        name="expired",
        meaning="Has expired",
        conduct=Conduct.DECLINES,
        decline=EXPIRED,
    ),
    Card(
        number="4000000000000077",
        name="slow",
        meaning="Settles a while later, then pays",
        conduct=Conduct.SLOW,
    ),
    Card(
        number="4000000000000085",
        name="slow-fails",
        meaning="Settles a while later, then fails",
        conduct=Conduct.SLOW_FAILS,
        decline=NOT_PROCESSED,
    ),
    Card(
        number="4000000000000341",
        name="no-answer",
        meaning="Takes the money, then this page breaks down",
        conduct=Conduct.NEVER_ANSWERS,
    ),
    Card(
        number="5555555555554444",
        name="mastercard",
        meaning="Pays at once, Mastercard",
        conduct=Conduct.PAYS,
        brand="mastercard",
    ),
    Card(
        number="378282246310005",
        name="amex",
        meaning="Pays at once, American Express",
        conduct=Conduct.PAYS,
        brand="amex",
    ),
    Card(
        number="4000002760000016",
        name="germany",
        meaning="Pays at once, issued in Germany",
        conduct=Conduct.PAYS,
        country="DE",
    ),
    Card(
        number="4000008260000000",
        name="britain",
        meaning="Pays at once, issued in Britain",
        conduct=Conduct.PAYS,
        country="GB",
    ),
    Card(
        number="4000000760000002",
        name="brazil",
        meaning="Pays at once, issued in Brazil",
        conduct=Conduct.PAYS,
        country="BR",
    ),
    Card(
        number="4000003920000003",
        name="japan",
        meaning="Pays at once, issued in Japan",
        conduct=Conduct.PAYS,
        country="JP",
    ),
    Card(
        number="4000000000000259",
        name="disputed",
        meaning="Pays, and is disputed as fraud a while later",
        conduct=Conduct.PAYS,
        turn=Turn.DISPUTE,
    ),
    Card(
        number="4000000000002685",
        name="not-received",
        meaning="Pays, and is disputed as not delivered a while later",
        conduct=Conduct.PAYS,
        turn=Turn.NOT_RECEIVED,
    ),
    Card(
        number="4000000000001976",
        name="inquiry",
        meaning="Pays, and its bank inquires a while later",
        conduct=Conduct.PAYS,
        turn=Turn.INQUIRY,
    ),
    Card(
        number="4000000000005423",
        name="warned",
        meaning="Pays, and its bank warns of fraud a while later",
        conduct=Conduct.PAYS,
        turn=Turn.WARNING,
    ),
    Card(
        number="4000000000007726",
        name="refund-slow",
        meaning="Pays; a refund is pending for a while, then arrives",
        conduct=Conduct.PAYS,
        refund_fate=RefundFate.SUCCEEDS_LATER,
    ),
    Card(
        number="4000000000005126",
        name="refund-fails",
        meaning="Pays; a refund seems to arrive, and fails a while later",
        conduct=Conduct.PAYS,
        refund_fate=RefundFate.FAILS_LATER,
    ),
    Card(
        number="4000000000000101",
        name="refund-pends-fails",
        meaning="Pays; a refund is pending for a while, then fails",
        conduct=Conduct.PAYS,
        refund_fate=RefundFate.PENDS_AND_FAILS,
    ),
)

BY_NUMBER: Final[Mapping[str, Card]] = {card.number: card for card in CARDS}
BY_NAME: Final[Mapping[str, Card]] = {card.name: card for card in CARDS}


def is_card_number(number: str) -> bool:
    """Tell whether ``number`` could be any card's: its length and its check digit."""
    if not (number.isascii() and number.isdigit() and len(number) in NUMBER_LENGTHS):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0
