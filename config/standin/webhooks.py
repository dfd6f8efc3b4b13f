"""Events: what happened is written in the deed's transaction, and posted to the merchant after it.

Every event has a row for each copy to deliver. A copy is tried, signed afresh, until the merchant
answers 2xx or the event is too old, so a restart loses none. As with the real company, nothing is
promised about order or number: an event is a doorbell.
"""

import hashlib
import hmac
import json
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from django.db import connection, transaction

from config.standin import faults, ids, options, shapes
from config.standin.models import (
    Delivery,
    DeliveryPlan,
    DeliveryState,
    Event,
    Json,
    PlanMode,
    epoch,
)

# Rung when there is something new to deliver.
BELL: Final = threading.Event()

SUCCESS: Final = range(200, 300)
EXTRA_COPIES: Final = 2  # of an event that the fault script doubles
STALE_AFTER: Final = timedelta(hours=1)
_PAYLOAD_HEADERS: Final = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Carat-Stand-in/1.0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The API request that made something happen; empty for what a payer or the clock did."""

    request_id: str = ""
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """How one try to deliver ended: the answer's status, or why there was none."""

    delivery: Delivery
    status: int | None
    error: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and self.status in SUCCESS


def record(*, kind: str, snapshot: Json, at: datetime, cause: Cause | None = None) -> Event:
    """Write an event and its deliveries in the caller's transaction."""
    assert connection.in_atomic_block, "an event commits with its deed or not at all"
    cause = cause or Cause()
    event = Event.objects.create(
        public_id=ids.new_id("evt"),
        created_at=at,
        kind=kind,
        snapshot=snapshot,
        request_id=cause.request_id,
        idempotency_key=cause.idempotency_key,
    )
    if target(event)[0]:
        Delivery.objects.bulk_create(_copies(event, at=at))
        transaction.on_commit(BELL.set)
    return event


def _copies(event: Event, *, at: datetime) -> list[Delivery]:
    """Return the copies of an event to deliver, as the plan and the fault script have it."""
    plan = current_plan()
    struck = faults.of_event(number=event.number)
    is_dropped = plan.mode == PlanMode.DROP or faults.Fault.DROP in struck
    state = DeliveryState.DROPPED if is_dropped else DeliveryState.WAITING
    late_s = faults.lateness_s(number=event.number) if faults.Fault.LATE in struck else 0
    count = plan.copies + (EXTRA_COPIES if faults.Fault.DUPLICATE in struck else 0)
    next_at = at + timedelta(seconds=late_s)
    copies = [Delivery(event=event, state=state, next_at=next_at) for _ in range(count)]
    if faults.Fault.FORGE in struck:
        forgery = faults.forgery_of(number=event.number)
        waiting = DeliveryState.WAITING
        copies.append(Delivery(event=event, state=waiting, next_at=at, forgery=forgery))
    return copies


def current_plan() -> DeliveryPlan:
    """Return how events are delivered at present."""
    return DeliveryPlan.objects.first() or DeliveryPlan()


@transaction.atomic(durable=True)
def change_plan(*, mode: PlanMode, copies: int, reorder_seed: int | None) -> DeliveryPlan:
    """Deliver, hold or drop events from now on, each in so many copies, shuffled by the seed.

    Held events wait: they go out once the mode is deliver again, or by a flush.
    """
    plan = current_plan()
    plan.mode = mode
    plan.copies = copies
    plan.reorder_seed = reorder_seed
    plan.save()
    transaction.on_commit(BELL.set)
    return plan


def due(*, at: datetime, limit: int) -> list[Delivery]:
    """Return the deliveries whose time has come, shuffled when the plan says so."""
    plan = current_plan()
    if plan.mode == PlanMode.HOLD:
        return []
    waiting = Delivery.objects.filter(state=DeliveryState.WAITING, next_at__lte=at)
    batch = list(waiting.select_related("event").order_by("next_at", "number")[:limit])
    return shuffled(batch, seed=plan.reorder_seed)


def waiting() -> list[Delivery]:
    """Return everything that is not yet taken, oldest first."""
    rows = Delivery.objects.filter(state=DeliveryState.WAITING)
    return list(rows.select_related("event").order_by("number"))


def shuffled(batch: Sequence[Delivery], *, seed: int | None) -> list[Delivery]:
    """Return the batch in the order that ``seed`` gives it; without a seed, as it is."""
    if seed is None:
        return list(batch)
    order = list(batch)
    random.Random(seed).shuffle(order)  # noqa: S311 - a repeatable order, not a secret
    return order


def target(event: Event) -> tuple[str, str]:
    """Return where an event goes and what signs it: those of accounts have an endpoint apart."""
    now = options.current()
    if event.kind.startswith("account."):
        return now.connect_webhook_url, now.connect_webhook_secret
    return now.webhook_url, now.webhook_secret


def payload(event: Event) -> str:
    """Return the text that is signed and posted for an event."""
    return json.dumps(shapes.event(event, pending=1), separators=(",", ":"))


def forged(event: Event, *, forgery: faults.Forgery, at: datetime) -> tuple[str, str]:
    """Return a body and a signature that a merchant must refuse.

    The body would be an event of its own if it were believed.
    """
    _, secret = target(event)
    true = payload(event)
    body = true.replace(event.public_id, f"{event.public_id}_forged")
    match forgery:
        case faults.Forgery.WRONG_SECRET:
            return body, signature(secret=f"{secret}_forged", body=body, at=at)
        case faults.Forgery.CHANGED_BODY:
            return body, signature(secret=secret, body=true, at=at)
        case faults.Forgery.STALE:
            return body, signature(secret=secret, body=body, at=at - STALE_AFTER)


def signature(*, secret: str, body: str, at: datetime) -> str:
    """Sign ``body`` as the payment company does: HMAC-SHA256 over the time, a dot and the body."""
    signed = f"{epoch(at)}.{body}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={epoch(at)},v1={digest}"


def post(*, delivery: Delivery, at: datetime) -> Try:
    """Post one copy of an event, straight to the address and following nobody; write nothing."""
    body, signed = _written(delivery, at=at)
    headers = {**_PAYLOAD_HEADERS, "Stripe-Signature": signed}
    address = urlsplit(target(delivery.event)[0])
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    line = kind(address.hostname or "", address.port, timeout=options.current().webhook_timeout_s)
    try:
        line.request("POST", address.path or "/", body=body.encode(), headers=headers)
        return Try(delivery=delivery, status=line.getresponse().status)
    except (OSError, HTTPException) as error:
        return Try(delivery=delivery, status=None, error=f"{type(error).__name__}: {error}"[:200])
    finally:
        line.close()


def _written(delivery: Delivery, *, at: datetime) -> tuple[str, str]:
    if delivery.forgery:
        return forged(delivery.event, forgery=faults.Forgery(delivery.forgery), at=at)
    body = payload(delivery.event)
    return body, signature(secret=target(delivery.event)[1], body=body, at=at)


@transaction.atomic(durable=True)
def record_tries(*, tries: Sequence[Try], at: datetime) -> None:
    """Write how the tries ended: taken, to be tried again later, or given up."""
    for tried in tries:
        row = tried.delivery
        row.tries += 1
        row.last_status = tried.status
        row.last_error = tried.error
        if tried.is_taken:
            row.state = DeliveryState.DELIVERED
        elif row.forgery and tried.status is not None:
            row.state = DeliveryState.REFUSED
        elif at - row.event.created_at > timedelta(seconds=options.current().webhook_life_s):
            row.state = DeliveryState.GIVEN_UP
        else:
            row.next_at = at + pause_after(tries=row.tries)
        row.save(update_fields=["tries", "last_status", "last_error", "state", "next_at"])


def pause_after(*, tries: int) -> timedelta:
    """Return how long to wait after so many vain tries: it grows, then stays."""
    delays = options.current().webhook_delays_s
    return timedelta(seconds=delays[min(tries, len(delays)) - 1])


@transaction.atomic(durable=True)
def repeat(*, event: Event, at: datetime) -> Delivery:
    """Add one more copy of an event that may have been delivered long ago."""
    return Delivery.objects.create(event=event, state=DeliveryState.WAITING, next_at=at)
