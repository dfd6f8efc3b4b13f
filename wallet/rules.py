"""Rules about buyers: facts in, a verdict with its reasons out. Nothing is read or written here.

Each rule is a function with its threshold and source beside it. A hit opens a case for a person to
look at; no rule bans anybody. ``reviewing`` gathers the facts, stores every verdict and acts.

The thresholds are our own defaults, of 2026-08, after the patterns that regulators and others
name: Turkey's MASAK guide on livestream gifts (spending out of line with a person's history, new
accounts with large gifts), Open Collective's fraud checks (many cards, many declines), and the
field's advice to fans (fewer cards, lower frequency). SPEND_ABS is 75-80 % of each tier's hard
limit, so that a person looks before the wall. Amounts are whole US cents.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from accounts.models import ReviewReason
from wallet.models import Tier

SPIKE_FACTOR: Final = 3  # times the person's own mean day
SPIKE_MIN_USD_CENTS: Final = 200_00
DAYS_OF_MEAN: Final = 30

INSTRUMENTS_MAX: Final = 2  # three in 7 days is a hit
DECLINES_MAX: Final = 3  # four in 24 hours is a hit

NEW_BIG_AGE: Final = timedelta(days=7)
NEW_BIG_COINS: Final = 10_000

# By tier: most in 24 hours, most in 30 days, in US cents.
SPEND_ABS: Final = {
    Tier.NEW: (150_00, 500_00),
    Tier.ACTIVE: (400_00, 1_500_00),
    Tier.VERIFIED: (1_500_00, 6_000_00),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerFacts:
    """What is known of a buyer when they are about to buy, the purchase itself counted."""

    tier: Tier
    spent_24h_usd_cents: int
    spent_30d_usd_cents: int
    before_30d_usd_cents: int  # in the 30 days before the last 24 hours
    instruments_7d: int
    declines_24h: int

    @property
    def mean_day_usd_cents(self) -> int:
        """What the person spends on a day, rounded down, before the last one."""
        return self.before_30d_usd_cents // DAYS_OF_MEAN

    def as_json(self) -> dict[str, Any]:
        """Write them down as they were."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftFacts:
    """What is known of somebody who is about to send a gift."""

    account_age_s: int
    coins: int

    def as_json(self) -> dict[str, Any]:
        """Write them down as they were."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one rule says: whether it hits, and why, in words for the person it is about."""

    rule: ReviewReason
    reasons: tuple[str, ...] = ()

    @property
    def is_hit(self) -> bool:
        return bool(self.reasons)


def spend_spike(facts: BuyerFacts) -> Verdict:
    """More than 3 times one's own mean day of the last 30, and more than US$200, in 24 hours."""
    spent, mean = facts.spent_24h_usd_cents, facts.mean_day_usd_cents
    reasons: tuple[str, ...] = ()
    if spent > SPIKE_MIN_USD_CENTS and spent > SPIKE_FACTOR * mean:
        reasons = (f"About {_usd(spent)} in 24 hours, where your usual day is about {_usd(mean)}.",)
    return Verdict(rule=ReviewReason.SPEND_SPIKE, reasons=reasons)


def spend_abs(facts: BuyerFacts) -> Verdict:
    """More in 24 hours or 30 days than the tier's trigger."""
    day_max, month_max = SPEND_ABS[facts.tier]
    found = []
    if facts.spent_24h_usd_cents > day_max:
        found.append(
            f"About {_usd(facts.spent_24h_usd_cents)} in 24 hours; above {_usd(day_max)} "
            "a person looks first."
        )
    if facts.spent_30d_usd_cents > month_max:
        found.append(
            f"About {_usd(facts.spent_30d_usd_cents)} in 30 days; above {_usd(month_max)} "
            "a person looks first."
        )
    return Verdict(rule=ReviewReason.SPEND_ABS, reasons=tuple(found))


def multi_card(facts: BuyerFacts) -> Verdict:
    """Three or more instruments in 7 days, or four or more declined payments in 24 hours."""
    found = []
    if facts.instruments_7d > INSTRUMENTS_MAX:
        found.append(f"{facts.instruments_7d} different cards or accounts paid within 7 days.")
    if facts.declines_24h > DECLINES_MAX:
        found.append(f"{facts.declines_24h} payments were declined within 24 hours.")
    return Verdict(rule=ReviewReason.MULTI_CARD, reasons=tuple(found))


def new_big(facts: GiftFacts) -> Verdict:
    """One gift of 10,000 coins or more from an account younger than 7 days."""
    reasons: tuple[str, ...] = ()
    if facts.coins >= NEW_BIG_COINS and facts.account_age_s < NEW_BIG_AGE.total_seconds():
        days = NEW_BIG_AGE.days
        reasons = (f"A gift of {facts.coins:,} coins from an account younger than {days} days.",)
    return Verdict(rule=ReviewReason.NEW_BIG, reasons=reasons)


def judge_buyer(facts: BuyerFacts) -> Sequence[Verdict]:
    """Ask every rule about buying."""
    return (spend_spike(facts), spend_abs(facts), multi_card(facts))


def _usd(cents: int) -> str:
    """Write dollars, rounded half-up to the whole dollar: the words are about size, not a bill."""
    return f"US${(cents + 50) // 100:,}"
