"""The real ledger against the model: any order of postings, folds, closes and replays.

Commits are real. The ledger knows people by number only, so every run makes up new people in the
same database, and what earlier runs left behind must not matter.
"""

import itertools
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.proof.ledger_model import Model
from wallet import ledger
from wallet.models import Account, RateCard
from wallet.money import CURRENCY_NUMBERS

PEOPLE = itertools.count(10_000_000)
FX = {
    "USD": Decimal(1),
    "EUR": Decimal("0.9137"),
    "JPY": Decimal("151.37"),
    "KWD": Decimal("0.30712"),
}

coins = st.integers(1, 5_000)
hold_classes = st.integers(1, 7)
fans = st.integers(0, 2)
creators = st.integers(0, 1)
currencies = st.sampled_from(sorted(FX))


def balance(owner: int, code: int, unit: int, **key: int) -> int:
    """What the account holds, exact; 0 if it was never opened."""
    total = 0
    for account in Account.objects.filter(owner_id=owner, code=code, unit=unit, **key):
        debited, credited = ledger.turnover(account.pk)
        total += account.sign * (credited - debited)
    return total


def mature_everything() -> None:
    """Close the period behind everything posted so far, and release what it brought.

    The horizon passes a transaction when all older ones in the cluster have ended: wait for that.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        (goal,) = cursor.fetchone()
        for _ in range(600):
            with transaction.atomic():
                ledger.close_period()
            cursor.execute("SELECT horizon::text::bigint >= %s FROM ledger.fold_state", [goal])
            if cursor.fetchone()[0]:
                break
            time.sleep(0.05)  # another test's transaction is still open
        else:
            raise AssertionError("the horizon did not pass in 30 s")
    with transaction.atomic():
        ledger.close_period()
    while True:
        with transaction.atomic():
            if not ledger.release_due(debt_share_bps=5000, limit=500):
                return


class LedgerMachine(RuleBasedStateMachine):
    posted = Bundle("posted")

    @initialize()
    def people(self) -> None:
        self.card = RateCard.objects.filter(effective_at__lte=datetime.now(UTC)).latest(
            "effective_at"
        )
        self.model = Model(self.card.diamonds_per_coin_milli, self.card.diamond_usd)
        self.fans = [next(PEOPLE) for _ in range(3)]
        self.creators = [next(PEOPLE) for _ in range(2)]
        self.payouts: list[tuple[UUID, int, str, int]] = []

    def post(
        self, function: Any, expected: str | None, **arguments: Any
    ) -> tuple[Any, dict[str, Any], str | None]:
        with transaction.atomic():
            outcome = function(operation_id=ledger.new_operation_id(), **arguments)
        assert (outcome.refusal, outcome.replayed, outcome.done) == (
            expected,
            False,
            expected is None,
        )
        return function, arguments | {"operation_id": outcome.operation_id}, expected

    @rule(target=posted, fan=fans, coins=coins, hold_class=hold_classes)
    def buy(self, fan: int, coins: int, hold_class: int) -> Any:
        self.model.buy(self.fans[fan], coins, hold_class)
        return self.post(
            ledger.buy,
            None,
            buyer_id=self.fans[fan],
            purchase_id=ledger.new_operation_id(),
            coins=coins,
            hold_class=hold_class,
            currency="EUR",
            gross_minor=coins * 2,
            tax_minor=coins // 5,
            fee_minor=coins // 10,
            memo={},
        )

    @rule(target=posted, fan=fans, creator=creators, coins=coins)
    def gift(self, fan: int, creator: int, coins: int) -> Any:
        expected = self.model.gift(self.fans[fan], self.creators[creator], coins)
        return self.post(
            self.post_gift,
            expected,
            payer_id=self.fans[fan],
            creator_id=self.creators[creator],
            coins=coins,
        )

    @staticmethod
    def post_gift(
        *, operation_id: UUID, payer_id: int, creator_id: int, coins: int
    ) -> ledger.Outcome:
        return ledger.gift(
            ledger.Gift(operation_id, payer_id, creator_id, coins, payer_id, "room:x", {})
        )

    @rule(gifts=st.lists(st.tuples(fans, creators, coins), min_size=1, max_size=8))
    def batch(self, gifts: list[tuple[int, int, int]]) -> None:
        postings = [
            ledger.Gift(
                ledger.new_operation_id(),
                self.fans[f],
                self.creators[c],
                coins,
                self.fans[f],
                "room:x",
                {},
            )
            for f, c, coins in gifts
        ]
        with transaction.atomic():
            outcomes = ledger.post_gifts(postings)
        for posting in sorted(postings, key=lambda p: (p.payer_id, p.operation_id)):
            outcome = outcomes[postings.index(posting)]
            assert outcome.refusal == self.model.gift(
                posting.payer_id, posting.creator_id, posting.coins
            )

    @rule(
        target=posted,
        fan=fans,
        coins=st.integers(-3_000, 3_000).filter(bool),
        hold_class=hold_classes,
    )
    def adjust_coins(self, fan: int, coins: int, hold_class: int) -> Any:
        expected = self.model.adjust_coins(self.fans[fan], coins, hold_class)
        return self.post(
            ledger.adjust_coins,
            expected,
            owner_id=self.fans[fan],
            coins=coins,
            hold_class=hold_class,
            proposer_id=1,
            approver_id=2,
            memo={},
        )

    @rule(target=posted, creator=creators, diamonds=st.integers(-900_000, 900_000).filter(bool))
    def adjust_diamonds(self, creator: int, diamonds: int) -> Any:
        expected = self.model.adjust_diamonds(self.creators[creator], diamonds)
        return self.post(
            ledger.adjust_diamonds,
            expected,
            owner_id=self.creators[creator],
            card_id=self.card.pk,
            diamonds_milli=diamonds,
            proposer_id=1,
            approver_id=2,
            memo={},
        )

    @rule(target=posted, creator=creators, currency=currencies)
    def settle(self, creator: int, currency: str) -> Any:
        expected = self.model.settle(self.creators[creator], currency, FX[currency])
        return self.post(
            ledger.settle,
            expected,
            creator_id=self.creators[creator],
            card_id=self.card.pk,
            currency=currency,
            fx_per_usd=FX[currency],
            memo={},
            context="run",
        )

    @rule(target=posted, creator=creators, currency=currencies, minor=st.integers(1, 4_000))
    def reserve(self, creator: int, currency: str, minor: int) -> Any:
        expected = self.model.move_cash("reserve", self.creators[creator], currency, minor)
        payout_id = ledger.new_operation_id()
        if expected is None:
            self.payouts.append((payout_id, self.creators[creator], currency, minor))
        return self.post(
            ledger.reserve_payout,
            expected,
            creator_id=self.creators[creator],
            currency=currency,
            amount_minor=minor,
            payout_id=payout_id,
        )

    @rule(target=posted, post=st.booleans())
    def resolve(self, post: bool) -> Any:
        if not self.payouts:
            return self.buy(0, 1, 1)
        payout_id, creator, currency, minor = self.payouts.pop()
        expected = self.model.move_cash("post" if post else "void", creator, currency, minor)
        return self.post(
            ledger.post_payout if post else ledger.void_payout,
            expected,
            creator_id=creator,
            currency=currency,
            amount_minor=minor,
            payout_id=payout_id,
        )

    @rule(posted=posted)
    def replay(self, posted: tuple[Any, dict[str, Any], str | None]) -> None:
        function, arguments, expected = posted

        with transaction.atomic():
            outcome = function(**arguments)

        assert (outcome.refusal, outcome.replayed) == (expected, True)

    @rule(posted=posted)
    def replay_with_other_contents(self, posted: tuple[Any, dict[str, Any], str | None]) -> None:
        function, arguments, _ = posted
        amount = next(
            name
            for name in ("coins", "diamonds_milli", "amount_minor", "fx_per_usd")
            if name in arguments
        )

        with transaction.atomic():
            outcome = function(**(arguments | {amount: arguments[amount] + 1}))

        assert outcome.refusal == "conflict"

    @rule()
    def fold(self) -> None:
        with transaction.atomic():
            ledger.fold()

    @rule()
    def mature(self) -> None:
        mature_everything()
        self.model.mature()

    @invariant()
    def every_account_is_as_in_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        for fan in self.fans:
            assert balance(fan, Account.Code.WALLET, ledger.COIN) == self.model.coins(fan)
        for creator in self.creators:
            for hold_class in range(1, 8):
                assert (
                    balance(
                        creator, Account.Code.DIAMOND_PENDING, ledger.DIA, hold_class=hold_class
                    )
                    == self.model.pending[creator, hold_class]
                )
            assert (
                balance(creator, Account.Code.DIAMOND_AVAILABLE, ledger.DIA)
                == self.model.available[creator]
            )
            for currency, unit in ((c, CURRENCY_NUMBERS[c]) for c in FX):
                assert (
                    balance(creator, Account.Code.CASH_PAYABLE, unit)
                    == self.model.payable[creator, currency]
                )
                assert (
                    balance(creator, Account.Code.CASH_IN_PAYOUT, unit)
                    == self.model.in_payout[creator, currency]
                )

    def teardown(self) -> None:
        assert list(ledger.audit()) == []


@pytest.fixture
def quick_card(committed: str) -> None:
    """A better card without holds, in force at once: all of the machine's diamonds are under it."""
    at = datetime.now(UTC) + timedelta(milliseconds=50)
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


@pytest.mark.proof
def test_the_ledger_agrees_with_the_model_whatever_happens(
    quick_card: None, proof_size: int
) -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=25 * proof_size,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
