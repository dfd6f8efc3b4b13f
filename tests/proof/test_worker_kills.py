"""A real Celery worker, killed with SIGKILL at every step of settling and paying out.

Its Valkey database is emptied after every kill, so that no message survives; the sweeps must find
all of it again. The bank's own book says what was paid: exactly once each.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.conf import settings
from django.db import connection, transaction

from accounts.models import User
from payouts.models import Payout, SettlementLine
from tests import factories
from tests.payouts.books import Books, books, give_diamonds, set_account
from tests.proof.killing_worker import POINTS
from tests.standin import Standin, eventually, running_standin
from wallet import ledger

VALKEY_DATABASE = 13
WITHIN_S = 90.0
IN_THE_SUITE = (
    "services.reserve:after",
    "Bank.submit:before",
    "Bank.submit:after",
    "cash.post_payout:after",
)
# One is simply paid; one bank answer is lost; one request is answered 500 first.
ACCOUNTS = ("9900005555", "9900002222", "9900004444")


@dataclass
class Workers:
    """One worker at a time, and the bell that tells it to look."""

    kill_file: Path
    environ: dict[str, str]
    log: Path
    bell: Celery
    valkey: redis.Redis
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tests.proof.killing_worker", "worker",
                 "--pool", "solo", "--without-mingle", "--without-gossip", "--loglevel", "WARNING"],
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=log,
            )  # fmt: skip

    def ring(self) -> None:
        """Send what beat would, but leave no heap of messages behind."""
        if self.valkey.llen("celery") == 0:
            for task in ("continue_settlements", "sweep_payouts"):
                self.bell.send_task(f"payouts.tasks.{task}", expires=5)

    def is_dead(self) -> bool:
        assert self.process is not None
        self.ring()
        return self.process.poll() is not None

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait()


@contextmanager
def crew_of(folder: Path, *, environ: dict[str, str], database: str) -> Iterator[Workers]:
    """Workers on that database and a Valkey of their own, of whom none runs yet."""
    broker = f"{settings.SERVERS.broker_url.partition('?')[0]}?virtual_host={VALKEY_DATABASE}"
    valkey = redis.Redis.from_url(settings.SERVERS.redis_url_for(VALKEY_DATABASE))
    valkey.flushdb()
    user = connection.settings_dict["USER"]
    environ = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": settings.SERVERS.database_url(user, database),
        "REDIS_URL": settings.SERVERS.redis_url_for(VALKEY_DATABASE),
        "BROKER_URL": broker,
        "SECRET_KEY": "for this test alone",
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "ALLOW_STANDIN": "true",
        "SETTLEMENT_INTERVAL_SECONDS": "1",
        "KILL_FILE": str(folder / "kill"),
        **environ,
    }
    with Celery(broker=broker, set_as_current=False) as bell:
        crew = Workers(folder / "kill", environ, folder / "worker.log", bell, valkey)
        try:
            yield crew
        finally:
            crew.stop()
            valkey.flushdb()
            valkey.close()


def at_bank(bank: Standin) -> dict[str, str]:
    return {"STANDIN_BANK_URL": f"{bank.url}/bank", "STANDIN_BANK_KEY": bank.bank_key}


def kill_at(point: str, crew: Workers, *, creator: User) -> None:
    """One creator's way is begun by a worker that dies at the point, and ended by the next."""
    crew.kill_file.write_text(point)
    with transaction.atomic():
        give_diamonds(creator, 4_000_000)
    eventually(crew.is_dead, within_s=WITHIN_S)
    assert crew.process is not None
    assert crew.process.returncode == -signal.SIGKILL, crew.log.read_text()[-2000:]
    crew.valkey.flushdb()

    crew.start()
    eventually(lambda: is_paid(crew, creator), within_s=WITHIN_S)


def is_paid(crew: Workers, creator: User) -> bool:
    crew.ring()
    return Payout.objects.filter(creator=creator, state="paid").exists()


@pytest.mark.proof
def test_a_worker_killed_at_any_step_pays_exactly_once(
    committed: str, tmp_path: Path, proof_size: int
) -> None:
    points = POINTS if proof_size > 1 else IN_THE_SUITE
    creators = [factories.make_creator(f"creator{number}") for number in range(len(points))]
    for number, creator in enumerate(creators):
        set_account(creator, account=f"{number:06}{ACCOUNTS[number % len(ACCOUNTS)][-4:]}")

    with (
        running_standin(tmp_path) as bank,
        crew_of(tmp_path, environ=at_bank(bank), database=committed) as crew,
    ):
        crew.start()
        for point, creator in zip(points, creators, strict=True):
            kill_at(point, crew, creator=creator)
        sent = bank.whole_book()["transfers"]

    assert len(sent) == len(creators)
    for creator in creators:
        payout = Payout.objects.get(creator=creator)
        mine = [row for row in sent if row["reference"] == str(payout.pk)]
        assert [(row["amount_minor"], row["state"]) for row in mine] == [(1800, "paid")]
        assert SettlementLine.objects.filter(creator=creator).count() == 1
    assert books(creators[0]) == Books(paid=1800 * len(creators))
    assert ledger.audit() == []
