"""The ways to pay that Carat knows at Stripe, each a ``payment_method_types`` of its Checkout.

An account must have one switched on before a page can ask for it; Apple Pay and Google Pay come
with cards. Rails whose money is certain only days later (direct debits, vouchers) are left out:
coins would have to wait for them. Source of names and currencies:
docs.stripe.com/payments/payment-methods and the pages of each method, November 2026.
"""

from typing import Final

from wallet.providers.base import Rail, RailKind


def _rail(code: str, title: str, kind: RailKind, *currencies: str) -> Rail:
    return Rail(code=code, title=title, kind=kind, currencies=frozenset(currencies))


RAILS: Final = (
    Rail(code="card", title="Card", kind=RailKind.CARD, can_set_aside=True),
    _rail("link", "Link", RailKind.WALLET, "USD", "EUR", "GBP", "CAD", "AUD"),
    _rail("paypal", "PayPal", RailKind.WALLET, "EUR", "GBP", "USD", "CHF", "PLN"),
    _rail("alipay", "Alipay", RailKind.WALLET, "USD", "EUR", "GBP", "JPY", "SGD"),
    _rail("cashapp", "Cash App Pay", RailKind.WALLET, "USD"),
    _rail("ideal", "iDEAL", RailKind.BANK, "EUR"),
    _rail("bancontact", "Bancontact", RailKind.BANK, "EUR"),
    _rail("pix", "Pix", RailKind.BANK, "BRL"),
    _rail("blik", "BLIK", RailKind.BANK, "PLN"),
    _rail("upi", "UPI", RailKind.BANK, "INR"),
    _rail("pay_by_bank", "Pay by bank", RailKind.BANK, "GBP", "EUR"),
    _rail("promptpay", "PromptPay", RailKind.BANK, "THB"),
    _rail("paynow", "PayNow", RailKind.BANK, "SGD"),
    _rail("twint", "TWINT", RailKind.WALLET, "CHF"),
    _rail("swish", "Swish", RailKind.BANK, "SEK"),
)
