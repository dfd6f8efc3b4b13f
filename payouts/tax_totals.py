"""What creators earned in a year, by country, for the tax office: by quarter, with counts.

Promises: a settlement line counts in the quarter of UTC in which it was settled, in its own
currency; whoever has no valid form is in it too, and says so. The rows stream, a batch of creators
at a time, so a million creators need no more memory than a thousand; a cell that a spreadsheet
would run as a formula is written as text.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast, Coalesce, ExtractQuarter
from djmoney.money import Money

from payouts.models import SettlementLine, TaxProfile
from wallet import history
from wallet import money as units

BATCH: Final = 500
QUARTERS: Final = (1, 2, 3, 4)
HEAD: Final = (
    "creator", "handle", "form", "valid", "country", "legal name", "street", "postal code",
    "city", "state", "birth date", "birth place", "tax number", "number of country",
    "why no number", "vat number", "currency",
    *(f"Q{quarter} {what}" for quarter in QUARTERS for what in ("amount", "settlement lines")),
    "year amount", "year settlement lines",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter:
    amount_minor: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """One creator's year in one currency."""

    creator_id: int
    currency: str
    quarters: tuple[Quarter, Quarter, Quarter, Quarter]

    @property
    def amount_minor(self) -> int:
        return sum(quarter.amount_minor for quarter in self.quarters)

    @property
    def lines(self) -> int:
        return sum(quarter.lines for quarter in self.quarters)


def lines_of(year: int) -> QuerySet[Any]:
    """Everything settled in a year of UTC, with the country it is reported to."""
    begins, ends = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    certified = TaxProfile.objects.filter(creator=OuterRef("creator"), replaced_at=None)
    return SettlementLine.objects.filter(settled_at__gte=begins, settled_at__lt=ends).annotate(
        tax_country=Coalesce(
            Subquery(certified.values("country")), Cast("creator__country", CharField())
        ),
        has_form=Exists(certified),
    )


def years_with_lines() -> list[int]:
    """The years in which anything was settled, newest first."""
    return sorted({moment.year for moment in SettlementLine.objects.datetimes(
        "settled_at", "year", tzinfo=UTC)}, reverse=True)  # fmt: skip


def countries_of(year: int) -> list[str]:
    """The countries to report to: where creators certified they pay tax, else where they live."""
    rows = lines_of(year).order_by("tax_country").values_list("tax_country", flat=True).distinct()
    return [str(code) for code in rows if code]


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """What was earned in a year by those who are reported to one country, in one currency."""

    code: str
    creators: int
    certified: int
    lines: int
    amount: Money


def overview(*, year: int) -> list[Country]:
    """The year by country and currency, for who is about to export it."""
    rows = (
        lines_of(year)
        .values("tax_country", "currency")
        .annotate(
            creators=Count("creator", distinct=True),
            certified=Count("creator", distinct=True, filter=Q(has_form=True)),
            number=Count("pk"),
            amount=Sum("amount_minor"),
        )
        .order_by("tax_country", "currency")
    )
    return [
        Country(
            code=str(row["tax_country"]),
            creators=row["creators"],
            certified=row["certified"],
            lines=row["number"],
            amount=units.money(int(row["amount"]), row["currency"]),
        )
        for row in rows
    ]


def totals(*, year: int, creator_ids: Iterable[int]) -> list[Year]:
    """The year of each of the creators, one row a currency, in the order of creators."""
    rows = (
        lines_of(year)
        .filter(creator__in=list(creator_ids))
        .annotate(quarter=ExtractQuarter("settled_at", tzinfo=UTC))
        .values("creator_id", "currency", "quarter")
        .annotate(amount=Sum("amount_minor"), number=Count("pk"))
        .order_by("creator_id", "currency", "quarter")
    )
    found: dict[tuple[int, str], dict[int, Quarter]] = {}
    for row in rows:
        quarters = found.setdefault((row["creator_id"], row["currency"]), {})
        quarters[row["quarter"]] = Quarter(amount_minor=int(row["amount"]), lines=row["number"])
    return [
        Year(
            creator_id=creator_id,
            currency=currency,
            quarters=(
                quarters.get(1, Quarter()),
                quarters.get(2, Quarter()),
                quarters.get(3, Quarter()),
                quarters.get(4, Quarter()),
            ),
        )
        for (creator_id, currency), quarters in found.items()
    ]


def csv_lines(*, year: int, country: str, at: datetime) -> Iterator[str]:
    """Write the year of all creators who live in a country, as lines of CSV."""
    yield history.csv_line(HEAD)
    after = 0
    while ids := _next_creators(year=year, country=country, after=after):
        profiles = {
            row.creator_id: row
            for row in TaxProfile.objects.filter(creator__in=ids, replaced_at=None)
        }
        handles = dict(
            lines_of(year)
            .filter(creator__in=ids)
            .order_by("creator_id")
            .values_list("creator_id", "creator__handle")
            .distinct()
        )
        for row in totals(year=year, creator_ids=ids):
            profile = profiles.get(row.creator_id)
            yield history.csv_line(_cells(row, handles[row.creator_id], profile, at=at))
        after = ids[-1]


def _next_creators(*, year: int, country: str, after: int) -> list[int]:
    rows = lines_of(year).filter(tax_country=country, creator__gt=after)
    return list(rows.order_by("creator_id").values_list("creator_id", flat=True).distinct()[:BATCH])


def _cells(row: Year, handle: str, profile: TaxProfile | None, *, at: datetime) -> list[object]:
    known = profile.opened() if profile else {}
    names = (
        "legal_name", "street", "postal_code", "city", "state", "birth_date", "birth_place", "tin",
        "tin_country", "no_tin_why", "vat_id",
    )  # fmt: skip
    said: list[object] = [known.get(name, "") for name in names]
    quarters: list[object] = []
    for quarter in row.quarters:
        quarters += [_amount(quarter.amount_minor, row.currency), quarter.lines]
    return [
        row.creator_id,
        handle,
        profile.get_form_display() if profile else "no form",
        "yes" if profile is not None and profile.is_valid(at) else "no",
        profile.country if profile else "",
        *said,
        row.currency,
        *quarters,
        _amount(row.amount_minor, row.currency),
        row.lines,
    ]


def _amount(minor: int, currency: str) -> Decimal:
    return Decimal(units.money(minor, currency).amount)
