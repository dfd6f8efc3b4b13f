"""Nothing a fan does turns coins into cash, but a refund to the payment they came from.

The graph is not drawn by hand: a small world runs every posting that the ledger's SQL can write,
and each transfer it left is an edge between two kinds of account. What one operation takes out of
people's hands and what it puts into them are an edge too: so a gift leads from coins to diamonds
and a settlement from diamonds to cash. Without gifts, no way from coins may lead to cash.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from tests import cashing
from tests.wallet import test_returns as books
from tests.wallet.test_returns import ANNA, BEN, EUR, PAYER, Code, owner
from wallet import ledger, returns
from wallet.models import Account, Operation, Transfer
from wallet.returns import Recourse

COINS: Final = frozenset({Code.WALLET, Code.COIN_HOLD})
# Cash that is a person's, or that leaves to one.
CASH: Final = frozenset({Code.CASH_PAYABLE, Code.CASH_IN_PAYOUT, Code.BANK})
TO_PAYER: Final = Code.PROVIDER_CLEARING  # money at the payment company: a credit leaves it
PERSONAL: Final = frozenset(kind for kind in Code if Code.WALLET <= kind <= Code.COIN_DEBT) | {
    Code.DIAMOND_PENDING, Code.DIAMOND_AVAILABLE, Code.DIAMOND_DISPUTED, Code.DIAMOND_DEBT,
    Code.CASH_PAYABLE, Code.CASH_IN_PAYOUT,
}  # fmt: skip
BACK_TO_PAYER: Final = frozenset(
    {Transfer.Code.RETURN_NET, Transfer.Code.RETURN_TAX, Transfer.Code.LOSS}
)
TAKEN_BY_BANK: Final = frozenset({Transfer.Code.LOSS_BEYOND})  # no deed of ours can bound it
FEES: Final = frozenset({Transfer.Code.BUY_FEE, Transfer.Code.DISPUTE_FEE})


@dataclass(frozen=True, slots=True)
class Edge:
    """Value that went from one kind of account to another, in what kind of operation."""

    source: int
    target: int
    code: int
    operation: int


def edges_of(legs: Iterable[tuple[object, int, int, int, int]]) -> set[Edge]:
    """Every transfer as an edge, and what an operation took from people tied to what it gave them.

    Value that only changes hands between people's own accounts is an edge as it is.
    """
    found, by_operation = set(), defaultdict(list)
    for op_id, kind, code, source, target in legs:
        found.add(Edge(source, target, code, kind))
        by_operation[op_id, kind].append((code, source, target))
    for (_, kind), moved in by_operation.items():
        taken = {
            source for _, source, target in moved if source in PERSONAL and target not in PERSONAL
        }
        given = {
            (code, target)
            for code, source, target in moved
            if source not in PERSONAL
            and target in PERSONAL | CASH | {TO_PAYER}
            and code not in FEES
        }
        found |= {Edge(source, target, code, kind) for source in taken for code, target in given}
    return found


def reached(edges: Iterable[Edge], start: frozenset[Code]) -> set[int]:
    steps, seen = list(edges), {int(kind) for kind in start}
    while more := {edge.target for edge in steps if edge.source in seen} - seen:
        seen |= more
    return seen


def without_gifts(edges: Iterable[Edge]) -> list[Edge]:
    """What is left when nobody gives to somebody else, and staff correct nothing."""
    adjusted = (Operation.Kind.ADJUST_COINS, Operation.Kind.ADJUST_DIAMONDS)
    return [edge for edge in edges if edge.operation not in (Operation.Kind.GIFT, *adjusted)]


def legs_written() -> list[tuple[object, int, int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT t.op_id, o.kind, t.code, d.code, c.code
              FROM ledger.transfer t JOIN ledger.operation o ON o.id = t.op_id
              JOIN ledger.account d ON d.id = t.debit_account_id
              JOIN ledger.account c ON c.id = t.credit_account_id
        """)
        return cursor.fetchall()


def adjust(coins: int = 0, diamonds: int = 0) -> None:
    facts: dict[str, Any] = {
        "operation_id": ledger.new_operation_id(),
        "proposer_id": 1,
        "approver_id": 2,
        "memo": {},
    }
    with transaction.atomic():
        if coins:
            ledger.adjust_coins(owner_id=PAYER, coins=coins, hold_class=5, **facts).check()
        else:
            card = Transfer.objects.filter(code=Transfer.Code.GIFT_DIAMONDS).values_list(
                "credit_account__card_id", flat=True
            )[0]
            ledger.adjust_diamonds(
                owner_id=ANNA, card_id=card, diamonds_milli=diamonds, **facts
            ).check()


PAID_STEPS: Final = (cashing.post_payout, cashing.return_payout)


def settle_and_pay(creator: int) -> None:
    """Settle, then post one payout, return it, and void another."""
    with transaction.atomic():
        card = Transfer.objects.filter(code=21).values_list("credit_account__card_id", flat=True)[0]
        cashing.settle(
            operation_id=ledger.new_operation_id(), creator_id=creator, card_id=card,
            currency="EUR", fx_per_usd=Decimal(1), memo={}, context="x",
        ).check()  # fmt: skip
        for steps in (
            (cashing.reserve_payout, cashing.post_payout, cashing.return_payout),
            (cashing.reserve_payout, cashing.void_payout),
        ):
            payout_id = ledger.new_operation_id()
            for step in steps:
                fee = {"fee_minor": 2} if step in PAID_STEPS else {}
                step(
                    operation_id=ledger.new_operation_id(), creator_id=creator, currency="EUR",
                    amount_minor=10, payout_id=payout_id, **fee,
                ).check()  # fmt: skip


@pytest.fixture
def world(committed: str) -> str:
    """Every posting once: bought, given, held, released, settled, paid, returned, disputed."""
    first = books.buy(1_000, gross=1_190, tax=190)
    with transaction.atomic():
        purchase_id = ledger.new_operation_id()
        ledger.buy(
            operation_id=purchase_id, buyer_id=PAYER, purchase_id=purchase_id, coins=100,
            hold_class=5, currency="EUR", gross_minor=119, tax_minor=19, fee_minor=10, memo={},
        ).check()  # fmt: skip
    books.give(ANNA, 600)
    books.mature(committed)
    settle_and_pay(ANNA)
    books.give(BEN, 300)
    books.close()
    with transaction.atomic():
        returns.recognise_revenue(operation_id=ledger.new_operation_id()).check()
    books.resolve(books.hold(first, 50), 20).check()
    asked = books.hold(first, 10)
    books.dispute(first, 1_190).check()
    books.resolve(asked, 4).check()
    books.end(first, 1_190, fee=1_500, cover=True).check()
    second = books.buy(200, gross=200)
    crossing = books.hold(second, 20)
    books.give(BEN, 100)
    books.mature(committed)
    books.dispute(second, 200).check()
    books.end(second, 200, cover=False, recourse=Recourse.UNRELEASED_ONLY).check()
    books.resolve(crossing, 0).check()
    books.buy(300, gross=300)
    with transaction.atomic():
        returns.repay_coins(operation_id=ledger.new_operation_id(), payer_id=PAYER, memo={}).check()
    won = books.buy(50, gross=50)
    books.give(ANNA, 210)
    books.close()
    books.dispute(won, 50).check()
    books.end(won, 0).check()
    third = books.buy(60, gross=119, tax=19)
    books.come_back(books.resolve(books.hold(third, 50), 50)).check()
    books.mature(committed)
    books.free(books.wait(20)).check()
    adjust(coins=5)
    adjust(coins=-5)
    adjust(diamonds=1_000)
    return committed


def test_no_way_leads_from_coins_to_cash_but_through_a_gift(world: str) -> None:
    edges = edges_of(legs_written())

    assert reached(without_gifts(edges), COINS) & CASH == set()
    assert reached(edges, COINS) & CASH, "a creator is paid for gifts: the graph sees that"


def test_money_leaves_to_a_payer_only_as_a_refund_or_a_loss_of_their_payment(world: str) -> None:
    leaving = {edge for edge in edges_of(legs_written()) if edge.target == TO_PAYER}

    assert {edge.code for edge in leaving} - FEES == BACK_TO_PAYER | TAKEN_BY_BANK
    assert {edge.operation for edge in leaving if edge.code in BACK_TO_PAYER} == {
        Operation.Kind.RESOLVE_REFUND,
        Operation.Kind.RESOLVE_DISPUTE,
    }


def test_what_leaves_is_bounded_by_what_was_paid_for_the_lot(world: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), bool_and(back <= gross_minor) FROM ("
            "  SELECT l.gross_minor, sum(t.amount) AS back FROM ledger.transfer t"
            "    JOIN ledger.lot l ON l.id = t.lot_id WHERE t.code = ANY(%s)"
            "   GROUP BY l.id) AS lots",
            [sorted(BACK_TO_PAYER)],
        )
        assert cursor.fetchone() == (3, True)
        cursor.execute(
            "SELECT count(*) FROM ledger.transfer WHERE code = ANY(%s) AND lot_id IS NULL",
            [sorted(BACK_TO_PAYER)],
        )
        assert cursor.fetchone() == (0,)


def test_no_more_than_was_paid_can_be_noted_as_gone_back(world: str) -> None:
    with (
        owner(world) as session,
        pytest.raises(psycopg.errors.CheckViolation, match="lot_money_returned"),
    ):
        session.execute("UPDATE ledger.lot_money SET returned_minor = gross_minor + 1")


def test_the_world_runs_every_posting_that_the_sql_can_write(world: str) -> None:
    """So that no edge is missing from the graph: a new code must be run above."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_functiondef(p.oid) FROM pg_proc p"
            "  JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'ledger'"
        )
        bodies = [body for (body,) in cursor.fetchall() if "INTO ledger.transfer" in body]
    numbers = {int(n) for body in bodies for n in re.findall(r"[(,]\s*([1-9]\d)\s*,", body)}
    written = set(Transfer.objects.values_list("code", flat=True))

    assert len(bodies) >= 10
    assert numbers - {*Transfer.Code, *Operation.Kind} == set(), "a code that has no name"
    assert set(Transfer.Code) <= numbers, "a name that nothing writes"
    assert written == set(Transfer.Code)
    assert books.findings() == []


def test_control_one_more_edge_is_seen(world: str) -> None:
    """A posting that paid coins out, or a refund into a person's cash, would be found."""
    legs = legs_written()
    for more in (
        [("op", Operation.Kind.REPAY_COINS, 99, Code.COIN_HOLD, Code.CASH_PAYABLE)],
        [
            ("op", Operation.Kind.RESOLVE_REFUND, 62, Code.COIN_HOLD, Code.COIN_ISSUED),
            ("op", Operation.Kind.RESOLVE_REFUND, 41, Code.DEFERRED_REVENUE, Code.CASH_PAYABLE),
        ],
        [
            ("op", Operation.Kind.HOLD_REFUND, 60, Code.WALLET, Code.COIN_ISSUED),
            ("op", Operation.Kind.HOLD_REFUND, 21, Code.DIAMOND_ISSUED, Code.DIAMOND_AVAILABLE),
        ],
    ):
        assert reached(without_gifts(edges_of([*legs, *more])), COINS) & CASH


def test_the_database_itself_refuses_a_transfer_from_coins_to_cash(world: str) -> None:
    wallet = Account.objects.get(owner_id=PAYER, code=Code.WALLET)
    cash = Account.objects.get(owner_id=ANNA, code=Code.CASH_PAYABLE, unit=EUR)
    operation = Operation.objects.first()
    assert operation is not None
    with owner(world) as session, pytest.raises(psycopg.Error, match="not both of unit"):
        session.execute(
            "INSERT INTO ledger.transfer"
            " (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)"
            " VALUES (%s, 0, 99, 1, %s, %s, 1)",
            [operation.pk, wallet.pk, cash.pk],
        )


def test_the_site_itself_can_write_no_transfer_at_all(world: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(
            "INSERT INTO ledger.transfer"
            " (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)"
            " SELECT op_id, home_id, code, unit, debit_account_id, credit_account_id, 1"
            "   FROM ledger.transfer LIMIT 1"
        )
