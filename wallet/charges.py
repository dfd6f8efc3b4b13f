"""What a buyer is charged and what becomes of it: tax, the method's fee, the creator's part.

Promises: nothing is read here; exact Fractions inside, and each result is rounded once, by the rule
its docstring names.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from wallet import money, risk
from wallet.models import BPS, HoldClass, MethodFee, RateCard, Region

COINS_MIN: Final = (
    30  # the field's custom amounts: 30 to 2,500,000 coins (web recharge pages, 2022-2025)
)
COINS_MAX: Final = 2_500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What the buyer pays, and the tax in it."""

    gross_minor: int
    tax_minor: int


def charge(*, price_minor: Fraction, region: Region, step_minor: int = 1) -> Charge:
    """What a price comes to at the till, half-up to the smallest step that can be charged.

    Where prices are shown without tax it is added; where they include it, it is taken out, half-up
    to the minor unit.
    """
    tax = Fraction(region.tax_bps, BPS)
    gross = with_tax(price_minor, region=region)
    gross_minor = max(1, money.half_up(gross / step_minor)) * step_minor
    return Charge(gross_minor=gross_minor, tax_minor=money.half_up(gross_minor * tax / (1 + tax)))


def with_tax(price_minor: Fraction, *, region: Region) -> Fraction:
    """What the buyer pays for a price as the region shows prices, exact."""
    if region.tax_is_included:
        return price_minor
    return price_minor * (1 + Fraction(region.tax_bps, BPS))


def expected_fee_minor(*, gross_minor: int, fee: MethodFee) -> int:
    """What the method takes by our price list, half-up: booked when the provider has not said."""
    return min(gross_minor, money.half_up(Fraction(gross_minor * fee.fee_bps, BPS)) + fee.fee_minor)


def creator_minor(*, coins: int, card: RateCard, currency: str, per_usd: Decimal) -> int:
    """What a creator gets when these coins are given to them, rounded down to the minor unit."""
    usd = coins * risk.cost_per_coin(card=card)
    return int(usd * Fraction(per_usd) * 10 ** money.decimals(currency))


def hold_class(*, method_class: int, is_authenticated: bool) -> HoldClass:
    """The class of a payment: a card whose holder the bank made sure of waits less than another."""
    if method_class == HoldClass.CARD and is_authenticated:
        return HoldClass.CARD_3DS
    return HoldClass(method_class)
