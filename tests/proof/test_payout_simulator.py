"""Settling and paying out under kills and a bad line, by the hundred: 0 paid twice, 0 unpaid.

The controls run the same worlds over services in which one guard is missing, and must go wrong.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import pytest

from payouts import destinations, submissions
from payouts.models import Payout
from payouts.rails import base
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
def test_control_calling_before_committing_pays_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def call_then_commit(*, payout_id: UUID, at: datetime) -> bool:
        payout = Payout.objects.select_related("destination").get(pk=payout_id)
        if payout.state == "reserved":
            try:
                base.open_rail("bank").submit(instruction_of(payout))
            except (base.Unknown, base.Unavailable, base.Declined):
                return True
        return real(payout_id=payout_id, at=at)

    real = submissions.advance_payout
    monkeypatch.setattr(submissions, "advance_payout", call_then_commit)

    assert first_wrong(range(40), "paid twice") is not None


@pytest.mark.proof
@pytest.mark.usefixtures("db")
def test_control_marking_before_calling_never_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    def mark_then_call(*, payout_id: UUID, at: datetime) -> bool:
        payout = Payout.objects.select_related("destination").get(pk=payout_id)
        if payout.state != "reserved":
            return real(payout_id=payout_id, at=at)
        Payout.objects.filter(pk=payout_id).update(state="submitted", sent_at=at)
        with suppress(base.Unknown, base.Unavailable, base.Declined):
            base.open_rail("bank").submit(instruction_of(payout))
        return True

    real = submissions.advance_payout
    monkeypatch.setattr(submissions, "advance_payout", mark_then_call)

    assert first_wrong(range(40), "never paid") is not None


@pytest.mark.proof
@pytest.mark.usefixtures("db")
def test_control_retrying_without_a_look_up_pays_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def retry_blindly(payout: Payout, *, rail: base.Rail, at: datetime) -> None:
        if payout.state != "unknown":
            return real(payout, rail=rail, at=at)
        again = submissions._lease_again(payout, at=at)
        if again is not None:
            submissions._send(again, rail=rail, is_first=False, at=at)
        return None

    real: Callable[..., None] = submissions._look
    monkeypatch.setattr(submissions, "_look", retry_blindly)

    assert first_wrong(range(40), "paid twice") is not None


@pytest.mark.proof
@pytest.mark.usefixtures("db")
def test_control_sending_again_too_soon_pays_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pause, a request that is still on its way arrives after its second sending."""
    monkeypatch.setattr(submissions, "RESEND_AFTER", submissions.RESEND_AFTER * 0)

    assert first_wrong(range(2, 120, 3), "paid twice") is not None


def instruction_of(payout: Payout) -> base.Instruction:
    return base.Instruction(
        reference=str(payout.pk),
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        account=destinations.account_of(payout.destination),
        holder_name=payout.destination.holder_name,
    )
