"""Three ways to hand payouts to a bank that each lack one guard, for proofs that must go wrong.

Each is put in the place of the real one while its block runs. Reliability's own table names them:
the call before the commit pays twice, the mark before the call never pays, and a stable key alone,
sent again without a look-up, pays twice once the bank has forgotten the key.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from typing import Final
from unittest import mock
from uuid import UUID

from payouts import destinations, submissions
from payouts.models import Payout
from payouts.rails import base


@contextmanager
def call_then_commit() -> Iterator[None]:
    """The bank is called first, and what it said is written down after."""

    def advance(*, payout_id: UUID, at: datetime) -> bool:
        payout = Payout.objects.select_related("destination").get(pk=payout_id)
        if payout.state == "reserved":
            try:
                base.open_rail("bank").submit(instruction_of(payout))
            except (base.Unknown, base.Unavailable, base.Declined):
                return True
        return real(payout_id=payout_id, at=at)

    real = submissions.advance_payout
    with mock.patch.object(submissions, "advance_payout", advance):
        yield


@contextmanager
def mark_then_call() -> Iterator[None]:
    """It is written down as sent first, and the bank is called after."""

    def advance(*, payout_id: UUID, at: datetime) -> bool:
        payout = Payout.objects.select_related("destination").get(pk=payout_id)
        if payout.state != "reserved":
            return real(payout_id=payout_id, at=at)
        Payout.objects.filter(pk=payout_id).update(state="submitted", sent_at=at)
        with suppress(base.Unknown, base.Unavailable, base.Declined):
            base.open_rail("bank").submit(instruction_of(payout))
        return True

    real = submissions.advance_payout
    with mock.patch.object(submissions, "advance_payout", advance):
        yield


@contextmanager
def stable_key_only() -> Iterator[None]:
    """What is unclear is sent again under the same key, and the bank is not asked before."""

    def look(payout: Payout, *, rail: base.Rail, at: datetime) -> None:
        if payout.state != "unknown":
            return real(payout, rail=rail, at=at)
        again = submissions._lease_again(payout, at=at)
        if again is not None:
            submissions._send(again, rail=rail, is_first=False, at=at)
        return None

    real: Callable[..., None] = submissions._look
    with mock.patch.object(submissions, "_look", look):
        yield


def instruction_of(payout: Payout) -> base.Instruction:
    return base.Instruction(
        reference=str(payout.pk),
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        account=destinations.account_of(payout.destination),
        holder_name=payout.destination.holder_name,
    )


Broken = Callable[[], AbstractContextManager[None]]
# What is broken, and how it must show.
CONTROLS: Final[Mapping[str, tuple[Broken, str]]] = {
    "call_then_commit": (call_then_commit, "paid twice"),
    "mark_then_call": (mark_then_call, "never paid"),
    "stable_key_only": (stable_key_only, "paid twice"),
}
