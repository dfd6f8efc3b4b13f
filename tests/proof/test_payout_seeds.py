"""Payouts by their seeds: 0 paid twice, 0 unpaid, whatever happens to worker, line and bank.

The controls live the same worlds over services in which one guard is missing, and must go wrong
within as many seeds. By the hundred thousand: ``uv run python -m tests.proof.simulate``.
"""

import sys
from collections import Counter
from collections.abc import Sequence

import pytest

from accounts.models import User
from tests.proof import broken_payouts, payout_seeds

WORLDS = 4
CONTROL_WORLDS = 4
KINDS = (
    "unreachable", "request_lost", "request_late", "answer_lost", "answer_late", "sent_late",
    "lookup_fails", "declined", "failed", "returned", "list lags", "stale look-up",
    "key remembered",
)  # fmt: skip


@pytest.fixture
def pool(committed: str) -> list[User]:
    return payout_seeds.make_pool()


def firsts(worlds: int) -> Sequence[int]:
    return range(0, worlds * payout_seeds.CREATORS, payout_seeds.CREATORS)


@pytest.mark.proof
def test_two_hundred_seeds_pay_each_once(
    pool: list[User], proof_size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: Counter[str] = Counter()

    for first in firsts(WORLDS * proof_size):
        world, wrongs = payout_seeds.fate_of(first, pool)
        assert wrongs == []
        seen += world.seen

    assert [kind for kind in KINDS if not seen[kind]] == []
    with capsys.disabled():
        seeds = WORLDS * proof_size * payout_seeds.CREATORS
        killed = sum(count for kind, count in seen.items() if kind.startswith("killed"))
        sys.stdout.write(f"\n{seeds} seeds, {killed} kills, {dict(seen)}: 0 wrong\n")


@pytest.mark.proof
def test_controls_each_way_that_lacks_one_guard_goes_wrong(pool: list[User]) -> None:
    for broken, kind in broken_payouts.CONTROLS.values():
        with broken():
            found = payout_seeds.first_wrong(firsts(CONTROL_WORLDS), pool, kind=kind)
        assert found is not None, kind
