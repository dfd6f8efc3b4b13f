"""Sums of earnings: each gift and each loss once, and the same when they are made again."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections

from accounts.models import User
from payouts import tallies
from payouts.models import EVER, HIDDEN, EarningsCursor, EarningsDay, EarningsLabel, GifterMonth
from tests import factories
from tests.database import fold_everything, owner
from tests.payouts.earned import buy, count, give, lose, mature, settle_all

FIELDS = ("place", "gift", "gifts", "coins", "diamonds_milli", "taken_milli")


@pytest.fixture
def cast(committed: str) -> dict[str, User]:
    return {
        "alice": factories.make_user("alice"),
        "carol": factories.make_user("carol"),
        "bob": factories.make_creator("bob"),
        "dora": factories.make_creator("dora"),
    }


def days(creator: User) -> list[tuple[Any, ...]]:
    return list(
        EarningsDay.objects.filter(creator=creator).order_by("place", "gift").values_list(*FIELDS)
    )


def everything() -> list[list[tuple[Any, ...]]]:
    """All sums and words of all creators."""
    return [
        sorted(EarningsDay.objects.values_list()),
        sorted(GifterMonth.objects.values_list()),
        sorted(EarningsLabel.objects.values_list()),
    ]


def test_gifts_are_summed_by_day_place_gift_and_card(cast: dict[str, User]) -> None:
    alice, bob, dora = cast["alice"], cast["bob"], cast["dora"]
    buy(alice, 60)
    buy(alice, 1_000)  # the third gift is paid from two lots and is one gift
    give(alice, bob, 20)
    give(alice, bob, 30, quantity=3)
    give(alice, bob, 40, slug="heart", where="video:2")
    give(alice, dora, 5)
    count()

    assert days(bob) == [
        ("room:1", "rosebud", 4, 50, 50_000, 0),
        ("video:2", "heart", 1, 40, 40_000, 0),
    ]
    assert days(dora) == [("room:1", "rosebud", 1, 5, 5_000, 0)]
    assert EarningsDay.objects.filter(day=datetime.now(UTC).date()).count() == 3
    assert dict(EarningsLabel.objects.filter(creator=bob).values_list("key", "words")) == {
        "gift:heart": "Heart",
        "gift:rosebud": "Rosebud",
        "room:1": "Evening in room:1",
        "video:2": "Evening in video:2",
    }
    assert tallies.audit(creator_id=bob.pk) == []


def test_a_loss_stands_beside_what_was_earned_and_a_rebuild_finds_the_same(
    cast: dict[str, User],
) -> None:
    alice, carol, bob = cast["alice"], cast["carol"], cast["bob"]
    lost = buy(alice, 100)
    give(alice, bob, 60)
    mature()
    give(alice, bob, 40, slug="heart")
    buy(carol, 100)
    give(carol, bob, 70)
    count()
    lose(lost, 50)  # the newest 40 from pending, 10 of the first from available
    count()

    assert days(bob) == [
        ("room:1", "heart", 1, 40, 40_000, 40_000),
        ("room:1", "rosebud", 2, 130, 130_000, 10_000),
    ]
    before = everything()
    for creator in (bob, cast["dora"]):
        assert tallies.audit(creator_id=creator.pk) == []
        tallies.rebuild(creator_id=creator.pk)
    assert everything() == before
    tallies.start_over()
    assert everything() == [[], [], []]
    count()
    assert everything() == before


def test_a_loss_of_a_gift_that_was_settled_counts_although_it_is_a_debt(
    cast: dict[str, User],
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    lost = buy(alice, 100)
    give(alice, bob, 100)
    mature()
    settle_all(bob)
    lose(lost, 100)
    count()

    assert days(bob) == [("room:1", "rosebud", 1, 100, 100_000, 100_000)]
    assert tallies.audit(creator_id=bob.pk) == []


def test_hidden_names_are_one_row_that_names_nobody(cast: dict[str, User]) -> None:
    alice, carol, bob = cast["alice"], cast["carol"], cast["bob"]
    for fan in (alice, carol):
        buy(fan, 100)
        give(fan, bob, 10, hidden=True)
    give(alice, bob, 5)
    count()

    ever = GifterMonth.objects.filter(creator=bob, month=EVER).order_by("gifter_id")
    assert list(ever.values_list("gifter_id", "gifts", "diamonds_milli")) == [
        (HIDDEN, 2, 20_000),
        (alice.pk, 1, 5_000),
    ]
    month = datetime.now(UTC).date().replace(day=1)
    assert GifterMonth.objects.filter(creator=bob, month=month).count() == 2


def test_what_is_not_folded_yet_waits_and_nothing_is_counted_twice(cast: dict[str, User]) -> None:
    alice, bob = cast["alice"], cast["bob"]
    buy(alice, 100)
    give(alice, bob, 10)
    count()
    give(alice, bob, 10)
    tallies.count_earnings()
    assert [row[4] for row in days(bob)] == [10_000]

    fold_everything()
    workers = [threading.Thread(target=_count_elsewhere) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tallies.count_earnings()

    assert [row[4] for row in days(bob)] == [20_000]


def _count_elsewhere() -> None:
    try:
        tallies.count_earnings()
    finally:
        connections.close_all()


def test_small_steps_count_the_same(cast: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = cast["alice"], cast["bob"]
    buy(alice, 100)
    for coins in range(1, 8):
        give(alice, bob, coins)
    fold_everything()
    monkeypatch.setattr(tallies, "TRANSFERS_A_STEP", 1)
    assert tallies.count_earnings() > 7

    assert days(bob) == [("room:1", "rosebud", 7, 28, 28_000, 0)]


def test_a_ledger_that_counts_its_transactions_anew_is_counted_from_its_beginning(
    cast: dict[str, User],
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    buy(alice, 100)
    give(alice, bob, 10)
    count()
    EarningsCursor.objects.update(xid=2**60)
    count()

    assert days(bob) == [("room:1", "rosebud", 1, 10, 10_000, 0)]


def test_an_audit_says_which_sum_differs(cast: dict[str, User], committed: str) -> None:
    alice, bob = cast["alice"], cast["bob"]
    buy(alice, 100)
    give(alice, bob, 10)
    count()
    with owner(committed) as session:
        session.execute("UPDATE payouts_earningsday SET diamonds_milli = 9")

    (found,) = tallies.audit(creator_id=bob.pk)
    assert (found.counted_milli, found.real_milli) == (9, 10_000)
    assert found.what.startswith("earningsday")
