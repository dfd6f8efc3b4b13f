"""What a creator earned, by day, place, gift and rate card, and from whom.

Promises: reads sums that are counted already (``tallies``), of one creator, in a fixed number of
queries however many gifts there are; every chart shows the rows of its table and nothing else. What
banks took back has its own column and is never netted out of sight.
"""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from accounts.models import User
from payouts import charts, earnings
from payouts.charts import Chart, Row
from payouts.models import EVER, HIDDEN, EarningsCursor, EarningsLabel, GifterMonth
from wallet.models import FxRate, RateCard

DAY_SPANS: Final = (7, 30, 90)
MONTHS_OFFERED: Final = 12
ROWS_MAX: Final = 50
GIFTERS_SHOWN: Final = 10
KINDS: Final = {"room": "A live room", "video": "A video", "membership": "Memberships"}

_ROWS: Final = """
SELECT CASE WHEN grouping(unit) = 0 THEN 'day' WHEN grouping(place) = 0 THEN 'place'
            WHEN grouping(gift) = 0 THEN 'gift' ELSE 'card' END,
       unit, place, gift, card_id, sum(gifts)::bigint, sum(coins)::bigint,
       sum(diamonds_milli)::bigint, sum(taken_milli)::bigint
  FROM (SELECT *, CASE WHEN %(months)s THEN date_trunc('month', day)::date ELSE day END AS unit
          FROM payouts_earningsday
         WHERE creator_id = %(creator)s AND day >= %(begins)s AND day < %(ends)s) AS day
 GROUP BY GROUPING SETS ((unit, card_id), (place, card_id), (gift, card_id), (card_id))
"""
_SUMS: Final = """
SELECT min(day), coalesce(sum(diamonds_milli) FILTER (WHERE day >= %(before)s), 0)::bigint
  FROM payouts_earningsday WHERE creator_id = %(creator)s AND day < %(begins)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The days that are looked at, the last one excluded. ``key``: its words in the address."""

    key: str
    label: str
    begins: date
    ends: date
    is_by_month: bool = False
    before: date | None = None  # where the span of the same length before it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Gifter:
    """A fan and what they gave. Hidden: everybody who hid their name, in one row."""

    name: str
    handle: str
    is_hidden: bool
    gifts: int
    diamonds_milli: int
    taken_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that the page of earnings shows."""

    span: Span
    total: Row
    before_milli: int | None
    change_percent: int | None
    change_words: str  # how much, without its sign
    days: Chart
    parts: Sequence[Chart]
    gifters: Sequence[Gifter]
    gifters_since: date | None  # the month they are counted in; none: ever
    counted_at: datetime | None


def spans(*, today: date) -> list[Span]:
    """What can be looked at: the last days, the last months, everything."""
    everything = Span(
        key="all", label="All time", begins=EVER, ends=today + timedelta(days=1), is_by_month=True
    )
    this_month = today.year * 12 + today.month - 1
    months = [_month(*divmod(this_month - ago, 12)) for ago in range(MONTHS_OFFERED)]
    return [*(_last_days(days, today=today) for days in DAY_SPANS), everything, *months]


def span_of(asked: str, *, today: date) -> Span | None:
    """The span of that key: days, a month as 2026-11, or all. None: there is no such."""
    for offered in spans(today=today):
        if offered.key == asked:
            return offered
    year, _, month = asked.partition("-")
    if not (len(year) == 4 and len(month) == 2 and (year + month).isdecimal()):
        return None
    is_one = EVER.year <= int(year) <= today.year and 1 <= int(month) <= 12
    return _month(int(year), int(month) - 1) if is_one else None


def report(*, creator: User, span: Span, at: datetime) -> Report:
    """Everything about what a creator earned in a span."""
    found = _rows(creator_id=creator.pk, span=span)
    cards = RateCard.objects.in_bulk(
        {card_id for rows in found.values() for row in rows for card_id in row.per_card}
    )
    rate = earnings.rate_of(currency=earnings.currency_of(creator=creator), at=at)
    first, before = _earlier(creator_id=creator.pk, span=span)
    days = _with_empty(found["day"], span=span, first=first, today=at.astimezone(UTC).date())
    for rows in (days, found["card"], found["place"], found["gift"]):
        _value(rows, cards, rate)
    _name(creator.pk, found, cards)
    total = _total(days, cards, rate)
    change = _change(total.diamonds_milli, before)
    month = span.begins if _is_month(span) else None
    return Report(
        span=span,
        total=total,
        before_milli=before,
        change_percent=change,
        change_words="" if change is None else f"{abs(change):,}",
        days=charts.standing(rows=days, total=total, unit="month" if span.is_by_month else "day"),
        parts=_parts(found, cards, rate),
        gifters=gifters(creator_id=creator.pk, month=month),
        gifters_since=month,
        counted_at=counted_at(),
    )


def by_day(*, creator: User, begins: date, ends: date) -> list[Row]:
    """The days on which the creator earned something or lost it, earliest first."""
    span = Span(key="", label="", begins=begins, ends=ends)
    return sorted(_rows(creator_id=creator.pk, span=span)["day"], key=lambda row: row.key)


def counted_at() -> datetime | None:
    """Up to when the ledger is counted, a few seconds ago as a rule."""
    return EarningsCursor.objects.values_list("counted_at", flat=True).first()


def gifters(*, creator_id: int, month: date | None) -> list[Gifter]:
    """Who gave most in a month, or ever. For the creator's own eyes."""
    rows = list(
        GifterMonth.objects.filter(creator=creator_id, month=month or EVER).order_by(
            "-diamonds_milli", "gifter_id"
        )[:GIFTERS_SHOWN]
    )
    people = User.objects.in_bulk([row.gifter_id for row in rows])
    return [
        Gifter(
            name=people[row.gifter_id].display_name if row.gifter_id in people else "",
            handle=people[row.gifter_id].handle if row.gifter_id in people else "",
            is_hidden=row.gifter_id == HIDDEN,
            gifts=row.gifts,
            diamonds_milli=row.diamonds_milli,
            taken_milli=row.taken_milli,
        )
        for row in rows
    ]


def _last_days(days: int, *, today: date) -> Span:
    begins = today - timedelta(days=days - 1)
    return Span(
        key=str(days),
        label=f"{days} days",
        begins=begins,
        ends=today + timedelta(days=1),
        before=begins - timedelta(days=days),
    )


def _month(year: int, month: int) -> Span:
    """A calendar month; ``month`` counts from nought."""
    begins = date(year, month + 1, 1)
    ends = begins + timedelta(days=calendar.monthrange(year, month + 1)[1])
    earlier = (begins - timedelta(days=1)).replace(day=1)
    return Span(
        key=f"{begins:%Y-%m}", label=f"{begins:%B %Y}", begins=begins, ends=ends, before=earlier
    )


def _is_month(span: Span) -> bool:
    return "-" in span.key


def _rows(*, creator_id: int, span: Span) -> dict[str, list[Row]]:
    found: dict[str, dict[str, Row]] = {"day": {}, "place": {}, "gift": {}, "card": {}}
    values: dict[str, Any] = {
        "creator": creator_id,
        "begins": span.begins,
        "ends": span.ends,
        "months": span.is_by_month,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, values)
        for kind, unit, place, gift, card_id, gifts, coins, diamonds, taken in cursor:
            key = {"day": str(unit), "place": place, "gift": gift, "card": str(card_id)}[kind]
            row = found[kind].setdefault(key, Row(key=key, words=key, on=unit))
            row.add(card_id=card_id, gifts=gifts, coins=coins, diamonds=diamonds, taken=taken)
    return {kind: list(rows.values()) for kind, rows in found.items()}


def _earlier(*, creator_id: int, span: Span) -> tuple[date | None, int | None]:
    """When the creator first earned, if before the span, and what in the span before."""
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "creator": creator_id,
            "begins": span.begins,
            "before": span.before or span.begins,
        }
        cursor.execute(_SUMS, values)
        first, milli = cursor.fetchone()
    return first, milli if span.before else None


def _with_empty(rows: list[Row], *, span: Span, first: date | None, today: date) -> list[Row]:
    """The rows of a span in order, with those in which nothing happened."""
    by_key = {row.key: row for row in rows}
    starts = min((row.on for row in rows if row.on), default=today)
    begins = min(first or starts, starts) if span.is_by_month else span.begins
    units = []
    unit = begins.replace(day=1) if span.is_by_month else begins
    while unit < span.ends:
        units.append(unit)
        days = calendar.monthrange(unit.year, unit.month)[1] if span.is_by_month else 1
        unit += timedelta(days=days)
    filled = [by_key.get(str(on), Row(key=str(on), words="", on=on)) for on in units]
    for row in filled:
        assert row.on is not None, "they are days"
        row.words = f"{row.on:%B %Y}" if span.is_by_month else f"{row.on:%-d %B}"
    return filled


def _value(rows: Iterable[Row], cards: Mapping[int, RateCard], rate: FxRate | None) -> None:
    for row in rows:
        row.worth = earnings.worth(
            [(max(milli, 0), cards[card_id]) for card_id, milli in row.per_card.items()], rate=rate
        )


def _name(creator_id: int, found: Mapping[str, list[Row]], cards: Mapping[int, RateCard]) -> None:
    """Write what places and gifts were called when they last earned, and what cards say."""
    keys = [row.key for row in found["place"]] + [f"gift:{row.key}" for row in found["gift"]]
    labels = EarningsLabel.objects.filter(creator=creator_id, key__in=keys)
    words = dict(labels.values_list("key", "words"))
    for row in found["place"]:
        kind = row.key.partition(":")[0]
        row.words = words.get(row.key) or KINDS.get(kind, "Elsewhere")
    for row in found["gift"]:
        row.words = words.get(f"gift:{row.key}") or row.key or "A gift"
    for row in found["card"]:
        card = cards[int(row.key)]
        row.words, row.note = card.name, f"a diamond is worth {card.diamond_usd.normalize():f} USD"


def _parts(
    found: Mapping[str, list[Row]], cards: Mapping[int, RateCard], rate: FxRate | None
) -> list[Chart]:
    kinds = ("room", "video")
    places = {
        kind: [row for row in found["place"] if row.key.partition(":")[0] == kind] for kind in kinds
    }
    other = [row for row in found["place"] if row.key.partition(":")[0] not in kinds]
    parts: list[tuple[str, str, list[Row]]] = [
        ("gifts", "By gift", found["gift"]),
        ("rooms", "By live room", places["room"]),
        ("videos", "By video", places["video"]),
        ("elsewhere", "Memberships and elsewhere", other),
        ("cards", "By rate card", found["card"]),
    ]
    return [_part(key, title, rows, cards, rate) for key, title, rows in parts if rows]


def _part(
    key: str, title: str, rows: list[Row], cards: Mapping[int, RateCard], rate: FxRate | None
) -> Chart:
    ordered = sorted(rows, key=lambda row: (-row.diamonds_milli, row.words, row.key))
    rest = None
    if others := ordered[ROWS_MAX:]:
        rest = _total(others, cards, rate)
        rest.words = f"{len(others):,} others"
    total = _total(ordered, cards, rate)
    return charts.lying(key, title, rows=ordered[:ROWS_MAX], rest=rest, total=total)


def _total(rows: Iterable[Row], cards: Mapping[int, RateCard], rate: FxRate | None) -> Row:
    total = Row(key="total", words="In all")
    for row in rows:
        total.gifts += row.gifts
        total.coins += row.coins
        total.diamonds_milli += row.diamonds_milli
        total.taken_milli += row.taken_milli
        for card_id, milli in row.per_card.items():
            total.per_card[card_id] = total.per_card.get(card_id, 0) + milli
    _value([total], cards, rate)
    return total


def _change(milli: int, before: int | None) -> int | None:
    """By how many percent it is more (or, below nought, less) than before. None: no telling."""
    return None if not before else round(Decimal(100 * (milli - before)) / before)
