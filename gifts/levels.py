"""Levels: what fans have reached by their gifts, over the whole site and in a creator's club.

Pure numbers. The field keeps its thresholds secret; ours stand here and on every fan's page.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Coins given, over all creators and since ever, from which a fan has level 1, 2, ... 50. Our own
# choice (November 2026), for three reasons: the first gift gives level 1; the levels that unlock
# the dearest gifts (20 and up) stand above what those cost, so that one big gift leads to none of
# them; no step is smaller than the one before, so that nobody is hurried by a level nearly there.
FAN_LEVELS: Final = (
    1, 50, 150, 300, 500, 800, 1_200, 1_700, 2_400, 3_300,
    4_400, 5_800, 7_500, 9_500, 12_000, 15_000, 18_500, 22_500, 27_000, 32_000,
    38_000, 45_000, 53_000, 62_000, 72_000, 83_000, 95_000, 109_000, 125_000, 143_000,
    163_000, 185_000, 210_000, 238_000, 270_000, 305_000, 343_000, 385_000, 432_000, 485_000,
    545_000, 610_000, 680_000, 755_000, 835_000, 920_000, 1_010_000, 1_110_000, 1_220_000,
    1_340_000,
)  # fmt: skip
# Points of a club's member, one for each coin given to its creator, from which they have club level
# 1 to 10. The join gift gives the first. The last stands where only a creator's own circle gets.
CLUB_LEVELS: Final = (1, 100, 300, 700, 1_500, 3_000, 6_000, 12_000, 25_000, 50_000)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody is. ``next_at`` is None on the last level."""

    level: int
    reached: int
    level_at: int
    next_at: int | None

    @property
    def missing(self) -> int:
        """What is missing to the next level; 0 on the last."""
        return 0 if self.next_at is None else self.next_at - self.reached


def fan_level(coins: int) -> int:
    """The level of a fan who has given so many coins; 0 before the first."""
    return bisect_right(FAN_LEVELS, coins)


def club_level(points: int) -> int:
    """The club level of a member with so many points: at least 1, whatever is counted yet."""
    return max(1, bisect_right(CLUB_LEVELS, points))


def fan_progress(coins: int) -> Progress:
    """Say how far a fan is."""
    return _progress(fan_level(coins), coins, FAN_LEVELS)


def club_progress(points: int) -> Progress:
    """Say how far a member is."""
    return _progress(club_level(points), points, CLUB_LEVELS)


def _progress(level: int, reached: int, steps: Sequence[int]) -> Progress:
    next_at = steps[level] if level < len(steps) else None
    return Progress(level, reached, steps[level - 1] if level else 0, next_at)
