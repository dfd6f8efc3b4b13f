"""Settling and paying out under kills and a bad line, by the hundred: 0 paid twice, 0 unpaid.

The controls run the same worlds over services in which one guard is missing, and must go wrong.
"""

import sys

import pytest

from payouts import submissions
from tests.proof import broken_payouts
from tests.proof.payout_world import Fates, World, world_of

SEEDS = 12


def fate_of(seed: int) -> tuple[World, list[str]]:
    with world_of(seed) as world:
        if seed % 3 == 2:  # a bank that is slow to take and quick to forget
            world.fates = Fates(request_late=0.7, keys_forgotten=1.0)
        world.live()
        world.rest()
        return world, world.wrongs()


def first_wrong(seeds: range, kind: str) -> int | None:
    """The first seed whose world goes wrong in that way."""
    for seed in seeds:
        _, wrongs = fate_of(seed)
        if any(wrong.startswith(kind) for wrong in wrongs):
            return seed
    return None


@pytest.mark.proof
@pytest.mark.usefixtures("db")
def test_nothing_is_paid_twice_and_nothing_stays_unpaid(
    proof_size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = transfers = 0

    for seed in range(SEEDS * proof_size):
        world, wrongs = fate_of(seed)
        assert wrongs == [], f"seed {seed}"
        kills += world.kills
        transfers += len(world.rail.book)

    assert kills > SEEDS
    assert transfers > SEEDS
    with capsys.disabled():
        worlds = SEEDS * proof_size
        sys.stdout.write(f"\n{worlds} worlds, {kills} kills, {transfers} transfers: 0 wrong\n")


@pytest.mark.proof
@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("control", broken_payouts.CONTROLS)
def test_control_a_way_that_lacks_one_guard_goes_wrong(control: str) -> None:
    broken, kind = broken_payouts.CONTROLS[control]

    with broken():
        assert first_wrong(range(40), kind) is not None


@pytest.mark.proof
@pytest.mark.usefixtures("db")
def test_control_sending_again_too_soon_pays_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pause, a request that is still on its way arrives after its second sending."""
    monkeypatch.setattr(submissions, "RESEND_AFTER", submissions.RESEND_AFTER * 0)

    assert first_wrong(range(2, 120, 3), "paid twice") is not None
