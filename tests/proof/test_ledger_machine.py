"""The real ledger against the model: any order of postings, folds, closes and replays.

All of it together: buying, giving, batches, adjustments, refunds, disputes, settlements and
payouts of a few people. ``test_returns_machine`` looks closer at what goes back.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests import cashing
from tests.proof.ledger_world import LedgerWorld, coins, hold_classes, people
from wallet import ledger

FX = {
    "USD": Decimal(1),
    "EUR": Decimal("0.9137"),
    "JPY": Decimal("151.37"),
    "KWD": Decimal("0.30712"),
}

currencies = st.sampled_from(sorted(FX))


class LedgerMachine(LedgerWorld):
    posted = LedgerWorld.posted

    def __init__(self) -> None:
        super().__init__()
        self.payouts: list[tuple[UUID, int, str, int]] = []

    @rule(gifts=st.lists(st.tuples(people, people, coins), min_size=1, max_size=8))
    def batch(self, gifts: list[tuple[int, int, int]]) -> None:
        postings = [
            ledger.Gift(
                ledger.new_operation_id(),
                self.fan(f),
                self.creator(c),
                coins,
                self.fan(f),
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
        fan=people,
        coins=st.integers(-3_000, 3_000).filter(bool),
        hold_class=hold_classes,
    )
    def adjust_coins(self, fan: int, coins: int, hold_class: int) -> Any:
        expected = self.model.adjust_coins(self.fan(fan), coins, hold_class)
        return self.post(
            ledger.adjust_coins,
            expected,
            owner_id=self.fan(fan),
            coins=coins,
            hold_class=hold_class,
            proposer_id=1,
            approver_id=2,
            memo={},
        )

    @rule(target=posted, creator=people, diamonds=st.integers(-900_000, 900_000).filter(bool))
    def adjust_diamonds(self, creator: int, diamonds: int) -> Any:
        expected = self.model.adjust_diamonds(self.creator(creator), diamonds)
        return self.post(
            ledger.adjust_diamonds,
            expected,
            owner_id=self.creator(creator),
            card_id=self.card.pk,
            diamonds_milli=diamonds,
            proposer_id=1,
            approver_id=2,
            memo={},
        )

    @rule(target=posted, creator=people, currency=currencies)
    def settle(self, creator: int, currency: str) -> Any:
        expected = self.model.settle(self.creator(creator), currency, FX[currency])
        return self.post(
            cashing.settle,
            expected,
            creator_id=self.creator(creator),
            card_id=self.card.pk,
            currency=currency,
            fx_per_usd=FX[currency],
            memo={},
            context="run",
        )

    @rule(target=posted, creator=people, currency=currencies, minor=st.integers(1, 4_000))
    def reserve(self, creator: int, currency: str, minor: int) -> Any:
        expected = self.model.move_cash("reserve", self.creator(creator), currency, minor)
        payout_id = ledger.new_operation_id()
        if expected is None:
            self.payouts.append((payout_id, self.creator(creator), currency, minor))
        return self.post(
            cashing.reserve_payout,
            expected,
            creator_id=self.creator(creator),
            currency=currency,
            amount_minor=minor,
            payout_id=payout_id,
        )

    @rule(target=posted, post=st.booleans())
    def resolve_payout(self, post: bool) -> Any:
        if not self.payouts:
            return self.buy(0, 1, 1, 0, 0, "EUR")
        payout_id, creator, currency, minor = self.payouts.pop()
        expected = self.model.move_cash("post" if post else "void", creator, currency, minor)
        return self.post(
            cashing.post_payout if post else cashing.void_payout,
            expected,
            creator_id=creator,
            currency=currency,
            amount_minor=minor,
            payout_id=payout_id,
        )


@pytest.mark.proof
def test_the_ledger_agrees_with_the_model_whatever_happens(quick_card: None, chunk: int) -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
