"""A world for settling and paying out in which everything that can break does, by a seed.

The services are the real ones; time, the bank and the kills are the world's. A kill is a
``BaseException`` raised before or after any named step, so the database keeps exactly what had been
committed. Lost requests, lost answers, requests that arrive late, forgotten idempotency keys,
refusals, failures and returns are drawn from the seed as well.
"""

import functools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from django.db import transaction
from django.utils import timezone

from accounts import services as people
from accounts import states, tellings
from accounts.models import OutboxEvent, User
from payouts import bookings, chunks, destinations, services, settlements, submissions, terms
from payouts.models import Destination, Payout, SettlementLine, SettlementRun
from payouts.rails import base
from tests import factories
from tests.payouts.books import give_diamonds, new_card, set_account
from tests.payouts.memory_rail import MemoryRail
from wallet import cash, ledger
from wallet.models import Account, Balance

# Before and after each of these a worker may be killed.
STEPS = (
    (chunks, "_settle_diamonds"),
    (cash, "post_payout"),
    (cash, "void_payout"),
    (cash, "return_payout"),
    (tellings, "notify_each"),
    (states, "move"),
    (people, "notify"),
    (settlements, "start_settlement"),
    (settlements, "_settle_next"),
    (chunks, "settle"),
    (settlements, "_end"),
    (services, "reserve"),
    (services, "_request"),
    (services, "approve_payout"),
    (services, "cancel_payout"),
    (submissions, "_lease"),
    (submissions, "_lease_again"),
    (submissions, "_send"),
    (submissions, "_look"),
    (submissions, "_record"),
    (submissions, "_fail"),
    (submissions, "_step_back"),
    (submissions, "_postpone"),
    (bookings, "follow"),
    (bookings, "give_back"),
    (destinations, "block"),
)
OVER = {"paid", "failed", "returned", "cancelled"}


class Killed(BaseException):
    """The worker is dead; nothing of its own runs any more."""


@dataclass
class Fates:
    """How likely each misfortune is. All zero: a calm world."""

    kill: float = 0.03
    request_lost: float = 0.1
    request_late: float = 0.1
    answer_lost: float = 0.15
    unreachable: float = 0.08
    lookup_fails: float = 0.1
    declined: float = 0.03
    keys_forgotten: float = 0.3


CALM = Fates(0, 0, 0, 0, 0, 0, 0, 0)


@dataclass
class World:
    """One seed's world. ``live`` runs its troubles, ``rest`` lets it come to an end."""

    seed: int
    fates: Fates = field(default_factory=Fates)
    rail: MemoryRail = field(default_factory=MemoryRail)
    late: list[tuple[datetime, base.Instruction]] = field(default_factory=list)
    late_by: timedelta = submissions.RESEND_AFTER
    kills: int = 0
    at: datetime = field(default_factory=timezone.now)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.creators = [factories.make_creator(f"c{self.seed}_{number}") for number in range(3)]
        self.staff = [factories.make_staff(f"s{self.seed}_{number}") for number in range(2)]
        card = new_card(f"sim {self.seed}", diamond_usd="0.0071")
        for creator in self.creators:
            set_account(creator, currency=self.random.choice(["USD", "EUR", "JPY", "KWD"]))
            give_diamonds(creator, self.random.randint(1, 250_000_000))
            give_diamonds(creator, self.random.randint(1, 9_000_000), card_id=card)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def live(self, rounds: int = 40) -> None:
        for _ in range(rounds):
            self.at += timedelta(seconds=self.random.choice([1, 5, 20, 70, 130, 4000]))
            self._bank_works()
            try:
                self.random.choice(
                    [
                        self._settle,
                        self._settle,
                        self._sweep,
                        self._sweep,
                        self._sweep,
                        self._people,
                    ]
                )()
            except Killed:
                self.kills += 1

    def rest(self, rounds: int = 60) -> None:
        """No more troubles: whatever is open must come to its end by the sweeps alone."""
        self.fates = CALM
        for _ in range(rounds):
            self.at += timedelta(seconds=3700)
            self._bank_works()
            self._settle()
            self._sweep()
            self._approve_all()
            if self._is_over():
                return

    def wrongs(self) -> list[str]:
        """Everything that must not be, in words; empty in a world that is right."""
        found = [f"ledger: {finding}" for finding in ledger.audit()]
        for payout in Payout.objects.all():
            found += self._wrongs_of(payout)
        for creator in self.creators:
            found += self._wrongs_for(creator)
        if SettlementRun.objects.exclude(state="done").exists():
            found.append("a run never ended")
        return found

    def _wrongs_of(self, payout: Payout) -> list[str]:
        rows = [row for row in self.rail.book if row.reference == str(payout.pk)]
        sent = [row.state for row in rows if row.state != base.State.FAILED]
        expected = {
            "paid": [base.State.PAID],
            "returned": [base.State.RETURNED],
        }.get(payout.state, [])
        if len(sent) > 1:
            return [f"paid twice: {payout.pk}"]
        if payout.state not in OVER:
            return [f"never paid: {payout.pk} is {payout.state}"]
        if sent != expected:
            return [f"{payout.pk} is {payout.state}, the bank says {sent}"]
        published = OutboxEvent.objects.filter(subject=f"payout:{payout.pk}").count()
        if published != {"paid": 1, "failed": 1, "returned": 2, "cancelled": 0}[payout.state]:
            return [f"{payout.pk} was published {published} times"]
        return []

    def _wrongs_for(self, creator: User) -> list[str]:
        lines = list(SettlementLine.objects.filter(creator=creator))
        settled = sum(line.amount_minor for line in lines)
        held = {code: _held(creator, code) for code in (310, 311)}
        paid = sum(row.amount_minor for row in Payout.objects.filter(creator=creator, state="paid"))
        cards = [line.card_id for line in lines]
        wrongs = []
        if settled != held[310] + held[311] + paid:
            wrongs.append(f"{creator}: {settled} settled, {held} held, {paid} paid")
        if len(cards) != len(set(cards)):
            wrongs.append(f"{creator}: a card was settled twice")
        return wrongs

    def _is_over(self) -> bool:
        return (
            not Payout.objects.exclude(state__in=OVER).exists()
            and not SettlementRun.objects.exclude(state="done").exists()
            and all(row.state != base.State.ACCEPTED for row in self.rail.book)
        )

    def _settle(self) -> None:
        run = settlements.start_settlement(period_key="sim", cutoff_at=self.at, at=self.at)
        settlements.continue_settlement(
            run_id=run.pk, at=self.at, chunks_max=self.random.randint(1, 3)
        )

    def _sweep(self) -> None:
        submissions.sweep_payouts(at=self.at)

    def _people(self) -> None:
        """Creators and staff do what their pages let them do."""
        payout = self.random.choice([*Payout.objects.order_by("pk"), None])
        if payout is None:
            return
        try:
            if self.chance(0.3):
                services.cancel_payout(
                    payout_id=payout.pk, by=payout.creator, why="Cancelled by you", at=self.at
                )
            elif self.chance(0.5):
                services.approve_payout(
                    payout_id=payout.pk, by=self.random.choice(self.staff), at=self.at
                )
            else:
                self._ask_again(payout)
        except (services.TooLate, services.NotWaiting, services.SamePerson):
            pass

    def _ask_again(self, payout: Payout) -> None:
        Destination.objects.filter(blocked_at__isnull=False).update(blocked_at=None, blocked_why="")
        amount = _held(payout.creator, Account.Code.CASH_PAYABLE)
        with suppress(services.TooLittle, services.NothingToPay, terms.TooMuch):
            services.request_payout(
                payout_id=ledger.new_operation_id(),
                creator=payout.creator,
                amount_minor=amount,
                at=self.at,
            )

    def _approve_all(self) -> None:
        for payout in Payout.objects.filter(state__in=["requested", "checked"]):
            by = self.staff[0] if payout.checked_by_id != self.staff[0].pk else self.staff[1]
            services.approve_payout(payout_id=payout.pk, by=by, at=self.at)

    def _bank_works(self) -> None:
        """Late requests arrive, keys are pruned, transfers are paid, fail and come back."""
        if self.chance(self.fates.keys_forgotten):
            self.rail.forget()
        for when, instruction in list(self.late):
            if when <= self.at:
                self.late.remove((when, instruction))
                self.rail.take(instruction)
        for row in self.rail.book:
            if row.state == base.State.ACCEPTED and self.chance(0.5):
                failed = self.chance(0.2)
                to = base.State.FAILED if failed else base.State.PAID
                self.rail.move_row(row.rail_ref, to, "AC04" if failed else "")
            elif row.state == base.State.PAID and self.chance(0.05) and self.fates != CALM:
                self.rail.move_row(row.rail_ref, base.State.RETURNED, "AC06")

    def submit(self, instruction: base.Instruction) -> base.Transfer:
        """The way to the bank and back, with what may happen on it."""
        if self.chance(self.fates.unreachable):
            raise base.Unavailable("No connection.")
        if self.chance(self.fates.request_lost):
            raise base.Unknown("The request was lost.")
        if self.chance(self.fates.request_late):
            arrives = self.at + self.late_by * self.random.random()
            self.late.append((arrives, instruction))
            raise base.Unknown("The request is late.")
        if self.chance(self.fates.declined):
            raise base.Declined("No such account.", is_about_account=True)
        transfer = self.rail.take(instruction)
        if self.chance(self.fates.answer_lost):
            raise base.Unknown("The answer was lost.")
        return transfer

    def lookup(self, *, reference: str) -> base.Transfer | None:
        if self.chance(self.fates.lookup_fails):
            raise base.Unavailable("No connection.")
        return self.rail.lookup(reference=reference)

    def list_since(self, *, since: datetime) -> Iterator[base.Transfer]:
        return self.rail.list_since(since=since)


def _held(creator: User, code: int) -> int:
    rows = Balance.objects.filter(account__owner_id=creator.pk, account__code=code)
    return sum(row.credits - row.debits for row in rows)


def _killable(world: World, step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def stepped(*arguments: Any, **named: Any) -> Any:
        if world.chance(world.fates.kill):
            raise Killed
        answer = step(*arguments, **named)
        if world.chance(world.fates.kill):
            raise Killed
        return answer

    return stepped


@contextmanager
def world_of(seed: int) -> Iterator[World]:
    """A world in a transaction that is undone at its end, its rail and kills in place."""
    undone = transaction.atomic()
    undone._from_testcase = True  # type: ignore[attr-defined]  # the deeds inside are durable
    with undone:
        world = World(seed)
        one_each = mock.patch.object(settlements, "CREATORS_A_CHUNK", 1)
        with one_each, mock.patch.object(base, "open_rail", return_value=world):
            patches = [
                mock.patch.object(module, name, _killable(world, getattr(module, name)))
                for module, name in (*STEPS, (world, "submit"), (world, "lookup"))
            ]
            for patch in patches:
                patch.start()
            try:
                yield world
            finally:
                for patch in patches:
                    patch.stop()
                transaction.set_rollback(True)
