"""Ways to pay that are no card: wallets and instant bank transfers, on the payer's own page there.

The names are the payment company's (``payment_method_types`` of Checkout, stripe-python 16.1) and
the currencies those it takes them in (docs.stripe.com/payments/payment-methods, November 2026).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.standin.cards import Card, Conduct, Decline, RefundFate, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """A way to pay where the payer confirms on the page of their wallet or bank."""

    name: str
    title: str
    currencies: frozenset[str]
    conduct: Conduct = Conduct.CHALLENGE
    decline: Decline | None = None
    turn: Turn = Turn.NONE
    refund_fate: RefundFate = RefundFate.SUCCEEDS_LATER

    @property
    def method_type(self) -> str:
        return self.name

    @property
    def last4(self) -> str:
        return ""

    def details(self, *, expiry: str, flow: str) -> dict[str, Any]:
        """Show it as charges do."""
        shown: dict[str, Any] = dict.fromkeys(_FIELDS.get(self.name, ()))
        if "fingerprint" in shown:
            digest = hashlib.sha256(f"carat stand-in {self.name}".encode()).hexdigest()
            shown["fingerprint"] = digest[:16]
        return shown


type Instrument = Card | Rail

# Fields of the real details, where they have any that matter to a merchant.
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "alipay": ("buyer_id", "fingerprint", "transaction_id"),
    "link": ("country",),
    "cashapp": ("buyer_id", "cashtag", "transaction_id"),
}

RAILS: Final = (
    Rail(name="link", title="Link", currencies=frozenset({"usd", "eur", "gbp", "cad", "aud"})),
    Rail(name="paypal", title="PayPal", currencies=frozenset({"eur", "gbp", "usd", "chf", "pln"})),
    Rail(name="alipay", title="Alipay", currencies=frozenset({"usd", "eur", "gbp", "jpy", "sgd"})),
    Rail(name="cashapp", title="Cash App Pay", currencies=frozenset({"usd"})),
    Rail(name="ideal", title="iDEAL", currencies=frozenset({"eur"})),
    Rail(name="bancontact", title="Bancontact", currencies=frozenset({"eur"})),
    Rail(name="pix", title="Pix", currencies=frozenset({"brl"})),
    Rail(name="blik", title="BLIK", currencies=frozenset({"pln"})),
    Rail(name="upi", title="UPI", currencies=frozenset({"inr"})),
    Rail(name="pay_by_bank", title="Pay by bank", currencies=frozenset({"gbp", "eur"})),
    Rail(name="promptpay", title="PromptPay", currencies=frozenset({"thb"})),
    Rail(name="paynow", title="PayNow", currencies=frozenset({"sgd"})),
    Rail(name="twint", title="TWINT", currencies=frozenset({"chf"})),
    Rail(name="swish", title="Swish", currencies=frozenset({"sek"})),
)
BY_NAME: Final[Mapping[str, Rail]] = {rail.name: rail for rail in RAILS}
