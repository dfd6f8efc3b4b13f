"""One creator's steps of cash in the ledger, for tests about the ledger itself."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from wallet import cash, ledger


def settle(
    *,
    operation_id: UUID,
    creator_id: int,
    card_id: int,
    currency: str,
    fx_per_usd: Decimal,
    memo: dict[str, Any],
    context: str,
) -> ledger.Outcome:
    asked = cash.Settlement(operation_id, creator_id, card_id, currency, fx_per_usd)
    return _ask(cash.SETTLE_SQL, cash.settle_facts([asked], memo=memo, context=context))


def reserve_payout(
    *, operation_id: UUID, creator_id: int, currency: str, amount_minor: int, payout_id: UUID
) -> ledger.Outcome:
    asked = cash.Reservation(operation_id, creator_id, currency, amount_minor, payout_id)
    return _ask(cash.RESERVE_SQL, cash.reserve_facts([asked]))


def _ask(sql: str, facts: dict[str, Any]) -> ledger.Outcome:
    assert connection.in_atomic_block, "the caller opens the transaction"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT op, done, replayed, refusal, result FROM {sql}", facts)
        operation_id, *row = cursor.fetchone()
    return ledger.outcome(operation_id, row)


def post_payout(*, fee_minor: int = 0, **step: Any) -> ledger.Outcome:
    return cash.post_payout(fee_minor=fee_minor, **step)


def void_payout(**step: Any) -> ledger.Outcome:
    return cash.void_payout(**step)


def return_payout(*, fee_minor: int = 0, **step: Any) -> ledger.Outcome:
    return cash.return_payout(fee_minor=fee_minor, **step)
