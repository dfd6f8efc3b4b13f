"""What coins cost and where the money goes, for anyone to see.

Promises: the same price rows, fees, rate cards and exchange rates that purchases and gifts use;
nothing here is about a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from django.conf import settings
from djmoney.money import Money

from wallet import pricebook, queries, risk, shares
from wallet.models import (
    BPS,
    FIRST_HOLD,
    Channel,
    FxRate,
    HoldClass,
    MethodFee,
    PaymentMethod,
    Price,
    RateCard,
    Region,
)
from wallet.money import half_up, money


@dataclass(frozen=True, slots=True)
class Example:
    """So many coins bought through one channel by one method, and where the price goes.

    ``from_coins`` is the amount from which the method is offered; None: never here.
    """

    channel: str
    method: str
    coins: int
    paid: Money
    parts: Sequence[shares.Part]
    creator: Money
    operator: Money
    from_coins: int | None

    @property
    def is_offered(self) -> bool:
        return self.from_coins is not None and self.coins >= self.from_coins


@dataclass(frozen=True, slots=True)
class RegionLine:
    """One region in the list of all: 100 coins, and the creator's part of them."""

    region: Region
    paid: Money
    tax_share: Decimal
    creator: Money | None
    creator_share: Decimal | None


@dataclass(frozen=True, slots=True)
class CardLine:
    """A rate card with what it means: diamonds and dollars a coin, and holds by payment class."""

    card: RateCard
    diamonds_per_coin_milli: int
    usd_per_coin: Money
    usd_per_diamond: Money
    holds: Sequence[tuple[str, int]]
    first_days: int  # at least so long until three payouts have reached the creator; 0: no longer
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cards:
    in_force: CardLine | None
    announced: Sequence[CardLine]
    past: Sequence[CardLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A value until a card begins and from then on. None: there was no card before."""

    words: str
    before: int | Money | None
    after: int | Money

    @property
    def is_change(self) -> bool:
        return self.before is not None and self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A card beside the one it follows: what changes by it, and what stays.

    ``worth`` is what coins earn a creator, in dollars and in the reader's currency at ``fx``.
    """

    line: CardLine
    before: CardLine | None
    diamonds: Pair
    diamond_usd: Pair
    worth: Sequence[Pair]
    fx: FxRate | None
    days: Sequence[Pair]  # holds by payment class, for first payouts, and the notice

    @property
    def fx_words(self) -> str:
        return "" if self.fx is None else f"{self.fx.per_usd.normalize():f}"


def regions() -> list[Region]:
    """The regions that sell coins, by name."""
    return list(Region.objects.filter(is_open=True).order_by("name"))


def examples(*, region: Region, coins: int, at: datetime) -> list[Example]:
    """Where the price of ``coins`` goes, for every channel and method of the region."""
    card = queries.card_in_force(at=at)
    if card is None:
        return []
    per_usd = queries.fx(currency=region.currency, at=at).per_usd
    methods = PaymentMethod.objects.filter(regions=region, is_offered=True).order_by("code")
    own_fees = MethodFee.objects.filter(currency=region.currency).select_related("method")
    fees = {fee.method_id: fee for fee in own_fees}
    found = []
    for channel in Channel:
        rate = queries.rate_for(region=region, channel=channel, at=at)
        for method in methods if rate else ():
            assert rate is not None
            fee = fees.get(method.pk) or MethodFee(method=method, currency=region.currency)
            found.append(
                _example(rate=rate, region=region, fee=fee, card=card, per_usd=per_usd, coins=coins)
            )
    return found


def region_lines(*, at: datetime) -> list[RegionLine]:
    """Every open region with the price of 100 coins on the web."""
    card = queries.card_in_force(at=at)
    found = []
    for region in regions():
        rate = queries.rate_for(region=region, channel=Channel.WEB, at=at)
        if rate is not None:
            found.append(_region_line(region, rate, card, at=at))
    return found


def cards(*, at: datetime) -> Cards:
    """Every rate card: in force, to come (soonest first) and past (latest first)."""
    rows = list(RateCard.objects.order_by("effective_at"))
    ends = [*(card.effective_at for card in rows[1:]), None]
    lines = [_card_line(card, ends_at) for card, ends_at in zip(rows, ends, strict=True)]
    begun = [line for line in lines if line.card.effective_at <= at]
    return Cards(
        begun[-1] if begun else None,
        [line for line in lines if line.card.effective_at > at],
        begun[-2::-1],
    )


def news_of(*, card: RateCard, currency: str, at: datetime) -> News:
    """Lay a card beside the one it follows, for a reader who counts in ``currency``."""
    rows = RateCard.objects.order_by("effective_at")
    earlier = rows.filter(effective_at__lt=card.effective_at).last()
    later = rows.filter(effective_at__gt=card.effective_at).first()
    line = _card_line(card, later.effective_at if later else None)
    before = None if earlier is None else _card_line(earlier, card.effective_at)
    fx = None
    if currency != queries.BASE_CURRENCY:
        try:
            fx = queries.fx(currency=currency, at=at)
        except (queries.FxMissing, queries.FxStale):
            fx = None
    worth = [
        Pair(
            words="One coin earns the creator",
            before=before.usd_per_coin if before else None,
            after=line.usd_per_coin,
        )
    ]
    if fx is not None:
        worth.append(
            Pair(
                words=f"In {currency}, at today’s exchange rate",
                before=_worth_of_coin(earlier, fx) if earlier else None,
                after=_worth_of_coin(card, fx),
            )
        )
    return News(
        line=line,
        before=before,
        diamonds=Pair(
            words="Diamonds a coin",
            before=before.diamonds_per_coin_milli if before else None,
            after=line.diamonds_per_coin_milli,
        ),
        diamond_usd=Pair(
            words="One diamond is worth",
            before=before.usd_per_diamond if before else None,
            after=line.usd_per_diamond,
        ),
        worth=worth,
        fx=fx,
        days=_days(line, before),
    )


def _worth_of_coin(card: RateCard, fx: FxRate) -> Money:
    """What a coin earns, in the currency, six decimals of its unit half-up: for showing."""
    return Money(_decimal(risk.cost_per_coin(card=card) * Fraction(fx.per_usd)), fx.currency)


def _days(line: CardLine, before: CardLine | None) -> list[Pair]:
    was = dict(before.holds) if before else {}
    holds = [Pair(words=words, before=was.get(words), after=days) for words, days in line.holds]
    return [
        *holds,
        Pair(
            words="Any payment, until three payouts have reached the creator: at least",
            before=before.first_days if before else None,
            after=line.first_days,
        ),
        Pair(
            words="Notice before a worse card",
            before=before.card.notice_days if before else None,
            after=line.card.notice_days,
        ),
    ]


def _example(
    *, rate: Price, region: Region, fee: MethodFee, card: RateCard, per_usd: Decimal, coins: int
) -> Example:
    """Charge as a purchase does: half-up to the minor unit; then split that charge exactly."""
    tax_share = Fraction(region.tax_bps, BPS)
    listed = rate.minor_per_coin * coins
    gross = half_up(listed if region.tax_is_included else listed * (1 + tax_share))
    tax = gross * tax_share / (1 + tax_share)
    taken = Fraction(gross * fee.fee_bps, BPS) + fee.fee_minor
    creator = _in_currency(coins * risk.cost_per_coin(card=card), region.currency, per_usd)
    lines = [("Tax", "tax", tax), ("Payment fee", "fee", taken), ("Creator", "creator", creator)]
    parts = shares.split(lines, gross=Fraction(gross), currency=region.currency)
    amounts = {part.part: part.amount for part in parts}
    return Example(
        channel=Channel(rate.channel).label,
        method=fee.method.name,
        coins=coins,
        paid=money(gross, region.currency),
        parts=parts,
        creator=amounts["creator"],
        operator=amounts["operator"],
        from_coins=risk.method_from_coins(
            rate=rate,
            region=region,
            fee=fee,
            card=card,
            per_usd=per_usd,
            floor_bps=settings.MARGIN_FLOOR_BPS,
        ),
    )


def _region_line(region: Region, rate: Price, card: RateCard | None, *, at: datetime) -> RegionLine:
    tax_share = Fraction(region.tax_bps, BPS)
    listed = rate.minor_per_coin * 100
    gross = half_up(listed if region.tax_is_included else listed * (1 + tax_share))
    creator = None
    if card is not None:
        try:
            per_usd = queries.fx(currency=region.currency, at=at).per_usd
        except (queries.FxMissing, queries.FxStale):
            pass
        else:
            creator = _in_currency(100 * risk.cost_per_coin(card=card), region.currency, per_usd)
    share = None if creator is None else creator / gross
    return RegionLine(
        region,
        money(gross, region.currency),
        Decimal(region.tax_bps) / BPS,
        None if creator is None else shares.fine(creator, currency=region.currency),
        None if share is None else Decimal(share.numerator) / Decimal(share.denominator),
    )


def _in_currency(usd: Fraction, currency: str, per_usd: Decimal) -> Fraction:
    return usd / risk.in_usd(Fraction(1), currency=currency, per_usd=per_usd)


def _card_line(card: RateCard, ends_at: datetime | None) -> CardLine:
    usd = risk.cost_per_coin(card=card)
    return CardLine(
        card,
        card.diamonds_per_coin_milli,
        Money(Decimal(usd.numerator) / Decimal(usd.denominator), "USD"),
        Money(card.diamond_usd, "USD"),
        [(hold.label, card.hold_days[str(hold.value)]) for hold in HoldClass],
        card.hold_days.get(FIRST_HOLD, 0),
        ends_at,
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """A price beside those of other regions, in dollars a coin; what is left after the diamonds."""

    name: str
    price: Money
    coins: int
    net_usd: Decimal
    left_usd: Decimal
    margin: Decimal


def compared(*, price: Price, at: datetime) -> list[Compared]:
    """The price and each other region's rate in force, as what a coin nets under today's card."""
    card = queries.card_in_force(at=at)
    if card is None:
        return []
    cost = risk.cost_per_coin(card=card)
    others = [
        (region.name, queries.rate_for(region=region, channel=price.channel, at=at), region)
        for region in regions()
        if region.pk != price.region_id
    ]
    rows = [("This price", price, price.region), *others]
    return [_compared(name, row, region, cost, at) for name, row, region in rows if row is not None]


def valued(*, prices: Sequence[Price], at: datetime) -> dict[int, Compared]:
    """What a coin nets at each of the rows under today's card, by the row's ``id()``."""
    card = queries.card_in_force(at=at)
    if card is None:
        return {}
    cost = risk.cost_per_coin(card=card)
    facts = {
        region.pk: (
            pricebook.fee_bps_max(region=region),
            queries.fx(currency=region.currency, at=at).per_usd,
        )
        for region in {price.region for price in prices}
    }
    found = {}
    for price in prices:
        fee_bps, per_usd = facts[price.region_id]
        net = risk.net_per_coin(price=price, region=price.region, fee_bps=fee_bps, per_usd=per_usd)
        found[id(price)] = _line(price.region.name, price, net=net, cost=cost)
    return found


def _compared(name: str, row: Price, region: Region, cost: Fraction, at: datetime) -> Compared:
    net = risk.net_per_coin(
        price=row,
        region=region,
        fee_bps=pricebook.fee_bps_max(region=region),
        per_usd=queries.fx(currency=region.currency, at=at).per_usd,
    )
    return _line(name, row, net=net, cost=cost)


def _line(name: str, row: Price, *, net: Fraction, cost: Fraction) -> Compared:
    left = net - cost
    return Compared(
        name, row.money, row.coins, _decimal(net), _decimal(left), _decimal(left / cost)
    )


def _decimal(exact: Fraction) -> Decimal:
    """Write six decimals, half-up: for showing."""
    unrounded = Decimal(exact.numerator) / Decimal(exact.denominator)
    return unrounded.quantize(Decimal("0.000001"), ROUND_HALF_UP)
