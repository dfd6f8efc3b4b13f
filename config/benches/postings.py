"""Gifts a second through the posting functions alone, driven by pgbench, beside its own TPC-B."""

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from config.benches import scratch

CLIENTS: Final = 8
THREADS: Final = 2
BATCH: Final = 200
TPCB_SCALE: Final = 50

SINGLE: Final = """
\\set payer random({first_payer}, {last_payer})
\\set creator {creator}
SELECT done FROM ledger.gift(
    {new_id}, :payer, :creator, 5, :payer, 'room-bench',
    '{{"gift": "Finger Heart", "quantity": 1}}');
"""
BATCHED: Final = """
SELECT count(*) FROM ledger.post_gifts((
    SELECT jsonb_agg(jsonb_build_object(
        'op', {new_id}, 'payer', {first_payer} + (random() * {payers})::bigint,
        'creator', {first_creator} + (random() * {creators})::bigint, 'coins', 5, 'actor', 1,
        'context', 'room-bench', 'memo', '{{"gift": "Finger Heart", "quantity": 1}}'::jsonb))
      FROM generate_series(1, {batch})));
"""


@contextlib.contextmanager
def tpcb() -> Iterator[Callable[[int], float]]:
    """Transactions a second of pgbench's built-in script, in a database of its own."""
    owner = settings.DATABASE_OWNER["USER"]
    with scratch.database_of_its_own("bench_tpcb") as name:
        fill = ("--initialize", "--quiet", "--scale", str(TPCB_SCALE))
        scratch.pgbench(*fill, database_name=name, user=owner)
        yield lambda seconds: _rate(
            "--builtin", "tpcb-like", database_name=name, user=owner, seconds=seconds
        )


def spread(name: str, seconds: int) -> float:
    """Gifts a second to 1,000 creators."""
    last = scratch.FIRST_CREATOR + scratch.CREATORS - 1
    return _script(SINGLE, name, seconds, creator=f"random({scratch.FIRST_CREATOR}, {last})")


def hot(name: str, seconds: int) -> float:
    """Gifts a second to one creator."""
    return _script(SINGLE, name, seconds, creator=str(scratch.FIRST_CREATOR))


def batch(name: str, seconds: int) -> float:
    """Gifts a second in calls of 200."""
    return BATCH * _script(BATCHED, name, seconds, creator="")


def server_version() -> int:
    """The major version of the server."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        (number,) = cursor.fetchone()
    return int(number) // 10_000


def _script(text: str, name: str, seconds: int, *, creator: str) -> float:
    script = text.format(
        first_payer=scratch.FIRST_PAYER,
        last_payer=scratch.FIRST_PAYER + scratch.PAYERS - 1,
        payers=scratch.PAYERS - 1,
        first_creator=scratch.FIRST_CREATOR,
        creators=scratch.CREATORS - 1,
        creator=creator,
        batch=BATCH,
        # Clients make ids whose time comes first; before PostgreSQL 18 it has only random ones.
        new_id="uuidv7()" if server_version() >= 18 else "gen_random_uuid()",
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "script.sql"
        path.write_text(script)
        return _rate(
            "--file",
            str(path),
            database_name=name,
            user=scratch.posting_role(name),
            seconds=seconds,
        )


def _rate(*arguments: str, database_name: str, user: str, seconds: int) -> float:
    output = scratch.pgbench(
        "--protocol", "prepared", "--no-vacuum", "--client", str(CLIENTS), "--jobs", str(THREADS),
        "--time", str(seconds), *arguments, database_name=database_name, user=user,
    )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", output)
    assert found, output
    return float(found[1])
