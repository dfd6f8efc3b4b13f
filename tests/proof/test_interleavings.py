"""Every two postings that meet on one lot or one creator, in every order, stopped halfway.

What they come to, and what everybody holds afterwards, is what one of the two would have been after
the other. Which pairs of locks could wait for each other is tried with what they would have to meet
on: two creators, two periods.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from tests.database import fold_everything
from tests.proof import interleaving
from tests.proof.interleaving import END, Call
from tests.proof.ledger_world import DEBT_SHARE_BPS, PEOPLE, rows
from wallet import ledger, returns

GROSS = 1_190
DEADLOCK = "40P01"


@dataclass
class World:
    """A lot of 1,000 coins: 300 given in a period that is due, 200 in the open one, 100 waiting for
    a refund. Another fan's gift to the same creator is not folded yet."""

    payer: int
    other: int
    creator: int
    lot: UUID
    cover: UUID
    hold_id: UUID
    period: int


def buy(payer: int, coins: int, gross: int, tax: int, *, hold_class: int = 5) -> UUID:
    purchase_id = ledger.new_operation_id()
    with transaction.atomic():
        ledger.buy(
            operation_id=purchase_id,
            buyer_id=payer,
            purchase_id=purchase_id,
            coins=coins,
            hold_class=hold_class,
            currency="EUR",
            gross_minor=gross,
            tax_minor=tax,
            fee_minor=0,
            memo={},
        ).check()
    return purchase_id


def give(payer: int, creator: int, coins: int) -> None:
    with transaction.atomic():
        ledger.gift(
            ledger.Gift(ledger.new_operation_id(), payer, creator, coins, payer, "room:x", {})
        ).check()


def close() -> int:
    fold_everything()
    with transaction.atomic():
        closed = ledger.close_period()
    assert closed is not None
    return closed


def open_dispute(lot: UUID, minor: int = GROSS) -> None:
    fold_everything()
    with transaction.atomic():
        returns.open_dispute(
            operation_id=ledger.new_operation_id(), purchase_id=lot, amount_minor=minor, memo={}
        ).check()


def make_world(*, is_disputed: bool) -> World:
    payer, other, creator = (next(PEOPLE) for _ in range(3))
    lot, cover = buy(payer, 1_000, GROSS, 190), buy(payer, 50, 50, 0)
    buy(other, 80, 80, 0)
    give(payer, creator, 300)
    period = close()
    give(payer, creator, 200)
    with transaction.atomic():
        held = returns.hold_refund(
            operation_id=ledger.new_operation_id(), purchase_id=lot, coins=100, actor_id=payer,
            memo={},
        ).check()  # fmt: skip
    if is_disputed:
        open_dispute(lot)
    else:
        fold_everything()
    give(other, creator, 80)
    return World(payer, other, creator, lot, cover, held.operation_id, period)


def posting(name: str, places: str, *parameters: Any) -> Call:
    sql = f"SELECT done, replayed, refusal, result FROM ledger.{name}({places})"
    return Call(name, sql, parameters)


def gift(world: World) -> Call:
    sql = "%s, %s, %s, 450, %s, 'room:x', '{}'"
    people = (world.payer, world.creator, world.payer)
    return posting("gift", sql, ledger.new_operation_id(), *people)


def hold_refund(world: World) -> Call:
    key = ledger.new_operation_id()
    return posting("hold_refund", "%s, %s, 350, %s, '{}'", key, world.lot, world.payer)


def resolve_refund(world: World) -> Call:
    key = ledger.new_operation_id()
    return posting("resolve_refund", "%s, %s, 60, 1, '{}'", key, world.hold_id)


def begin_dispute(world: World) -> Call:
    key = ledger.new_operation_id()
    return posting("open_dispute", "%s, %s, %s, '{}'", key, world.lot, GROSS)


def lose_dispute(world: World) -> Call:
    key = ledger.new_operation_id()
    places = "%s, %s, 1000, 0, true, 'full', '{}'"
    return posting("resolve_dispute", places, key, world.lot)


def win_dispute(world: World) -> Call:
    key = ledger.new_operation_id()
    return posting("resolve_dispute", "%s, %s, 0, 0, true, 'full', '{}'", key, world.lot)


def release(world: World) -> Call:
    ((account_id,),) = rows(
        "SELECT id FROM ledger.account WHERE owner_id = %s AND code = 210", world.creator
    )
    return posting("release", "%s, %s, %s", world.period, account_id, DEBT_SHARE_BPS)


def fold(world: World) -> Call:
    return Call("fold", "SELECT ledger.fold()", ())


DEEDS: dict[str, Callable[[World], Call]] = {
    deed.__name__: deed
    for deed in (
        gift,
        hold_refund,
        resolve_refund,
        begin_dispute,
        lose_dispute,
        win_dispute,
        release,
        fold,
    )
}
STOPS = (END, "transfer:1", "operation:1", "bucket:1")


def state(world: World) -> Any:
    """Everything of the world that must not depend on who came first by a hair."""
    names = {world.payer: "payer", world.other: "other", world.creator: "creator"}
    balances = rows(
        "SELECT a.owner_id, a.code, a.sign * (t.credits - t.debits)"
        "  FROM ledger.account a, ledger.turnover(a.id) t WHERE a.owner_id = ANY(%s)",
        list(names),
    )
    lots = rows(
        "SELECT l.purchase_id = %s, l.amount, l.remaining, l.state, m.returned_coins,"
        "       m.returned_minor, m.returned_net_minor, m.returned_tax_minor"
        "  FROM ledger.lot l LEFT JOIN ledger.lot_money m ON m.lot_id = l.id"
        " WHERE l.home_id = %s ORDER BY l.id",
        world.lot,
        world.payer,
    )
    covers = rows(
        "SELECT c.coins FROM ledger.lot_cover c JOIN ledger.lot l ON l.id = c.lot_id"
        " WHERE l.home_id = %s ORDER BY 1",
        world.payer,
    )
    buckets = rows(
        "SELECT b.period_id = %s, b.clawed, b.released, b.done FROM ledger.bucket b"
        " WHERE b.home_id = %s ORDER BY b.period_id",
        world.period,
        world.creator,
    )
    held = sorted((names[who], code, n) for who, code, n in balances if n)
    return held, lots, covers, buckets


def outcome(call: Call, answer: Any) -> Any:
    """What it came to, without the numbers of rows and people."""
    if call.name == "fold":
        return "folded" if isinstance(answer, tuple) else answer
    if not isinstance(answer, tuple):
        return answer
    done, replayed, refusal, result = answer
    facts = {k: v for k, v in (result or {}).items() if k not in {"lot", "creators", "card"}}
    return done, replayed, refusal, tuple(sorted(facts.items()))


def serial(database: str, first: str, second: str, *, is_disputed: bool) -> Any:
    world = make_world(is_disputed=is_disputed)
    calls = [DEEDS[first](world), DEEDS[second](world)]
    answers = interleaving.one_after_the_other(database, *calls)
    came_to = {
        f"{name} {at}": outcome(call, answer)
        for at, (name, call, answer) in enumerate(zip((first, second), calls, answers, strict=True))
    }
    return came_to, state(world)


def at_once(database: str, first: str, second: str, *, stop: str, is_disputed: bool) -> Any:
    world = make_world(is_disputed=is_disputed)
    calls = [DEEDS[first](world), DEEDS[second](world)]
    answers = interleaving.interleaved(database, *calls, stop=stop)
    outcomes = [outcome(call, answer) for call, answer in zip(calls, answers, strict=True)]
    return outcomes, state(world)


def differences(
    database: str, pairs: list[tuple[str, str]], stops: tuple[str, ...], *, is_disputed: bool
) -> list[Any]:
    """The interleavings whose end is neither serial order's."""
    found = []
    serials: dict[tuple[str, str], Any] = {}
    for first, second in pairs:
        for order in {(first, second), (second, first)} - serials.keys():
            serials[order] = serial(database, *order, is_disputed=is_disputed)
        for stop in stops:
            outcomes, ends = at_once(database, first, second, stop=stop, is_disputed=is_disputed)
            forward, backward = serials[first, second], serials[second, first]
            wanted = [
                ([forward[0][f"{first} 0"], forward[0][f"{second} 1"]], forward[1]),
                ([backward[0][f"{first} 1"], backward[0][f"{second} 0"]], backward[1]),
            ]
            if (outcomes, ends) not in wanted:
                found.append((first, second, stop, (outcomes, ends), *wanted))
    return found


@pytest.mark.proof
@pytest.mark.parametrize("is_disputed", [False, True])
def test_any_two_at_once_end_as_one_after_the_other(
    quick_card: None, committed: str, proof_size: int, is_disputed: bool
) -> None:
    interleaving.install(committed)
    ends = {"lose_dispute", "win_dispute"}
    pairs = [
        (first, second)
        for first, second in itertools.product(DEEDS, repeat=2)
        if proof_size > 1 or is_disputed == bool(ends & {first, second})
    ]
    stops = STOPS if proof_size > 1 else (END,)

    assert differences(committed, pairs, stops, is_disputed=is_disputed) == []
    assert list(ledger.audit()) == []


def release_all() -> Call:
    return Call("release_due", "SELECT ledger.release_due(%s, 100)", [DEBT_SHARE_BPS])


def dispute(lot: UUID, minor: int) -> Call:
    return posting("open_dispute", "%s, %s, %s, '{}'", ledger.new_operation_id(), lot, minor)


def lose(lot: UUID, minor: int) -> Call:
    places = "%s, %s, %s, 0, true, 'full', '{}'"
    return posting("resolve_dispute", places, ledger.new_operation_id(), lot, minor)


def two_disputes_of_the_same_creators() -> tuple[Call, Call, str]:
    """Each lot paid one creator in the first period and the other one in the second, and waits in
    buckets of its own."""
    (fan, other), (x, y) = [next(PEOPLE), next(PEOPLE)], [next(PEOPLE), next(PEOPLE)]
    one, two = buy(fan, 100, 100, 0), buy(other, 100, 100, 0, hold_class=6)
    give(fan, x, 50)
    give(other, y, 50)
    close()
    give(fan, y, 50)
    give(other, x, 50)
    close()
    return dispute(one, 100), dispute(two, 100), "bucket:2"


def a_fold_and_a_dispute_of_the_same_buckets() -> tuple[Call, Call, str]:
    (fan, other), creators = [next(PEOPLE), next(PEOPLE)], [next(PEOPLE) for _ in range(8)]
    lot, _ = buy(fan, 80, 80, 0), buy(other, 80, 80, 0)
    for creator in creators:
        give(fan, creator, 10)
    fold_everything()
    for creator in reversed(creators):
        give(other, creator, 10)
    return Call("fold", "SELECT ledger.fold()", ()), dispute(lot, 80), "bucket:4"


def a_close_and_a_dispute_of_the_same_buckets() -> tuple[Call, Call, str]:
    """The fold inside the close takes the later creator's bucket before the earlier one's."""
    (fan, other), creators = [next(PEOPLE), next(PEOPLE)], [next(PEOPLE) for _ in range(8)]
    lot, _ = buy(fan, 80, 80, 0), buy(other, 80, 80, 0)
    for creator in creators:
        give(fan, creator, 10)
    fold_everything()
    give(other, creators[-1], 10)
    return Call("close", "SELECT ledger.close_period()", ()), dispute(lot, 80), "bucket:2"


def a_release_and_a_dispute_of_the_same_buckets() -> tuple[Call, Call, str]:
    """The creators' order is not that of their periods."""
    fan, x, y = (next(PEOPLE) for _ in range(3))
    lot = buy(fan, 100, 100, 0)
    give(fan, y, 50)
    close()
    give(fan, x, 50)
    close()
    return release_all(), dispute(lot, 100), "bucket:1"


def a_release_and_a_loss_of_the_same_creators() -> tuple[Call, Call, str]:
    """The creators' order is not that of their accounts."""
    fan, other, x, y = (next(PEOPLE) for _ in range(4))
    lot, _ = buy(fan, 100, 100, 0), buy(other, 200, 200, 0)
    for creator in (y, x):
        give(fan, creator, 50)
        close()
        with transaction.atomic():
            ledger.release_due(debt_share_bps=DEBT_SHARE_BPS, limit=100)
    open_dispute(lot, 100)
    give(other, x, 50)
    give(other, y, 50)
    close()
    return release_all(), lose(lot, 100), "bucket:1"


@pytest.mark.proof
@pytest.mark.parametrize(
    "meeting",
    [
        two_disputes_of_the_same_creators,
        a_fold_and_a_dispute_of_the_same_buckets,
        a_close_and_a_dispute_of_the_same_buckets,
        a_release_and_a_dispute_of_the_same_buckets,
        a_release_and_a_loss_of_the_same_creators,
    ],
)
def test_what_meets_on_several_locks_takes_them_in_one_order(
    quick_card: None, committed: str, meeting: Callable[[], tuple[Call, Call, str]]
) -> None:
    """Neither is chosen as the victim of a deadlock (40P01), and both are done."""
    interleaving.install(committed)
    first, second, stop = meeting()

    answers = interleaving.interleaved(committed, first, second, stop=stop)

    assert [isinstance(answer, tuple) for answer in answers] == [True, True], answers
    assert list(ledger.audit()) == []
