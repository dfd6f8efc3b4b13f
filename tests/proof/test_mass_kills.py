"""Workers killed with SIGKILL again and again during one run of many creators: each is paid once.

A real Celery worker dies at the next named step, its Valkey is emptied, and a new one goes on. The
bank is a file that survives and takes every request it gets, so what was sent twice is in it twice.

In full (5,000 creators, 100 kills): ``uv run pytest tests/proof/test_mass_kills.py --full``.
"""

import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.db.models import Count, Q

from accounts import encryption
from accounts.models import User, name_mark
from config.benches import scratch, settling
from payouts import destinations
from payouts.models import Destination, Payout, SettlementLine, SettlementRun
from tests.payouts.books import account_of_their_own
from tests.proof.killing_worker import POINTS, STEPS, make_book, name_of
from tests.proof.test_worker_kills import Workers, crew_of
from wallet import ledger

SETTLING = {name_of(owner, step) for owner, step in STEPS[:6]}
CHUNKS = 50
STRUCK_WITHIN_S = 120.0
WITHIN_S = 3_000.0


def make_creators(count: int) -> None:
    """Creators who can be settled and paid, each with a bank account that opens."""
    span: dict[str, int | str] = {
        "first": scratch.FIRST_CREATOR, "last": scratch.FIRST_CREATOR + count - 1,
        "creator": True, "name": settling.HOLDER, "name_mark": name_mark(settling.HOLDER),
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (scratch.PEOPLE_SQL, *settling.ELIGIBLE_SQL):
            cursor.execute(statement, span)
    rows = list(Destination.objects.select_related("creator"))
    for row in rows:
        account = account_of_their_own(row.creator)
        row.account_sealed = encryption.encrypt(
            account.encode(), context=destinations.context_of(row.pk)
        )
    Destination.objects.bulk_update(rows, ["account_sealed"], batch_size=500)


def plan(kills: int) -> list[str]:
    """Half of the kills at steps of settling, half at steps of paying, each step in its turn."""
    settle = [point for point in POINTS if point.partition(":")[0] in SETTLING]
    pay = [point for point in POINTS if point not in settle]
    half = kills // 2
    return [settle[number % len(settle)] for number in range(half)] + [
        pay[number % len(pay)] for number in range(kills - half)
    ]


@dataclass
class Killer:
    """Arms the kills one by one, spread over the run, and replaces who has died."""

    crew: Workers
    points: list[str]
    creators: int
    struck: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    armed_at: float = 0.0
    sent: int = 0
    paid: int = 0

    def run(self) -> None:
        """Until everyone is paid and all kills were made."""
        end = time.monotonic() + WITHIN_S
        number, armed = 0, ""
        self.crew.start()
        while armed or number < len(self.points) or self.paid < self.creators:
            assert time.monotonic() < end, f"{self.paid} paid, {self.struck}, waits for {armed}"
            if not armed and number < len(self.points) and self._is_turn(number):
                armed, number = self.points[number], number + 1
                self._arm(armed)
            if self.crew.is_dead():
                self._replace(armed)
                armed = ""
            elif armed and time.monotonic() > self.armed_at + STRUCK_WITHIN_S:
                self.missed.append(armed)
                self.crew.kill_file.unlink(missing_ok=True)
                armed = ""
            self._count()
            time.sleep(0.02)

    def _is_turn(self, number: int) -> bool:
        """Kills while settling come one after the other, those while paying as paying goes on."""
        half = len(self.points) // 2
        share = max(0, number - half) / max(1, len(self.points) - half)
        return self.sent + self.paid >= 0.9 * share * 2 * self.creators

    def _count(self) -> None:
        counted = Payout.objects.aggregate(
            sent=Count("pk", filter=Q(attempts__gt=0)), paid=Count("pk", filter=Q(state="paid"))
        )
        self.sent, self.paid = counted["sent"], counted["paid"]

    def _arm(self, point: str) -> None:
        written = self.crew.kill_file.with_suffix(".new")
        written.write_text(point)
        written.rename(self.crew.kill_file)
        self.armed_at = time.monotonic()

    def _replace(self, point: str) -> None:
        assert self.crew.process is not None
        assert self.crew.process.returncode == -signal.SIGKILL, self.crew.log.read_text()[-2000:]
        self.struck[point] += 1
        self.crew.valkey.flushdb()
        self.crew.start()


@pytest.mark.proof
def test_a_run_under_kills_pays_every_creator_exactly_once(
    committed: str, tmp_path: Path, proof_size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    default = (5_000, 100) if proof_size > 1 else (40, 2)
    creators, kills = (int(os.environ.get(f"MASS_{name}", number)) for name, number in
                       zip(("CREATORS", "KILLS"), default, strict=True))  # fmt: skip
    make_creators(creators)
    book = tmp_path / "book.sqlite3"
    make_book(str(book))
    # So many creators come to a sum for which a run would wait for two people.
    environ = {"KILL_BOOK": str(book), "KILL_CHUNK": str(max(1, creators // CHUNKS)),
               "SETTLEMENT_INTERVAL_SECONDS": "86400", "STANDIN_BANK_URL": "",
               "SETTLEMENT_SECOND_PERSON_USD_CENTS": str(10**12)}  # fmt: skip
    began = time.monotonic()

    with crew_of(tmp_path, environ=environ, database=committed) as crew:
        killer = Killer(crew, plan(kills), creators)
        killer.run()

    took_s = time.monotonic() - began
    with closing(sqlite3.connect(book)) as rows:
        sent = Counter(dict(rows.execute("SELECT reference, count(*) FROM transfer GROUP BY 1")))
        amounts = dict(rows.execute("SELECT reference, amount_minor FROM transfer"))
    payouts = list(Payout.objects.all())
    twice = [reference for reference, count in sent.items() if count > 1]
    unpaid = [payout for payout in payouts if payout.state != "paid" or not sent[str(payout.pk)]]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(payouts)} payouts, {killer.struck.total()} kills, paid twice {len(twice)}, "
            f"unpaid {len(unpaid)}, {took_s:.0f} s; missed {killer.missed}; "
            f"{dict(sorted(killer.struck.items()))}\n"
        )
    assert (twice, unpaid) == ([], [])
    assert len(payouts) == User.objects.filter(is_creator=True).count() == creators
    assert amounts == {str(payout.pk): payout.sent_minor for payout in payouts}
    assert SettlementLine.objects.count() == creators
    assert not SettlementRun.objects.exclude(state="done").exists()
    assert killer.struck.total() + len(killer.missed) == kills
    assert ledger.audit() == []
