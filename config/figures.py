"""The charts of the back office's first page: each with its numbers, for whoever may see them.

Promises: reads only, in a fixed number of queries, what a clock has counted
(``payouts.figures``); of the cases that are open, the ages are counted here. Amounts of several
currencies are drawn in US dollars; the table keeps them apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Q

from accounts.models import Review, User
from payouts import charts
from payouts.charts import Chart, Row
from payouts.models import Payout, PlatformDay, PlatformHoldings
from wallet.models import Account, Purchase, Transfer
from wallet.money import MILLI, money

DAYS: Final = 14
WEEKS: Final = 8
WEEK: Final = timedelta(days=7)
Code = Account.Code
# Cases that wait for a person, by the days since they were opened.
OPEN_CASES: Final = ("opened", "assigned", "appealed")
AGES: Final = ((0, 1), (1, 2), (2, 4), (4, 7), (7, None))
OWED: Final = (
    (Code.DIAMOND_PENDING, "Diamonds pending"),
    (Code.DIAMOND_AVAILABLE, "Diamonds available"),
    (Code.DIAMOND_DISPUTED, "Diamonds in dispute"),
    (Code.CASH_PAYABLE, "Money payable"),
    (Code.CASH_IN_PAYOUT, "Money in payout"),
    (Code.DIAMOND_DEBT, "Owed by creators"),
)
AGAINST: Final = (
    (Code.PROVIDER_CLEARING, "At payment companies"),
    (Code.BANK, "At the bank"),
    (Code.DEFERRED_REVENUE, "Owed: coins not used"),
    (Code.TAX_PAYABLE, "Owed: tax"),
    (Code.CASH_PAYABLE, "Owed: creators’ money"),
    (Code.CASH_IN_PAYOUT, "Owed: payouts on their way"),
    (Code.DIAMOND_PENDING, "Owed: pending diamonds"),
    (Code.DIAMOND_AVAILABLE, "Owed: available diamonds"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart with its table's headings. Without a chart there is nothing to draw."""

    title: str
    chart: Chart | None
    first: str
    second: str
    nothing: str
    counted_at: datetime | None = None
    note: str = ""


def figures_of(user: User | AnonymousUser, *, at: datetime) -> list[Figure]:
    """The charts that this member of staff may see."""
    today = at.astimezone(UTC).date()
    monday = today - timedelta(days=today.weekday())
    sees_days = user.has_perms([_view(Purchase)]) or user.has_perms([_view(Payout)])
    days = _days(monday - (WEEKS - 1) * WEEK) if sees_days else {}
    held = PlatformHoldings.objects.first() if user.has_perm(_view(Payout)) else None
    found: list[Figure] = []
    if user.has_perm(_view(Purchase)):
        found.append(_sold(days, today))
    if user.has_perm(_view(Transfer)) and days:
        found.append(_gifts(days, today))
    if user.has_perm(_view(Payout)):
        found += [_maturing(held, monday), _paid(days, monday), _owed(held)]
    if user.has_perm(_view(Account)) and held is not None:
        found.append(_against(held))
    if user.has_perm(_view(Review)):
        found.append(_cases(at))
    return found


def _view(model: Any) -> str:
    return f"{model._meta.app_label}.view_{model._meta.model_name}"  # noqa: SLF001


# By day and by week


def _days(since: date) -> dict[date, PlatformDay]:
    return {row.day: row for row in PlatformDay.objects.filter(day__gte=since)}


def _sold(days: dict[date, PlatformDay], today: date) -> Figure:
    rows = [_usd_row(day, _cents(days.get(day), "sold_usd_cents")) for day in _last_days(today)]
    return _over_time("sold", "Coins sold", rows, days, second="US$", nothing="No coins were sold.")


def _gifts(days: dict[date, PlatformDay], today: date) -> Figure:
    rows = []
    for day in _last_days(today):
        counted = days.get(day)
        coins = counted.gift_coins if counted else 0
        rows.append(_row(f"{day:%-d %B}", coins * MILLI, f"{coins:,} coins", on=day))
    return _over_time("gifts", "Gifts", rows, days, second="Coins", nothing="No gift was sent.")


def _paid(days: dict[date, PlatformDay], monday: date) -> Figure:
    rows = []
    for number in range(WEEKS):
        week = monday - (WEEKS - 1 - number) * WEEK
        cents = sum(
            _cents(days.get(week + timedelta(days=day)), "paid_usd_cents") for day in range(7)
        )
        rows.append(_usd_row(week, cents, words=f"Week of {week:%-d %B}"))
    return _over_time(
        "paid", "Paid to creators by week", rows, days, second="US$", first="Week",
        nothing="No payout has arrived.",
    )  # fmt: skip


def _maturing(held: PlatformHoldings | None, monday: date) -> Figure:
    """What matures in the weeks to come; what is overdue counts to this one."""
    weeks = {monday + number * WEEK: 0 for number in range(WEEKS)}
    for part in held.maturing if held else []:
        week = max(date.fromisoformat(part["week"]), monday)
        weeks[min(week, max(weeks))] += int(part["milli"])
    rows = [
        _row(f"Week of {week:%-d %B}", milli, f"{milli // MILLI:,} diamonds", on=week)
        for week, milli in weeks.items()
    ]
    return Figure(
        title="Diamonds maturing by week",
        chart=_standing("maturing", "Diamonds maturing by week", rows) if held else None,
        first="Week",
        second="Diamonds",
        nothing="Not counted yet.",
        counted_at=held.counted_at if held else None,
        note="The last week holds all that matures later, too.",
    )


def _over_time(
    key: str, title: str, rows: Sequence[Row], days: dict[date, PlatformDay], *, second: str,
    nothing: str, first: str = "Day",
) -> Figure:  # fmt: skip
    counted = [row.counted_at for row in days.values()]
    missing = sorted({row.without_rate for row in days.values() if row.without_rate})
    return Figure(
        title=title,
        chart=_standing(key, title, rows) if any(row.diamonds_milli for row in rows) else None,
        first=first,
        second=second,
        nothing=nothing if counted else "Not counted yet.",
        counted_at=max(counted, default=None),
        note=f"Without {', '.join(missing)}: no exchange rate."
        if missing and second == "US$"
        else "",
    )


def _standing(key: str, title: str, rows: Sequence[Row]) -> Chart:
    best = max(rows, key=lambda row: row.diamonds_milli)
    total = _row("In all", sum(row.diamonds_milli for row in rows), "")
    return charts.standing(
        rows=rows, total=total, unit="day", key=key, title=title,
        summary=f"Most: {best.words}, {best.said}.",
    )  # fmt: skip


def _last_days(today: date) -> list[date]:
    return [today - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]


def _cents(row: PlatformDay | None, name: str) -> int:
    return int(getattr(row, name)) if row else 0


# What is held


def _owed(held: PlatformHoldings | None) -> Figure:
    rows = list(_held_rows(held, OWED)) if held else []
    return Figure(
        title="Owed to creators",
        chart=_lying("owed", "Owed to creators", rows),
        first="What",
        second="Amount",
        nothing="Nothing is owed to creators." if held else "Not counted yet.",
        counted_at=held.counted_at if held else None,
        note="Diamonds at the value of their rate cards. Bars are in US dollars.",
    )


def _against(held: PlatformHoldings) -> Figure:
    rows = list(_held_rows(held, AGAINST))
    return Figure(
        title="Our money against what we owe",
        chart=_lying("against", "Our money against what we owe", rows),
        first="What",
        second="Amount",
        nothing="There is no money in the books yet.",
        counted_at=held.counted_at,
        note="As the books have it. Bars are in US dollars.",
    )


def _held_rows(held: PlatformHoldings, kinds: Iterable[tuple[Code, str]]) -> Iterable[Row]:
    for code, words in kinds:
        parts = [part for part in held.totals if part["code"] == code and part["amount"]]
        if not parts:
            continue
        known = [int(part["usd_cents"]) for part in parts if part["usd_cents"] is not None]
        cents = sum(known)
        about = f"{money(cents, 'USD')}" if known else _amount(parts[0])
        yield _row(words, max(0, cents) * MILLI // 100, about, note=", ".join(map(_amount, parts)))


def _amount(part: dict[str, Any]) -> str:
    if not part["currency"]:
        return f"{int(part['amount']) // MILLI:,} diamonds"
    return str(money(int(part["amount"]), str(part["currency"])))


# Cases


def _cases(at: datetime) -> Figure:
    """Cases that are not closed, by the days since they were opened: one query."""
    names = {}
    for number, (youngest, oldest) in enumerate(AGES):
        within = Q(opened_at__lte=at - timedelta(days=youngest))
        if oldest is not None:
            within &= Q(opened_at__gt=at - timedelta(days=oldest))
        names[f"age_{number}"] = Count("pk", filter=within)
    counted = Review.objects.filter(state__in=OPEN_CASES).aggregate(**names)
    rows = [
        _row(_age_words(*ages), counted[f"age_{number}"] * MILLI, f"{counted[f'age_{number}']:,}")
        for number, ages in enumerate(AGES)
    ]
    has_any = any(row.diamonds_milli for row in rows)
    return Figure(
        title="Open cases by age",
        chart=_lying("cases", "Open cases by age", rows) if has_any else None,
        first="Age",
        second="Cases",
        nothing="No case is open.",
    )


def _age_words(youngest: int, oldest: int | None) -> str:
    if oldest is None:
        return f"More than {youngest} days"
    return f"{youngest} to {oldest} days" if oldest > 1 else "Less than a day"


# Rows


def _lying(key: str, title: str, rows: Sequence[Row]) -> Chart | None:
    if not rows:
        return None
    most = max(rows, key=lambda row: row.diamonds_milli)
    total = _row("In all", sum(row.diamonds_milli for row in rows), "")
    return charts.lying(
        key, title, rows=rows, rest=None, total=total, summary=f"Most: {most.words}, {most.said}."
    )


def _usd_row(day: date, cents: int, *, words: str = "") -> Row:
    return _row(words or f"{day:%-d %B}", cents * MILLI // 100, str(money(cents, "USD")), on=day)


def _row(words: str, milli: int, said: str, *, on: date | None = None, note: str = "") -> Row:
    return Row(key=words, words=words, note=note, on=on, diamonds_milli=milli, said=said)
