"""Refunds and disputes against the model, close up: two fans, two creators, few lots, many steps.

The same rules as the whole machine, without the ones that have nothing to do with what goes back,
so that refunds, disputes, covers, gifts and settlements of the same lots cross each other often.
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from tests import cashing
from tests.proof.ledger_world import LedgerWorld, people


class ReturnsMachine(LedgerWorld):
    posted = LedgerWorld.posted
    fan_count = 1
    creator_count = 2

    @rule(target=posted, creator=people)
    def settle(self, creator: int) -> Any:
        expected = self.model.settle(self.creator(creator), "USD", Decimal(1))
        return self.post(
            cashing.settle,
            expected,
            creator_id=self.creator(creator),
            card_id=self.card.pk,
            currency="USD",
            fx_per_usd=Decimal(1),
            memo={},
            context="run",
        )


@pytest.mark.proof
def test_what_goes_back_agrees_with_the_model_whatever_happens(
    quick_card: None, chunk: int, proof_size: int
) -> None:
    run_state_machine_as_test(
        ReturnsMachine,
        settings=settings(
            max_examples=100 if proof_size > 1 else 30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
