"""The real Celery app, in a process that kills itself with SIGKILL at the step it is told.

For tests alone: ``celery -A tests.proof.killing_worker worker``. The step is named by the file that
``KILL_FILE`` points to, as ``module.function:before`` or ``:after``; the file is removed first, so
a step kills once. Waits between looks are short here. Where ``KILL_BOOK`` names a file, the bank is
that file: it survives every kill, remembers no key, so a second sending is a second payment, and
gives no answer to one request of five.
"""

import functools
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from accounts import states, tellings  # noqa: E402 - Django first
from config.celery import app  # noqa: E402
from payouts import bookings, chunks, services, settlements, submissions  # noqa: E402
from payouts.rails import base  # noqa: E402
from payouts.rails.bank import Bank  # noqa: E402
from wallet import cash  # noqa: E402

__all__ = ["POINTS", "app"]

KILL_BOOK: Final = os.environ.get("KILL_BOOK", "")
KILL_FILE: Final = Path(os.environ["KILL_FILE"]) if "KILL_FILE" in os.environ else None
STEPS: Final[tuple[tuple[Any, str], ...]] = (
    (settlements, "start_settlement"),
    (settlements, "_settle_next"),
    (chunks, "settle"),
    (chunks, "_settle_diamonds"),
    (tellings, "notify_each"),
    (services, "reserve"),
    (submissions, "_lease"),
    (Bank, "submit"),
    (submissions, "_record"),
    (states, "move"),
    (Bank, "lookup"),
    (bookings, "follow"),
    (cash, "post_payout"),
)


def name_of(owner: Any, step: str) -> str:
    return f"{owner.__name__.rpartition('.')[2]}.{step}"


POINTS: Final = [
    f"{name_of(owner, step)}:{side}" for owner, step in STEPS for side in ("before", "after")
]


def _killable(name: str, step: Callable[..., Any], kill_file: Path) -> Callable[..., Any]:
    def die_if_told(side: str) -> None:
        if kill_file.exists() and kill_file.read_text() == f"{name}:{side}":
            kill_file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(step)
    def stepped(*arguments: Any, **named: Any) -> Any:
        die_if_told("before")
        answer = step(*arguments, **named)
        die_if_told("after")
        return answer

    return stepped


def make_book(book: str) -> None:
    with closing(sqlite3.connect(book)) as rows, rows:
        rows.execute("CREATE TABLE transfer (reference TEXT, amount_minor INTEGER, currency TEXT)")
        rows.execute("CREATE INDEX by_reference ON transfer (reference)")


def _submit(_bank: Bank, instruction: base.Instruction, /) -> base.Transfer:
    taken = (instruction.reference, instruction.amount_minor, instruction.currency)
    with closing(sqlite3.connect(KILL_BOOK)) as rows, rows:
        rows.execute("INSERT INTO transfer VALUES (?, ?, ?)", taken)
    if UUID(instruction.reference).int % 5 == 0:
        raise base.Unknown("The bank's answer did not arrive.")
    return _transfer(*taken, state=base.State.ACCEPTED)


def _lookup(_bank: Bank, *, reference: str) -> base.Transfer | None:
    with closing(sqlite3.connect(KILL_BOOK)) as rows:
        found = rows.execute("SELECT * FROM transfer WHERE reference = ?", [reference]).fetchone()
    return _transfer(*found, state=base.State.PAID) if found else None


def _transfer(
    reference: str, amount_minor: int, currency: str, *, state: base.State
) -> base.Transfer:
    return base.Transfer(
        rail_ref=f"book-{reference}",
        reference=reference,
        amount_minor=amount_minor,
        currency=currency,
        state=state,
    )


if KILL_BOOK:
    setattr(Bank, "submit", _submit)  # noqa: B010 - in its place, before the kills are put around
    setattr(Bank, "lookup", _lookup)  # noqa: B010
    settlements.CREATORS_A_CHUNK = int(os.environ["KILL_CHUNK"])  # type: ignore[misc]
    bookings.RETURN_WATCH = timedelta(0)  # type: ignore[misc]  # nothing comes back here
if KILL_FILE is not None:
    for _owner, _step in STEPS:
        setattr(_owner, _step, _killable(name_of(_owner, _step), getattr(_owner, _step), KILL_FILE))
    submissions.LEASE = timedelta(seconds=1)  # type: ignore[misc]
    submissions.RESEND_AFTER = timedelta(seconds=1)  # type: ignore[misc]
    bookings.LOOK_SOONEST = timedelta(seconds=0.2)  # type: ignore[misc]
