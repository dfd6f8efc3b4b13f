"""Settlements: at each period's end, creators' available diamonds become cash, and cash a payout.

Promises: one run for a period, one run at a time; a run is planned in chunks of creators, each done
in one transaction under its row's lock, so any number of workers may be at it, and a run that is
killed anywhere goes on where it was and settles everyone once. A large run waits for two members of
staff. A rate that is missing or too old stops the run, which says so until it can go on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import states
from accounts.models import User
from payouts import chunks, events, periods, runs
from payouts.models import Destination, SettlementChunk, SettlementRun
from wallet import ledger
from wallet import queries as wallets
from wallet.models import FxRate

CREATORS_A_CHUNK: Final = 500  # a transaction's worth: less than a second
CHUNKS_A_CALL: Final = 40  # a task's worth

State = SettlementRun.State
Kind = SettlementRun.Kind

log = structlog.get_logger(__name__)


class AnotherRunning(Exception):
    """Another period's run has not ended yet."""


class NotWaiting(Exception):
    """The run does not wait for an approval."""


class SamePerson(Exception):
    """The two who approve a run must be two people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one call has brought a run. ``is_busy``: other workers are at what is left of it."""

    run_id: UUID
    creators: int
    is_done: bool
    is_busy: bool
    stopped_why: str


class _Step(Enum):
    MOVED = auto()
    DONE = auto()
    BUSY = auto()
    WAITING = auto()


@transaction.atomic(durable=True)
def start_settlement(
    *, period_key: str, cutoff_at: datetime, at: datetime, kind: str = Kind.SETTLEMENT
) -> SettlementRun:
    """Plan the period's run, or give back the one there is. Raises AnotherRunning.

    It begins at once, or waits for two members of staff where it could come to the amount from
    which they must agree (``SETTLEMENT_SECOND_PERSON_USD_CENTS``).
    """
    known = SettlementRun.objects.filter(period_key=period_key).first()
    if known is not None:
        return known
    expected = runs.expected(kind=kind, rates=_rates(at=at))
    usd_cents = sum(row["usd_cents"] for row in expected)
    is_large = usd_cents >= settings.SETTLEMENT_SECOND_PERSON_USD_CENTS
    try:
        with transaction.atomic():
            run = SettlementRun.objects.create(
                pk=ledger.new_operation_id(),
                kind=kind,
                period_key=period_key,
                cutoff_at=cutoff_at,
                state=State.PLANNED if is_large else State.RUNNING,
                expected=expected,
                needs_approval=is_large,
                started_at=at,
            )
    except IntegrityError as error:
        rival = SettlementRun.objects.filter(period_key=period_key).first()
        if rival is not None:
            return rival
        raise AnotherRunning("Another settlement is running. This one starts after it.") from error
    SettlementChunk.objects.bulk_create(
        SettlementChunk(
            run=run,
            number=number,
            first_creator_id=part.first_creator_id,
            last_creator_id=part.last_creator_id,
            creators=part.creators,
        )
        for number, part in enumerate(runs.parts(kind=kind, size=CREATORS_A_CHUNK), start=1)
    )
    return run


def preview(*, at: datetime) -> list[dict[str, Any]]:
    """What a settlement could come to now, by currency: a dry run that writes nothing."""
    return runs.expected(kind=Kind.SETTLEMENT, rates=_rates(at=at))


def _rates(*, at: datetime) -> dict[str, FxRate]:
    """The rates of the currencies creators are paid in, as far as there are any."""
    used = Destination.objects.filter(replaced_at=None).values_list("currency", flat=True)
    found: dict[str, FxRate] = {}
    for currency in used.distinct():
        try:
            found[currency] = wallets.fx(currency, at)
        except (wallets.FxMissing, wallets.FxStale):
            continue
    return found


@transaction.atomic(durable=True)
def approve_settlement(*, run_id: UUID, by: User, at: datetime) -> SettlementRun:
    """Give one of the two approvals a large run needs; the second lets it begin.

    Raises NotWaiting, SamePerson.
    """
    run = SettlementRun.objects.select_for_update(no_key=True, of=("self",)).get(pk=run_id)
    if run.state not in {State.PLANNED, State.CHECKED}:
        raise NotWaiting(f"This run does not wait for an approval: {run.get_state_display()}.")
    if by.pk == run.checked_by_id:
        raise SamePerson("You approved this run before. It needs another member of staff.")
    if run.state == State.PLANNED:
        run.checked_by = by
        run.save(update_fields=["checked_by"])
        return states.move(run, to=State.CHECKED, why="First approval", at=at, by_id=by.pk)
    run.approved_by = by
    run.save(update_fields=["approved_by"])
    return states.move(run, to=State.RUNNING, why="Second approval", at=at, by_id=by.pk)


def start_due(*, at: datetime) -> SettlementRun | None:
    """Plan the run that is due, a settlement before payouts. None: an earlier one has not ended."""
    period = periods.settlement_at(at=at)
    try:
        run = start_settlement(period_key=period.key, cutoff_at=period.cutoff_at, at=at)
        if run.state in SettlementRun.OPEN or settings.SETTLEMENT_INTERVAL_S:
            return run
        day = periods.payouts_at(at=at)
        return start_settlement(
            period_key=day.key, cutoff_at=day.cutoff_at, at=at, kind=Kind.PAYOUTS
        )
    except AnotherRunning:
        return None


def sweep_settlements(*, at: datetime) -> Progress | None:
    """Plan the run that is due, if its message was lost, and bring the open one a call further."""
    start_due(at=at)
    running = SettlementRun.objects.filter(state=State.RUNNING).first()
    return continue_settlement(run_id=running.pk, at=at) if running else None


def continue_settlement(
    *,
    run_id: UUID,
    at: datetime,
    chunks_max: int = CHUNKS_A_CALL,
    on_creators: Callable[[int], None] = lambda _creators: None,
) -> Progress:
    """Settle the next chunks of a run, each in a transaction of its own.

    Any number of workers may call it at once. ``on_creators`` is called after each commit with how
    many creators were looked at, to show progress.
    """
    creators, step, stopped_why, done = 0, _Step.MOVED, "", 0
    while step is _Step.MOVED and done < chunks_max:
        try:
            step, looked_at = _settle_next(run_id=run_id, at=at)
        except (wallets.FxMissing, wallets.FxStale) as reason:
            stopped_why = str(reason)
            _stop(run_id=run_id, why=stopped_why)
            break
        if step is _Step.MOVED:
            creators, done = creators + looked_at, done + 1
            on_creators(looked_at)
    return Progress(
        run_id=run_id,
        creators=creators,
        is_done=step is _Step.DONE,
        is_busy=step is _Step.BUSY,
        stopped_why=stopped_why,
    )


@transaction.atomic(durable=True)
def _settle_next(*, run_id: UUID, at: datetime) -> tuple[_Step, int]:
    """Settle one chunk that nobody is at, or end the run after the last. How many creators.

    Locks the chunk, then its creators by id, then (in the ledger) their accounts.
    """
    run = SettlementRun.objects.get(pk=run_id)
    if run.state != State.RUNNING:
        return (_Step.DONE if run.state == State.DONE else _Step.WAITING), 0
    waiting = SettlementChunk.objects.filter(run=run, done_at=None).order_by("number")
    chunk = waiting.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
    if chunk is None:
        if waiting.exists():
            return _Step.BUSY, 0
        return (_Step.DONE if _end(run_id, at=at) else _Step.BUSY), 0
    chunks.settle(chunk, run=run, at=at)
    if run.stopped_why:
        SettlementRun.objects.filter(pk=run_id).update(stopped_why="")
    return _Step.MOVED, chunk.creators


def _end(run_id: UUID, *, at: datetime) -> bool:
    """End the run whose chunks are all done. False: another worker does."""
    run = (
        SettlementRun.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(pk=run_id)
        .first()
    )
    if run is None:
        return False
    if run.state != State.DONE:
        run.ended_at, run.stopped_why = at, ""
        run.save(update_fields=["ended_at", "stopped_why"])
        states.move(run, to=State.DONE, why="All creators settled", at=at)
        events.settlement_done(run)
    return True


@transaction.atomic(durable=True)
def _stop(*, run_id: UUID, why: str) -> None:
    """Write on the run why it waits. The next call tries again."""
    SettlementRun.objects.filter(pk=run_id, state=State.RUNNING).update(stopped_why=why[:300])
    log.error("settlement_stopped", run=str(run_id), why=why)
