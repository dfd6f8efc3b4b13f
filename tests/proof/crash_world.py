"""A world in which servers die under writers, and journals that say what must have survived.

The cluster is the world's own, so nobody else's tests see it die. Each writer notes a wish in its
journal before it sends it and the answer after it has it, as a service does; what is between the
two when a connection or the server dies is *in doubt* and is sent again under the same id.
``examine`` derives the books from the journals alone and compares them with the ledger's, operation
by operation and account by account.
"""

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from config import embedded
from wallet import ledger
from wallet.money import CURRENCY_NUMBERS

SQL = Path(__file__).resolve().parents[2] / "wallet" / "sql"
EUR = CURRENCY_NUMBERS["EUR"]
FX = Decimal("0.92")
DIAMOND_USD = Decimal("0.005")
SHARE_MILLI = 1000
CARD = 1
PAYERS = range(1001, 1041)
CREATORS = range(2001, 2006)
CREATOR_WEIGHTS = (12, 1, 1, 1, 1)  # the first is the hot one
REPLAY_SHARE = 0.2
RECONNECT_S = 0.02
DEADLINE_S = 60.0  # for anything awaited: a server that is down for longer is broken

Key = tuple[int, int, int]  # an account's owner, kind and unit
Leg = tuple[int, Key, Key, int]  # a transfer's code, debit account, credit account and amount
Session = psycopg.Connection[Any]


class Cluster:
    """A PostgreSQL cluster in a directory of its own, to be killed at will."""

    def __init__(self) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="carat-crash-"))
        self.servers = embedded.locate(self.data)

    def start(self) -> None:
        embedded.ensure(self.data)

    def close(self) -> None:
        self.stop_immediately()  # nothing is kept, so nothing needs a last checkpoint
        embedded.release(self.data)
        shutil.rmtree(self.data)

    def connect(self, database: str, user: str) -> Session:
        return psycopg.connect(self.servers.database_url(user, database), autocommit=True)

    def owner(self, database: str = embedded.DATABASE) -> Session:
        return self.connect(database, embedded.OWNER)

    def make_ledger(self, name: str) -> None:
        """A database with nothing but the ledger and one card, whose holds are zero days."""
        with self.owner() as session:
            session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with self.owner(name) as session:
            for path in sorted(SQL.glob("*.sql")):
                session.execute(path.read_bytes())
            card = session.execute(
                "SELECT ledger.announce_card('crash', %s, %s, %s, 30, clock_timestamp(), 1)",
                [SHARE_MILLI, DIAMOND_USD, Jsonb({str(number): 0 for number in range(1, 8)})],
            ).fetchone()
            assert card == (CARD,)

    def stop_immediately(self) -> None:
        """As `pg_ctl stop -m immediate`: no checkpoint, so the next start recovers from the log."""
        os.kill(self._postmaster(), signal.SIGQUIT)
        self._await_end()

    def kill(self) -> None:
        """`kill -9` of the server and all its processes at once."""
        with self.owner() as session:
            rows = session.execute("SELECT pid FROM pg_stat_activity").fetchall()
            for pid in (self._postmaster(), *(row[0] for row in rows)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._await_end()

    def _postmaster(self) -> int:
        assert self.servers.postgres.is_running()
        pid = self.servers.postgres.pid()
        assert pid is not None
        return pid

    def _await_end(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while self.servers.postgres.is_running():
            assert time.monotonic() < deadline, "the server outlived its end"
            time.sleep(RECONNECT_S)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one operation. A done gift's own words are told once and are not compared."""

    done: bool
    replayed: bool
    refusal: str | None
    result: dict[str, Any] | None

    def is_same(self, other: "Outcome") -> bool:
        if (self.done, self.refusal) != (other.done, other.refusal):
            return False
        return self.result is None or other.result is None or self.result == other.result


@dataclass(frozen=True, slots=True)
class Intent(ABC):
    """One operation that a writer wants, under the id that it keeps for all its tries."""

    operation_id: UUID

    @abstractmethod
    def arguments(self) -> tuple[str, list[Any]]:
        """The posting function, and what it takes after the operation's id."""

    @abstractmethod
    def legs(self, result: dict[str, Any]) -> list[Leg]:
        """What it moves if it is done."""


@dataclass(frozen=True, slots=True)
class Buy(Intent):
    buyer: int
    purchase_id: UUID
    coins: int
    hold_class: int

    def arguments(self) -> tuple[str, list[Any]]:
        lot = [self.buyer, self.purchase_id, self.coins, self.hold_class]
        return "buy", [*lot, EUR, self.coins * 2, self.coins // 3, self.coins // 20, Jsonb({})]

    def legs(self, result: dict[str, Any]) -> list[Leg]:
        cash = {code: (0, code, EUR) for code in (300, 302, 305, 306)}
        return [
            (10, (0, 100, 1), (self.buyer, 110, 1), self.coins),
            (11, cash[300], cash[302], self.coins * 2),
            (12, cash[302], cash[306], self.coins // 3),
            (13, cash[305], cash[300], self.coins // 20),
        ]


@dataclass(frozen=True, slots=True)
class Gift(Intent):
    payer: int
    creator: int
    coins: int

    def arguments(self) -> tuple[str, list[Any]]:
        return "gift", [self.payer, self.creator, self.coins, self.payer, "room:x", Jsonb({})]

    def item(self) -> dict[str, Any]:
        """The same for `post_gifts`."""
        facts = {"payer": self.payer, "creator": self.creator, "coins": self.coins}
        words = {"actor": self.payer, "context": "room:x", "memo": {}}
        return {"op": str(self.operation_id)} | facts | words

    def legs(self, result: dict[str, Any]) -> list[Leg]:
        return [
            (20, (self.payer, 110, 1), (0, 101, 1), self.coins),
            (21, (0, 200, 2), (self.creator, 210, 2), self.coins * SHARE_MILLI),
        ]


@dataclass(frozen=True, slots=True)
class Settle(Intent):
    creator: int

    def arguments(self) -> tuple[str, list[Any]]:
        return "settle", [[self.creator], [CARD], [EUR], [FX], Jsonb({}), "run:x"]

    def legs(self, result: dict[str, Any]) -> list[Leg]:
        exact = Decimal(result["diamonds"]) / 1000 * DIAMOND_USD * FX * 100
        minor = int(exact.to_integral_value(ROUND_FLOOR))
        return [
            (40, (self.creator, 211, 2), (0, 201, 2), result["diamonds"]),
            (41, (0, 304, EUR), (self.creator, 310, EUR), minor),
        ]


@dataclass(frozen=True, slots=True)
class PayoutStep(Intent):
    step: str
    creator: int
    amount_minor: int
    payout_id: UUID

    def arguments(self) -> tuple[str, list[Any]]:
        return "payout", [self.step, self.creator, EUR, self.amount_minor, 0, self.payout_id, None]

    def legs(self, result: dict[str, Any]) -> list[Leg]:
        payable, in_payout = (self.creator, 310, EUR), (self.creator, 311, EUR)
        bank = (0, 301, EUR)
        code, debit, credit = {
            "reserve": (50, payable, in_payout),
            "post": (51, in_payout, bank),
            "void": (52, in_payout, payable),
            "return": (53, bank, payable),
        }[self.step]
        return [(code, debit, credit, self.amount_minor)]


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent in one transaction: one operation, or a batch of gifts."""

    intents: tuple[Intent, ...]

    def ask(self, session: Session) -> dict[UUID, Outcome]:
        """Send it, commit, and only then believe the answer."""
        with session.transaction():
            if len(self.intents) > 1:
                items = [intent.item() for intent in self.intents if isinstance(intent, Gift)]
                rows = session.execute(
                    "SELECT op, done, replayed, refusal, result FROM ledger.post_gifts(%s)",
                    [Jsonb(items)],
                ).fetchall()
            else:
                function, facts = self.intents[0].arguments()
                places = ", ".join(["%s"] * (len(facts) + 1))
                one = self.intents[0].operation_id
                key = [one] if function == "settle" else one  # settling is for many at once
                rows = session.execute(
                    f"SELECT %s::uuid, done, replayed, refusal, result FROM ledger.{function}({places})",  # noqa: E501 - our own names
                    [one, key, *facts],
                ).fetchall()
        return {row[0]: Outcome(*row[1:]) for row in rows}


@dataclass
class Journal:
    """What one writer wanted and what it was told."""

    calls: list[Call] = field(default_factory=list)
    acks: dict[UUID, Outcome] = field(default_factory=dict)
    in_doubt: list[Call] = field(default_factory=list)
    sent: int = 0
    replays: int = 0
    doubts: int = 0
    done_anew: set[UUID] = field(default_factory=set)  # answered once, later done as if new
    changed: set[UUID] = field(default_factory=set)

    def note(self, call: Call, answers: dict[UUID, Outcome]) -> list[Intent]:
        """Write the answers down; what was done and had not been answered before."""
        fresh = []
        for intent in call.intents:
            outcome = answers[intent.operation_id]
            first = self.acks.setdefault(intent.operation_id, outcome)
            if first is outcome:
                fresh += [intent] if outcome.done else []
                continue
            if not outcome.replayed:
                self.done_anew.add(intent.operation_id)
            if not first.is_same(outcome):
                self.changed.add(intent.operation_id)
        return fresh


class Writer:
    """A service's worker: wishes, sends, sends again, and remembers."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.random = random.Random(f"writer {number}")
        self.journal = Journal()
        self.to_resolve: list[PayoutStep] = []
        self.to_return: list[PayoutStep] = []
        self.session: Session | None = None

    def run(self) -> None:
        while not self.world.over.is_set():
            if self.journal.calls and self.random.random() < REPLAY_SHARE:
                self.send(self.random.choice(self.journal.calls))
            else:
                self.send(self.wish(), is_new=True)

    def resolve_doubts(self) -> None:
        """Send what is in doubt once more. Nothing is killed any more."""
        for call in self.journal.in_doubt:
            self.send(call, gives_up=False)

    def hang_up(self) -> None:
        if self.session is not None:
            self.session.close()
        self.session = None

    def send(self, call: Call, *, is_new: bool = False, gives_up: bool = True) -> None:
        """Send until it is answered; or, one time in two, go on and leave it in doubt."""
        if is_new:
            self.journal.calls.append(call)
        self.journal.replays -= is_new  # the first try is none
        while True:
            session = self._connected()
            self.journal.sent += 1
            self.journal.replays += 1
            try:
                answers = call.ask(session)
            except psycopg.OperationalError:
                self.hang_up()
                self.journal.doubts += 1
                if gives_up and self.random.random() < 0.5:
                    self.journal.in_doubt.append(call)
                    return
            else:
                self._follow(self.journal.note(call, answers))
                return

    def _connected(self) -> Session:
        if self.session is None:
            self.session = self.world.connected()
        return self.session

    def _follow(self, fresh: list[Intent]) -> None:
        for intent in fresh:
            if isinstance(intent, PayoutStep):
                self.to_resolve += [intent] if intent.step == "reserve" else []
                self.to_return += [intent] if intent.step == "post" else []

    def wish(self) -> Call:
        """Something new to ask for."""
        kinds = {self._buy: 12, self._gift: 50, self._batch: 10, self._settle: 10, self._pay: 18}
        (kind,) = self.random.choices(list(kinds), list(kinds.values()))
        return Call(kind())

    def _buy(self) -> tuple[Intent, ...]:
        coins, hold_class = self.random.randint(20, 900), self.random.randint(1, 7)
        payer = self.random.choice(PAYERS)
        ids = ledger.new_operation_id(), ledger.new_operation_id()
        return (Buy(ids[0], payer, ids[1], coins, hold_class),)

    def _gift(self) -> tuple[Intent, ...]:
        (creator,) = self.random.choices(CREATORS, CREATOR_WEIGHTS)
        payer, coins = self.random.choice(PAYERS), self.random.randint(1, 120)
        return (Gift(ledger.new_operation_id(), payer, creator, coins),)

    def _batch(self) -> tuple[Intent, ...]:
        return tuple(self._gift()[0] for _ in range(self.random.randint(2, 12)))

    def _settle(self) -> tuple[Intent, ...]:
        return (Settle(ledger.new_operation_id(), self.random.choice(CREATORS)),)

    def _pay(self) -> tuple[Intent, ...]:
        if self.to_return and self.random.random() < 0.2:
            before, step = self.to_return.pop(), "return"
        elif self.to_resolve and self.random.random() < 0.6:
            before, step = self.to_resolve.pop(), self.random.choice(["post", "void"])
        else:
            creator, amount = self.random.choice(CREATORS), self.random.randint(1, 400)
            new = ledger.new_operation_id(), ledger.new_operation_id()
            return (PayoutStep(new[0], "reserve", creator, amount, new[1]),)
        facts = (before.creator, before.amount_minor, before.payout_id)
        return (PayoutStep(ledger.new_operation_id(), step, *facts),)


class World:
    """One database, its writers, its folder and its killer."""

    def __init__(self, cluster: Cluster, database: str, *, writers: int = 8) -> None:
        self.cluster = cluster
        self.database = database
        self.role = f"{database}_app"
        self.over = threading.Event()
        self.writers = [Writer(self, number) for number in range(writers)]
        self.kills = 0
        self.stops = 0
        self.folds = 0
        cluster.make_ledger(database)

    def connected(self) -> Session:
        """A session of the app role, as soon as there is a server to give one."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                return self.cluster.connect(self.database, self.role)
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "the server did not come back"
                time.sleep(RECONNECT_S)

    def live(self, *, seconds: float, stops: int, kill_9: int) -> None:
        """Write, fold and kill for so long; then send what is in doubt and release what is due."""
        ends = [self.cluster.stop_immediately] * stops + [self.cluster.kill] * kill_9
        with ThreadPoolExecutor(len(self.writers) + 2) as threads:
            jobs = [threads.submit(writer.run) for writer in self.writers]
            jobs += [threads.submit(self._fold), threads.submit(self._kill, seconds, ends)]
            for job in jobs:
                job.result()
        for writer in self.writers:
            writer.resolve_doubts()
            writer.hang_up()

    def _fold(self) -> None:
        session = self.connected()
        while not self.over.wait(0.1):
            try:
                self.fold_once(session)
                self.folds += 1
            except psycopg.OperationalError:
                session.close()
                session = self.connected()
        session.close()

    def fold_once(self, session: Session) -> None:
        """What beat does every few seconds: fold, close, release and seal."""
        session.execute("SELECT ledger.fold()")
        session.execute("SELECT ledger.close_period()")
        session.execute("SELECT ledger.release_due(5000, 500)")
        while session.execute("SELECT ledger.seal_period()").fetchone() != (None,):
            pass  # a crash may have left more than one period without its seal

    def _kill(self, seconds: float, ends: list[Any]) -> None:
        """Ends of the server are spread evenly; connections are killed all the time between."""
        began = time.monotonic()
        try:
            for number, end in enumerate([*ends, None], start=1):
                self._kill_sessions(until=began + seconds * number / (len(ends) + 1))
                if end is not None:
                    end()
                    self.cluster.start()
                    self.stops += 1
        finally:
            self.over.set()

    def _kill_sessions(self, *, until: float) -> None:
        """One at a time, those at work first."""
        with self.cluster.owner(self.database) as session:
            while time.monotonic() < until and not self.over.wait(0.04):
                self.kills += session.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
                    " ORDER BY state = 'idle', random() LIMIT 1",
                    [self.role],
                ).rowcount

    def release_all(self) -> None:
        """Fold, release and seal until nothing is left to do."""
        deadline = time.monotonic() + DEADLINE_S
        left: Any = True
        with self.connected() as session:
            while left:
                assert time.monotonic() < deadline, f"{left} is not folded, released and sealed"
                self.fold_once(session)
                (left,) = session.execute(
                    "SELECT (SELECT count(*) FROM ledger.transfer, ledger.fold_state"
                    " WHERE xid >= horizon AND code NOT IN (30, 31))"
                    " + (SELECT count(*) FROM ledger.bucket WHERE NOT done)"
                    " + (SELECT count(*) FROM ledger.period"
                    "     WHERE seal IS NULL AND xid_to IS NOT NULL)"
                ).fetchone() or (True,)


@dataclass
class Verdict:
    """What the journals and the ledger say of each other. All sets empty: they agree."""

    operations: int = 0
    acked: int = 0
    sent: int = 0
    replays: int = 0
    doubts: int = 0
    lost: set[UUID] = field(default_factory=set)
    doubled: set[UUID] = field(default_factory=set)
    changed: set[UUID] = field(default_factory=set)
    books: dict[Key, tuple[int, int]] = field(default_factory=dict)  # journals' and ledger's
    findings: list[tuple[str, str]] = field(default_factory=list)


def examine(world: World) -> Verdict:
    """Compare everything. Writes only what is still to be folded and released."""
    world.release_all()
    journals = [writer.journal for writer in world.writers]
    acks = {one: ack for journal in journals for one, ack in journal.acks.items()}
    intents = [intent for journal in journals for call in journal.calls for intent in call.intents]
    verdict = Verdict(
        operations=len(intents),
        acked=len(acks),
        sent=sum(journal.sent for journal in journals),
        replays=sum(journal.replays for journal in journals),
        doubts=sum(journal.doubts for journal in journals),
        lost=set().union(*(journal.done_anew for journal in journals)),
        changed=set().union(*(journal.changed for journal in journals)),
    )
    legs = {
        intent.operation_id: intent.legs(ack.result or {})
        for intent in intents
        if (ack := acks.get(intent.operation_id)) is not None and ack.done
    }
    with world.cluster.owner(world.database) as session:
        _compare_operations(verdict, session, acks, legs)
        _compare_books(verdict, session, legs)
        verdict.findings = session.execute("SELECT * FROM ledger.audit()").fetchall()
    return verdict


def _compare_operations(
    verdict: Verdict, session: Session, acks: dict[UUID, Outcome], legs: dict[UUID, list[Leg]]
) -> None:
    """Operation by operation: those that releases made are nobody's wish."""
    refused = dict(
        session.execute("SELECT id, is_refused FROM ledger.operation WHERE kind <> 30").fetchall()
    )
    moved: dict[UUID, Counter[int]] = defaultdict(Counter)
    for one, code, amount in session.execute(
        "SELECT op_id, code, sum(amount)::bigint FROM ledger.transfer"
        " WHERE code NOT IN (30, 31) GROUP BY op_id, code"
    ):
        moved[one][code] = amount
    verdict.doubled |= (refused.keys() | moved.keys()) - acks.keys()
    verdict.lost |= acks.keys() - refused.keys()
    for one in acks.keys() & refused.keys():
        due = Counter({code: amount for code, _, _, amount in legs.get(one, []) if amount})
        verdict.lost |= {one} if due - moved[one] else set()
        verdict.doubled |= {one} if moved[one] - due else set()
        verdict.changed |= {one} if refused[one] == acks[one].done else set()


def _compare_books(verdict: Verdict, session: Session, legs: dict[UUID, list[Leg]]) -> None:
    """Account by account. Everything earned has been released, so it is no longer pending."""
    due: Counter[Key] = Counter()
    for _, debit, credit, amount in (leg for group in legs.values() for leg in group):
        due[debit] -= amount
        due[credit] += amount
    for creator in CREATORS:
        due[creator, 211, 2] += due.pop((creator, 210, 2), 0)
    found: Counter[Key] = Counter()
    for owner, code, unit, amount in session.execute(
        "SELECT a.owner_id, a.code, a.unit, sum(t.credits - t.debits)::bigint"
        " FROM ledger.account a, ledger.turnover(a.id) t GROUP BY 1, 2, 3"
    ):
        found[owner, code, unit] = amount
    verdict.books = {
        key: (due[key], found[key])
        for key in due.keys() | found.keys()
        if due.get(key, 0) != found.get(key, 0)
    }
