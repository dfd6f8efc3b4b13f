"""How Stripe counts amounts and which it charges; ours are minor units of ISO 4217.

Source: docs.stripe.com/currencies, November 2026.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from wallet import money
from wallet.providers.base import ChargeBounds, Declined

# How Stripe counts amounts, where it differs from ISO 4217's decimals or from steps of one:
# docs.stripe.com/currencies, 2026-11. ISK and UGX have none, yet are sent with two, both zeros;
# three-decimal currencies are charged in tens.
DECIMALS: Final = {"ISK": 2, "UGX": 2}
STEPS: Final = {"ISK": 100, "UGX": 100, "KWD": 10, "BHD": 10, "JOD": 10, "OMR": 10, "TND": 10}
ISO_ZERO_DECIMALS: Final = {"ISK", "UGX"}
# The smallest charge, in minor units (same page). A currency without one has the equivalent of
# half a US dollar as its minimum, which the method's fee reaches long before.
MINIMUMS: Final = {
    "AED": 200, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "EUR": 50, "GBP": 30, "INR": 50,
    "JPY": 50, "MXN": 1000, "USD": 50,
}  # fmt: skip
AMOUNT_MAX: Final = 99_999_999  # "up to eight digits": docs.stripe.com/api/payment_intents, 2026-11


def charge_bounds(currency: str) -> ChargeBounds:
    """Say what Stripe charges in a currency."""
    factor = _factor(currency)
    step = max(1, STEPS.get(currency, 1) // factor)
    return ChargeBounds(
        minimum_minor=MINIMUMS.get(currency, 1) // factor or 1,
        maximum_minor=AMOUNT_MAX // factor // step * step,
        step_minor=step,
    )


def to_stripe(amount_minor: int, currency: str) -> int:
    """Count ISO 4217 minor units as Stripe does."""
    return amount_minor * _factor(currency)


def from_stripe(amount: int, currency: str) -> int:
    """Count Stripe's units as ISO 4217 does. Raises Declined for a fraction of a minor unit."""
    amount_minor, rest = divmod(amount, _factor(currency))
    if rest:
        raise Declined(f"{amount} is not an amount of {currency}.")
    return amount_minor


def fee_minor(booked: Mapping[str, Any] | None, currency: str) -> int | None:
    """The fee of a movement in ``currency``, half up; None while it cannot be said.

    Stripe may settle in another currency, and its fees need not be whole minor units of ours.
    """
    if not booked:
        return None
    settled = booked["currency"].upper()
    fee = Fraction(booked["fee"], _factor(settled))
    if settled == currency:
        return money.half_up(fee)
    rate = booked.get("exchange_rate")
    if not rate or settled not in money.CURRENCY_NUMBERS:
        return None
    units = fee / 10 ** money.decimals(settled)
    # The rate turns the payment's currency into the settled one.
    return money.half_up(units / Fraction(Decimal(str(rate))) * 10 ** money.decimals(currency))


def _factor(currency: str) -> int:
    if currency in ISO_ZERO_DECIMALS:
        return int(10 ** DECIMALS[currency])
    return 1
