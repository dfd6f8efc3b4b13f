"""The price book and the rate cards as spans of time: what is sold, what it earns, and when.

Promises: reads only. An offer's share for the payment method is the highest among the methods its
region offers, so a rule that holds for the offer holds for every method's share.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from django.db.models import Prefetch, QuerySet
from djmoney.money import Money

from wallet import queries
from wallet.models import MethodFee, PaymentMethod, Price, RateCard, Region


@dataclass(frozen=True, slots=True)
class Offer:
    """One price row while it is in force, with what it takes to value it. No end: for good."""

    price: Price
    region: Region
    fee_bps: int
    per_usd: Decimal
    begins_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class CardSpan:
    """One rate card while it is in force."""

    card: RateCard
    begins_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """A row that has not begun yet, and the one it takes the place of."""

    price: Price
    before: Price

    @property
    def was(self) -> Money:
        """What as many coins cost before, half-up."""
        return queries.value_at(self.before, self.price.coins)


type LineKey = tuple[str, str, int | None]


def line_of(price: Price) -> LineKey:
    """The prices that follow each other: of one region, channel and package."""
    return price.region_id, price.channel, price.package_id


def lines(
    *, extra: Sequence[Price] = (), saved: Iterable[Price] | None = None
) -> dict[LineKey, list[Price]]:
    """The rows of each line in time, with ``extra`` rows that are not saved yet among them.

    The ``saved`` ones are all of the regions of the extra ones, unless they are given.
    """
    if saved is None:
        saved = Price.objects.filter(region__in={price.region_id for price in extra})
    found: dict[LineKey, list[Price]] = defaultdict(list)
    for price in (*saved, *extra):
        found[line_of(price)].append(price)
    return {key: sorted(line, key=lambda row: row.valid_from) for key, line in found.items()}


def open_regions() -> QuerySet[Region]:
    """Return where coins are sold, by name, with the ways to pay that are offered there."""
    offered = PaymentMethod.objects.filter(is_offered=True).order_by("name")
    return (
        Region.objects.filter(is_open=True)
        .prefetch_related(Prefetch("methods", queryset=offered))
        .order_by("name")
    )


def changes_to_come(*, at: datetime, region: Region | None = None) -> list[Change]:
    """What is announced and has not begun, by its date: of one open region, or of all."""
    coming = Price.objects.filter(region__is_open=True, valid_from__gt=at)
    mine = coming if region is None else coming.filter(region=region)
    codes = set(mine.values_list("region_id", flat=True))
    if not codes:
        return []
    rows = Price.objects.filter(region__in=codes).select_related("region", "package")
    ordered = rows.order_by("region_id", "channel", "package_id", "valid_from")
    found = [
        Change(price, before)
        for before, price in pairwise(ordered)
        if line_of(before) == line_of(price)
        and price.valid_from > at
        and price.minor_per_coin != before.minor_per_coin
        and (price.package is None or price.package.is_offered)
    ]
    return sorted(
        found,
        key=lambda one: (
            one.price.valid_from,
            one.price.region.name,
            one.price.channel,
            one.price.package_id is not None,
            one.price.coins,
        ),
    )


def fee_bps_max(*, region: Region) -> int:
    """The highest share that a method offered in the region takes, in basis points."""
    fees = MethodFee.objects.filter(
        method__regions=region, method__is_offered=True, currency=region.currency
    )
    return max(fees.values_list("fee_bps", flat=True), default=0)


def offers(*, at: datetime, extra: Sequence[Price] = ()) -> list[Offer]:
    """Every price row of an open region that is in force at ``at`` or will be.

    ``extra`` are rows not saved yet, taken as if they were. Raises FxMissing, FxStale.
    """
    rows = defaultdict(list)
    for price in (*Price.objects.filter(region__is_open=True).select_related("region"), *extra):
        rows[price.region_id, price.channel, price.package_id].append(price)
    regions = {price.region_id: price.region for line in rows.values() for price in line}
    facts = {
        code: (fee_bps_max(region=region), queries.fx(currency=region.currency, at=at).per_usd)
        for code, region in regions.items()
    }
    return [
        Offer(price, regions[price.region_id], *facts[price.region_id], price.valid_from, ends_at)
        for line in rows.values()
        for price, ends_at in _until_next(sorted(line, key=lambda row: row.valid_from))
        if ends_at is None or ends_at > at
    ]


def card_spans(*, at: datetime, extra: Sequence[RateCard] = ()) -> list[CardSpan]:
    """Every rate card that is in force at ``at`` or will be; ``extra`` are not announced yet."""
    cards = sorted((*RateCard.objects.all(), *extra), key=lambda card: card.effective_at)
    ends = [card.effective_at for card in cards[1:]]
    return [
        CardSpan(card, card.effective_at, ends_at)
        for card, ends_at in zip(cards, (*ends, None), strict=True)
        if ends_at is None or ends_at > at
    ]


def overlap(*, offer: Offer, span: CardSpan) -> bool:
    """Say whether a coin sold by the offer's price can be given while the card is in force."""
    return (span.ends_at is None or offer.begins_at < span.ends_at) and (
        offer.ends_at is None or span.begins_at < offer.ends_at
    )


def _until_next(line: Sequence[Price]) -> Iterable[tuple[Price, datetime | None]]:
    return zip(line, (*(row.valid_from for row in line[1:]), None), strict=True)
