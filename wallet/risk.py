"""Rules about money at stake: what a coin must bring in before it may be sold.

Promises: nothing is read here, facts come in and verdicts go out; every figure is an exact
Fraction, in US dollars unless its name says otherwise, and rounded only in words.

The margin floor: what a coin brings in, after tax and the payment method's share, is at least what
its diamonds cost times one and the floor. Its default is 10 % (``MARGIN_FLOOR_BPS``); the rule is
our own, the same guard that Roblox's managed regional pricing has as a price floor (creator hub,
"Regional pricing", 2026-08).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

from wallet import pricebook
from wallet.models import BPS, MethodFee, Price, RateCard, Region
from wallet.money import MILLI, decimals

# An exact amount is charged half-up to the minor unit, so a charge can lose this much to rounding.
ROUNDING_LOSS_MINOR_MAX: Final = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A price and a card in force together that break the floor. In dollars a coin."""

    offer: pricebook.Offer
    card: RateCard
    net: Fraction
    cost: Fraction
    floor: Fraction

    def __str__(self) -> str:
        sold = "1 coin" if self.offer.price.coins == 1 else f"{self.offer.price.coins:,} coins"
        return (
            f"{self.offer.region.name}: at {self.offer.price.money} for {sold} a coin brings in "
            f"US${_words(self.net)} after tax and fee, but needs US${_words(self.floor)}: its "
            f'diamonds cost US${_words(self.cost)} under "{self.card}".'
        )


class MarginBelowFloor(Exception):
    """A coin would bring in less than its diamonds cost with the floor on top."""

    def __init__(self, shortfalls: Sequence[Shortfall]) -> None:
        worst = worst_by_region(shortfalls)
        super().__init__(
            "This would sell coins for less than they cost. "
            + " ".join(str(shortfall) for shortfall in worst)
            + " Raise the price, or lower what a coin earns."
        )
        self.shortfalls = worst


def share_kept(*, region: Region, fee_bps: int) -> Fraction:
    """What is left of each minor unit of a price row, after tax and the method's share.

    Methods charge their share on what the buyer pays, tax and all. Where prices are shown without
    tax, the buyer pays the tax on top of the row.
    """
    tax, fee = Fraction(region.tax_bps, BPS), Fraction(fee_bps, BPS)
    if region.tax_is_included:
        return 1 / (1 + tax) - fee
    return 1 - (1 + tax) * fee


def in_usd(amount_minor: Fraction, *, currency: str, per_usd: Decimal) -> Fraction:
    """Value minor units in US dollars at a rate of ``per_usd`` units of the currency a dollar."""
    return amount_minor / Fraction(10) ** decimals(currency) / Fraction(per_usd)


def net_per_coin(*, price: Price, region: Region, fee_bps: int, per_usd: Decimal) -> Fraction:
    """Dollars that a coin sold at ``price`` brings in, after tax and the method's share."""
    kept = price.minor_per_coin * share_kept(region=region, fee_bps=fee_bps)
    return in_usd(kept, currency=price.currency, per_usd=per_usd)


def diamonds_per_coin(*, card: RateCard) -> Fraction:
    """Diamonds that a coin earns under the card."""
    return Fraction(card.diamonds_per_coin_milli, MILLI)


def cost_per_coin(*, card: RateCard) -> Fraction:
    """Dollars that a coin's diamonds are worth to the creator under the card."""
    return diamonds_per_coin(card=card) * Fraction(card.diamond_usd)


def floor_per_coin(*, cost: Fraction, floor_bps: int) -> Fraction:
    """Dollars that a coin must bring in at least, when its diamonds cost ``cost``."""
    return cost * Fraction(BPS + floor_bps, BPS)


def margin_ok(*, net: Fraction, cost: Fraction, floor_bps: int) -> bool:
    """Say whether a coin that brings in ``net`` and costs ``cost`` stays above the floor."""
    return net >= floor_per_coin(cost=cost, floor_bps=floor_bps)


def charge_ok(
    *,
    amount_minor: int,
    coins: int,
    region: Region,
    fee: MethodFee,
    card: RateCard,
    per_usd: Decimal,
    floor_bps: int,
) -> bool:
    """Say whether one purchase, the method's fixed part counted, stays above the floor.

    ``amount_minor`` is the price of the ``coins`` as the region shows prices (with tax where the
    region includes it).
    """
    kept = amount_minor * share_kept(region=region, fee_bps=fee.fee_bps) - fee.fee_minor
    net = in_usd(kept, currency=region.currency, per_usd=per_usd)
    return margin_ok(net=net, cost=coins * cost_per_coin(card=card), floor_bps=floor_bps)


def method_from_coins(
    *,
    rate: Price,
    region: Region,
    fee: MethodFee,
    card: RateCard,
    per_usd: Decimal,
    floor_bps: int,
) -> int | None:
    """Give the number of coins from which every exact amount keeps the floor with this method.

    Counts the fixed part and the worst that rounding a charge can cost. None: no amount does.
    """
    kept = share_kept(region=region, fee_bps=fee.fee_bps)
    net = in_usd(rate.minor_per_coin * kept, currency=rate.currency, per_usd=per_usd)
    floor = floor_per_coin(cost=cost_per_coin(card=card), floor_bps=floor_bps)
    if net <= floor:
        return None
    fixed_minor = fee.fee_minor + ROUNDING_LOSS_MINOR_MAX * kept
    fixed = in_usd(fixed_minor, currency=rate.currency, per_usd=per_usd)
    return max(1, math.ceil(fixed / (net - floor)))


def shortfalls(
    *, offers: Iterable[pricebook.Offer], spans: Sequence[pricebook.CardSpan], floor_bps: int
) -> list[Shortfall]:
    """List every price and card that are in force together and break the floor."""
    found = []
    for offer in offers:
        net = net_per_coin(
            price=offer.price, region=offer.region, fee_bps=offer.fee_bps, per_usd=offer.per_usd
        )
        for span in spans:
            cost = cost_per_coin(card=span.card)
            if pricebook.overlap(offer=offer, span=span) and not margin_ok(
                net=net, cost=cost, floor_bps=floor_bps
            ):
                floor = floor_per_coin(cost=cost, floor_bps=floor_bps)
                found.append(Shortfall(offer, span.card, net, cost, floor))
    return found


def check_margin(
    *, offers: Iterable[pricebook.Offer], spans: Sequence[pricebook.CardSpan], floor_bps: int
) -> None:
    """Refuse prices and cards that together break the floor. Raises MarginBelowFloor."""
    found = shortfalls(offers=offers, spans=spans, floor_bps=floor_bps)
    if found:
        raise MarginBelowFloor(found)


def worst_by_region(found: Sequence[Shortfall]) -> list[Shortfall]:
    """Keep the lowest price of each region, by the region's name."""
    worst: dict[str, Shortfall] = {}
    for shortfall in sorted(found, key=lambda one: (one.net - one.floor, one.offer.price.coins)):
        worst.setdefault(shortfall.offer.region.code, shortfall)
    return sorted(worst.values(), key=lambda one: one.offer.region.name)


def _words(usd: Fraction) -> str:
    """Write dollars with six decimals, half-up: for messages only."""
    exact = Decimal(usd.numerator) / Decimal(usd.denominator)
    return str(exact.quantize(Decimal("0.000001"), ROUND_HALF_UP))
