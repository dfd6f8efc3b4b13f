"""The rules on earnings: each at its threshold, and what an honest creator looks like to them."""

from dataclasses import replace

import pytest

from accounts.models import ReviewReason
from payouts import earning_rules, rings
from payouts.earning_facts import Earner, Share, Trait

K = 1_000_000  # a thousand diamonds
HONEST = Earner(
    creator_id=1,
    milli=100 * K,
    senders=200,
    top_two_milli=30 * K,
    top_ids=(7, 8, 9),
    followers=100,
    viewers=40,
    silent_days=2,
    shares={
        Trait.STRANGER: Share(milli=70 * K, senders=120, first_ids=(7,)),
        Trait.FRESH: Share(milli=20 * K, senders=60),
        Trait.BIG: Share(milli=25 * K, senders=1),
        Trait.HOME: Share(milli=5 * K, senders=1),
        Trait.BACK: Share(milli=3 * K, senders=2),
        Trait.HOPPER: Share(milli=10 * K, senders=4),
        Trait.NEAR: Share(milli=9 * K, senders=1),
    },
)


def hit(earner: Earner) -> list[str]:
    return [verdict.rule.value for verdict in earning_rules.hits(earner)]


def with_share(trait: Trait, thousands: float, senders: int, **changes: object) -> Earner:
    share = Share(milli=round(thousands * K), senders=senders, first_ids=(7,))
    return replace(HONEST, shares={trait: share}, **changes)  # type: ignore[arg-type]


def test_an_honest_creator_with_a_bit_of_everything_is_not_hit() -> None:
    assert hit(HONEST) == []


@pytest.mark.parametrize(
    ("at_it", "below", "rule"),
    [
        (replace(HONEST, top_two_milli=80 * K + 1), replace(HONEST, top_two_milli=80 * K),
         "concentration"),
        (replace(HONEST, milli=50 * K + 1, top_two_milli=45 * K, shares={}),
         replace(HONEST, milli=50 * K, top_two_milli=45 * K, shares={}), "concentration"),
        (with_share(Trait.OWN, 20, 1), with_share(Trait.OWN, 19.999, 1), "self_deal"),
        (with_share(Trait.HOME, 50, 1), with_share(Trait.HOME, 49.999, 1), "self_deal"),
        (replace(HONEST, milli=100 * K + 1, followers=49), replace(HONEST, followers=49),
         "low_audience"),
        (replace(HONEST, milli=100 * K + 1, viewers=4), replace(HONEST, milli=100 * K + 1,
         viewers=5), "low_audience"),
        (replace(HONEST, ring=Share(milli=30 * K, senders=3)),
         replace(HONEST, ring=Share(milli=30 * K - 1, senders=3)), "gift_ring"),
        (replace(HONEST, ring=Share(milli=50 * K, senders=2)),
         replace(HONEST, ring=Share(milli=50 * K - 1, senders=2)), "gift_ring"),
        (with_share(Trait.FRESH, 50, 5), with_share(Trait.FRESH, 50, 4), "new_senders"),
        (with_share(Trait.FRESH, 50, 25), with_share(Trait.FRESH, 50, 26), "new_senders"),
        (with_share(Trait.FRESH_CARD, 60, 10), with_share(Trait.FRESH_CARD, 60, 9),
         "new_senders"),
        (with_share(Trait.BIG, 50, 3), with_share(Trait.BIG, 50, 2), "new_senders"),
        (with_share(Trait.ONE_HAND, 40, 3), with_share(Trait.ONE_HAND, 39.999, 3), "one_hand"),
        (with_share(Trait.NEAR, 40, 1, near_days=5), with_share(Trait.NEAR, 40, 1, near_days=4),
         "below_limits"),
        (with_share(Trait.BACK, 30, 1), with_share(Trait.BACK, 29.999, 1), "money_back"),
        (with_share(Trait.HOPPER, 50, 1), with_share(Trait.HOPPER, 49.999, 1), "region_hop"),
        (with_share(Trait.CLAIMED, 20, 1), with_share(Trait.CLAIMED, 19.999, 1),
         "borrowed_card"),
        (with_share(Trait.BORROWED, 50, 1), with_share(Trait.BORROWED, 49.999, 1),
         "borrowed_card"),
        (replace(HONEST, silent_days=90), replace(HONEST, silent_days=89), "sudden"),
    ],
)  # fmt: skip
def test_each_rule_hits_at_its_threshold_and_not_below(
    at_it: Earner, below: Earner, rule: str
) -> None:
    assert hit(at_it) == [rule]
    assert hit(below) == []


@pytest.mark.parametrize(
    ("trait", "thousands"),
    [(Trait.OWN, 4.9), (Trait.HOME, 9.9), (Trait.ONE_HAND, 4.9), (Trait.BACK, 4.9),
     (Trait.HOPPER, 4.9), (Trait.BORROWED, 9.9), (Trait.CLAIMED, 1.9), (Trait.NEAR, 9.9)],
)  # fmt: skip
def test_small_sums_are_held_by_no_rule_whatever_their_share(
    trait: Trait, thousands: float
) -> None:
    milli = round(thousands * K)
    earner = with_share(
        trait, thousands, 1, milli=milli, top_two_milli=milli, near_days=9, silent_days=0
    )

    assert hit(earner) == []


def test_a_hit_says_why_in_numbers_and_names_nobody_to_the_creator() -> None:
    (verdict,) = earning_rules.hits(with_share(Trait.OWN, 33.339, 2))

    assert verdict.rule == ReviewReason.SELF_DEAL
    assert verdict.reasons == (
        (
            "33 % of what you earned in 30 days came from accounts that share a device, a card or "
            "a payout account with you."
        ),
    )
    assert verdict.signals == (
        ("earned in 30 days", "100,000 diamonds"),
        ("of it by this rule", "33,339 diamonds (33 %)"),
        ("people", "2 of 200 senders"),
    )
    assert verdict.sender_ids == (7,)


def test_each_reason_has_words_for_the_creator() -> None:
    assert all(reason.words for reason in ReviewReason)


# Rings


def test_rings_are_found_whatever_hangs_on_them() -> None:
    three = [(1, 2), (2, 3), (3, 1)]
    eight = [(number, 11 + (number - 10) % 8) for number in range(11, 19)]
    decoys = [(1, 99), (98, 2), (12, 99), (97, 11), (99, 96), (95, 98)]

    found = rings.rings([*three, *eight, *decoys])

    assert sorted(sorted(group) for group in found) == [[1, 2, 3], list(range(11, 19))]


def test_a_chain_is_no_ring_and_two_who_give_each_other_are() -> None:
    assert rings.rings([(1, 2), (2, 3), (3, 4), (1, 4)]) == []
    assert rings.rings([(1, 2), (2, 1)]) == [frozenset({1, 2})]


def test_a_ring_of_a_hundred_thousand_is_found_too() -> None:
    size = 100_000

    (found,) = rings.rings((number, (number + 1) % size) for number in range(size))

    assert len(found) == size
