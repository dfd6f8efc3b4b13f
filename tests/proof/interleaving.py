"""Two postings at once, stopped where the test says: what each came to.

The first runs up to a gate (before its n-th row of a table, or finished and not committed). Then
the second runs until it has ended or waits for a lock. Then the first goes on. Nothing sleeps to be
in time: each step waits for what PostgreSQL says of the two sessions.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from tests.database import connect, owner

GATE: Final = 4711
END: Final = "end"  # the whole function has run, and nothing is committed

# A session stops at the gate when its setting names the table and has counted down to this row.
TRIGGERS: Final = """
CREATE FUNCTION ledger.gate() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_stop text[] := string_to_array(current_setting('carat.gate', true), ':');
BEGIN
    IF v_stop[1] = TG_TABLE_NAME THEN
        PERFORM set_config('carat.gate', v_stop[1] || ':' || (v_stop[2]::integer - 1), false);
        IF v_stop[2] = '1' THEN
            PERFORM pg_advisory_xact_lock_shared(4711);
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER a_gate BEFORE INSERT ON ledger.operation FOR EACH ROW EXECUTE FUNCTION ledger.gate();
CREATE TRIGGER a_gate BEFORE INSERT ON ledger.transfer FOR EACH ROW EXECUTE FUNCTION ledger.gate();
CREATE TRIGGER a_gate BEFORE INSERT OR UPDATE ON ledger.bucket
    FOR EACH ROW EXECUTE FUNCTION ledger.gate();
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function of the ledger, in a transaction of its own."""

    name: str
    sql: str
    parameters: Sequence[Any]


def install(database: str) -> None:
    """Put the gates into a scratch database."""
    with owner(database) as session:
        session.execute(TRIGGERS)


def alter(database: str, function: str, *changes: tuple[str, str]) -> None:
    """Take a guard out of a function of a scratch database: each old text for its new one."""
    with owner(database) as session:
        ((definition,),) = session.execute(
            "SELECT pg_get_functiondef(%s::regproc)", [f"ledger.{function}"]
        ).fetchall()
        for old, new in changes:
            assert definition.count(old) == 1, (function, old)
            definition = definition.replace(old, new)
        session.execute(definition)


def one_after_the_other(database: str, *calls: Call) -> list[Any]:
    with closing(connect(database)) as session:
        return [_run(session, call) for call in calls]


def interleaved(database: str, first: Call, second: Call, *, stop: str) -> list[Any]:
    """Run both as the head of this file says; what the first and the second came to."""
    with (
        closing(connect(database)) as one,
        closing(connect(database)) as two,
        closing(connect(database)) as watch,
        ThreadPoolExecutor(2) as threads,
    ):
        if stop == END:
            one.autocommit = False
            before = _run(one, first)
            after = threads.submit(_run, two, second)
            _await(watch, two, after)
            one.commit()
            return [before, after.result()]
        watch.execute("SELECT pg_advisory_lock(%s)", [GATE])
        one.execute("SELECT set_config('carat.gate', %s, false)", [stop])
        running = threads.submit(_run, one, first)
        _await(watch, one, running)
        after = threads.submit(_run, two, second)
        _await(watch, two, after)
        watch.execute("SELECT pg_advisory_unlock(%s)", [GATE])
        return [running.result(), after.result()]


def _run(session: psycopg.Connection[Any], call: Call) -> Any:
    """What it answered, or the SQLSTATE it failed with."""
    try:
        row = session.execute(call.sql, call.parameters).fetchone()
    except psycopg.Error as error:
        if not session.autocommit:
            session.rollback()
        return error.sqlstate
    return row


def _await(
    watch: psycopg.Connection[Any], session: psycopg.Connection[Any], call: "Future[Any]"
) -> None:
    """Until the call has ended or waits for a lock."""
    waits = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    await_that(
        lambda: (
            call.done() or watch.execute(waits, [session.info.backend_pid]).fetchone() is not None
        )
    )


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "neither ended nor waiting after a minute"
        time.sleep(0.001)
