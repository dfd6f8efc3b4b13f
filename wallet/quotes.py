"""What coins cost one person now, by which methods, and what a creator gets for them.

Promises: a quote is complete before anything is agreed: price, tax, method, and what the coins are
worth to a creator. A method is offered only for amounts it can charge and that keep the margin
floor; otherwise it says from which amount it is. For a person it is offered within their limits
only, and each limit is in the offer with what is used of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from django_countries import countries
from djmoney.money import Money

from accounts import risk as people_risk
from accounts.models import User
from wallet import charges, facts, limits, money, offers, queries, shares
from wallet.models import Channel, PaymentKind, PaymentMethod, Price, Region, kind_of

CARD: Final = "card"  # the code of the method that is proposed to who has not paid yet
type Offer = offers.Offer


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
    offers: Sequence[offers.Offer]

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
    def is_over_limit(self) -> bool:
        """Whether it is the buyer's limits that stand in the way."""
        return not self.is_buyable and any(offer.over is not None for offer in self.offers)

    @property
    def to_coins(self) -> int | None:
        """The largest number of coins that the buyer's limits let through, when not this one."""
        ends = [
            offer.to_coins
            for offer in self.offers
            if offer.over is not None and (offer.from_coins or 0) <= offer.to_coins < self.coins
        ]
        return None if self.is_buyable or not ends else max(ends)

    @property
    def why_not(self) -> str:
        if self.is_buyable:
            return ""
        if not self.offers:
            return "There is no way to pay in your country yet."
        nearest = next((one for one in self.offers if one.from_coins == self.from_coins), None)
        return (nearest or self.offers[0]).why_not

    def chosen(self, *, wanted: str) -> Offer | None:
        """The method to propose: the wanted one where it is offered, else the card, else any."""
        offered = {offer.code: offer for offer in self.offers if offer.is_offered}
        return offered.get(wanted) or offered.get(CARD) or next(iter(offered.values()), None)

    def quote(self, method_code: str) -> Quote:
        """Quote one of the methods. Raises MethodNotOffered, limits.Refused."""
        offer = next((o for o in self.offers if o.code == method_code), None)
        if offer is None:
            raise MethodNotOffered(
                "This way to pay is not offered in your country. Choose another one."
            )
        if offer.over is not None:
            raise offer.over
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
class Till(offers.Terms):
    """What is sold in a region now and on which terms; read once, asked many times."""

    prices: Sequence[Price]
    methods: Sequence[PaymentMethod]

    @property
    def own_limits(self) -> list[limits.Line]:
        """The buyer's own limits, over every way to pay."""
        return limits.own_lines(self.buyer) if self.buyer else []

    @property
    def kinds(self) -> list[PaymentKind]:
        """The kinds of payment there are, each once."""
        return list(dict.fromkeys(kind_of(method.hold_class) for method in self.methods))

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
                offers.offer(method=method, coins=bought, price_minor=listed, terms=self)
                for method in self.methods
            ],
        )


def quote(
    *,
    user: User,
    coins: int | None = None,
    package_id: int | None = None,
    method_code: str,
    region: Region | None = None,
    network: str = "",
    at: datetime,
) -> Quote:
    """Quote a package or an exact number of coins by one method, where the person lives.

    Raises NotSoldHere, AmountNotSold, PackageNotOffered, MethodNotOffered, BuyingPaused,
    limits.Refused, accounts.risk.TooYoung.
    """
    till = till_for(user=user, region=region, network=network, at=at)
    return till.basket(coins=coins, package_id=package_id).quote(method_code)


def check_age(*, user: User, region: Region, at: datetime) -> None:
    """Refuse who is younger than buyers in the region must be. Raises accounts.risk.TooYoung."""
    if user.birth_date is None or people_risk.age(user.birth_date, at) < region.age_min:
        raise people_risk.TooYoung(
            f"You must be {region.age_min} or older to buy coins in {region.name}."
        )


def open_till(*, country: str, at: datetime) -> Till:
    """Read what is sold in a country and on which terms. Raises NotSoldHere, BuyingPaused."""
    return till_of(region=region_of(country), at=at)


def region_of(country: str) -> Region:
    """Find the region in which a country buys. Raises NotSoldHere."""
    region = queries.region_for(country)
    if region is None:
        name = countries.name(country) or "your country"
        raise NotSoldHere(
            f"Coins are not sold in {name} yet. Coins you already have can still be given."
        )
    return region


def till_for(*, user: User, region: Region | None = None, network: str = "", at: datetime) -> Till:
    """Read what is sold to a person where they live, or in another region that is right for them.

    Raises NotSoldHere, BuyingPaused, accounts.risk.TooYoung by the region's own age.
    """
    till = till_within(user=user, region=region, network=network, at=at)
    check_age(user=user, region=till.region, at=at)
    return till


def till_within(
    *, user: User, region: Region | None = None, network: str = "", at: datetime
) -> Till:
    """Read what is sold within a person's limits. Raises NotSoldHere, BuyingPaused."""
    till = till_of(region=region, at=at) if region else open_till(country=str(user.country), at=at)
    return replace(till, buyer=_buyer(user, region=till.region, network=network, at=at))


def buyer(*, user: User, at: datetime) -> facts.Buyer:
    """Read all that limits a person where they live. Raises NotSoldHere, BuyingPaused."""
    return _buyer(user, region=region_of(str(user.country)), network="", at=at)


def _buyer(user: User, *, region: Region, network: str, at: datetime) -> facts.Buyer:
    try:
        return facts.of_buyer(user=user, region=region, at=at, network=network)
    except (queries.FxMissing, queries.FxStale) as error:
        raise BuyingPaused(
            "Coins cannot be sold to you right now: you have paid in another currency lately, and "
            "our exchange rate for it is out of date. Try again later."
        ) from error


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
        methods=[
            method
            for method in queries.methods_for(region)
            if offers.takes(method, currency=region.currency)
        ],
        card=card,
        per_usd=per_usd,
    )
