"""What the proofs share: a rate card in force at once and without holds."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from psycopg import sql

from tests.database import owner
from wallet import ledger


@pytest.fixture
def quick_card(committed: str) -> None:
    """A better card without holds, in force at once: all of the machine's diamonds are under it.

    Nothing here dies, so its commits need not wait for the disk.
    """
    with owner(committed) as session:
        session.execute(
            sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(
                sql.Identifier(committed)
            )
        )
    connection.close()
    at = datetime.now(UTC) + timedelta(seconds=1)
    with transaction.atomic():
        ledger.announce_card(
            name="no holds",
            diamonds_per_coin_milli=1375,
            diamond_usd=Decimal("0.005100"),
            hold_days=dict.fromkeys(range(1, 8), 0),
            notice_days=30,
            effective_at=at,
            announced_by_id=0,
        )
    while datetime.now(UTC) <= at:
        time.sleep(0.01)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A machine's examples in chunks, each in a database of its own: the audit after every example
    reads all that the ones before it left."""
    if "chunk" in metafunc.fixturenames:
        full = metafunc.config.getoption("--full")
        metafunc.parametrize("chunk", range(20 if full else 1))
