"""Refunds and disputes against their operations: damage on either side is found by its id."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from tests.project.test_desk import make_purchase
from wallet import ledger, proofs, returns
from wallet.models import Dispute, Purchase, Refund
from wallet.returns import Recourse


@pytest.fixture
def purchase(alice: User) -> Purchase:
    made = make_purchase(alice, state="credited")
    ledger.buy(
        operation_id=made.pk, buyer_id=alice.pk, purchase_id=made.pk, coins=350, hold_class=5,
        currency="EUR", gross_minor=420, tax_minor=67, fee_minor=0, memo={},
    ).check()  # fmt: skip
    return made


def ask(purchase: Purchase, coins: int = 350) -> Refund:
    held = returns.hold_refund(
        operation_id=ledger.new_operation_id(), purchase_id=purchase.pk, coins=coins, actor_id=1,
        memo={},
    ).check()  # fmt: skip
    return Refund.objects.create(
        pk=ledger.new_operation_id(), purchase=purchase, hold_id=held.operation_id, coins=coins,
        end_id=ledger.new_operation_id(), amount_minor=420, ground="unused", due_at=timezone.now(),
    )  # fmt: skip


def end(refund: Refund, *, state: str, coins: int) -> None:
    returns.resolve_refund(
        operation_id=refund.end_id, hold_id=refund.hold_id, coins=coins, actor_id=1, memo={}
    ).check()
    Refund.objects.filter(pk=refund.pk).update(state=state, approved_coins=coins)


def disputed(purchase: Purchase, *, lost: int | None = None) -> Dispute:
    """An open dispute, or one that ended with so much lost."""
    dispute = Dispute.objects.create(
        pk=ledger.new_operation_id(), open_id=ledger.new_operation_id(), purchase=purchase,
        kind="dispute", provider_ref="dp_1", amount_minor=420, state="open",
    )  # fmt: skip
    returns.open_dispute(
        operation_id=dispute.open_id, purchase_id=purchase.pk, amount_minor=420, memo={}
    ).check()
    if lost is not None:
        returns.resolve_dispute(
            operation_id=dispute.pk, purchase_id=purchase.pk, lost_minor=lost, fee_minor=0,
            takes_cover=True, recourse=Recourse.FULL, memo={},
        ).check()  # fmt: skip
        state = "lost" if lost else "won"
        Dispute.objects.filter(pk=dispute.pk).update(state=state, lost_minor=lost)
    return dispute


def refund_findings() -> list[tuple[str, str]]:
    return [(one.check, one.subject) for one in proofs.refunds_are_booked()]


def dispute_findings() -> list[tuple[str, str]]:
    return [(one.check, one.subject) for one in proofs.disputes_are_booked()]


@pytest.mark.parametrize(("state", "coins"), [("paid", 350), ("denied", 0), ("cancelled", 0)])
def test_a_refund_that_is_what_its_operations_say_is_no_finding(
    purchase: Purchase, state: str, coins: int
) -> None:
    refund = ask(purchase)
    assert refund_findings() == []

    end(refund, state=state, coins=coins)

    assert refund_findings() == []


@pytest.mark.parametrize(
    "damage",
    [{"amount_minor": 419}, {"approved_coins": 349}, {"state": "denied"}, {"state": "requested"}],
)
def test_a_paid_refund_that_says_something_else_is_found(
    purchase: Purchase, damage: dict[str, Any]
) -> None:
    refund = ask(purchase)
    end(refund, state="paid", coins=350)

    Refund.objects.filter(pk=refund.pk).update(**damage)

    assert f"refund {refund.pk}" in {subject for _, subject in refund_findings()}


def test_a_refund_that_is_called_paid_and_is_not_booked_is_found(purchase: Purchase) -> None:
    refund = ask(purchase)

    Refund.objects.filter(pk=refund.pk).update(state="paid", approved_coins=350)

    assert refund_findings() == [
        ("a refund that ended has its operation, with its coins and amount", f"refund {refund.pk}")
    ]


def test_an_open_refund_that_holds_other_coins_is_found(purchase: Purchase) -> None:
    refund = ask(purchase, coins=100)

    Refund.objects.filter(pk=refund.pk).update(coins=101)

    assert refund_findings() == [("an open refund holds its coins", f"refund {refund.pk}")]


def test_coins_held_without_a_refund_are_found(purchase: Purchase) -> None:
    refund = ask(purchase)

    refund.delete()

    assert refund_findings() == [
        ("coins are held and paid back for refunds only", f"operation {refund.hold_id}")
    ]


@pytest.mark.parametrize("lost", [None, 0, 100, 420])
def test_a_dispute_that_is_what_its_operations_say_is_no_finding(
    purchase: Purchase, lost: int | None
) -> None:
    disputed(purchase, lost=lost)

    assert dispute_findings() == []


@pytest.mark.parametrize(
    ("lost", "damage"),
    [
        (None, {"state": "learnt"}),
        (None, {"state": "won"}),
        (None, {"state": "lost"}),
        (0, {"state": "open"}),
        (420, {"lost_minor": 419}),
        (420, {"state": "won"}),
    ],
)
def test_a_dispute_that_says_something_else_is_found(
    purchase: Purchase, lost: int | None, damage: dict[str, Any]
) -> None:
    dispute = disputed(purchase, lost=lost)

    Dispute.objects.filter(pk=dispute.pk).update(**damage)

    assert ("a dispute is booked as far as it has come", f"dispute {dispute.pk}") in (
        dispute_findings()
    )


def test_a_disputed_lot_without_its_dispute_is_found(purchase: Purchase) -> None:
    dispute = disputed(purchase)

    dispute.delete()

    assert [check for check, _ in dispute_findings()] == ["a disputed or lost lot has its dispute"]
