"""The price book: dated rows, added and never edited.

Promises: a price is checked against the margin floor under every rate card that will be in force
with it; a higher price keeps the notice that buyers were promised; the past is never touched, so a
quote given stays explained by its row. A change is announced with the rows that make it, and the
region's people are told from that announcement, each once, however often the telling is killed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from djmoney.money import Money

from accounts import services as people
from accounts.models import NoticeKind
from wallet import events, pricebook, providers, queries, risk
from wallet.models import Channel, CoinPackage, Price, PriceAnnouncement, Region

TELL_BATCH: Final = 500
TELL_BATCHES_MAX: Final = 100  # in one run; the next goes on
LINES_TOLD_MAX: Final = 5


class PriceInThePast(Exception):
    """The row would begin before now."""


class PriceDateTaken(Exception):
    """The same price has another row that begins at the same moment."""


class PriceNoticeTooShort(Exception):
    """The price is higher than the one it follows, and would begin inside the notice."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A row that is to be added, the row it takes the place of, and why it cannot be."""

    price: Price
    before: Price | None
    refusals: Sequence[Exception]

    @property
    def is_change(self) -> bool:
        """Whether people pay something else by it. A first price changes nothing for them."""
        return self.before is not None and self.before.minor_per_coin != self.price.minor_per_coin

    @property
    def was(self) -> Money | None:
        """What as many coins cost before, half-up."""
        return None if self.before is None else queries.value_at(self.before, self.price.coins)


class NoSuchAdapter(Exception):
    """A payment method names an adapter that is not there."""

    def __init__(self) -> None:
        super().__init__("There is no such adapter. Check the dotted path.")


class NoSuchRail(Exception):
    """A payment method names a rail that its provider does not offer."""


def add_price(
    *,
    region: Region,
    channel: str,
    package: CoinPackage | None,
    coins: int,
    amount_minor: int,
    valid_from: datetime,
    created_by_id: int,
    at: datetime,
) -> Price:
    """Add a row that is in force from ``valid_from`` until the next; without a package, the rate.

    Raises PriceInThePast, PriceDateTaken, PriceNoticeTooShort, risk.MarginBelowFloor,
    queries.FxMissing, FxStale.
    """
    price = Price(
        region=region,
        channel=channel,
        package=package,
        coins=coins if package is None else package.coins,
        amount_minor=amount_minor,
        currency=region.currency,
        valid_from=valid_from,
        created_by_id=created_by_id,
    )
    add_prices(prices=[price], by_id=created_by_id, at=at)
    return price


@transaction.atomic(durable=True)
def add_prices(*, prices: Sequence[Price], by_id: int, at: datetime) -> list[PriceAnnouncement]:
    """Add all of the rows or none, and announce what changes by them, region by region.

    Raises what ``add_price`` raises, of the first row that cannot be.
    """
    # The regions' rows, by code: additions to their prices, and announcements of cards, form one
    # line.
    codes = {price.region_id for price in prices}
    list(Region.objects.select_for_update(no_key=True).filter(pk__in=codes).order_by("code"))
    reviewed = review(prices=prices, at=at)
    for one in reviewed:
        for refusal in one.refusals:
            raise refusal
    made = _announce(reviewed, by_id=by_id)
    Price.objects.bulk_create(prices)
    return made


def check_price(*, price: Price, at: datetime) -> Reviewed:
    """Refuse what ``add_price`` refuses, without writing."""
    (reviewed,) = review(prices=[price], at=at)
    for refusal in reviewed.refusals:
        raise refusal
    return reviewed


def review(*, prices: Sequence[Price], at: datetime) -> list[Reviewed]:
    """Judge rows that are to be added together, each with the row it would follow.

    Raises queries.FxMissing, FxStale where the floor cannot be judged.
    """
    lines = pricebook.lines(extra=prices)
    new = {id(price) for price in prices}
    short: dict[int, list[risk.Shortfall]] = defaultdict(list)
    for shortfall in risk.shortfalls(
        offers=[offer for offer in pricebook.offers(at=at, extra=prices) if id(offer.price) in new],
        spans=pricebook.card_spans(at=at),
        floor_bps=settings.MARGIN_FLOOR_BPS,
    ):
        short[id(shortfall.offer.price)].append(shortfall)
    return [
        _reviewed(price, lines[pricebook.line_of(price)], short.get(id(price), []), at=at)
        for price in prices
    ]


def earliest_start(*, at: datetime) -> datetime:
    """Give the first moment at which a higher price may begin."""
    return at + timedelta(days=settings.PRICE_NOTICE_DAYS)


def _reviewed(
    price: Price, line: Sequence[Price], short: Sequence[risk.Shortfall], *, at: datetime
) -> Reviewed:
    refusals: list[Exception] = []
    if price.valid_from < at:
        refusals.append(
            PriceInThePast("A price cannot begin in the past. Let it begin now or later.")
        )
    if any(row is not price and row.valid_from == price.valid_from for row in line):
        refusals.append(
            PriceDateTaken("This price already changes at that moment. Choose another time.")
        )
    before = next((row for row in reversed(line) if row.valid_from < price.valid_from), None)
    is_dearer = before is not None and price.minor_per_coin > before.minor_per_coin
    start = earliest_start(at=at)
    if before and is_dearer and price.valid_from < start:
        refusals.append(
            PriceNoticeTooShort(
                f"Buyers are promised {settings.PRICE_NOTICE_DAYS} days' notice of a higher price, "
                f"and {queries.value_at(before, price.coins)} becomes {price.money}. "
                f"It can begin on {start:%d %B %Y at %H:%M UTC}, no earlier."
            )
        )
    if short:
        refusals.append(risk.MarginBelowFloor(short))
    return Reviewed(price, before, refusals)


# Telling people


def _announce(reviewed: Sequence[Reviewed], *, by_id: int) -> list[PriceAnnouncement]:
    """Write the announcement of each region and moment at which something changes."""
    groups: dict[tuple[str, datetime], list[Reviewed]] = defaultdict(list)
    for one in reviewed:
        if one.is_change and one.price.region.is_open:
            groups[one.price.region_id, one.price.valid_from].append(one)
    made = []
    for (_, valid_from), changes in sorted(groups.items(), key=lambda item: item[0]):
        region = changes[0].price.region
        announcement = PriceAnnouncement.objects.create(
            region=region,
            valid_from=valid_from,
            title=f"Prices of coins in {region.name} change on {valid_from:%-d %B %Y}",
            body=_words(changes),
            announced_by_id=by_id,
        )
        for one in changes:
            one.price.announcement = announcement
        events.prices_announced(announcement)
        made.append(announcement)
    return made


def _words(changes: Sequence[Reviewed]) -> str:
    lines = [
        f"{one.price.coins:,} coins"
        f"{'' if one.price.package_id else ' as an exact amount'}"
        f"{'' if one.price.channel == Channel.WEB else f' ({one.price.get_channel_display()})'}: "
        f"{one.was} becomes {one.price.money}."
        for one in sorted(changes, key=lambda one: (one.price.channel, one.price.coins))
    ]
    more = len(lines) - LINES_TOLD_MAX
    rest = [f"And {more} more: see the rates."] if more > 0 else []
    since = f"From {changes[0].price.valid_from:%-d %B %Y, %H:%M UTC}."
    return " ".join([since, *lines[:LINES_TOLD_MAX], *rest, "Coins you have stay as they are."])


def tell_of_prices(*, at: datetime) -> int:
    """Tell the people of each region what was announced, a batch a transaction; how many."""
    told = 0
    for _ in range(TELL_BATCHES_MAX):
        count = _tell_batch(at=at)
        if count is None:
            break
        told += count
    return told


@transaction.atomic(durable=True)
def _tell_batch(*, at: datetime) -> int | None:
    """Tell the next people of the oldest announcement that nobody else has in hand; None: none."""
    news = (
        PriceAnnouncement.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(finished_at=None)
        .order_by("pk")
        .first()
    )
    if news is None:
        return None
    batch = queries.people_in(
        region_id=news.region_id, after_id=news.told_up_to_id, limit=TELL_BATCH
    )
    people.notify_many(
        user_ids=batch,
        kind=NoticeKind.RATES,
        subject_key=f"prices:{news.pk}",
        title=news.title,
        body=news.body,
        path=f"{reverse('wallet:rates')}?region={news.region_id}",
    )
    news.people_told += len(batch)
    news.told_up_to_id = batch[-1] if batch else news.told_up_to_id
    if len(batch) < TELL_BATCH:
        news.finished_at = at
    news.save(update_fields=["people_told", "told_up_to_id", "finished_at"])
    return len(batch)


def below_floor(*, at: datetime) -> list[risk.Shortfall]:
    """What breaks the floor as things are, one for each region: after a tax or fee changed."""
    found = risk.shortfalls(
        offers=pricebook.offers(at=at),
        spans=pricebook.card_spans(at=at),
        floor_bps=settings.MARGIN_FLOOR_BPS,
    )
    return risk.worst_by_region(found)


def check_rail(*, provider: str, rail: str) -> None:
    """Look whether an adapter is there and offers a rail. Raises NoSuchAdapter, NoSuchRail."""
    try:
        rails = providers.load(provider).rails()
    except ImportError as error:
        raise NoSuchAdapter from error
    codes = [one.code for one in rails]
    if rail not in codes:
        raise NoSuchRail(f"This provider does not offer it. Use one of: {', '.join(codes)}.")
