"""What matures when, and why not sooner: a creator's pending diamonds by the day of their release.

Promises: reads only; the first steps stand by themselves and later ones by the week, so that the
list stays short and its sum is all that is pending. Each step says its causes in words: how the
gifts in it were paid for, and how long that waits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from djmoney.money import Money

from payouts import charts, earnings
from payouts.charts import Chart, Row
from payouts.earnings import Known
from wallet import holds
from wallet.books import Maturing
from wallet.models import HoldClass

STEPS_ALONE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A part of a step: how it was paid, and how many days such payments wait."""

    words: str
    hold_days: int
    diamonds_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Diamonds that mature at one time, or in one week. No time: once the current period has
    closed and the hold has passed. ``share`` is of the largest step, in percent."""

    release_at: datetime | None
    is_week: bool
    hold_days: int
    diamonds_milli: int
    worth: Money | None
    share: int
    causes: Sequence[Cause]

    @property
    def words(self) -> str:
        if self.release_at is None:
            plural = "" if self.hold_days == 1 else "s"
            return f"{self.hold_days} day{plural} after this period"
        if self.is_week:
            return f"Week of {self.release_at:%-d %B}"
        return f"{self.release_at:%-d %B, %H:%M} UTC"

    @property
    def cause_words(self) -> str:
        return ", ".join(f"{cause.words} ({cause.hold_days} days)" for cause in self.causes)


def steps(read: Known) -> list[Step]:
    """Everything pending, soonest first; what has no date yet comes last."""
    moments = [list(group) for _, group in groupby(read.maturing, key=_moment)]
    alone, later = moments[:STEPS_ALONE], moments[STEPS_ALONE:]
    weeks = [
        [part for moment in group for part in moment]
        for _, group in groupby(later, key=lambda parts: _week(parts[0]))
    ]
    groups = [(parts, False) for parts in alone] + [(parts, True) for parts in weeks]
    most = max((_sum(parts) for parts, _ in groups), default=1)
    return [_step(parts, read, most=most, is_week=is_week) for parts, is_week in groups]


def chart(found: Sequence[Step]) -> Chart | None:
    """The steps as bars, in their order."""
    if not found:
        return None
    rows = [
        Row(
            key=str(number),
            words=step.words,
            note=step.cause_words,
            diamonds_milli=step.diamonds_milli,
            worth=step.worth,
        )
        for number, step in enumerate(found)
    ]
    total = Row(key="total", words="In all", diamonds_milli=sum(s.diamonds_milli for s in found))
    summary = f"In the order of time; the next is {_milli_words(found[0])}."
    return charts.lying(
        "coming", "What matures when", rows=rows, rest=None, total=total, summary=summary
    )


def _milli_words(step: Step) -> str:
    return f"{Decimal(step.diamonds_milli).scaleb(-3).normalize():,f} diamonds, {step.words}"


def _moment(part: Maturing) -> tuple[datetime | None, int]:
    return part.release_at, 0 if part.release_at else part.hold_days


def _week(part: Maturing) -> tuple[datetime | None, int]:
    """The Monday of a release, or what has no date by itself."""
    if part.release_at is None:
        return None, part.hold_days
    at = part.release_at.astimezone(UTC)
    monday = at - timedelta(days=at.weekday())
    return monday.replace(hour=0, minute=0, second=0, microsecond=0), 0


def _sum(parts: Iterable[Maturing]) -> int:
    return sum(part.diamonds_milli for part in parts)


def _step(parts: Sequence[Maturing], read: Known, *, most: int, is_week: bool) -> Step:
    first = parts[0]
    by_cause: dict[tuple[HoldClass, int, bool], int] = {}
    for part in parts:
        key = (part.hold, part.hold_days, part.is_first)
        by_cause[key] = by_cause.get(key, 0) + part.diamonds_milli
    return Step(
        release_at=_week(first)[0] if is_week and first.release_at else first.release_at,
        is_week=is_week and first.release_at is not None,
        hold_days=first.hold_days,
        diamonds_milli=_sum(parts),
        worth=earnings.worth([(part.diamonds_milli, part.card) for part in parts], rate=read.rate),
        share=100 * _sum(parts) // most,
        causes=[
            Cause(
                words=holds.cause_words(hold, is_first=is_first),
                hold_days=days,
                diamonds_milli=milli,
            )
            for (hold, days, is_first), milli in sorted(by_cause.items())
        ],
    )
