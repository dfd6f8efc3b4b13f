"""What coins cost one person now, by which methods, and what a creator gets for them.

Promises: a quote is complete before anything is agreed: price, tax, method, and what the coins are
worth to a creator. A method is offered only for amounts it can charge and that keep the margin
floor; otherwise it says from which amount it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from django.conf import settings
from django_countries import countries
from djmoney.money import Money

from accounts import risk as people_risk
from accounts.models import User
from wallet import charges, money, providers, queries, risk, shares
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
    """One method for one number of coins, and from and to how many exact coins it is offered."""

    method: PaymentMethod
    fee: MethodFee
    bounds: ChargeBounds
    charge: charges.Charge
    is_offered: bool
    from_coins: int | None
    to_coins: int
    why_not: str = ""

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

    @property
    def parts(self) -> list[shares.Part]:
        """Where the price goes when all of the coins are given to creators."""
        lines = [
            (self.region.tax_name, "tax", Fraction(self.tax_minor)),
            (f"{self.method.name} fee", "fee", Fraction(self.fee_minor)),
            ("Creators", "creator", Fraction(self.creator_minor)),
        ]
        return shares.split(lines, gross=Fraction(self.gross_minor), currency=self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """A number of coins at a region's till: its price as listed, and how it can be paid."""

    coins: int
    package_id: int | None
    listed_minor: Fraction
    till: "Till"
    offers: Sequence[Offer]

    @property
    def listed(self) -> Money:
        """The price as the region shows prices, half-up."""
        return money.money(money.half_up(self.listed_minor), self.till.region.currency)

    @property
    def per_coin(self) -> Money:
        """The price of one coin, unrounded: finer than what can be charged."""
        exact = self.listed_minor / self.coins / 10 ** money.decimals(self.till.region.currency)
        return Money(Decimal(exact.numerator) / exact.denominator, self.till.region.currency)

    @property
    def creator_minor(self) -> int:
        return charges.creator_minor(
            coins=self.coins,
            card=self.till.card,
            currency=self.till.region.currency,
            per_usd=self.till.per_usd,
        )

    @property
    def creator(self) -> Money:
        """What a creator gets when all of the coins are given to them."""
        return money.money(self.creator_minor, self.till.region.currency)

    @property
    def is_buyable(self) -> bool:
        return any(offer.is_offered for offer in self.offers)

    @property
    def from_coins(self) -> int | None:
        """The smallest number of coins that some method takes, when none takes this one."""
        starts = [
            offer.from_coins
            for offer in self.offers
            if offer.from_coins is not None and offer.from_coins > self.coins
        ]
        return None if self.is_buyable or not starts else min(starts)

    @property
    def why_not(self) -> str:
        if self.is_buyable:
            return ""
        if not self.offers:
            return "There is no way to pay in your country yet."
        return self.offers[0].why_not

    def quote(self, method_code: str) -> Quote:
        """Quote one of the methods. Raises MethodNotOffered."""
        offer = next((o for o in self.offers if o.code == method_code), None)
        if offer is None:
            raise MethodNotOffered(
                "This way to pay is not offered in your country. Choose another one."
            )
        if not offer.is_offered:
            raise MethodNotOffered(offer.why_not)
        region = self.till.region
        return Quote(
            coins=self.coins,
            package_id=self.package_id,
            region=region,
            method=offer.method,
            gross_minor=offer.charge.gross_minor,
            tax_minor=offer.charge.tax_minor,
            tax_bps=region.tax_bps,
            currency=region.currency,
            fee_minor=offer.fee_minor,
            creator_minor=self.creator_minor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """What is sold in a region now and on which terms; read once, asked many times."""

    region: Region
    prices: Sequence[Price]
    rate: Price | None
    methods: Sequence[PaymentMethod]
    card: RateCard
    per_usd: Decimal

    def packages(self) -> list[Basket]:
        return [self._basket(price, package_id=price.package_id) for price in self.prices]

    def package(self, package_id: int) -> Basket:
        """Price one package. Raises PackageNotOffered."""
        price = next((p for p in self.prices if p.package_id == package_id), None)
        if price is None:
            raise PackageNotOffered
        return self._basket(price, package_id=package_id)

    def exact(self, coins: int) -> Basket:
        """Price an exact number of coins. Raises AmountNotSold."""
        if not charges.COINS_MIN <= coins <= charges.COINS_MAX:
            raise AmountNotSold(
                f"You can buy from {charges.COINS_MIN:,} to {charges.COINS_MAX:,} coins at a time. "
                "Choose a number in between."
            )
        if self.rate is None:
            raise AmountNotSold("Exact amounts are not sold in your country. Choose a package.")
        return self._basket(self.rate, package_id=None, coins=coins)

    def basket(self, *, coins: int | None, package_id: int | None) -> Basket:
        """Price a package or an exact number. Raises PackageNotOffered, AmountNotSold."""
        if package_id is not None:
            return self.package(package_id)
        assert coins is not None, "either coins or a package"
        return self.exact(coins)

    def _basket(self, price: Price, *, package_id: int | None, coins: int | None = None) -> Basket:
        bought = price.coins if coins is None else coins
        listed = bought * price.minor_per_coin
        return Basket(
            coins=bought,
            package_id=package_id,
            listed_minor=listed,
            till=self,
            offers=[
                _offer(method, coins=bought, price_minor=listed, till=self)
                for method in self.methods
            ],
        )


def quote(
    *,
    user: User,
    coins: int | None = None,
    package_id: int | None = None,
    method_code: str,
    at: datetime,
) -> Quote:
    """Quote a package or an exact number of coins by one method.

    Raises NotSoldHere, AmountNotSold, PackageNotOffered, MethodNotOffered, BuyingPaused,
    accounts.risk.TooYoung.
    """
    till = till_for(user=user, at=at)
    return till.basket(coins=coins, package_id=package_id).quote(method_code)


def till_for(*, user: User, at: datetime) -> Till:
    """Read what is sold to a person where they live.

    Raises NotSoldHere, BuyingPaused, accounts.risk.TooYoung by the region's own age.
    """
    till = open_till(country=str(user.country), at=at)
    check_age(user=user, region=till.region, at=at)
    return till


def check_age(*, user: User, region: Region, at: datetime) -> None:
    """Refuse who is younger than buyers in the region must be. Raises accounts.risk.TooYoung."""
    if user.birth_date is None or people_risk.age(user.birth_date, at) < region.age_min:
        raise people_risk.TooYoung(
            f"You must be {region.age_min} or older to buy coins in {region.name}."
        )


def open_till(*, country: str, at: datetime) -> Till:
    """Read what is sold in a country and on which terms. Raises NotSoldHere, BuyingPaused."""
    region = queries.region_for(country)
    if region is None:
        name = countries.name(country) or "your country"
        raise NotSoldHere(
            f"Coins are not sold in {name} yet. Coins you already have can still be given."
        )
    return till_of(region=region, at=at)


def till_of(*, region: Region, at: datetime) -> Till:
    """Read what is sold in a region and on which terms. Raises BuyingPaused."""
    card = queries.card_in_force(at)
    if card is None:
        raise BuyingPaused("Coins are not sold yet: no rates have been published. Come back later.")
    try:
        per_usd = queries.fx(region.currency, at).per_usd
    except (queries.FxMissing, queries.FxStale) as error:
        raise BuyingPaused(
            f"Coins cannot be sold in {region.currency} right now: our exchange rate is out of "
            "date, so we could not tell you what a creator gets. Try again later."
        ) from error
    prices = list(queries.price_rows(region, Channel.WEB, at))
    return Till(
        region=region,
        prices=sorted(prices, key=lambda price: price.coins),
        rate=queries.rate_for(region, Channel.WEB, at),
        methods=list(queries.methods_for(region)),
        card=card,
        per_usd=per_usd,
    )


def _offer(method: PaymentMethod, *, coins: int, price_minor: Fraction, till: Till) -> Offer:
    region = till.region
    bounds = providers.load(method.provider).charge_bounds(currency=region.currency)
    charge = charges.charge(price_minor=price_minor, region=region, step_minor=bounds.step_minor)
    fee = next(iter(method.fees.all()), None) or MethodFee(method=method, currency=region.currency)
    from_coins = _from_coins(fee, bounds=bounds, till=till)
    offer = Offer(
        method=method,
        fee=fee,
        bounds=bounds,
        charge=charge,
        is_offered=True,
        from_coins=from_coins,
        to_coins=_to_coins(bounds, till=till),
    )
    why_not = _why_not(offer, coins=coins, till=till)
    return replace(offer, is_offered=False, why_not=why_not) if why_not else offer


def _why_not(offer: Offer, *, coins: int, till: Till) -> str:
    """Why the method is not offered for this, in the buyer's words; nothing when it is."""
    region, name = till.region, offer.method.name
    gross_minor = offer.charge.gross_minor
    if gross_minor > offer.bounds.maximum_minor:
        most = money.money(offer.bounds.maximum_minor, region.currency)
        return f"{name} takes at most {most} at a time. Buy fewer coins."
    keeps_floor = risk.charge_ok(
        amount_minor=gross_minor - (0 if region.tax_is_included else offer.charge.tax_minor),
        coins=coins,
        region=region,
        fee=offer.fee,
        card=till.card,
        per_usd=till.per_usd,
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


def _from_coins(fee: MethodFee, *, bounds: ChargeBounds, till: Till) -> int | None:
    """The number of coins from which both the floor and the provider's minimum are kept."""
    if till.rate is None:
        return None
    by_floor = risk.method_from_coins(
        rate=till.rate,
        region=till.region,
        fee=fee,
        card=till.card,
        per_usd=till.per_usd,
        floor_bps=settings.MARGIN_FLOOR_BPS,
    )
    if by_floor is None:
        return None
    by_minimum = math.ceil(bounds.minimum_minor / till.rate.minor_per_coin)
    least = max(by_floor, by_minimum, charges.COINS_MIN)
    return least if least <= _to_coins(bounds, till=till) else None


def _to_coins(bounds: ChargeBounds, *, till: Till) -> int:
    """The number of coins up to which an exact amount stays within what can be charged."""
    if till.rate is None:
        return charges.COINS_MAX
    per_coin = charges.with_tax(till.rate.minor_per_coin, region=till.region)
    return min(charges.COINS_MAX, int(bounds.maximum_minor / per_coin))
