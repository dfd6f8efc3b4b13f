"""What time does: sessions expire, cards and refunds settle, banks dispute and pay, events go out.

Two threads of the one process, from rows in the book alone: whatever a restart interrupts goes on
afterwards. A thread that dies ends the program, rather than leaving half of it alive.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Final

from config.standin import bank, captures, disputes, options, payments, refunds, sessions, webhooks
from config.standin.models import Delivery

_BATCH: Final = 64
_DEEDS: Final = (
    (sessions.over, sessions.expire_due),
    (payments.slow, payments.settle_due),
    (captures.late, captures.expire_due),
    (refunds.due, refunds.move_due),
    (disputes.due, disputes.turn_due),
    (bank.due, bank.move_due),
)
_POSTERS: Final = 8


def start(*, stop: threading.Event, parent: int) -> list[threading.Thread]:
    """Start both threads; they end soon after ``stop`` is set.

    With the option for it they also end when ``parent`` is no longer this process's parent.
    """
    threads = [
        threading.Thread(target=_run, args=(partial(keep_time, parent=parent), stop)),
        threading.Thread(target=_run, args=(deliver_events, stop)),
    ]
    for thread in threads:
        thread.start()
    return threads


def keep_time(stop: threading.Event, *, parent: int) -> None:
    """Do what is due, several times a second."""
    now = options.current()
    while not stop.wait(now.tick_s):
        if now.with_parent and os.getppid() != parent:
            stop.set()
        at = datetime.now(UTC)
        for due, deed in _DEEDS:
            # A look first: a deed takes the one place there is for a writer.
            if due(at=at).exists():
                deed(at=at)


def deliver_events(stop: threading.Event) -> None:
    """Post events as soon as they are recorded, and again when their time has come."""
    tick_s = options.current().tick_s
    with ThreadPoolExecutor(_POSTERS) as pool:
        while not stop.is_set():
            webhooks.BELL.wait(tick_s)
            webhooks.BELL.clear()
            while not stop.is_set() and (batch := webhooks.due(at=datetime.now(UTC), limit=_BATCH)):
                webhooks.record_tries(tries=list(pool.map(_post, batch)), at=datetime.now(UTC))


def _post(delivery: Delivery) -> webhooks.Try:
    return webhooks.post(delivery=delivery, at=datetime.now(UTC))


def _run(work: Callable[[threading.Event], None], stop: threading.Event) -> None:
    try:
        work(stop)
    finally:
        stop.set()
        webhooks.BELL.set()
