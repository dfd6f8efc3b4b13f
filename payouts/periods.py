"""When settlements are due: by the calendar in UTC, or by an interval for demos.

Promises: pure functions of the moment and the settings; periods follow each other without a gap
and every moment is in exactly one. UTC has no daylight saving, so every day has 24 hours.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings

WEEK: Final = timedelta(days=7)
LONGEST_MONTH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What one run is for. ``cutoff_at``: what has matured by then is sure to be in it."""

    key: str
    cutoff_at: datetime
    ends_at: datetime


def settlement_at(*, at: datetime) -> Period:
    """The period whose settlement is due: since Monday, the 1st, or the interval's number."""
    if interval_s := settings.SETTLEMENT_INTERVAL_S:
        number = int(at.timestamp()) // interval_s
        start = datetime.fromtimestamp(number * interval_s, UTC)
        key = f"{start:%Y-%m-%d} {interval_s}s {number}"
        return Period(key=key, cutoff_at=start, ends_at=start + timedelta(seconds=interval_s))
    midnight = _midnight(at)
    if settings.SETTLEMENT_CALENDAR == "monthly":
        first = midnight.replace(day=1)
        following = (first + LONGEST_MONTH).replace(day=1)
        return Period(key=f"{first:%Y-%m}", cutoff_at=first, ends_at=following)
    monday = midnight - timedelta(days=midnight.weekday())
    return Period(key=f"{monday:%G-W%V}", cutoff_at=monday, ends_at=monday + WEEK)


def payouts_at(*, at: datetime) -> Period:
    """The day whose payouts of what maxima left over are due."""
    midnight = _midnight(at)
    key = f"{midnight:%Y-%m-%d} payouts"
    return Period(key=key, cutoff_at=midnight, ends_at=midnight + timedelta(days=1))


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
