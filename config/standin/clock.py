"""What time does: sessions expire, slow cards settle, the bank moves money, events are posted.

Two threads of the one process, from rows in the book alone: whatever a restart interrupts goes on
afterwards. A thread that dies ends the program, rather than leaving half of it alive.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from config.standin import bank, options, payments, sessions, webhooks

_BATCH: Final = 64
_POSTERS: Final = 8


def start(*, stop: threading.Event) -> list[threading.Thread]:
    """Start both threads; they end soon after ``stop`` is set."""
    threads = [
        threading.Thread(target=_run, args=(work, stop), name=work.__name__)
        for work in (keep_time, deliver_events)
    ]
    for thread in threads:
        thread.start()
    return threads


def keep_time(stop: threading.Event) -> None:
    """Do what is due, several times a second."""
    parent = os.getppid()
    now = options.current()
    while not stop.wait(now.tick_s):
        if now.with_parent and os.getppid() != parent:
            stop.set()
        at = datetime.now(UTC)
        sessions.expire_due(at=at)
        payments.settle_due(at=at)
        bank.move_due(at=at)


def deliver_events(stop: threading.Event) -> None:
    """Post events as soon as they are recorded, and again when their time has come."""
    tick_s = options.current().tick_s
    with webhooks.new_client() as client, ThreadPoolExecutor(_POSTERS) as pool:
        while not stop.is_set():
            webhooks.BELL.wait(tick_s)
            webhooks.BELL.clear()
            while not stop.is_set() and (batch := webhooks.due(at=datetime.now(UTC), limit=_BATCH)):
                tries = list(
                    pool.map(
                        lambda delivery: webhooks.post(
                            client=client, delivery=delivery, at=datetime.now(UTC)
                        ),
                        batch,
                    )
                )
                webhooks.record_tries(tries=tries, at=datetime.now(UTC))


def _run(work: Callable[[threading.Event], None], stop: threading.Event) -> None:
    try:
        work(stop)
    finally:
        stop.set()
        webhooks.BELL.set()
