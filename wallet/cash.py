"""Settlements and payouts in the ledger: diamonds become cash, and cash leaves through a rail.

Promise: as ``ledger``'s: an operation id is the idempotency key, outcomes are returned and never
raised, and nothing else moves cash. What is for many creators is one call for all of them.

Amounts: diamonds are thousandths (``_milli``), money is minor units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from wallet import ledger
from wallet.money import CURRENCY_NUMBERS


@dataclass(frozen=True, slots=True)
class Settlement:
    """All available diamonds of one creator under one card, to be settled in a currency."""

    operation_id: UUID
    creator_id: int
    card_id: int
    currency: str
    fx_per_usd: Decimal


@dataclass(frozen=True, slots=True)
class Reservation:
    """Payable cash of one creator, to be set aside for one payout."""

    operation_id: UUID
    creator_id: int
    currency: str
    amount_minor: int
    payout_id: UUID


# Both as parts of the caller's own statement, which writes what belongs to them in the same round
# trip: ``settle_facts`` and ``reserve_facts`` are their values, ``op`` joins their rows.
SETTLE_SQL: Final = """
ledger.settle(%(ops)s::uuid[], %(creators)s::bigint[], %(cards)s::integer[], %(units)s::integer[],
              %(per_usd)s::numeric[], %(memo)s, %(context)s)
"""
RESERVE_SQL: Final = """
ledger.reserve_payouts(%(ops)s::uuid[], %(creators)s::bigint[], %(units)s::integer[],
                       %(amounts)s::bigint[], %(payouts)s::uuid[])
"""


def settle_facts(
    settlements: Sequence[Settlement], *, memo: dict[str, Any], context: str
) -> dict[str, Any]:
    """Give the values of SETTLE_SQL, which turns the diamonds of each into payable cash.

    Rounded down once each. A result has ``diamonds`` (thousandths), ``amount_minor`` and
    ``remainder`` (of a minor unit, as text). Locks the creators' diamond accounts, then their cash.
    Refusal: nothing_available.
    """
    return {
        "ops": [s.operation_id for s in settlements],
        "creators": [s.creator_id for s in settlements],
        "cards": [s.card_id for s in settlements],
        "units": [CURRENCY_NUMBERS[s.currency] for s in settlements],
        "per_usd": [s.fx_per_usd for s in settlements],
        "memo": Jsonb(memo),
        "context": context,
    }


def reserve_facts(reservations: Sequence[Reservation]) -> dict[str, Any]:
    """Give the values of RESERVE_SQL, which sets the cash of each aside before a rail is called.

    At most one for a creator and currency in a call. Locks their cash. Refusal: insufficient_cash.
    """
    return {
        "ops": [r.operation_id for r in reservations],
        "creators": [r.creator_id for r in reservations],
        "units": [CURRENCY_NUMBERS[r.currency] for r in reservations],
        "amounts": [r.amount_minor for r in reservations],
        "payouts": [r.payout_id for r in reservations],
    }


def post_payout(
    *,
    operation_id: UUID,
    creator_id: int,
    currency: str,
    amount_minor: int,
    fee_minor: int,
    payout_id: UUID,
) -> ledger.Outcome:
    """Book reserved cash as paid by the bank, less the fee. Shares its id with ``void_payout``."""
    facts = (creator_id, CURRENCY_NUMBERS[currency], amount_minor, fee_minor, payout_id)
    return ledger.post("payout", operation_id, "post", *facts, None)


def void_payout(
    *, operation_id: UUID, creator_id: int, currency: str, amount_minor: int, payout_id: UUID
) -> ledger.Outcome:
    """Give reserved cash back, all of it. Shares its operation id with ``post_payout``."""
    facts = (creator_id, CURRENCY_NUMBERS[currency], amount_minor, 0, payout_id)
    return ledger.post("payout", operation_id, "void", *facts, None)


def return_payout(
    *,
    operation_id: UUID,
    creator_id: int,
    currency: str,
    amount_minor: int,
    fee_minor: int,
    payout_id: UUID,
) -> ledger.Outcome:
    """Book money that the bank sent back after it was paid: the amount less the fee."""
    facts = (creator_id, CURRENCY_NUMBERS[currency], amount_minor, fee_minor, payout_id)
    return ledger.post("payout", operation_id, "return", *facts, None)
