"""Units and rounding: whole coins, thousandths of diamonds, minor units of money.

``Money`` (django-money) is used at the edges only; it is made from minor units here and nowhere
else, so a yen never has decimals and a Kuwaiti dinar has three.
"""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import Final

from djmoney.money import Money

# ISO 4217: number and decimals of each currency Carat knows (list one, 2024-06-25). The ledger's
# table of units holds the same; a test compares them.
CURRENCY_NUMBERS: Final = {
    "AED": 784, "AUD": 36, "BRL": 986, "CAD": 124, "CHF": 756, "EUR": 978, "GBP": 826, "INR": 356,
    "JPY": 392, "KES": 404, "KRW": 410, "KWD": 414, "MXN": 484, "PEN": 604, "USD": 840, "VND": 704,
}  # fmt: skip
DECIMALS: Final = {"JPY": 0, "KRW": 0, "VND": 0, "KWD": 3}
MILLI: Final = 1000  # thousandths in a diamond


def decimals(currency: str) -> int:
    """How many decimals ``currency`` has."""
    assert currency in CURRENCY_NUMBERS, currency
    return DECIMALS.get(currency, 2)


def money(amount_minor: int, currency: str) -> Money:
    """The amount as Money, for showing."""
    return Money(Decimal(amount_minor).scaleb(-decimals(currency)), currency)


def words(amount_minor: int, currency: str) -> str:
    """As ``str(money(...))`` has it, for amounts that are not below zero, 50 times as fast.

    For what is written to many people at once.
    """
    places = decimals(currency)
    return f"{_symbol(currency)}{Decimal(amount_minor).scaleb(-places):,.{places}f}"


@cache
def _symbol(currency: str) -> str:
    return str(money(0, currency)).rstrip("0.")


def minor(amount: Money) -> int:
    """The amount in minor units. Raises ValueError for a fraction of one."""
    exact = Decimal(amount.amount).scaleb(decimals(str(amount.currency)))
    if exact != exact.to_integral_value():
        raise ValueError(f"{amount.currency} has {decimals(str(amount.currency))} decimals.")
    return int(exact)


def half_up(exact: Fraction) -> int:
    """Round to a whole minor unit, half up: how a charge is rounded."""
    return int(
        (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal(1), ROUND_HALF_UP)
    )


def currency_of(unit: int) -> str:
    """The currency whose ISO 4217 number the ledger's unit is."""
    return _CURRENCIES[unit]


_CURRENCIES: Final = {number: code for code, number in CURRENCY_NUMBERS.items()}
