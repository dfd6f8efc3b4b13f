"""The shapes of charts: rows of numbers as bars that a template draws, with nothing left to reckon.

Promises: pure; a chart carries the rows of its table, and every bar says which row it is. Readable
without colour: bars have names, values or a scale, and what was taken back is hatched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from djmoney.money import Money

BARS_MAX: Final = 8
ROW_PX: Final = 46
FIELD: Final = 91  # percent of the width for standing bars; the scale is written in the rest
NAMES_MAX: Final = 4  # on the axis of a phone


@dataclass(slots=True, kw_only=True)
class Row:
    """What one thing earned. ``note`` says more of it; worth is an estimate at today's rate.

    A chart of something else than diamonds has its amounts in ``diamonds_milli`` all the same, as
    thousandths, and ``said`` is how an amount is written.
    """

    key: str
    words: str
    note: str = ""
    on: date | None = None
    gifts: int = 0
    coins: int = 0
    diamonds_milli: int = 0
    taken_milli: int = 0
    per_card: dict[int, int] = field(default_factory=dict)
    worth: Money | None = None
    said: str = ""

    @property
    def left_milli(self) -> int:
        """What is left of it."""
        return self.diamonds_milli - self.taken_milli

    def add(self, *, card_id: int, gifts: int, coins: int, diamonds: int, taken: int) -> None:
        self.gifts += gifts
        self.coins += coins
        self.diamonds_milli += diamonds
        self.taken_milli += taken
        self.per_card[card_id] = self.per_card.get(card_id, 0) + diamonds - taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row as a shape, in percent. ``taken``: the hatched part, at its end or below zero."""

    row: Row
    left: str
    width: str
    top: str
    height: str
    taken_left: str = "0"
    taken_width: str = "0"
    taken_top: str = "0"
    taken_height: str = "0"
    name: str = ""  # of the axis; empty where there is no room for one
    middle: str = "0"
    shows_value: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the scale, with its number of diamonds."""

    top: str
    milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart and its table: the same rows. ``rest``: how many rows have no bar of their own."""

    key: str
    title: str
    summary: str
    bars: Sequence[Bar]
    rows: Sequence[Row]
    total: Row
    lines: Sequence[Line] = ()
    height: int = 0  # of the drawing, in pixels; 0: as the page gives it
    is_upright: bool = False
    has_taken: bool = False


def _percent(part: int, whole: int) -> str:
    return f"{Decimal(100 * part) / (whole or 1):.2f}"


def lying(
    key: str, title: str, *, rows: Sequence[Row], rest: Row | None, total: Row, summary: str = ""
) -> Chart:
    """Lying bars of rows, the largest first; what has no bar stands in the table."""
    shown = rows[:BARS_MAX]
    most = max((row.diamonds_milli for row in shown), default=0)
    first = shown[0]
    more = " The table has the others." if len(rows) > BARS_MAX else ""
    return Chart(
        key=key,
        title=title,
        summary=summary or f"Most by {first.words}: {_words(first.diamonds_milli)} diamonds.{more}",
        bars=[_lying(row, number, most) for number, row in enumerate(shown)],
        rows=[*rows, rest] if rest else rows,
        total=total,
        height=ROW_PX * len(shown),
        has_taken=total.taken_milli > 0,
    )


def _lying(row: Row, number: int, most: int) -> Bar:
    taken = min(row.taken_milli, row.diamonds_milli)
    return Bar(
        row=row,
        left="0",
        width=_percent(row.diamonds_milli, most),
        top=str(number * ROW_PX + 22),
        height="12",
        taken_left=_percent(row.diamonds_milli - taken, most),
        taken_width=_percent(taken, most),
        middle=str(number * ROW_PX + 14),
    )


def standing(
    *,
    rows: Sequence[Row],
    total: Row,
    unit: str,
    key: str = "days",
    title: str = "",
    summary: str = "",
) -> Chart:
    """Standing bars in the order of time; what was taken back hangs below the line."""
    up = _round_up(max((row.diamonds_milli for row in rows), default=0))
    down = _round_up(max((row.taken_milli for row in rows), default=0)) if total.taken_milli else 0
    whole = up + down
    best = max(rows, key=lambda row: row.diamonds_milli)
    lines = [Line(top=_percent(up - milli, whole), milli=milli) for milli in (up, up // 2, 0)]
    if down:
        lines.append(Line(top="100", milli=-down))
    return Chart(
        key=key,
        title=title or f"By {unit}",
        summary=summary
        or (
            f"{_words(total.diamonds_milli)} diamonds in all, most on {best.words}: "
            f"{_words(best.diamonds_milli)}."
            if total.diamonds_milli
            else "Nothing was earned in this time."
        ),
        bars=[_standing(row, number, len(rows), up, whole) for number, row in enumerate(rows)],
        rows=rows,
        total=total,
        lines=lines,
        is_upright=True,
        has_taken=bool(down),
    )


def _standing(row: Row, number: int, count: int, up: int, whole: int) -> Bar:
    step = Decimal(FIELD) / count
    every = -(-count // NAMES_MAX)
    return Bar(
        row=row,
        left=f"{step * number + step * Decimal('0.12'):.2f}",
        width=f"{step * Decimal('0.76'):.2f}",
        top=_percent(up - row.diamonds_milli, whole),
        height=_percent(row.diamonds_milli, whole),
        taken_top=_percent(up, whole),
        taken_height=_percent(row.taken_milli, whole),
        name=_short(row) if number % every == 0 else "",
        middle=f"{step * number + step / 2:.2f}",
        shows_value=count <= BARS_MAX and not row.said,
    )


def _short(row: Row) -> str:
    assert row.on is not None, "standing bars are days or months"
    return f"{row.on:%b %Y}" if row.words.endswith(str(row.on.year)) else f"{row.on:%-d %b}"


def _round_up(milli: int) -> int:
    """The next number of the form 1, 2 or 5 with noughts, at least one diamond."""
    step = 1000
    while True:
        for factor in (1, 2, 5):
            if milli <= step * factor:
                return step * factor
        step *= 10


def _words(milli: int) -> str:
    return f"{Decimal(milli).scaleb(-3).normalize():,f}"
