"""What tests need of PostgreSQL beside Django: sessions of their own, a fold that is awaited."""

import time
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, transaction

from wallet import ledger


def connect(database: str) -> psycopg.Connection[Any]:
    """As the role the site runs as; every statement commits by itself."""
    return _connect(database, user=connection.settings_dict["USER"])


def owner(database: str) -> psycopg.Connection[Any]:
    """As the owner, to break what the app role cannot; every statement commits by itself."""
    return _connect(database, user=settings.DATABASE_OWNER["USER"])


def _connect(database: str, *, user: str) -> psycopg.Connection[Any]:
    place = settings.DATABASE_OWNER
    return psycopg.connect(
        host=place["HOST"], port=place["PORT"] or None, user=user, dbname=database, autocommit=True
    )


def fold_everything() -> None:
    """Fold until all that was posted so far is folded.

    The horizon passes a transaction when all older ones in the cluster have ended: wait for that.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        (goal,) = cursor.fetchone()
        for _ in range(6_000):
            with transaction.atomic():
                ledger.fold()
            cursor.execute("SELECT horizon::text::bigint >= %s FROM ledger.fold_state", [goal])
            if cursor.fetchone()[0]:
                return
            time.sleep(0.005)  # another test's transaction is still open
    raise AssertionError("the horizon did not pass in 30 s")
