"""Amounts as the payment company counts them: integers of minor units, never converted.

Rules and figures of currencies: docs.stripe.com/currencies, read November 2026.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from babel.numbers import get_currency_symbol

ZERO_DECIMALS: Final = frozenset(
    (
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    )
)
THREE_DECIMALS: Final = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# These have no minor unit today, yet are still sent with two decimals, which must be zeros.
TWO_ZEROS: Final = frozenset({"isk", "ugx"})

# ISO 4217, list one: what a bank counts in, where it differs from two decimals.
ISO_ZERO_DECIMALS: Final = frozenset(
    (
        "bif",
        "clp",
        "djf",
        "gnf",
        "isk",
        "jpy",
        "kmf",
        "krw",
        "pyg",
        "rwf",
        "ugx",
        "uyi",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    )
)
ISO_THREE_DECIMALS: Final = frozenset(("bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"))

AMOUNT_MAX: Final = 99_999_999  # "up to eight digits": docs.stripe.com/api/payment_intents

# The smallest charge, in the currency's own minor units as sent.
SMALLEST_CHARGE: Final[Mapping[str, int]] = {
    "aed": 200,
    "aud": 50,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "inr": 50,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
    "usd": 50,
}

FEE_PER_MILLE: Final = 29  # 2.9 %, and a fixed part: the shape of the company's card fee
FEE_FIXED_MINOR: Final = 30


def decimals(*, currency: str) -> int:
    """Return how many decimals an amount of ``currency`` is sent with."""
    if currency in ZERO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def step(*, currency: str) -> int:
    """Return what a charged amount must be a multiple of, in minor units."""
    if currency in THREE_DECIMALS:
        return 10
    return 100 if currency in TWO_ZEROS else 1


def fee_minor(*, amount_minor: int) -> int:
    """Return the fee of a charge: 2.9 % rounded half up, and 30 minor units of any currency."""
    return (amount_minor * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED_MINOR


def shown(*, amount_minor: int, currency: str) -> str:
    """Return a charged amount as a payer reads it, such as ``$7.40`` or ``¥1,225``."""
    amount = Decimal(amount_minor).scaleb(-decimals(currency=currency))
    places = 0 if currency in TWO_ZEROS else decimals(currency=currency)
    return _written(amount, currency=currency, places=places)


def shown_by_bank(*, amount_minor: int, currency: str) -> str:
    """Return a bank's amount, counted in the minor units of ISO 4217."""
    code = currency.lower()
    places = 0 if code in ISO_ZERO_DECIMALS else 3 if code in ISO_THREE_DECIMALS else 2
    return _written(Decimal(amount_minor).scaleb(-places), currency=code, places=places)


def _written(amount: Decimal, *, currency: str, places: int) -> str:
    symbol = get_currency_symbol(currency.upper(), locale="en_US")
    number = f"{amount:,.{places}f}"
    return f"{symbol}\N{NO-BREAK SPACE}{number}" if symbol.isalpha() else f"{symbol}{number}"
