"""Payouts by the hundred thousand, each under the misfortunes that its seed draws.

A world settles a pool of creators by one real run, whose workers are killed between its steps, and
then lets the real sweeps bring the payouts it reserved to their end: on a real database, by the
world's clock, against the world's bank. Each payout is one seed, with its own weather: how often
workers die, requests and answers are lost, late or doubled, the bank forgets keys, and its list
lags. A dead worker's transaction is rolled back to its savepoint, as a server would; the world as a
whole is undone, so each starts from the same books.

The bank promises no more than real ones do: what it took is listed within ``RESEND_AFTER`` of its
sending; a key is remembered for a day, an hour or not at all.
"""

import functools
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest import mock

from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from accounts.models import OutboxEvent, User
from payouts import bookings, services, settlements, submissions
from payouts.models import Payout, SettlementLine, SettlementRun
from payouts.rails import base
from tests import factories
from tests.payouts.books import give_diamonds, set_account
from tests.proof.payout_world import OVER, STEPS, Killed
from wallet import ledger
from wallet.models import Account, Balance

CREATORS: Final = 50  # payouts, that is seeds, a world
LIVE_ROUNDS: Final = 4
REST_ROUNDS: Final = 20
JUMPS_S: Final = (1, 5, 20, 61, 130, 4_000, 90_000)  # the last is longer than keys are remembered
DAY: Final = timedelta(days=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
STALLED: Final = submissions.LEASE + timedelta(seconds=10)
IN_TIME_S: Final = submissions.RESEND_AFTER.total_seconds() - 1
EVENTS: Final = {"paid": 1, "failed": 1, "returned": 2, "cancelled": 0}


@dataclass
class Weather:
    """How often each misfortune comes to one payout. Drawn for it; none at all when it rests."""

    kill: float = 0
    unreachable: float = 0
    request_lost: float = 0
    request_late: float = 0
    answer_lost: float = 0
    answer_late: float = 0
    sent_late: float = 0
    lookup_fails: float = 0
    declined: float = 0
    failed: float = 0
    returned: float = 0

    @classmethod
    def draw(cls, dice: random.Random) -> "Weather":
        often = [dice.choice((0, 0, 0.1, 0.3)) for _ in range(7)]
        kill = dice.choice((0, 0, 0.02, 0.06))
        return cls(kill, *often, *(dice.choice((0, 0.05, 0.3)) for _ in range(3)))


@dataclass
class Row:
    """A transfer in the bank's book, and from when on its list shows which state."""

    states: list[tuple[datetime, base.Transfer]]

    @property
    def latest(self) -> base.Transfer:
        return self.states[-1][1]

    def listed(self, *, at: datetime) -> base.Transfer | None:
        shown = [transfer for since, transfer in self.states if since <= at]
        return shown[-1] if shown else None


@dataclass
class Life:
    """One payout's way: what its seed has drawn, and what the bank has of it."""

    seed: int
    weather: Weather = field(default_factory=Weather)
    rows: list[Row] = field(default_factory=list)
    late: list[tuple[datetime, base.Instruction]] = field(default_factory=list)
    key_until: datetime | None = None

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.weather = Weather.draw(self.dice)
        self.key_life = self.dice.choice((timedelta(0), timedelta(hours=1), DAY))
        self.lag_s = self.dice.choice((0.0, 0.0, 1.0)) * self.dice.uniform(0, IN_TIME_S)

    def chance(self, probability: float) -> bool:
        return probability > 0 and self.dice.random() < probability


@dataclass
class World:
    """The seeds from ``first`` on, a payout each, and the bank they are paid by."""

    first: int
    creators: list[User]
    at: datetime = field(default_factory=timezone.now)
    seen: Counter[str] = field(default_factory=Counter)
    lives: dict[uuid.UUID, Life] = field(default_factory=dict)
    now: Life | None = None  # whose payout a worker is at
    is_calm: bool = False
    hangs: bool = False  # a worker does, and another is at its payout

    def __post_init__(self) -> None:
        self.dice = random.Random(f"world {self.first}")
        self.settling = Weather(kill=0.04)

    # What the world does

    def settle(self) -> None:
        """One run by workers who die; each time another goes on. Its payouts are the seeds'."""
        while not SettlementRun.objects.filter(state="done").exists():
            with self.mortal():
                run = settlements.start_settlement(period_key="sim", cutoff_at=self.at, at=self.at)
                settlements.continue_settlement(run_id=run.pk, at=self.at, chunks_max=2)
        by_creator = dict(Payout.objects.values_list("creator_id", "pk"))
        for number, creator in enumerate(self.creators):
            self.lives[by_creator[creator.pk]] = Life(self.first + number)

    def live(self) -> None:
        for _ in range(LIVE_ROUNDS):
            self._round(self.dice.choice(JUMPS_S))
            if self.dice.random() < 0.3:
                self._cancel_one()

    def rest(self) -> None:
        """No more troubles: whatever is open must come to its end by the sweeps alone."""
        self.is_calm = True
        for _ in range(REST_ROUNDS):
            self._round(bookings.RETURN_WATCH.total_seconds() + 1)
            if not Payout.objects.exclude(due_at=None).exists():
                break

    def _round(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self._bank_works()
        self._sweep()

    def _sweep(self) -> None:
        """Sweep until a worker lives through it."""
        is_done = False
        while not is_done:
            with self.mortal():
                submissions.sweep_payouts(
                    at=self.at, limit=2 * len(self.creators), clock_ns=self.clock_ns
                )
                is_done = True

    def clock_ns(self) -> int:
        return (self.at - EPOCH) // timedelta(microseconds=1) * 1000

    @contextmanager
    def mortal(self) -> Iterator[None]:
        with suppress(Killed):
            yield
        self.now = None

    def _cancel_one(self) -> None:
        payout_id = self.dice.choice([*self.lives])
        creator = self.creators[self.lives[payout_id].seed - self.first]
        with self.mortal(), suppress(services.TooLate):
            services.cancel_payout(payout_id=payout_id, by=creator, why="By you", at=self.at)
            self.seen["cancelled"] += 1

    def die_maybe(self, place: str) -> None:
        weather, dice = self.settling, self.dice
        if self.now is not None:
            weather, dice = self.now.weather, self.now.dice
        if not self.is_calm and dice.random() < weather.kill:
            self.seen[f"killed {place}"] += 1
            raise Killed

    def meets(self, kind: str) -> bool:
        """Whether this misfortune comes to the payout that a worker is at, now."""
        assert self.now is not None, "the bank is called for a payout"
        if self.is_calm or not self.now.chance(getattr(self.now.weather, kind)):
            return False
        self.seen[kind] += 1
        return True

    # The bank

    def _bank_works(self) -> None:
        """Late requests arrive; transfers are paid, fail, and come back."""
        for life in self.lives.values():
            for arrives, instruction in life.late:
                self._take(life, instruction, at=arrives)
            life.late.clear()
            for row in life.rows:
                self._decide(life, row)

    def _decide(self, life: Life, row: Row) -> None:
        state = row.latest.state
        if state == base.State.ACCEPTED and (self.is_calm or life.chance(0.4)):
            if life.chance(life.weather.failed):
                self._move(life, row, base.State.FAILED, "AC04")
            else:
                self._move(life, row, base.State.PAID, "")
        elif state == base.State.PAID and not self.is_calm and life.chance(life.weather.returned):
            self._move(life, row, base.State.RETURNED, "AC06")

    def _move(self, life: Life, row: Row, to: base.State, reason: str) -> None:
        self.seen[to] += 1
        since = max(self.at, row.states[-1][0]) + timedelta(seconds=life.lag_s)
        row.states.append((since, replace(row.latest, state=to, reason=reason)))

    def _take(self, life: Life, instruction: base.Instruction, *, at: datetime) -> base.Transfer:
        """Take it once for as long as its key is remembered; list it a little later."""
        if life.key_until is not None and at < life.key_until and life.rows:
            self.seen["key remembered"] += 1
            return life.rows[-1].latest
        if life.key_until is not None:
            self.seen["key forgotten"] += 1
        life.key_until = at + life.key_life
        lag_s = life.dice.uniform(0, life.lag_s)
        self.seen["list lags"] += lag_s > 0
        transfer = base.Transfer(
            rail_ref=f"b{life.seed}_{len(life.rows)}",
            reference=instruction.reference,
            amount_minor=instruction.amount_minor,
            currency=instruction.currency,
            state=base.State.ACCEPTED,
        )
        life.rows.append(Row([(at + timedelta(seconds=lag_s), transfer)]))
        return transfer

    def submit(self, instruction: base.Instruction, /) -> base.Transfer:
        """The way to the bank and back, with what may happen on it."""
        self.die_maybe("rail.submit:before")
        payout_id = uuid.UUID(instruction.reference)
        life = self.lives[payout_id]
        if self.meets("unreachable"):
            raise base.Unavailable("No connection.")
        if self.meets("request_lost"):
            raise base.Unknown("The request was lost.")
        if self.meets("request_late"):
            room_s = IN_TIME_S - life.lag_s
            arrives = self.at + timedelta(seconds=life.dice.uniform(0, room_s))
            life.late.append((arrives, instruction))
            raise base.Unknown("The request is late.")
        if self.meets("declined"):
            raise base.Declined("No such account.", is_about_account=True)
        if life.key_life == DAY and not self.hangs and self.meets("sent_late"):
            self._hang(payout_id)  # only the key can help where a call outlives its lease
        transfer = self._take(life, instruction, at=self.at)
        if self.meets("answer_lost"):
            raise base.Unknown("The answer was lost.")
        if not self.hangs and self.meets("answer_late"):
            self._hang(payout_id)
        self.die_maybe("rail.submit:after")
        return transfer

    def lookup(self, *, reference: str) -> base.Transfer | None:
        self.die_maybe("rail.lookup:before")
        payout_id = uuid.UUID(reference)
        life = self.lives[payout_id]
        if self.meets("lookup_fails"):
            raise base.Unavailable("No connection.")
        listed = (row.listed(at=self.at) for row in life.rows)
        transfer = next((row for row in listed if row is not None), None)
        if life.rows and (transfer is None or transfer != life.rows[0].latest):
            self.seen["stale look-up"] += 1
        if not self.hangs and self.meets("answer_late"):
            self._hang(payout_id)
        self.die_maybe("rail.lookup:after")
        return transfer

    def list_since(self, *, since: datetime) -> Iterator[base.Transfer]:
        raise AssertionError("the sweeps look up by reference")

    def _hang(self, payout_id: uuid.UUID) -> None:
        """This worker hangs for longer than its lease; another takes over, and then it wakes."""
        hanging, self.hangs = self.now, True
        self.at += STALLED
        self._bank_works()
        with self.mortal():
            submissions.advance_payout(payout_id=payout_id, at=self.at)
        self.now, self.hangs = hanging, False

    # What came of it

    def wrongs(self) -> list[str]:
        """Everything that must not be, in words; empty in a world that is right."""
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as a commit would check them
        found = [f"ledger: {finding}" for finding in ledger.audit()]
        told = dict(OutboxEvent.objects.values_list("subject").annotate(Count("pk")))
        payouts = {payout.pk: payout for payout in Payout.objects.all()}
        for payout_id, life in self.lives.items():
            found += _wrongs_of(payouts.pop(payout_id), life, told=told)
        found += [f"a payout from nowhere: {payout_id}" for payout_id in payouts]
        return found + self._wrongs_in_cash()

    def _wrongs_in_cash(self) -> list[str]:
        """Each creator's cash: what was settled is payable or paid, and nothing is in between."""
        settled: Counter[int] = Counter()
        for creator_id, minor in SettlementLine.objects.values_list("creator", "amount_minor"):
            settled[creator_id] += minor
        held: defaultdict[int, Counter[int]] = defaultdict(Counter)
        rows = Balance.objects.select_related("account").filter(
            account__code__in=[Account.Code.CASH_PAYABLE, Account.Code.CASH_IN_PAYOUT],
            account__owner_id__in=settled,
        )
        for row in rows:
            held[row.account.owner_id][row.account.code] += row.credits - row.debits
        paid = dict(Payout.objects.filter(state="paid").values_list("creator", "amount_minor"))
        found = []
        for creator in self.creators:
            own = held[creator.pk]
            payable, between = own[Account.Code.CASH_PAYABLE], own[Account.Code.CASH_IN_PAYOUT]
            if between or settled[creator.pk] != payable + paid.get(creator.pk, 0):
                found.append(f"{creator}: {settled[creator.pk]} settled, {payable} and {between}")
        return found


def _wrongs_of(payout: Payout, life: Life, *, told: dict[str, int]) -> list[str]:
    of = f"seed {life.seed}"
    sent = [row.latest.state for row in life.rows if row.latest.state != base.State.FAILED]
    expected = {"paid": [base.State.PAID], "returned": [base.State.RETURNED]}
    if len(sent) > 1:
        return [f"paid twice: {of}"]
    if payout.state not in OVER:
        return [f"never paid: {of} is {payout.state}"]
    if sent != expected.get(payout.state, []):
        return [f"books differ: {of} is {payout.state}, the bank says {sent}"]
    if payout.due_at is not None:
        return [f"never let go: {of} is {payout.state} and still due"]
    if told.get(f"payout:{payout.pk}", 0) != EVENTS[payout.state]:
        return [f"not told once: {of} is {payout.state}"]
    return []


def make_pool() -> list[User]:
    """The creators whom every world settles, with accounts and diamonds, in the four currencies."""
    dice = random.Random("pool")
    pool = []
    for number in range(CREATORS):
        creator = factories.make_creator(f"seed{number}")
        set_account(creator, currency=("EUR", "USD", "JPY", "KWD")[number % 4])
        with transaction.atomic():
            give_diamonds(creator, dice.randint(6_000_000, 40_000_000))
        pool.append(creator)
    return pool


def _killable(world: World, place: str, step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def stepped(*arguments: Any, **named: Any) -> Any:
        world.die_maybe(f"{place}:before")
        answer = step(*arguments, **named)
        world.die_maybe(f"{place}:after")
        return answer

    return stepped


def _followed(world: World) -> Callable[..., bool]:
    """``advance_payout`` as it is, by a worker whom the payout's own weather meets."""
    real = submissions.advance_payout

    def advance(*, payout_id: uuid.UUID, at: datetime) -> bool:
        world.now = world.lives[payout_id]
        moved = real(payout_id=payout_id, at=at)
        world.now = None
        return moved

    return advance


@contextmanager
def world_of(first: int, pool: list[User]) -> Iterator[World]:
    """A world in a transaction that is undone at its end, its bank and kills in place."""
    undone = transaction.atomic()
    undone._from_testcase = True  # type: ignore[attr-defined]  # the deeds inside are durable
    with undone:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        world = World(first, pool)
        ids = lambda: uuid.UUID(int=world.dice.getrandbits(128), version=4)  # noqa: E731
        patches: list[Any] = [
            mock.patch.object(settlements, "CREATORS_A_CHUNK", world.dice.choice((7, 13, 25))),
            mock.patch.object(base, "open_rail", return_value=world),
            mock.patch.object(ledger, "new_operation_id", ids),
            mock.patch.object(submissions, "advance_payout", _followed(world)),
        ]
        for module, name in STEPS:
            place = f"{module.__name__.rpartition('.')[2]}.{name.lstrip('_')}"
            step = _killable(world, place, getattr(module, name))
            patches.append(mock.patch.object(module, name, step))
        for patch in patches:
            patch.start()
        try:
            yield world
        finally:
            for patch in patches:
                patch.stop()
            transaction.set_rollback(True)


def fate_of(first: int, pool: list[User]) -> tuple[World, list[str]]:
    """Live the world whose seeds begin there, to its end."""
    with world_of(first, pool) as world:
        world.settle()
        world.live()
        world.rest()
        return world, world.wrongs()


def first_wrong(firsts: Iterable[int], pool: list[User], *, kind: str) -> str | None:
    """The first finding of that kind in these worlds, in words."""
    for first in firsts:
        _, wrongs = fate_of(first, pool)
        found = next((wrong for wrong in wrongs if wrong.startswith(kind)), None)
        if found is not None:
            return found
    return None
