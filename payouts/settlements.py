"""Settlements: at each period's end, creators' available diamonds become cash, and cash a payout.

Promises: one run for a period, one run at a time; a creator is settled in one transaction with the
run's progress, under operation ids that follow from run, creator and card, so a run that is killed
anywhere goes on where it was and settles everyone once. Each card's diamonds are paid at that
card's own value. A rate that is missing or too old stops the run, which says so until it can go on.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import services as people
from accounts import states
from accounts.models import NoticeKind, User
from payouts import eligibility, events, queries, risk, services
from payouts.bookings import STUDIO_PATH
from payouts.models import Destination, SettlementLine, SettlementRun
from wallet import ledger
from wallet import queries as wallets
from wallet.models import FxRate, RateCard
from wallet.money import money

CREATORS_A_CALL: Final = 200  # a call is one task's worth of work; a creator is one transaction
WEEK: Final = timedelta(days=7)

log = structlog.get_logger(__name__)


class AnotherRunning(Exception):
    """Another period's run has not ended yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What one run is for. ``cutoff_at``: what has matured by then is sure to be in it."""

    key: str
    cutoff_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one call has brought a run. ``is_busy``: another worker is at it."""

    run_id: UUID
    creators: int
    is_done: bool
    is_busy: bool
    stopped_why: str


class _Step(Enum):
    MOVED = auto()
    DONE = auto()
    BUSY = auto()


def period_at(*, at: datetime) -> Period:
    """The period whose run is due: since Monday 00:00 UTC, or the interval's number."""
    if interval_s := settings.SETTLEMENT_INTERVAL_S:
        number = int(at.timestamp()) // interval_s
        start = datetime.fromtimestamp(number * interval_s, UTC)
        key = f"{start:%Y-%m-%d} {interval_s}s {number}"
        return Period(key=key, cutoff_at=start, ends_at=start + timedelta(seconds=interval_s))
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    return Period(key=f"{monday:%G-W%V}", cutoff_at=monday, ends_at=monday + WEEK)


@transaction.atomic(durable=True)
def start_settlement(*, period_key: str, cutoff_at: datetime, at: datetime) -> SettlementRun:
    """Open the period's run, or give back the one there is. Raises AnotherRunning."""
    known = SettlementRun.objects.filter(period_key=period_key).first()
    if known is not None:
        return known
    try:
        with transaction.atomic():
            return SettlementRun.objects.create(
                pk=ledger.new_operation_id(),
                period_key=period_key,
                cutoff_at=cutoff_at,
                started_at=at,
            )
    except IntegrityError as error:
        rival = SettlementRun.objects.filter(period_key=period_key).first()
        if rival is not None:
            return rival
        raise AnotherRunning("Another settlement is running. This one starts after it.") from error


def start_due(*, at: datetime) -> SettlementRun | None:
    """Open the run of the period that is due. None: an earlier one has not ended yet."""
    period = period_at(at=at)
    try:
        return start_settlement(period_key=period.key, cutoff_at=period.cutoff_at, at=at)
    except AnotherRunning:
        return None


def sweep_settlements(*, at: datetime) -> Progress | None:
    """Open the run that is due, if its message was lost, and bring the open one a call further."""
    start_due(at=at)
    running = SettlementRun.objects.filter(state=SettlementRun.State.RUNNING).first()
    return continue_settlement(run_id=running.pk, at=at) if running else None


def continue_settlement(
    *,
    run_id: UUID,
    at: datetime,
    creators_max: int = CREATORS_A_CALL,
    on_creator: Callable[[], None] = lambda: None,
) -> Progress:
    """Settle the next creators of a run, each in a transaction of its own.

    Any number of workers may call it; one at a time does the work. ``on_creator`` is called after
    each commit, to show progress.
    """
    creators, step, stopped_why = 0, _Step.MOVED, ""
    while step is _Step.MOVED and creators < creators_max:
        try:
            step = _settle_next(run_id=run_id, at=at)
        except (wallets.FxMissing, wallets.FxStale) as reason:
            stopped_why = str(reason)
            _stop(run_id=run_id, why=stopped_why)
            break
        if step is _Step.MOVED:
            creators += 1
            on_creator()
    return Progress(
        run_id=run_id,
        creators=creators,
        is_done=step is _Step.DONE,
        is_busy=step is _Step.BUSY,
        stopped_why=stopped_why,
    )


@transaction.atomic(durable=True)
def _settle_next(*, run_id: UUID, at: datetime) -> _Step:
    """Settle one creator and note it on the run, or end the run after the last.

    Locks the run, then the creator, then (in the ledger) their accounts.
    """
    run = (
        SettlementRun.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(pk=run_id)
        .first()
    )
    if run is None:
        return _Step.BUSY
    if run.state == SettlementRun.State.DONE:
        return _Step.DONE
    creator_id = queries.next_creator_id(after=run.after_creator_id)
    if creator_id is None:
        _end(run, at=at)
        return _Step.DONE
    creator = User.objects.select_for_update(no_key=True).get(pk=creator_id)
    if risk.is_eligible(eligibility.checklist(creator=creator, at=at)):
        _settle_creator(run, creator_id=creator_id, at=at)
    run.after_creator_id, run.stopped_why = creator_id, ""
    run.save(update_fields=["after_creator_id", "stopped_why"])
    return _Step.MOVED


def _end(run: SettlementRun, *, at: datetime) -> None:
    run.ended_at, run.stopped_why = at, ""
    run.save(update_fields=["ended_at", "stopped_why"])
    states.move(run, to=SettlementRun.State.DONE, why="All creators settled", at=at)
    events.settlement_done(run)


@transaction.atomic(durable=True)
def _stop(*, run_id: UUID, why: str) -> None:
    """Write on the run why it waits. The next call tries again."""
    SettlementRun.objects.filter(pk=run_id, state=SettlementRun.State.RUNNING).update(
        stopped_why=why[:300]
    )
    log.error("settlement_stopped", run=str(run_id), why=why)


def _settle_creator(run: SettlementRun, *, creator_id: int, at: datetime) -> None:
    destination = queries.destination_in_use(creator_id=creator_id)
    assert destination is not None, "the gate has seen it"
    rate = wallets.fx(currency=destination.currency, at=at)
    lines = [
        line
        for card_id in queries.cards_to_settle(creator_id=creator_id)
        if (line := _settle_card(run, creator_id=creator_id, card_id=card_id, rate=rate, at=at))
    ]
    if lines:
        _tell(run, lines=lines)
    _pay_out(run, destination=destination, rate=rate, at=at)


def _settle_card(
    run: SettlementRun, *, creator_id: int, card_id: int, rate: FxRate, at: datetime
) -> SettlementLine | None:
    """All available diamonds of one card, at its value. None: too few for one minor unit."""
    card = RateCard.objects.get(pk=card_id)
    operation_id = uuid.uuid5(run.pk, f"{creator_id}:{card_id}")
    outcome = ledger.settle(
        operation_id=operation_id,
        creator_id=creator_id,
        card_id=card_id,
        currency=rate.currency,
        fx_per_usd=rate.per_usd,
        memo={"text": f"Settlement {run.period_key}", "card": card.name},
        context=f"settlement:{run.pk}",
    )
    if outcome.refusal == "nothing_available":
        return None
    assert outcome.done, f"the ledger refused {operation_id}: {outcome.refusal}"
    return SettlementLine.objects.create(
        pk=operation_id,
        run=run,
        creator_id=creator_id,
        card_id=card_id,
        diamonds_milli=outcome.result["diamonds"],
        diamond_usd=card.diamond_usd,
        currency=rate.currency,
        fx_per_usd=rate.per_usd,
        fx_source=rate.source,
        fx_quoted_at=rate.quoted_at,
        amount_minor=outcome.result["amount_minor"],
        remainder_minor=Decimal(outcome.result["remainder"]),
        settled_at=at,
    )


def _pay_out(run: SettlementRun, *, destination: Destination, rate: FxRate, at: datetime) -> None:
    """Reserve all of the creator's cash in that currency for a payout, from the minimum up."""
    payable = queries.payable_minor(creator_id=destination.creator_id, currency=rate.currency)
    if payable < queries.minimum_minor(rate):
        return
    services.reserve(
        payout_id=uuid.uuid5(run.pk, f"{destination.creator_id}:payout"),
        destination=destination,
        amount_minor=payable,
        rate=rate,
        at=at,
        run_id=run.pk,
    )


def _tell(run: SettlementRun, *, lines: list[SettlementLine]) -> None:
    first = lines[0]
    amount = money(sum(line.amount_minor for line in lines), first.currency)
    diamonds = Decimal(sum(line.diamonds_milli for line in lines)).scaleb(-3).normalize()
    people.notify(
        user_id=first.creator_id,
        kind=NoticeKind.EARNINGS,
        subject_key=f"settlement:{run.pk}",
        title=f"Your diamonds were settled: {amount}",
        body=f"{diamonds:,f} diamonds at the value of their rate cards. "
        f"1 USD = {first.fx_per_usd.normalize():f} {first.currency} "
        f"({first.fx_source}, {first.fx_quoted_at:%-d %B %Y}).",
        path=f"{STUDIO_PATH}settlements/",
    )
