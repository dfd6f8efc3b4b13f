"""The controls of the machines and of the interleavings: with a guard out, each goes red."""

import pytest
from django.db import DatabaseError

from tests.proof import interleaving, test_interleavings
from tests.proof.interleaving import END
from tests.proof.test_returns_machine import ReturnsMachine
from wallet.returns import Recourse

OUT = {
    "the replay check of a hold": (
        "hold_refund", ("IF v_outcome.done IS NOT NULL THEN", "IF v_outcome.refusal = 'x' THEN")
    ),
    "the replay check of a refund's end": (
        "resolve_refund", ("IF v_outcome.done IS NOT NULL THEN", "IF v_outcome.refusal = 'x' THEN")
    ),
    "the check that a refund was resolved": (
        "resolve_refund", ("code IN (61, 62)", "code = 0")
    ),
    "the replay check of a refund that came back": (
        "return_refund", ("IF v_outcome.done IS NOT NULL THEN", "IF v_outcome.refusal = 'x' THEN")
    ),
    "the check that a refund came back": (
        "return_refund", ("WHERE reverses_id = v_paid.id", "WHERE false")
    ),
    "the cover's rows": (
        "take_cover",
        ("VALUES ((p_lot).id, v_other.id, v_take, p_op)", "SELECT NULL, NULL, 1, p_op WHERE false"),
    ),
    "the cover's reach": ("reach", ("WHERE cover_lot_id = link.lot_id", "WHERE false")),
    "what was returned before a loss": (
        "resolve_dispute",
        ("least(p_lost_minor, v_money.gross_minor - v_money.returned_minor)", "p_lost_minor"),
    ),
    "what was taken back of a gift before": (
        "reach", ("WHERE r.reverses_id = t.id", "WHERE r.reverses_id = -1")
    ),
}  # fmt: skip


def lose_everything() -> None:
    """One run of the machine by hand, through every guard: no luck is needed to meet them."""
    machine = ReturnsMachine()
    machine.begin()
    machine.buy(0, 1_000, 5, 100, 0, "EUR")
    machine.replay(machine.hold_refund(0, 250, 0))
    machine.replay(machine.resolve_refund(0, 1_000, again=False))
    machine.resolve_refund(0, 0, again=True)
    machine.gift(0, 0, 375)
    machine.gift(0, 1, 375)
    machine.buy(0, 1_000, 5, 100, 0, "EUR")
    machine.close()
    machine.open_dispute(0, 500)
    machine.resolve_dispute(0, 500, 0, False, Recourse.FULL, any_lot=False)
    machine.mature()
    machine.open_dispute(0, 1_000)
    machine.resolve_dispute(0, 1_000, 0, True, Recourse.FULL, any_lot=False)
    machine.the_ledger_is_as_the_model()
    machine.open_dispute(1, 1_000)
    machine.resolve_dispute(0, 1_000, 0, False, Recourse.FULL, any_lot=False)
    machine.the_ledger_is_as_the_model()
    assert [cover[2] for cover in machine.model.covers] == [250]
    machine.replay(machine.return_refund(0, again=False))
    machine.return_refund(0, again=True)
    machine.the_ledger_is_as_the_model()
    machine.teardown()


@pytest.mark.proof
def test_with_every_guard_the_machine_stays_green(quick_card: None) -> None:
    lose_everything()


@pytest.mark.proof
@pytest.mark.parametrize("guard", OUT)
def test_without_the_guard_the_machine_goes_red(
    quick_card: None, committed: str, guard: str
) -> None:
    function, change = OUT[guard]
    interleaving.alter(committed, function, change)

    with pytest.raises((AssertionError, DatabaseError)):
        lose_everything()


@pytest.mark.proof
def test_without_the_lock_on_buckets_a_dispute_claws_what_was_released(
    quick_card: None, committed: str
) -> None:
    """The bucket's own bound is the last word: the dispute fails instead of waiting its turn."""
    interleaving.install(committed)
    pair = [("release", "begin_dispute")]
    with_the_lock = test_interleavings.differences(committed, pair, (END,), is_disputed=False)
    interleaving.alter(committed, "open_dispute", (" FOR UPDATE OF b;", ";"))

    without = test_interleavings.differences(committed, pair, (END,), is_disputed=False)

    assert with_the_lock == []
    assert len(without) == 1


@pytest.mark.proof
def test_without_the_wallets_lock_a_refund_is_paid_twice(quick_card: None, committed: str) -> None:
    interleaving.install(committed)
    pair = [("resolve_refund", "resolve_refund")]
    with_the_lock = test_interleavings.differences(committed, pair, (END,), is_disputed=False)
    interleaving.alter(committed, "lock_lot", (" ORDER BY account_id FOR NO KEY UPDATE;", ";"))

    without = test_interleavings.differences(
        committed, pair, (END, "transfer:1"), is_disputed=False
    )

    assert with_the_lock == []
    assert without != []


@pytest.mark.proof
def test_without_the_order_of_locks_two_disputes_wait_for_each_other(
    quick_card: None, committed: str
) -> None:
    interleaving.install(committed)
    by_bucket = "a.owner_id, a.card_id, b.amount, b.clawed, b.released"
    interleaving.alter(
        committed,
        "open_dispute",
        ("PERFORM ledger.lock_creators(v_lot, ARRAY[212]);", ""),
        (by_bucket, f"{by_bucket} ORDER BY b.period_id"),
    )
    first, second, stop = test_interleavings.two_disputes_of_the_same_creators()

    answers = interleaving.interleaved(committed, first, second, stop=stop)

    assert test_interleavings.DEADLOCK in answers
