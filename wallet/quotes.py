"""What coins cost one person now, by which methods, and what a creator gets for them.

Promises: a quote is complete before anything is agreed: price, tax, method, and what the coins are
worth to a creator. A method is offered only for amounts it can charge and that keep the margin
floor; otherwise it says from which amount it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from django.conf import settings
from django_countries import countries
from djmoney.money import Money

from accounts.models import User
from wallet import charges, money, providers, queries, risk
from wallet.models import Channel, MethodFee, PaymentMethod, Price, RateCard, Region
from wallet.providers.base import ChargeBounds


class NotSoldHere(Exception):
    """Coins are not sold in the person's country."""


class AmountNotSold(Exception):
    """That number of coins is not for sale."""


class PackageNotOffered(Exception):
    """The package is not on offer here, or no longer."""

    def __init__(self) -> None:
        super().__init__("This package is no longer offered. Choose another one.")


class MethodNotOffered(Exception):
    """The method cannot be used for this purchase."""


class BuyingPaused(Exception):
    """Something of ours is missing, so that no price can be vouched for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One method for one number of coins. ``from_coins`` is set when it takes only more."""

    method: PaymentMethod
    fee: MethodFee | None
    bounds: ChargeBounds
    charge: charges.Charge
    is_offered: bool
    why_not: str = ""
    from_coins: int | None = None

    @property
    def code(self) -> str:
        return self.method.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Everything there is to know before agreeing to a purchase."""

    coins: int
    package_id: int | None
    region: Region
    method: PaymentMethod
    gross_minor: int
    tax_minor: int
    tax_bps: int
    currency: str
    fee_minor: int
    creator_minor: int

    @property
    def gross(self) -> Money:
        return money.money(self.gross_minor, self.currency)

    @property
    def tax(self) -> Money:
        return money.money(self.tax_minor, self.currency)

    @property
    def net(self) -> Money:
        return money.money(self.gross_minor - self.tax_minor, self.currency)

    @property
    def creator(self) -> Money:
        return money.money(self.creator_minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """A number of coins at a region's till: its price, and how it can be paid."""

    coins: int
    package_id: int | None
    region: Region
    card: RateCard
    per_usd: Decimal
    offers: Sequence[Offer]

    def quote(self, method_code: str) -> Quote:
        """Quote one of the methods. Raises MethodNotOffered."""
        offer = next((o for o in self.offers if o.code == method_code), None)
        if offer is None:
            raise MethodNotOffered("This way to pay is not offered in your country. Choose another one.")
        if not offer.is_offered:
            raise MethodNotOffered(offer.why_not)
        return Quote(
            coins=self.coins,
            package_id=self.package_id,
            region=self.region,
            method=offer.method,
            gross_minor=offer.charge.gross_minor,
            tax_minor=offer.charge.tax_minor,
            tax_bps=self.region.tax_bps,
            currency=self.region.currency,
            fee_minor=charges.expected_fee_minor(gross_minor=offer.charge.gross_minor, fee=offer.fee),
            creator_minor=charges.creator_minor(
                coins=self.coins, card=self.card, currency=self.region.currency, per_usd=self.per_usd
            ),
        )


def quote(
    *, user: User, coins: int | None = None, package_id: int | None = None, method_code: str, at: datetime
) -> Quote:
    """Quote a package or an exact number of coins by one method.

    Raises NotSoldHere, AmountNotSold, PackageNotOffered, MethodNotOffered, BuyingPaused.
    """
    return till(user=user, coins=coins, package_id=package_id, at=at).quote(method_code)


def till(*, user: User, coins: int | None = None, package_id: int | None = None, at: datetime) -> Till:
    """Price a package or an exact number of coins for a person, with every method.

    Raises NotSoldHere, AmountNotSold, PackageNotOffered, BuyingPaused.
    """
    assert (coins is None) != (package_id is None), "either coins or a package"
    region = region_of(user)
    price_coins, price_minor = _price(region, coins=coins, package_id=package_id, at=at)
    rate = queries.rate_for(region, Channel.WEB, at)
    card, per_usd = _terms(region, at)
    facts = _Facts(region=region, rate=rate, card=card, per_usd=per_usd)
    return Till(
        coins=price_coins,
        package_id=package_id,
        region=region,
        card=card,
        per_usd=per_usd,
        offers=[
            _offer(method, coins=price_coins, price_minor=price_minor, facts=facts)
            for method in queries.methods_for(region)
        ],
    )


def region_of(user: User) -> Region:
    """Return where the person buys. Raises NotSoldHere."""
    region = queries.region_for(str(user.country))
    if region is None:
        name = countries.name(user.country) or "your country"
        raise NotSoldHere(
            f"Coins are not sold in {name} yet. Coins you already have can still be given."
        )
    return region


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    region: Region
    rate: Price | None
    card: RateCard
    per_usd: Decimal


def _price(
    region: Region, *, coins: int | None, package_id: int | None, at: datetime
) -> tuple[int, Fraction]:
    if package_id is not None:
        price = queries.price_of(region, Channel.WEB, at, package_id=package_id)
        if price is None:
            raise PackageNotOffered
        return price.coins, Fraction(price.amount_minor)
    assert coins is not None
    if not charges.COINS_MIN <= coins <= charges.COINS_MAX:
        raise AmountNotSold(
            f"You can buy from {charges.COINS_MIN:,} to {charges.COINS_MAX:,} coins at a time. "
            "Choose a number in between."
        )
    rate = queries.rate_for(region, Channel.WEB, at)
    if rate is None:
        raise AmountNotSold("Exact amounts are not sold in your country. Choose a package.")
    return coins, coins * rate.minor_per_coin


def _terms(region: Region, at: datetime) -> tuple[RateCard, Decimal]:
    card = queries.card_in_force(at)
    if card is None:
        raise BuyingPaused("Coins are not sold yet: no rates have been published. Come back later.")
    try:
        return card, queries.fx(region.currency, at).per_usd
    except (queries.FxMissing, queries.FxStale) as error:
        raise BuyingPaused(
            f"Coins cannot be sold in {region.currency} right now: our exchange rate is out of date, "
            "so we could not tell you what a creator gets. Try again later."
        ) from error


def _offer(method: PaymentMethod, *, coins: int, price_minor: Fraction, facts: _Facts) -> Offer:
    region = facts.region
    bounds = providers.load(method.provider).charge_bounds(currency=region.currency)
    charge = charges.charge(price_minor=price_minor, region=region, step_minor=bounds.step_minor)
    fee = next(iter(method.fees.all()), None)
    offer = Offer(method=method, fee=fee, bounds=bounds, charge=charge, is_offered=True)
    if charge.gross_minor > bounds.maximum_minor:
        most = money.money(bounds.maximum_minor, region.currency)
        return _refused(offer, f"{method.name} takes at most {most} at a time. Buy fewer coins.")
    keeps_floor = risk.charge_ok(
        amount_minor=charge.gross_minor - (0 if region.tax_is_included else charge.tax_minor),
        coins=coins,
        region=region,
        fee=fee or MethodFee(method=method, currency=region.currency),
        card=facts.card,
        per_usd=facts.per_usd,
        floor_bps=settings.MARGIN_FLOOR_BPS,
    )
    if keeps_floor and charge.gross_minor >= bounds.minimum_minor:
        return offer
    return _too_small(offer, facts)


def _too_small(offer: Offer, facts: _Facts) -> Offer:
    from_coins = _from_coins(offer, facts)
    if from_coins is None or from_coins > charges.COINS_MAX:
        return _refused(offer, f"{offer.method.name} costs too much in your country to be offered.")
    why = (
        f"{offer.method.name} is offered from {from_coins:,} coins: "
        "below that its fee would take the creator's part."
    )
    return _refused(offer, why, from_coins=from_coins)


def _refused(offer: Offer, why_not: str, *, from_coins: int | None = None) -> Offer:
    return replace(offer, is_offered=False, why_not=why_not, from_coins=from_coins)


def _from_coins(offer: Offer, facts: _Facts) -> int | None:
    """The number of coins from which both the floor and the provider's minimum are kept."""
    rate = facts.rate
    if rate is None:
        return None
    by_floor = risk.method_from_coins(
        rate=rate,
        region=facts.region,
        fee=offer.fee or MethodFee(method=offer.method, currency=rate.currency),
        card=facts.card,
        per_usd=facts.per_usd,
        floor_bps=settings.MARGIN_FLOOR_BPS,
    )
    if by_floor is None:
        return None
    by_minimum = -(-offer.bounds.minimum_minor // rate.minor_per_coin)
    return max(by_floor, int(by_minimum), charges.COINS_MIN)
