"""A database for one bench: made on the same server, filled, and dropped at the end."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from psycopg import sql

from config import database, embedded, seed

PAYERS: Final = 100_000
CREATORS: Final = 1_000
FIRST_PAYER: Final = 1_000_001
FIRST_CREATOR: Final = 2_000_001
COINS_EACH: Final = 100_000_000
CHUNK: Final = 5_000

PEOPLE_SQL: Final = """
INSERT INTO accounts_user (id, password, is_superuser, email, handle, display_name, country,
                           birth_date, language, time_zone, is_creator, is_staff, is_active)
SELECT n, '!', false, 'p' || n || '@bench.invalid', 'p' || n, 'Person ' || n, 'DE',
       '1990-01-01', 'en', 'UTC', %(creator)s, false, true
  FROM generate_series(%(first)s, %(last)s) AS n
"""
COINS_SQL: Final = """
SELECT count(ledger.buy(
           gen_random_uuid(), n, gen_random_uuid(), %(coins)s, 5, 978, 1200, 192, 43, NULL))
  FROM generate_series(%(first)s, %(last)s) AS n
"""


@contextlib.contextmanager
def database_of_its_own(suffix: str) -> Iterator[str]:
    """Create an empty database beside Carat's and go on in it; drop it in the end."""
    home = dict(connection.settings_dict)
    name = f"{settings.DATABASE_OWNER['NAME']}_{suffix}"
    _recreate(name)
    try:
        database.become_owner()
        connection.settings_dict["NAME"] = name
        yield name
    finally:
        connection.close()
        connection.settings_dict.update(home)
        with server() as session:
            session.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
            session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{name}_app")))


def _recreate(name: str) -> None:
    with server() as session:
        session.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
        session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{name}_app")))
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def server() -> psycopg.Connection[Any]:
    """The server as the owner, outside every database of Carat."""
    owner = settings.DATABASE_OWNER
    return psycopg.connect(
        host=owner["HOST"] or None,
        port=owner["PORT"] or None,
        user=owner["USER"],
        password=owner["PASSWORD"] or None,
        dbname="postgres",
        autocommit=True,
    )


def fill(advance: Any, *, payers: int = PAYERS, creators: int = CREATORS) -> None:
    """Migrate, seed, and write so many fans with coins and creators.

    ``advance(n)`` is called when n people more are there.
    """
    call_command("migrate", verbosity=0)
    seed.seed(holds=True, notice_days=30)
    with connection.cursor() as cursor:
        # The filling may be lost in a crash: it is made again. The measuring below may not.
        cursor.execute("SET synchronous_commit = off")
        for first, count, creator in (
            (FIRST_CREATOR, creators, True),
            (FIRST_PAYER, payers, False),
        ):
            for start in range(first, first + count, CHUNK):
                last = min(start + CHUNK, first + count) - 1
                with transaction.atomic():
                    cursor.execute(PEOPLE_SQL, {"first": start, "last": last, "creator": creator})
                    if not creator:
                        cursor.execute(
                            COINS_SQL, {"first": start, "last": last, "coins": COINS_EACH}
                        )
                advance(last - start + 1)
        cursor.execute("SET synchronous_commit = on")
        cursor.execute("VACUUM ANALYZE")


def pgbench(*arguments: str, database_name: str, user: str) -> str:
    """Run PostgreSQL's own load generator and give what it prints."""
    owner = settings.DATABASE_OWNER
    place = [f"--host={owner['HOST']}"] * bool(owner["HOST"]) + [f"--port={owner['PORT']}"] * bool(
        owner["PORT"]
    )
    return embedded.run_tool(
        "pgbench",
        *place,
        f"--username={user}",
        *arguments,
        database_name,
        password=owner["PASSWORD"],
    )


def posting_role(name: str) -> str:
    """Who posts: the app role. It has no password: where one is asked for, the owner does."""
    return f"{name}_app" if settings.EMBEDDED else str(settings.DATABASE_OWNER["USER"])


def make_floor(name: str) -> None:
    """Make the table that the doors' floors write their one row to."""
    role = posting_role(name)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_insert")
        cursor.execute("CREATE TABLE bench_insert (id uuid PRIMARY KEY, body jsonb NOT NULL)")
        cursor.execute(sql.SQL("GRANT INSERT ON bench_insert TO {}").format(sql.Identifier(role)))


def environment(name: str) -> dict[str, str]:
    """What a process needs to run as the site does, on the bench's database."""
    owner = settings.DATABASE_OWNER
    password = f":{quote(owner['PASSWORD'])}" if owner["PASSWORD"] and not settings.EMBEDDED else ""
    place = f"?host={quote(owner['HOST'])}" if owner["HOST"].startswith("/") else ""
    host = "" if place else f"{owner['HOST']}:{owner['PORT']}"
    return os.environ | {
        "DATABASE_URL": f"postgresql://{posting_role(name)}{password}@{host}/{name}{place}",
        "REDIS_URL": settings.REDIS_URL,
        "BROKER_URL": settings.BROKER_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "LOG_LEVEL": "ERROR",
    }
