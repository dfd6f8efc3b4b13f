"""Hands events of the outbox on to whoever listens, after their cause has committed.

Promises: every committed event is handed to each of its subscribers at least once, whoever crashes
when; an event of a rolled-back transaction is never heard. Several relays may run: each row is in
one relay's hands at a time. A subscriber that fails hears the event again later, alone, while the
others and the events behind it go on, so order holds only while nothing fails: subscribers that
need order number for themselves. A subscriber only enqueues or pushes; it does no work of its own.
What rooms are to show is numbered and shown first, apart from ringing: a queue that is away makes
no viewer wait.

Relayed events are kept ``KEEP`` for whoever looks into a question, then pruned once a day; an event
that was not relayed is never pruned.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import OperationalError, close_old_connections, connection, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts import tasks as people_tasks
from accounts.models import OutboxEvent
from gifts import goals, ranks, room_log, streaks
from gifts import tasks as gifts_tasks
from gifts.events import PLAN_MOVED, ROOM_STARTED
from payouts import tasks as payouts_tasks
from payouts.events import SETTLEMENT_DONE
from wallet import tasks as wallet_tasks
from wallet.events import (
    CUSTOMERS_LEFT,
    PROVIDER_NOTIFIED,
    RATE_CARD_ANNOUNCED,
    REFUND_APPROVED,
)

type Subscriber = Callable[[OutboxEvent], None]


def tell_followers(event: OutboxEvent) -> None:
    """Ring for the followers of whoever went live."""
    room_id, creator_id = event.payload["room_id"], event.payload["creator_id"]
    path = reverse("gifts:room", args=[room_id])
    people_tasks.tell_followers.delay(
        creator_id=creator_id, title=event.payload["title"], path=path
    )


def tell_reminded(event: OutboxEvent) -> None:
    """Ring for those who asked to hear of a planned live that begins."""
    if planned_id := event.payload.get("planned_id"):
        gifts_tasks.tell_reminded.delay(planned_id=planned_id)


def tell_moved(event: OutboxEvent) -> None:
    """Ring for those who asked about a planned live that has another time, or is cancelled."""
    gifts_tasks.tell_moved.delay(planned_id=event.payload["planned_id"])


def act_on_notice(_event: OutboxEvent) -> None:
    """Ring for what a payment company told."""
    wallet_tasks.handle_events.delay()


def send_refund(_event: OutboxEvent) -> None:
    """Ring for refunds that were approved."""
    wallet_tasks.submit_refunds.delay()


def forget_customers(_event: OutboxEvent) -> None:
    """Ring for buyers whom payment companies are to forget."""
    wallet_tasks.forget_customers.delay()


def tell_of_cards(_event: OutboxEvent) -> None:
    """Ring for everybody who is to hear of a rate card."""
    wallet_tasks.tell_of_cards.delay()


def pay_out(_event: OutboxEvent) -> None:
    """Ring for payouts that a settlement made."""
    payouts_tasks.sweep_payouts.delay()


# Who hears what, by the event's name. Each of these is swept for too, should the ringing be lost.
SUBSCRIBERS: dict[str, tuple[Subscriber, ...]] = {
    ROOM_STARTED: (tell_followers, tell_reminded),
    PLAN_MOVED: (tell_moved,),
    PROVIDER_NOTIFIED: (act_on_notice,),
    REFUND_APPROVED: (send_refund,),
    CUSTOMERS_LEFT: (forget_customers,),
    RATE_CARD_ANNOUNCED: (tell_of_cards,),
    SETTLEMENT_DONE: (pay_out,),
}

BATCH: Final = 500
RING_BATCH: Final = 20  # each may wait for a queue that is away
CLAIM: Final = timedelta(minutes=2)  # longer than a batch waits for a queue that is away
RETRY_S_MAX: Final = 600
# How soon a room's event is looked for: the pause doubles while nothing happens.
PAUSE_S: Final = 0.01
PAUSE_S_MAX: Final = 0.08
REST_S: Final = 2.0  # after the database was away
STREAKS_S: Final = 0.5  # how often combos are looked for that nothing joins any more
KEEP: Final = timedelta(days=7)
PRUNE_BATCH: Final = 5000

log = structlog.get_logger(__name__)


def run(*, stop: threading.Event) -> None:
    """Relay soon after each commit, until told to stop, and end combos that stand still.

    Ringing has a thread of its own: a queue that is away holds no room back. If one ends for a
    reason of its own, all do, and whoever started this starts it again. Beat looks for all of it
    too, for when this has died.
    """
    ringing = threading.Thread(target=_keep_at, args=(ring,), kwargs={"stop": stop})
    ending = threading.Thread(
        target=_keep_at, args=(streaks.end_idle,), kwargs={"stop": stop, "least_s": STREAKS_S}
    )
    for thread in (ringing, ending):
        thread.start()
    _keep_at(show, stop=stop)
    for thread in (ringing, ending):
        thread.join()


def _keep_at(deed: Callable[..., int], *, stop: threading.Event, least_s: float = 0.0) -> None:
    """Do it again and again, sooner while there is something to do, but not before ``least_s``."""
    pause_s = PAUSE_S
    try:
        while not stop.wait(max(pause_s, least_s)):
            try:
                done = deed(at=timezone.now())
            except OperationalError as error:
                log.warning("the relay rests", error=type(error).__name__)
                close_old_connections()
                stop.wait(REST_S)
                continue
            pause_s = PAUSE_S if done else min(2 * pause_s, PAUSE_S_MAX)
    finally:
        stop.set()
        connection.close()


def relay(*, at: datetime) -> int:
    """Hand on what waits, oldest first. Says how many events were handed on."""
    return show(at=at) + ring(at=at)


def show(*, at: datetime) -> int:
    """Number what rooms are to show, and show it; hand on what nobody else hears, and say how many.

    A batch that is not full was all there was: asking once more would cost each gift of a quiet
    room as much again.
    """
    handed = 0
    while True:
        seen, relayed = _number_batch(at=at)
        handed += relayed
        room_log.show_all()
        if seen < BATCH:
            return handed


def ring(*, at: datetime) -> int:
    """Hand on what somebody hears, some at a time. Says how many events were tried."""
    rung = 0
    while True:
        count = _ring_batch(at=at)
        rung += count
        if count < RING_BATCH:
            return rung


@transaction.atomic(durable=True)
def _number_batch(*, at: datetime) -> tuple[int, int]:
    """Lock a batch that nobody has seen, number and count it, once; how many, and how many go."""
    new = OutboxEvent.objects.filter(relayed_at=None, heard_by__isnull=True).order_by("pk")
    batch = list(new.select_for_update(skip_locked=True)[:BATCH])
    room_log.number(batch, counters=(ranks.count, goals.count))
    heard = [event.pk for event in batch if event.name in SUBSCRIBERS]
    unheard = [event.pk for event in batch if event.name not in SUBSCRIBERS]
    OutboxEvent.objects.filter(pk__in=heard).update(heard_by=[])
    OutboxEvent.objects.filter(pk__in=unheard).update(relayed_at=at)
    return len(batch), len(unheard)


def _ring_batch(*, at: datetime) -> int:
    """Claim a batch, hand it on, mark it. What a crash leaves unmarked is handed on again later.

    No transaction is open meanwhile: one that waits for a queue would hold back the fold.
    """
    batch = _claim_batch(at=at)
    for event in batch:
        _hand_on(event, at=at)
    done = [event.pk for event in batch if event.relayed_at]
    OutboxEvent.objects.filter(pk__in=done).update(relayed_at=at)
    late = [event for event in batch if not event.relayed_at]
    OutboxEvent.objects.bulk_update(late, ["tries", "retry_at", "heard_by"])
    return len(batch)


@transaction.atomic(durable=True)
def _claim_batch(*, at: datetime) -> list[OutboxEvent]:
    """Take the oldest that are due for ``CLAIM``: until then no other relay hands them on."""
    waiting = (
        OutboxEvent.objects.filter(relayed_at=None, heard_by__isnull=False)
        .filter(Q(retry_at=None) | Q(retry_at__lte=at))
        .order_by("pk")
    )
    batch = list(waiting.select_for_update(skip_locked=True)[:RING_BATCH])
    OutboxEvent.objects.filter(pk__in=[event.pk for event in batch]).update(retry_at=at + CLAIM)
    return batch


def _hand_on(event: OutboxEvent, *, at: datetime) -> None:
    """Call each subscriber that has not heard the event, and note who has, or when to try again."""
    heard: list[str] = list(event.heard_by or [])
    waits = False
    for subscriber in SUBSCRIBERS.get(event.name, ()):
        name = f"{subscriber.__module__}.{subscriber.__qualname__}"
        if name in heard:
            continue
        try:
            subscriber(event)
        except Exception as error:  # noqa: BLE001 - one that fails must not stop the others
            waits = True
            log.warning(
                "subscriber failed", subscriber=name, event_id=event.pk, error=type(error).__name__
            )
        else:
            heard.append(name)
    if waits:
        event.tries += 1
        event.retry_at = at + timedelta(seconds=min(2 ** min(event.tries, 12), RETRY_S_MAX))
        event.heard_by = heard
    else:
        event.relayed_at = at


def prune(*, at: datetime) -> int:
    """Delete events that were relayed longer ago than ``KEEP``. Says how many."""
    pruned = 0
    while True:
        old = OutboxEvent.objects.filter(relayed_at__lt=at - KEEP).order_by("pk")
        ids = list(old.values_list("pk", flat=True)[:PRUNE_BATCH])
        if not ids:
            return pruned
        pruned += OutboxEvent.objects.filter(pk__in=ids).delete()[0]
