"""The rules about buyers, each on both sides of its threshold."""

from datetime import timedelta

import pytest

from accounts.models import ReviewReason
from wallet import rules
from wallet.models import Tier


def facts(*, tier: Tier = Tier.ACTIVE, **known: int) -> rules.BuyerFacts:
    """Somebody who has bought nothing, but what is said."""
    return rules.BuyerFacts(
        tier=tier,
        spent_24h_usd_cents=known.get("day", 0),
        spent_30d_usd_cents=known.get("month", 0),
        before_30d_usd_cents=known.get("before", 0),
        instruments_7d=known.get("instruments", 0),
        declines_24h=known.get("declines", 0),
    )


@pytest.mark.parametrize(
    ("day", "before", "is_hit"),
    [
        (200_00, 0, False),  # not above 200 dollars
        (200_01, 0, True),  # above it, and nothing before
        (300_00, 30 * 100_00, False),  # exactly three times the mean day
        (300_01, 30 * 100_00, True),
        (1_000_00, 30 * 500_00, False),  # much, but usual
    ],
)
def test_a_spike_is_above_three_usual_days_and_above_200_dollars(
    day: int, before: int, is_hit: bool
) -> None:
    verdict = rules.spend_spike(facts(day=day, before=before))

    assert (verdict.rule, verdict.is_hit) == (ReviewReason.SPEND_SPIKE, is_hit)


def test_a_spike_says_what_was_seen() -> None:
    verdict = rules.spend_spike(facts(day=450_00, before=30 * 20_00))

    assert verdict.reasons == ("About US$450 in 24 hours, where your usual day is about US$20.",)


@pytest.mark.parametrize(
    ("tier", "day_max", "month_max"),
    [(Tier.NEW, 150_00, 500_00), (Tier.ACTIVE, 400_00, 1_500_00),
     (Tier.VERIFIED, 1_500_00, 6_000_00)],
)  # fmt: skip
def test_absolute_spending_has_a_trigger_for_each_tier(
    tier: Tier, day_max: int, month_max: int
) -> None:
    at_both = rules.spend_abs(facts(tier=tier, day=day_max, month=month_max))
    above_day = rules.spend_abs(facts(tier=tier, day=day_max + 1))
    above_month = rules.spend_abs(facts(tier=tier, month=month_max + 1))
    above_both = rules.spend_abs(facts(tier=tier, day=day_max + 1, month=month_max + 1))

    assert not at_both.is_hit
    assert "in 24 hours" in above_day.reasons[0]
    assert "in 30 days" in above_month.reasons[0]
    assert len(above_both.reasons) == 2


@pytest.mark.parametrize(
    ("instruments", "declines", "hits"),
    [(2, 3, 0), (3, 0, 1), (0, 4, 1), (3, 4, 2)],
)
def test_many_cards_are_three_in_a_week_or_four_declines_in_a_day(
    instruments: int, declines: int, hits: int
) -> None:
    verdict = rules.multi_card(facts(instruments=instruments, declines=declines))

    assert len(verdict.reasons) == hits


@pytest.mark.parametrize(
    ("age", "coins", "is_hit"),
    [
        (timedelta(days=7) - timedelta(seconds=1), 10_000, True),
        (timedelta(days=7), 10_000, False),
        (timedelta(0), 9_999, False),
    ],
)
def test_a_new_account_with_a_big_gift(age: timedelta, coins: int, is_hit: bool) -> None:
    known = rules.GiftFacts(account_age_s=int(age.total_seconds()), coins=coins)

    assert rules.new_big(known).is_hit is is_hit
