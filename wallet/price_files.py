"""The price book as a CSV file: written out, read back, and judged row by row before it is applied.

Promises: a plan writes nothing, and says of every row what it changes or all that is wrong with it;
a file is applied whole or not at all, and only while it would do what its reader was shown. Rows
that change nothing are passed over, so a file that was written out and read back adds nothing. No
cell is taken for a formula by a spreadsheet.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from djmoney.money import Money

from wallet import history, money, pricebook, prices, queries
from wallet.models import Channel, CoinPackage, Price, PriceAnnouncement, Region

COLUMNS: Final = ("region", "channel", "what", "coins", "amount", "currency", "valid_from")
PACKAGE: Final = "package"
EXACT: Final = "exact"
BYTES_MAX: Final = 1_000_000
ROWS_MAX: Final = 5_000
AHEAD_MAX: Final = timedelta(days=5 * 365)  # a later date is a slip
_COINS: Final = re.compile(r"[1-9][0-9]{0,8}")
_AMOUNT: Final = re.compile(r"[0-9]{1,13}(\.[0-9]{1,6})?")


class NotAPriceFile(Exception):
    """The text is not a table of prices at all."""


class RowsWrong(Exception):
    """Some rows cannot be applied, so none is."""

    def __init__(self, count: int) -> None:
        rows = "1 row is" if count == 1 else f"{count} rows are"
        super().__init__(f"{rows} wrong, so nothing was added. Correct the file and look again.")


class BookMoved(Exception):
    """The file would do something else than what was shown."""

    def __init__(self) -> None:
        super().__init__("The price book has changed since you looked. Look again, then confirm.")


class Outcome(StrEnum):
    FIRST = "New"
    CHANGE = "Changes"
    SAME = "Stays"
    WRONG = "Wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file: the price it asks for, the one before it, and all that is wrong."""

    number: int
    cells: Mapping[str, str]
    price: Price | None = None
    before: Price | None = None
    outcome: Outcome = Outcome.WRONG
    problems: Sequence[str] = ()

    @property
    def was(self) -> Money | None:
        """What as many coins cost before, half-up."""
        if self.before is None or self.price is None:
            return None
        return queries.value_at(self.before, self.price.coins)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would do. ``digest`` stands for all of it; ``begins`` for rows without a date."""

    rows: Sequence[Row]
    begins: datetime | None

    def of(self, *outcomes: Outcome) -> list[Row]:
        """The rows that come out so."""
        return [row for row in self.rows if row.outcome in outcomes]

    @property
    def additions(self) -> list[Price]:
        """The prices that would be added."""
        rows = self.of(Outcome.FIRST, Outcome.CHANGE)
        return [row.price for row in rows if row.price is not None]

    @property
    def digest(self) -> str:
        told = [
            (row.number, row.outcome.value, sorted(row.cells.items()), str(row.was), row.problems)
            for row in self.rows
        ]
        return hashlib.sha256(repr((self.begins, told)).encode()).hexdigest()


def lines_of_book(*, at: datetime) -> Iterator[str]:
    """The prices in force and to come, as the lines of a CSV file."""
    yield _line(COLUMNS)
    book = Price.objects.order_by("region_id", "channel", "package__coins", "valid_from")
    for line in pricebook.lines(saved=book).values():
        begun = [price for price in line if price.valid_from <= at]
        for price in (*begun[-1:], *(price for price in line if price.valid_from > at)):
            yield _line(
                (
                    price.region_id,
                    price.channel,
                    EXACT if price.package_id is None else PACKAGE,
                    str(price.coins),
                    str(price.money.amount),
                    price.currency,
                    price.valid_from.isoformat().replace("+00:00", "Z"),
                )
            )


def decoded(body: bytes) -> str:
    """Read a file as text. Raises NotAPriceFile."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAPriceFile(
            "The file is not text in UTF-8. Save it as CSV UTF-8 and upload it again."
        ) from error


def plan(*, text: str, valid_from: datetime | None, by_id: int, at: datetime) -> Plan:
    """Say what every row would do. A row without a date begins at ``valid_from``, or at once.

    Raises NotAPriceFile, queries.FxMissing, FxStale.
    """
    book = _Book.read()
    rows = [
        _parsed(row, book=book, valid_from=valid_from or at, by_id=by_id, at=at)
        for row in _rows(text)
    ]
    return Plan(_judged(_without_doubles(rows), at=at), valid_from)


def apply(
    *, text: str, valid_from: datetime | None, seen: str, by_id: int, at: datetime
) -> list[PriceAnnouncement]:
    """Add every price of the file that changes something, or none. ``seen`` is the plan's digest.

    Raises what ``plan`` and ``prices.add_prices`` raise, RowsWrong, BookMoved.
    """
    found = plan(text=text, valid_from=valid_from, by_id=by_id, at=at)
    wrong = found.of(Outcome.WRONG)
    if wrong:
        raise RowsWrong(len(wrong))
    if found.digest != seen:
        raise BookMoved
    return prices.add_prices(prices=found.additions, by_id=by_id, at=at)


@dataclass(frozen=True, slots=True)
class _Book:
    """What a row may name."""

    regions: Mapping[str, Region]
    packages: Mapping[int, CoinPackage]

    @classmethod
    def read(cls) -> "_Book":
        return cls(
            {region.pk: region for region in Region.objects.all()},
            {package.coins: package for package in CoinPackage.objects.all()},
        )


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([history.csv_cell(cell) for cell in cells])
    return line.getvalue()


def _rows(text: str) -> Iterator[Row]:
    """Part the text into rows by the names of their columns. Raises NotAPriceFile."""
    head, _, _ = text.lstrip("\r\n").partition("\n")
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in head else ",", strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if sorted(names) != sorted(COLUMNS):
            raise NotAPriceFile(f"The first row must name the columns: {', '.join(COLUMNS)}.")
        lines = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise NotAPriceFile(f"Line {reader.line_num} is not CSV: {error}.") from error
    if not lines:
        raise NotAPriceFile("The file has no prices, only the names of the columns.")
    if len(lines) > ROWS_MAX:
        raise NotAPriceFile(f"The file has more than {ROWS_MAX:,} rows. Part it in several.")
    for number, cells in lines:
        if len(cells) == len(names):
            values = (cell.strip().removeprefix("'") for cell in cells)
            yield Row(number=number, cells=dict(zip(names, values, strict=True)))
        else:
            words = f"It has {len(cells)} cells, and {len(names)} are needed."
            yield Row(number=number, cells={}, problems=[words])


def _parsed(row: Row, *, book: _Book, valid_from: datetime, by_id: int, at: datetime) -> Row:
    """Read the price that a row asks for, or say all that is wrong with its cells."""
    if row.problems:
        return row
    problems: list[str] = []
    region = book.regions.get(row.cells["region"].upper())
    if region is None:
        problems.append(f"There is no region {row.cells['region']!r}.")
    elif row.cells["currency"].upper() != region.currency:
        problems.append(f"Prices in {region.name} are in {region.currency}.")
    channel = row.cells["channel"].lower()
    if channel not in Channel.values:
        problems.append(f"The channel is one of {', '.join(Channel.values)}.")
    coins = _coins(row.cells["coins"], problems)
    package = _package(row.cells["what"].lower(), coins, book, problems)
    amount_minor = _amount_minor(row.cells["amount"], region, problems)
    begins_at = _moment(row.cells["valid_from"], problems, default=valid_from, at=at)
    if problems or region is None:
        return replace(row, problems=problems)
    price = Price(
        region=region,
        channel=channel,
        package=package,
        coins=coins,
        amount_minor=amount_minor,
        currency=region.currency,
        valid_from=begins_at,
        created_by_id=by_id,
    )
    return replace(row, price=price)


def _coins(cell: str, problems: list[str]) -> int:
    if not _COINS.fullmatch(cell):
        problems.append("Coins are a whole number above zero, without marks between the digits.")
        return 0
    return int(cell)


def _package(what: str, coins: int, book: _Book, problems: list[str]) -> CoinPackage | None:
    if what not in (PACKAGE, EXACT):
        problems.append(f"What is sold is {PACKAGE!r}, or {EXACT!r} for the rate of exact amounts.")
    if what != PACKAGE or not coins:
        return None
    package = book.packages.get(coins)
    if package is None:
        problems.append(f"There is no package of {coins:,} coins. Add the package first.")
    return package


def _amount_minor(cell: str, region: Region | None, problems: list[str]) -> int:
    if not _AMOUNT.fullmatch(cell):
        problems.append(
            "The amount is a number such as 8.40: digits, with a point before decimals."
        )
        return 0
    if region is None:
        return 0
    try:
        amount_minor = money.minor(Money(Decimal(cell), region.currency))
    except ValueError as error:
        problems.append(str(error))
        return 0
    if amount_minor == 0:
        problems.append("The amount must be above zero.")
    return amount_minor


def _moment(cell: str, problems: list[str], *, default: datetime, at: datetime) -> datetime:
    if not cell:
        return default
    try:
        moment = datetime.fromisoformat(cell)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        problems.append(
            "The date is such as 2027-01-31 or 2027-01-31T09:00Z; without one: at once."
        )
        return default
    if moment - at > AHEAD_MAX:
        problems.append("The date is more than five years away.")
    return moment


def _without_doubles(rows: Sequence[Row]) -> list[Row]:
    """Mark rows that ask for what a row before them asked for already."""
    first: dict[object, int] = {}
    found = []
    for row in rows:
        if row.price is not None:
            key = (*pricebook.line_of(row.price), row.price.valid_from)
            number = first.setdefault(key, row.number)
            if number != row.number:
                words = f"Row {number} sets the same price at the same moment."
                row = replace(row, price=None, problems=[words])  # noqa: PLW2901
        found.append(row)
    return found


def _judged(rows: Sequence[Row], *, at: datetime) -> list[Row]:
    """Set each row beside the one it would follow, and judge all additions together."""
    asked = [row.price for row in rows if row.price is not None]
    lines = pricebook.lines(extra=asked)
    placed = [_placed(row, lines) for row in rows]
    additions = [
        row.price
        for row in placed
        if row.price is not None and row.outcome in (Outcome.FIRST, Outcome.CHANGE)
    ]
    refused = {
        id(one.price): [str(refusal) for refusal in one.refusals]
        for one in prices.review(prices=additions, at=at)
    }
    return [
        replace(row, outcome=Outcome.WRONG, problems=problems)
        if (problems := refused.get(id(row.price), []))
        else row
        for row in placed
    ]


def _placed(row: Row, lines: Mapping[pricebook.LineKey, Sequence[Price]]) -> Row:
    """Say whether the row is there already, changes the one before it, or is the first."""
    price = row.price
    if price is None:
        return row
    line = lines[pricebook.line_of(price)]
    there = next((p for p in line if p.valid_from == price.valid_from and p.pk), None)
    if there is not None:
        if there.minor_per_coin == price.minor_per_coin:
            return replace(row, before=there, outcome=Outcome.SAME)
        words = (
            f"At that moment {there.money} begins already, and no price is ever edited. "
            "Leave the date empty, or choose a later one."
        )
        return replace(row, before=there, problems=[words])
    before = next((p for p in reversed(line) if p.valid_from < price.valid_from), None)
    if before is None:
        return replace(row, outcome=Outcome.FIRST)
    is_same = before.minor_per_coin == price.minor_per_coin
    return replace(row, before=before, outcome=Outcome.SAME if is_same else Outcome.CHANGE)
