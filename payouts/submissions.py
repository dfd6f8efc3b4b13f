"""Payouts on their way: handed to the rail, looked up, and recorded.

Promises: the call is recorded before it is made; a payout whose answer is unclear is looked up by
its reference before anything else, so it is paid once or given back once, whatever is killed when.
Every step is a deed of its own that a sweep finds again. No rail is called inside a transaction.
While a case holds the creator's payouts, nothing of theirs is handed over: it waits, and goes on by
itself when the case is lifted. Whoever opens such a case locks the creator, and so does handing
over, before it looks: once a case is committed, no payout begins its way.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction

from accounts import queries as people
from accounts import states
from accounts.models import User
from payouts import bookings, destinations, queries
from payouts.models import Destination, Payout
from payouts.rails import base

LEASE: Final = timedelta(seconds=120)  # longer than a call to a rail can take
# How long a request whose answer was lost may still be on its way into the rail's book. Only after
# that "not found" means that it never arrived.
RESEND_AFTER: Final = timedelta(seconds=60)
# How often a payout that a case holds is looked at again.
HELD_LOOK: Final = timedelta(minutes=15)

# States from which what a rail says leads on.
FOLLOWED: Final = frozenset(
    {Payout.State.SENDING, Payout.State.UNKNOWN, Payout.State.SUBMITTED, Payout.State.PAID}
)

log = structlog.get_logger(__name__)


def sweep_payouts(
    *, at: datetime, limit: int = 100, clock_ns: Callable[[], int] = time.monotonic_ns
) -> int:
    """Bring every payout that is due one step on, whoever was to do it before. How many.

    Each is leased from when its turn comes: after slow calls to a rail, a lease from when the sweep
    began would be over before the next call is made.
    """
    began_ns = clock_ns()
    return sum(
        advance_payout(
            payout_id=payout_id, at=at + timedelta(microseconds=(clock_ns() - began_ns) // 1000)
        )
        for payout_id in queries.due_payout_ids(at=at, limit=limit)
    )


def advance_payout(*, payout_id: UUID, at: datetime) -> bool:
    """Send the payout, or ask the rail what became of it. False: another worker is at it."""
    payout = _lease(payout_id=payout_id, at=at)
    if payout is None:
        return False
    rail = base.open_rail(payout.destination.rail)
    if payout.state == Payout.State.SENDING:
        _send(payout, rail=rail, is_first=True, at=at)
    else:
        _look(payout, rail=rail, at=at)
    return True


def follow_transfer(*, payout_id: UUID, transfer: base.Transfer, at: datetime) -> Payout:
    """Follow what a rail lists of a payout that was sent, as if it had been looked up; the payout.

    One that a worker is at, that is over or that was never sent is left as it is.
    """
    payout = Payout.objects.get(pk=payout_id)
    is_leased = payout.leased_until is not None and payout.leased_until > at
    if payout.state in FOLLOWED and not is_leased:
        _record(payout, transfer=transfer, at=at)
        payout.refresh_from_db()
    return payout


@transaction.atomic(durable=True)
def _lease(*, payout_id: UUID, at: datetime) -> Payout | None:
    """Take the row for this worker. A reserved one is marked as being sent before it is sent.

    Locks the creator, then the payout.
    """
    _lock_creator(payout_id)
    payout = (
        Payout.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("destination")
        .filter(pk=payout_id, due_at__lte=at)
        .first()
    )
    if payout is None or (payout.leased_until is not None and payout.leased_until > at):
        return None
    if payout.state == Payout.State.RESERVED:
        if payout.destination.rail in Destination.IN_FILES:
            payout.due_at = None  # it waits for the next file: ``sepa_batches``
            payout.save(update_fields=["due_at"])
            return None
        if _is_held(payout, at=at):
            payout.due_at = at + HELD_LOOK
            payout.save(update_fields=["due_at"])
            return None
        return _mark_sending(payout, why="Handed to the bank", at=at)
    if payout.state == Payout.State.SENDING:
        states.move(payout, to=Payout.State.UNKNOWN, why="No answer was recorded", at=at)
    payout.leased_until = at + LEASE
    payout.save(update_fields=["leased_until"])
    return payout


@transaction.atomic(durable=True)
def _lease_again(payout: Payout, *, at: datetime) -> Payout | None:
    """Mark a payout that the rail does not know as being sent once more.

    None: it has moved on, or a case holds it. Locks the creator, then the payout.
    """
    _lock_creator(payout.pk)
    locked = Payout.objects.select_for_update(no_key=True).get(pk=payout.pk)
    if locked.state != Payout.State.UNKNOWN or locked.attempts != payout.attempts:
        return None
    if _is_held(locked, at=at):
        locked.due_at, locked.leased_until = at + HELD_LOOK, None
        locked.save(update_fields=["due_at", "leased_until"])
        return None
    return _mark_sending(locked, why="The bank does not know it: sent again", at=at)


def _lock_creator(payout_id: UUID) -> None:
    """Hold the creator's row, as whoever opens a case about them does."""
    creators = User.objects.select_for_update(no_key=True, of=("self",))
    list(creators.filter(payouts=payout_id).values_list("pk", flat=True))


def _is_held(payout: Payout, *, at: datetime) -> bool:
    return bool(people.restricting_payouts(user_ids=[payout.creator_id], at=at))


def _mark_sending(payout: Payout, *, why: str, at: datetime) -> Payout:
    payout.attempts += 1
    payout.sent_at, payout.leased_until = at, at + LEASE
    payout.save(update_fields=["attempts", "sent_at", "leased_until"])
    states.move(payout, to=Payout.State.SENDING, why=why, at=at)
    return payout


def _send(payout: Payout, *, rail: base.Rail, is_first: bool, at: datetime) -> None:
    """Call the rail, then record what it said. ``is_first``: no earlier try can have reached it."""
    try:
        transfer = rail.submit(
            base.Instruction(
                reference=str(payout.pk),
                amount_minor=payout.sent_minor,
                currency=payout.currency,
                account=destinations.account_of(payout.destination),
                holder_name=payout.destination.holder_name,
            )
        )
    except base.Declined as refusal:
        _fail(payout, why=str(refusal), is_about_account=refusal.is_about_account, at=at)
    except base.Unavailable as trouble:
        back = Payout.State.RESERVED if is_first else Payout.State.UNKNOWN
        _step_back(payout, to=back, why=str(trouble), at=at)
    except base.Unknown as doubt:
        _step_back(payout, to=Payout.State.UNKNOWN, why=str(doubt), at=at)
    else:
        _record(payout, transfer=transfer, at=at)


def _look(payout: Payout, *, rail: base.Rail, at: datetime) -> None:
    """Ask the rail by reference. What it does not know may be sent again, once that is certain."""
    try:
        transfer = rail.lookup(reference=str(payout.pk))
    except base.Unavailable as trouble:
        return _postpone(payout, why=str(trouble), at=at)
    if transfer is not None:
        return _record(payout, transfer=transfer, at=at)
    assert payout.sent_at is not None, "what is looked up was sent"
    if payout.state != Payout.State.UNKNOWN:
        log.error("payout_lost_by_bank", payout=str(payout.pk), state=payout.state)
        return _postpone(payout, why="The bank does not know this transfer any more.", at=at)
    if at < payout.sent_at + RESEND_AFTER:
        return _postpone(payout, why="The bank does not know it yet.", at=at)
    again = _lease_again(payout, at=at)
    if again is not None:
        _send(again, rail=rail, is_first=False, at=at)
    return None


@transaction.atomic(durable=True)
def _step_back(payout: Payout, *, to: str, why: str, at: datetime) -> None:
    """Note a try without a clear answer. A later try makes this one's word worthless."""
    locked = _own(payout)
    if locked is None or locked.state != Payout.State.SENDING:
        return
    locked.failure, locked.leased_until = why[:200], None
    locked.due_at = bookings.next_look(locked, at=at)
    locked.save(update_fields=["failure", "leased_until", "due_at"])
    states.move(locked, to=to, why=why[:500], at=at)


@transaction.atomic(durable=True)
def _postpone(payout: Payout, *, why: str, at: datetime) -> None:
    locked = _own(payout)
    if locked is None:
        return
    locked.failure, locked.leased_until = why[:200], None
    locked.due_at = bookings.next_look(locked, at=at)
    locked.save(update_fields=["failure", "leased_until", "due_at"])


@transaction.atomic(durable=True)
def _fail(payout: Payout, *, why: str, is_about_account: bool, at: datetime) -> None:
    locked = _own(payout)
    if locked is not None and locked.state == Payout.State.SENDING:
        bookings.give_back(locked, why=why, is_about_account=is_about_account, at=at)


@transaction.atomic(durable=True)
def _record(payout: Payout, *, transfer: base.Transfer, at: datetime) -> None:
    """Note what the rail has in its book. Another amount than ours is nothing we act on."""
    locked = _own(payout)
    if locked is None:
        return
    is_ours = (transfer.amount_minor, transfer.currency) == (locked.sent_minor, locked.currency)
    locked.failure = "" if is_ours else "The bank has another amount under this reference."
    locked.rail_ref, locked.leased_until = transfer.rail_ref, None
    locked.due_at = bookings.next_look(locked, at=at)
    locked.save(update_fields=["failure", "rail_ref", "leased_until", "due_at"])
    if is_ours:
        bookings.follow(locked, transfer=transfer, at=at)
    else:
        log.error("payout_differs_at_bank", payout=str(locked.pk), rail_ref=transfer.rail_ref)


def _own(payout: Payout) -> Payout | None:
    """Lock the row again. None: a later try has taken over, or another worker has seen it end.

    This one's word is worthless then: on what is over it would book a second end, or a next look.
    """
    locked = (
        Payout.objects.select_for_update(no_key=True, of=("self",))
        .select_related("destination")
        .get(pk=payout.pk)
    )
    is_ours = locked.attempts == payout.attempts and locked.state in FOLLOWED
    return locked if is_ours else None
