"""The European Central Bank's reference rates, read from the files it publishes.

Promises: the daily, the 90-day and the CSV file (plain or in its ZIP) are read, nothing else is;
what declares entities, is too large or does not fit its format is refused whole. Rates are for one
euro; through its dollar each is crossed exactly, and rounded once, in ``per_usd``.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Final
from xml.etree.ElementTree import Element, ParseError
from zoneinfo import ZoneInfo

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

SOURCE: Final = "European Central Bank"
# The daily concertation from which the rates come takes place at about 14:10 in Frankfurt
# ("Euro foreign exchange reference rates", the ECB's page, 2026-01).
QUOTED: Final = time(14, 10, tzinfo=ZoneInfo("Europe/Berlin"))
FIRST_DAY: Final = date(1999, 1, 4)  # the first day with reference rates
BYTES_MAX: Final = 600_000  # the 90-day file has about 120,000
DAYS_MAX: Final = 100
PLACES: Final = 8  # as many as the table of rates keeps
GESMES: Final = "{http://www.gesmes.org/xml/2002-08-01}"
CUBE: Final = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
_CODE: Final = re.compile(r"[A-Z]{3}")
_RATE: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_NONE: Final = {"", "N/A"}  # a currency that was not quoted on a day


class NotAnEcbFile(Exception):
    """The file is none of the European Central Bank's, or cannot be read safely."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one euro was worth on a day, by currency."""

    on: date
    per_euro: Mapping[str, Decimal]

    @property
    def quoted_at(self) -> datetime:
        return datetime.combine(self.on, QUOTED).astimezone(UTC)

    @property
    def per_usd(self) -> dict[str, Decimal]:
        """Units for one US dollar, the euro among them: crossed exactly, then rounded here alone,
        to the table's eight places, halves to the even digit."""
        dollar = Fraction(self.per_euro["USD"])
        crossed = {code: Fraction(rate) / dollar for code, rate in self.per_euro.items()}
        found = crossed | {"EUR": 1 / dollar}
        del found["USD"]
        return {
            code: Decimal(round(exact * 10**PLACES)).scaleb(-PLACES)
            for code, exact in sorted(found.items())
        }


def read(content: bytes) -> list[Day]:
    """The days of a file, oldest first. Raises NotAnEcbFile."""
    if len(content) > BYTES_MAX:
        raise NotAnEcbFile(
            "The file is too large. Take the European Central Bank's file of the day or of 90 days."
        )
    if content.startswith(b"PK"):
        content = _unzipped(content)
    is_xml = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    found = list(_of_xml(content) if is_xml else _of_csv(content))
    dates = [day.on for day in found]
    if not found or len(found) > DAYS_MAX or len(set(dates)) < len(dates):
        raise NotAnEcbFile(f"The file must have 1 to {DAYS_MAX} different days. Choose another.")
    return sorted(found, key=lambda day: day.on)


def _unzipped(content: bytes) -> bytes:
    """The one CSV file of the ZIP, and no more of it than a file may have."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (name,) = archive.namelist()
            with archive.open(name) as member:
                inner = member.read(BYTES_MAX + 1)
    # Two files or none, a password, a method of packing we lack, no ZIP at all, one cut short.
    except (ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, EOFError) as error:
        raise NotAnEcbFile(
            "The ZIP must hold one file, the CSV, and no password. Choose another."
        ) from error
    if len(inner) > BYTES_MAX:
        raise NotAnEcbFile("What is in the ZIP is too large. Take the file of the day.")
    return inner


def _of_xml(content: bytes) -> Iterator[Day]:
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise NotAnEcbFile(
            "The file declares entities or a document type. Nothing was read."
        ) from error
    except (ParseError, ValueError) as error:
        raise NotAnEcbFile("The file is no XML that can be read. Choose another.") from error
    sender = root.findtext(f"{GESMES}Sender/{GESMES}name", "").strip()
    if root.tag != f"{GESMES}Envelope" or sender != SOURCE:
        raise NotAnEcbFile("The file does not name the European Central Bank as its sender.")
    for day in root.iterfind(f"{CUBE}/{CUBE}"):
        rates = [(one.get("currency", ""), one.get("rate", "")) for one in day.iterfind(CUBE)]
        yield _day(day.get("time", ""), rates)


def _of_csv(content: bytes) -> Iterator[Day]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotAnEcbFile("The file is neither XML nor CSV. Choose another.") from error
    cells = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not cells or cells[0][0] != "Date":
        raise NotAnEcbFile('The first line must be of "Date" and currencies. Choose another file.')
    head = cells[0]
    for row in cells[1:]:
        if len(row) != len(head):
            raise NotAnEcbFile(f"The line of {row[0][:20]} is shorter or longer than the first.")
        yield _day(row[0], list(zip(head[1:], row[1:], strict=True)))


def _day(on: str, rates: Sequence[tuple[str, str]]) -> Day:
    quoted = [(code, rate) for code, rate in rates if (code or rate) and rate not in _NONE]
    for code, rate in quoted:
        if not _CODE.fullmatch(code) or not _RATE.fullmatch(rate) or not Decimal(rate):
            raise NotAnEcbFile(f"{code[:10]} {rate[:20]} on {on[:20]} is not a rate.")
    found = {code: Decimal(rate) for code, rate in quoted}
    if "USD" not in found or "EUR" in found or len(found) < len(quoted):
        raise NotAnEcbFile(f"{on[:20]} must have the US dollar, and each currency once.")
    return Day(_date(on), found)


def _date(text: str) -> date:
    """A date as the XML and the long CSV write it, or as the CSV of the day does."""
    for form in ("%Y-%m-%d", "%d %B %Y"):
        try:
            found = datetime.strptime(text, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
        if found >= FIRST_DAY:
            return found
    raise NotAnEcbFile(f"{text[:20] or 'A day without a date'} is not a date of the file's.")
