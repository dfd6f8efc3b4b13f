"""One way to pay for so many coins: what it charges, from and to which amount, and why not.

Promises: a method is offered only for amounts it can charge, that keep the margin floor, and that
are within the limits of the person who asks; otherwise it says why in their words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from django.conf import settings
from djmoney.money import Money

from wallet import charges, facts, limits, money, providers, risk
from wallet.models import MethodFee, PaymentMethod, Price, RateCard, Region, kind_of
from wallet.providers.base import ChargeBounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a region sells, and to whom: nobody in particular where there is no buyer."""

    region: Region
    rate: Price | None
    card: RateCard
    per_usd: Decimal
    buyer: facts.Buyer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One method for one number of coins, and from and to how many exact coins it is offered."""

    method: PaymentMethod
    fee: MethodFee
    bounds: ChargeBounds
    charge: charges.Charge
    is_offered: bool
    from_coins: int | None
    to_coins: int
    why_not: str = ""
    lines: Sequence[limits.Line] = ()
    over: limits.Refused | None = None

    @property
    def code(self) -> str:
        return self.method.code

    @property
    def gross(self) -> Money:
        return money.money(self.charge.gross_minor, self.fee.currency)

    @property
    def fee_minor(self) -> int:
        return charges.expected_fee_minor(gross_minor=self.charge.gross_minor, fee=self.fee)

    @property
    def fee_money(self) -> Money:
        return money.money(self.fee_minor, self.fee.currency)


def takes(method: PaymentMethod, *, currency: str) -> bool:
    """Whether the method's company takes the currency by its rail."""
    return providers.takes(method.provider, rail=method.rail, currency=currency)


def offer(*, method: PaymentMethod, coins: int, price_minor: Fraction, terms: Terms) -> Offer:
    """Make one method's offer for so many coins; ``price_minor`` is their listed price, exact."""
    region = terms.region
    bounds = providers.load(method.provider).charge_bounds(currency=region.currency)
    charge = charges.charge(price_minor=price_minor, region=region, step_minor=bounds.step_minor)
    fee = next(iter(method.fees.all()), None) or MethodFee(method=method, currency=region.currency)
    lines = _limits(method, terms=terms)
    most = limits.left_minor(lines)
    within = (
        bounds if most is None else replace(bounds, maximum_minor=min(most, bounds.maximum_minor))
    )
    made = Offer(
        method=method,
        fee=fee,
        bounds=bounds,
        charge=charge,
        is_offered=True,
        from_coins=_from_coins(fee, bounds=bounds, terms=terms),
        to_coins=_to_coins(within, terms=terms),
        lines=lines,
        over=_over(method, gross_minor=charge.gross_minor, terms=terms),
    )
    why_not = _why_not(made, coins=coins, terms=terms)
    return replace(made, is_offered=False, why_not=why_not) if why_not else made


def _limits(method: PaymentMethod, *, terms: Terms) -> list[limits.Line]:
    if terms.buyer is None:
        return []
    return limits.all_lines(buyer=terms.buyer, kind=kind_of(method.hold_class))


def _over(method: PaymentMethod, *, gross_minor: int, terms: Terms) -> limits.Refused | None:
    """The limit that stands in the buyer's way; none where nobody in particular asks."""
    if terms.buyer is None:
        return None
    try:
        limits.check(buyer=terms.buyer, kind=kind_of(method.hold_class), amount_minor=gross_minor)
    except limits.Refused as refusal:
        return refusal
    return None


def _why_not(offer: Offer, *, coins: int, terms: Terms) -> str:
    """Why the method is not offered for this, in the buyer's words; nothing when it is."""
    if offer.over is not None:
        return str(offer.over)
    region, name = terms.region, offer.method.name
    gross_minor = offer.charge.gross_minor
    if gross_minor > offer.bounds.maximum_minor:
        most = money.money(offer.bounds.maximum_minor, region.currency)
        return f"{name} takes at most {most} at a time. Buy fewer coins."
    keeps_floor = risk.charge_ok(
        amount_minor=gross_minor - (0 if region.tax_is_included else offer.charge.tax_minor),
        coins=coins,
        region=region,
        fee=offer.fee,
        card=terms.card,
        per_usd=terms.per_usd,
        floor_bps=settings.MARGIN_FLOOR_BPS,
    )
    if keeps_floor and gross_minor >= offer.bounds.minimum_minor:
        return ""
    if offer.from_coins is None:
        return f"{name} costs too much in your country to be offered."
    return (
        f"{name} is offered from {offer.from_coins:,} coins: "
        "below that, its fee would take the creator's part."
    )


def _from_coins(fee: MethodFee, *, bounds: ChargeBounds, terms: Terms) -> int | None:
    """The number of coins from which both the floor and the provider's minimum are kept."""
    if terms.rate is None:
        return None
    by_floor = risk.method_from_coins(
        rate=terms.rate,
        region=terms.region,
        fee=fee,
        card=terms.card,
        per_usd=terms.per_usd,
        floor_bps=settings.MARGIN_FLOOR_BPS,
    )
    if by_floor is None:
        return None
    by_minimum = math.ceil(bounds.minimum_minor / terms.rate.minor_per_coin)
    least = max(by_floor, by_minimum, charges.COINS_MIN)
    return least if least <= _to_coins(bounds, terms=terms) else None


def _to_coins(bounds: ChargeBounds, *, terms: Terms) -> int:
    """The number of coins up to which an exact amount stays within what can be charged."""
    if terms.rate is None:
        return charges.COINS_MAX
    per_coin = charges.with_tax(terms.rate.minor_per_coin, region=terms.region)
    return min(charges.COINS_MAX, int(bounds.maximum_minor / per_coin))
