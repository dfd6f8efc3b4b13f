"""The real ledger and its model side by side: rules that post to both, and the comparison.

Commits are real. The ledger knows people by number only, so every run makes up new people in the
same database, and what earlier runs left behind must not matter: the platform's books are compared
by how far they moved.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tests.database import fold_everything
from tests.proof.ledger_model import Lot, Model
from wallet import ledger, returns
from wallet.models import RateCard
from wallet.money import CURRENCY_NUMBERS
from wallet.returns import Recourse

PEOPLE = itertools.count(10_000_000)
DEBT_SHARE_BPS = 5_000
SERIALIZATION_FAILURE = "40001"
BOOKS = {
    300: "clearing",
    302: "deferred",
    303: "revenue",
    305: "fee",
    306: "tax",
    307: "loss",
}

index = st.integers(0, 1_000)
coins = st.integers(1, 5_000)
shares = st.sampled_from([0, 1, 250, 333, 500, 999, 1_000])  # of a whole, in thousandths
hold_classes = st.integers(1, 7)
people = st.integers(0, 2)


@dataclass
class Posted:
    """An operation as it was asked for, and what it came to."""

    function: Callable[..., ledger.Outcome]
    arguments: dict[str, Any]
    refusal: str | None
    result: dict[str, Any] | None  # None: not stored


def rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        return list(cursor.fetchall())


def books() -> dict[tuple[str, str], int]:
    """What the platform's accounts hold, by their short name and currency."""
    found = rows(
        "SELECT a.code, u.code, a.sign * (t.credits - t.debits)"
        "  FROM ledger.account a JOIN ledger.unit u ON u.id = a.unit, ledger.turnover(a.id) t"
        " WHERE a.owner_id = 0 AND a.code BETWEEN 300 AND 307 AND u.code IN ('EUR', 'KWD', 'JPY')"
    )
    return {(BOOKS[code], unit): amount for code, unit, amount in found if code in BOOKS}


def recognise_everything() -> None:
    """Recognise every closed period."""
    done = True
    while done:
        with transaction.atomic():
            done = returns.recognise_revenue(operation_id=ledger.new_operation_id()).done


class LedgerWorld(RuleBasedStateMachine):
    """Fans, creators, lots, gifts, refunds and disputes. Subclasses add what else can happen."""

    posted = Bundle("posted")
    fan_count = 3
    creator_count = 2

    @initialize()
    def begin(self) -> None:
        self.card = RateCard.objects.filter(effective_at__lte=datetime.now(UTC)).latest(
            "effective_at"
        )
        self.model = Model(self.card.diamonds_per_coin_milli, self.card.diamond_usd)
        self.fans = [next(PEOPLE) for _ in range(self.fan_count)]
        self.creators = [next(PEOPLE) for _ in range(self.creator_count)]
        self.period_ids: list[int] = []  # of the model's closed periods
        self.lots_in_books: list[int] = []
        self.held: list[UUID] = []
        self.paid: list[Posted] = []  # the refunds that were paid
        self.close_period()  # what earlier runs spent is recognised with them, not with this one
        recognise_everything()
        self.model.recognised_period = self.model.period - 1
        self.books_before = books()

    # What rules are made of

    def fan(self, number: int) -> int:
        return self.fans[number % len(self.fans)]

    def creator(self, number: int) -> int:
        return self.creators[number % len(self.creators)]

    def post(
        self,
        function: Callable[..., ledger.Outcome],
        expected: str | None,
        result: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Posted:
        """Post it, and see that it comes to what the model says. ``result``: some of its facts."""
        arguments = {"operation_id": ledger.new_operation_id()} | arguments
        with transaction.atomic():
            outcome = function(**arguments)
        assert (outcome.refusal, outcome.replayed, outcome.done) == (
            expected,
            False,
            expected is None,
        )
        facts = result or {}
        assert {name: outcome.result[name] for name in facts} == facts
        return Posted(function, arguments, expected, outcome.result if result is not None else None)

    def purchases(self) -> list[Lot]:
        return [lot for lot in self.model.lots if lot.purchase_id is not None]

    def close_period(self) -> None:
        fold_everything()
        with transaction.atomic():
            closed = ledger.close_period()
        if closed is not None:
            self.period_ids.append(closed)
            self.model.close()

    # Rules

    @rule(
        target=posted,
        fan=people,
        coins=coins,
        hold_class=hold_classes,
        price=st.integers(0, 300),
        tax_percent=st.sampled_from([0, 0, 7, 19]),
        currency=st.sampled_from(["EUR", "EUR", "KWD", "JPY"]),
    )
    def buy(
        self, fan: int, coins: int, hold_class: int, price: int, tax_percent: int, currency: str
    ) -> Any:
        gross = coins * price // 100 // 10 * 10
        lot = Lot(
            self.fan(fan),
            coins,
            hold_class,
            purchase_id=ledger.new_operation_id(),
            currency=currency,
            gross=gross,
            tax=gross * tax_percent // (100 + tax_percent),
        )
        fee = gross // 20
        self.model.buy(lot, fee)
        return self.post(
            ledger.buy,
            None,
            {},
            buyer_id=lot.owner,
            purchase_id=lot.purchase_id,
            coins=lot.amount,
            hold_class=lot.hold_class,
            currency=lot.currency,
            gross_minor=lot.gross,
            tax_minor=lot.tax,
            fee_minor=fee,
            memo={},
        )

    @rule(target=posted, fan=people, creator=people, coins=coins)
    def gift(self, fan: int, creator: int, coins: int) -> Any:
        expected = self.model.gift(self.fan(fan), self.creator(creator), coins)
        return self.post(
            self.post_gift,
            expected,
            payer_id=self.fan(fan),
            creator_id=self.creator(creator),
            coins=coins,
        )

    @rule(target=posted, fan=people, creator=people, share=shares.filter(bool))
    def gift_a_part(self, fan: int, creator: int, share: int) -> Any:
        """A gift that the wallet can pay, where it holds anything."""
        return self.gift(fan, creator, max(1, self.model.coins(self.fan(fan)) * share // 1_000))

    @staticmethod
    def post_gift(
        *, operation_id: UUID, payer_id: int, creator_id: int, coins: int
    ) -> ledger.Outcome:
        return ledger.gift(
            ledger.Gift(operation_id, payer_id, creator_id, coins, payer_id, "room:x", {})
        )

    @rule(target=posted, fan=people, share=shares.filter(bool), extra=st.sampled_from([0, 0, 1]))
    def hold_gift(self, fan: int, share: int, extra: int) -> Any:
        payer, operation_id = self.fan(fan), ledger.new_operation_id()
        coins = max(1, self.model.coins(payer) * share // 1_000 + extra)
        expected, result = self.model.hold_gift(operation_id, payer, coins)
        return self.post(
            returns.hold_gift,
            expected,
            result,
            operation_id=operation_id,
            payer_id=payer,
            coins=coins,
            context="room:x",
            memo={},
        )

    @rule(target=posted, which=index)
    def free_gift(self, which: int) -> Any:
        """One that waits, or waited: the second time nothing moves."""
        waiting = list(self.model.waiting)
        if not waiting:
            return self.hold_gift(which, 500, 0)
        hold_id = waiting[which % len(waiting)]
        expected, result = self.model.free_gift(self.model.waiting[hold_id])
        return self.post(returns.free_gift, expected, result, hold_id=hold_id, memo={})

    @rule(
        target=posted, which=index, share=shares.filter(bool), extra=st.sampled_from([0, 0, 0, 1])
    )
    def hold_refund(self, which: int, share: int, extra: int) -> Any:
        lots = self.purchases()
        if not lots:
            return self.buy(which, 100, 1, 100, 19, "EUR")
        lot = lots[which % len(lots)]
        wanted = max(1, lot.remaining * share // 1_000 + extra)
        operation_id = ledger.new_operation_id()
        expected, result = self.model.hold_refund(operation_id, lot, wanted)
        self.held.append(operation_id)
        return self.post(
            returns.hold_refund,
            expected,
            result,
            operation_id=operation_id,
            purchase_id=lot.purchase_id,
            coins=wanted,
            actor_id=lot.owner,
            memo={},
        )

    @rule(target=posted, which=index, share=shares, again=st.booleans())
    def resolve_refund(self, which: int, share: int, again: bool) -> Any:
        """``again``: also one that was resolved before, which is refused."""
        held = [
            (operation_id, self.model.holds[operation_id])
            for operation_id in self.held
            if operation_id in self.model.holds
            and (again or not self.model.holds[operation_id].is_resolved)
        ]
        if not held:
            return self.hold_refund(which, 500, 0)
        operation_id, hold = held[which % len(held)]
        paid = hold.coins * share // 1_000
        expected, result = self.model.resolve_refund(hold, paid)
        posted = self.post(
            returns.resolve_refund,
            expected,
            result,
            hold_id=operation_id,
            coins=paid,
            actor_id=1,
            memo={},
        )
        if expected is None and paid:
            self.paid.append(posted)
        return posted

    @rule(target=posted, which=index, again=st.booleans())
    def return_refund(self, which: int, again: bool) -> Any:
        """A paid one comes back. ``again``: also one that came back before, which is refused."""
        paid = [
            (posted, self.model.holds[posted.arguments["hold_id"]])
            for posted in self.paid
            if again or not self.model.holds[posted.arguments["hold_id"]].has_come_back
        ]
        if not paid:
            return self.resolve_refund(which, 1_000, again=False)
        posted, hold = paid[which % len(paid)]
        expected, result = self.model.return_refund(hold)
        return self.post(
            returns.return_refund,
            expected,
            result,
            end_id=posted.arguments["operation_id"],
            memo={},
        )

    @rule(target=posted, which=index, share=shares)
    def open_dispute(self, which: int, share: int) -> Any:
        lots = self.purchases()
        if not lots:
            return self.buy(which, 100, 1, 100, 19, "EUR")
        lot = lots[which % len(lots)]
        minor = lot.gross * share // 1_000
        expected, result = self.model.open_dispute(lot, minor)
        arguments: dict[str, Any] = {
            "operation_id": ledger.new_operation_id(),
            "purchase_id": lot.purchase_id,
            "amount_minor": minor,
            "memo": {},
        }
        try:
            return self.post(returns.open_dispute, expected, result, **arguments)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != SERIALIZATION_FAILURE:
                raise
        fold_everything()  # a gift of the lot was not folded: nothing happened, so try again
        return self.post(returns.open_dispute, expected, result, **arguments)

    @rule(
        target=posted,
        which=index,
        share=shares,
        fee=st.sampled_from([0, 0, 1_500]),
        cover=st.booleans(),
        recourse=st.sampled_from([*Recourse, Recourse.FULL]),
        any_lot=st.sampled_from([False, False, False, True]),
    )
    def resolve_dispute(
        self, which: int, share: int, fee: int, cover: bool, recourse: Recourse, any_lot: bool
    ) -> Any:
        """``any_lot``: also one that is not disputed, which is refused. A share of 0 is won."""
        lots = [lot for lot in self.purchases() if any_lot or lot.state == lot.state.DISPUTED]
        if not lots:
            return self.open_dispute(which, 1_000)
        lot = lots[which % len(lots)]
        lost = lot.gross * share // 1_000
        expected, result = self.model.resolve_dispute(
            lot, lost=lost, fee=fee, cover=cover, recourse=recourse
        )
        return self.post(
            returns.resolve_dispute,
            expected,
            result,
            purchase_id=lot.purchase_id,
            lost_minor=lost,
            fee_minor=fee,
            takes_cover=cover,
            recourse=recourse,
            memo={},
        )

    @rule(target=posted, fan=people)
    def repay_coins(self, fan: int) -> Any:
        expected, result = self.model.repay_coins(self.fan(fan))
        return self.post(returns.repay_coins, expected, result, payer_id=self.fan(fan), memo={})

    @rule(target=posted)
    def recognise_revenue(self) -> Any:
        expected, result = self.model.recognise()
        return self.post(returns.recognise_revenue, expected, result)

    @rule(posted=posted)
    def replay(self, posted: Posted) -> None:
        with transaction.atomic():
            outcome = posted.function(**posted.arguments)

        assert (outcome.refusal, outcome.replayed) == (posted.refusal, True)
        assert posted.result is None or outcome.result == posted.result

    @rule(posted=posted)
    def replay_with_other_contents(self, posted: Posted) -> None:
        function, arguments = posted.function, dict(posted.arguments)
        names = ("actor_id", "coins", "diamonds_milli", "amount_minor", "fee_minor", "fx_per_usd")
        name = next((name for name in (*names, "payer_id") if name in arguments), None)
        if name is None:  # nothing in it can be another's: the same id for another deed
            function = returns.repay_coins
            arguments = {
                "operation_id": arguments["operation_id"],
                "payer_id": self.fan(0),
                "memo": {},
            }
        else:
            arguments[name] += 1

        with transaction.atomic():
            outcome = function(**arguments)

        assert outcome.refusal == "conflict"

    @rule()
    def fold(self) -> None:
        with transaction.atomic():
            ledger.fold()

    @rule()
    def close(self) -> None:
        self.close_period()

    @rule(which=index)
    def release_one(self, which: int) -> None:
        """One bucket; when it comes again nothing is due."""
        due = self.model.due()
        if not due:
            self.close_period()
            return
        bucket = due[which % len(due)]
        expected = self.model.release(bucket, DEBT_SHARE_BPS)
        ((account_id,),) = rows(
            "SELECT id FROM ledger.account WHERE owner_id = %s AND code = 210 AND hold_class = %s",
            bucket.creator,
            bucket.hold_class,
        )
        call = "SELECT done, refusal, result FROM ledger.release(%s, %s, %s)"
        arguments = (self.period_ids[bucket.period], account_id, DEBT_SHARE_BPS)
        with transaction.atomic():
            ((done, refusal, result),) = rows(call, *arguments)
        assert (done, refusal) == (True, None)
        assert json.loads(result) == expected
        with transaction.atomic():
            ((done, refusal, _),) = rows(call, *arguments)
        assert (done, refusal) == (False, "nothing_due")

    @rule()
    def mature(self) -> None:
        self.close_period()
        while True:
            with transaction.atomic():
                if not ledger.release_due(debt_share_bps=DEBT_SHARE_BPS, limit=500):
                    break
        for bucket in self.model.due():
            self.model.release(bucket, DEBT_SHARE_BPS)

    # What must hold after every step

    @invariant()
    def the_ledger_is_as_the_model(self) -> None:
        if not hasattr(self, "books_before"):
            return
        assert self.balances() == self.expected_balances()
        self.lots_are_as_in_the_model()
        self.buckets_are_as_in_the_model()
        moved = {key: amount - self.books_before[key] for key, amount in books().items()}
        assert {key: n for key, n in moved.items() if n} == {
            key: n for key, n in self.model.books.items() if n
        }

    def balances(self) -> dict[tuple[int, int, int, int], int]:
        """(owner, kind, unit, hold class): what the account holds, where it holds anything."""
        found = rows(
            "SELECT a.owner_id, a.code, a.unit, a.hold_class, a.sign * (t.credits - t.debits)"
            "  FROM ledger.account a, ledger.turnover(a.id) t WHERE a.owner_id = ANY(%s)",
            self.fans + self.creators,
        )
        assert all(row[4] >= 0 for row in found), "somebody is below zero"
        return {row[:4]: row[4] for row in found if row[4]}

    def expected_balances(self) -> dict[tuple[int, int, int, int], int]:
        model, expected = self.model, {}
        for fan in self.fans:
            expected[fan, 110, 1, 0] = model.coins(fan)
            expected[fan, 112, 1, 0] = model.held(fan)
            expected[fan, 113, 1, 0] = model.coin_debt[fan]
        for creator in self.creators:
            for hold_class in range(1, 8):
                expected[creator, 210, 2, hold_class] = model.pending(creator, hold_class)
            expected[creator, 211, 2, 0] = model.available[creator]
            expected[creator, 212, 2, 0] = sum(
                n for (who, _), n in model.disputed.items() if who == creator
            )
            expected[creator, 213, 2, 0] = model.debt[creator]
        for code, cash in ((310, model.payable), (311, model.in_payout)):
            for (creator, currency), minor in cash.items():
                expected[creator, code, CURRENCY_NUMBERS[currency], 0] = minor
        return {key: amount for key, amount in expected.items() if amount}

    def lots_are_as_in_the_model(self) -> None:
        lots = rows(
            "SELECT l.id, l.home_id, l.purchase_id, l.amount, l.remaining, l.state,"
            "       m.lot_id IS NOT NULL, m.returned_coins, m.returned_minor, m.returned_net_minor,"
            "       m.returned_tax_minor, m.spent_coins, m.recognised_minor"
            "  FROM ledger.lot l LEFT JOIN ledger.lot_money m ON m.lot_id = l.id"
            " WHERE l.home_id = ANY(%s) ORDER BY l.id",
            self.fans,
        )
        unknown = (None,) * 6
        assert [row[1:] for row in lots] == [
            (lot.owner, lot.purchase_id, lot.amount, lot.remaining, lot.state, lot.has_money)
            + (self.money(lot) if lot.has_money else unknown)
            for lot in self.model.lots
        ]
        numbers = {lot: row[0] for lot, row in zip(self.model.lots, lots, strict=True)}
        covers = rows(
            "SELECT lot_id, cover_lot_id, coins FROM ledger.lot_cover WHERE lot_id = ANY(%s)",
            list(numbers.values()),
        )
        assert sorted(covers) == sorted(
            (numbers[lost], numbers[cover], n) for lost, cover, n in self.model.covers
        )
        for lot in self.model.lots:
            assert 0 <= lot.returned <= lot.gross
            assert lot.remaining + lot.disputed + lot.returned_coins <= lot.amount

    @staticmethod
    def money(lot: Lot) -> tuple[int, ...]:
        return (
            lot.returned_coins,
            lot.returned,
            lot.returned_net,
            lot.returned_tax,
            lot.spent,
            lot.recognised,
        )

    def buckets_are_as_in_the_model(self) -> None:
        """The open period's buckets have what was folded of them so far."""
        found = rows(
            "SELECT b.period_id, a.owner_id, a.hold_class, b.amount, b.clawed, b.released, b.done"
            "  FROM ledger.bucket b JOIN ledger.account a ON a.id = b.account_id"
            " WHERE a.owner_id = ANY(%s) AND b.period_id = ANY(%s)",
            self.creators,
            self.period_ids,
        )
        assert sorted(found) == sorted(
            (
                self.period_ids[b.period],
                b.creator,
                b.hold_class,
                b.amount,
                b.clawed,
                b.released,
                b.is_done,
            )
            for b in self.model.buckets.values()
            if b.period < self.model.period
        )

    def teardown(self) -> None:
        assert list(ledger.audit()) == []
        if hasattr(self, "model"):
            for gift in self.model.gifts:
                assert gift.coins >= 0
