"""One creator's steps of cash in the ledger, for tests about the ledger itself."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from wallet import cash, ledger
from wallet.money import CURRENCY_NUMBERS


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
    return _ask(
        """
        WITH asked (op, creator_id, card_id, unit, per_usd)
          AS (VALUES (%(op)s::uuid, %(creator)s::bigint, %(card)s, %(unit)s, %(per_usd)s))
        """,
        cash.SETTLE_SQL,
        {
            "op": operation_id,
            "creator": creator_id,
            "card": card_id,
            "unit": CURRENCY_NUMBERS[currency],
            "per_usd": fx_per_usd,
            "memo": Jsonb(memo),
            "context": context,
        },
    )


def reserve_payout(
    *, operation_id: UUID, creator_id: int, currency: str, amount_minor: int, payout_id: UUID
) -> ledger.Outcome:
    return _ask(
        """
        WITH asked (op, creator_id, unit, amount, payout_id)
          AS (VALUES (%(op)s::uuid, %(creator)s::bigint, %(unit)s, %(amount)s::bigint,
                      %(payout)s::uuid))
        """,
        cash.RESERVE_SQL,
        {
            "op": operation_id,
            "creator": creator_id,
            "unit": CURRENCY_NUMBERS[currency],
            "amount": amount_minor,
            "payout": payout_id,
        },
    )


def _ask(asked: str, sql: str, facts: dict[str, Any]) -> ledger.Outcome:
    assert connection.in_atomic_block, "the caller opens the transaction"
    with connection.cursor() as cursor:
        cursor.execute(f"{asked} SELECT op, done, replayed, refusal, result FROM {sql}", facts)
        operation_id, *row = cursor.fetchone()
    return ledger.outcome(operation_id, row)


def post_payout(*, fee_minor: int = 0, **step: Any) -> ledger.Outcome:
    return cash.post_payout(fee_minor=fee_minor, **step)


def void_payout(**step: Any) -> ledger.Outcome:
    return cash.void_payout(**step)


def return_payout(*, fee_minor: int = 0, **step: Any) -> ledger.Outcome:
    return cash.return_payout(fee_minor=fee_minor, **step)
