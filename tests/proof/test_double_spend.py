"""Sixty-four clients on one wallet: exactly what it holds is spent, and the control overspends."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, transaction

from tests import factories
from tests.database import connect, owner
from wallet import ledger
from wallet.models import Account, Balance, Operation, Transfer

COINS = 100
CLIENTS = 64


def spend_at_once(database: str, payer: int, creator: int, attempts: int) -> int:
    """Every client sends its share of one-coin gifts at the same time. How many were done."""
    gate = threading.Barrier(CLIENTS)

    def client(_number: int) -> int:
        done = 0
        with connect(database) as session:
            gate.wait()
            for _ in range(attempts // CLIENTS + 1):
                row = session.execute(
                    "SELECT done FROM ledger.gift(%s, %s, %s, 1, %s, 'room:x', '{}')",
                    [ledger.new_operation_id(), payer, creator, payer],
                ).fetchone()
                done += row is not None and row[0]
        return done

    with ThreadPoolExecutor(CLIENTS) as clients:
        return sum(clients.map(client, range(CLIENTS)))


@pytest.mark.proof
def test_exactly_the_coins_of_a_wallet_are_spent(committed: str, proof_size: int) -> None:
    for run in range(max(1, proof_size * 50 // 20)):
        payer, creator = 20_000_000 + run, 21_000_000 + run
        with transaction.atomic():
            factories.give_coins_to(payer, COINS)

        done = spend_at_once(committed, payer, creator, attempts=320)

        assert done == COINS
        wallet = Balance.objects.get(account__owner_id=payer, account__code=Account.Code.WALLET)
        assert wallet.credits - wallet.debits == 0
        assert Operation.objects.filter(home_id=payer, kind=20, is_refused=False).count() == COINS
        assert Transfer.objects.filter(home_id=payer, code=21).count() == COINS
    assert list(ledger.audit()) == []


@pytest.mark.proof
def test_without_the_wallet_lock_and_the_floor_coins_are_spent_twice(committed: str) -> None:
    """The control: the lock taken out of the function, the floor and the lot's bounds dropped."""
    with owner(committed) as session:
        (definition,) = session.execute(
            "SELECT pg_get_functiondef('ledger.gift'::regproc)"
        ).fetchone() or ("",)
        assert "p_payer FOR NO KEY UPDATE" in definition
        session.execute(
            definition.replace("p_payer FOR NO KEY UPDATE", "p_payer").replace(
                "WHILE v_left > 0 LOOP", "PERFORM pg_sleep(0.002); WHILE v_left > 0 LOOP"
            )
        )
        (trigger,) = session.execute(
            "SELECT pg_get_functiondef('ledger.apply_transfer'::regproc)"
        ).fetchone() or ("",)
        floor = "AND sign * (credits - debits - NEW.amount) >= floor"
        bound = "AND remaining >= NEW.amount"
        assert floor in trigger
        assert bound in trigger
        session.execute(trigger.replace(floor, "").replace(bound, ""))
    with transaction.atomic():
        factories.give_coins_to(20_500_000, COINS)

    try:
        done = spend_at_once(committed, 20_500_000, 21_500_000, attempts=320)
    except psycopg.errors.RaiseException:
        return  # the function's own last word: coins that no lot accounts for

    assert done > COINS
    assert {finding.check for finding in ledger.audit()} >= {"no balance is below its floor"}
    connection.close()
