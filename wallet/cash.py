"""Settlements and payouts in the ledger: diamonds become cash, and cash leaves through a rail.

Promise: as ``ledger``'s: an operation id is the idempotency key, outcomes are returned and never
raised, and nothing else moves cash. What is for many creators is one call for all of them.

Amounts: diamonds are thousandths (``_milli``), money is minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
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


def settle(
    settlements: Sequence[Settlement], *, memo: dict[str, Any], context: str
) -> Mapping[UUID, ledger.Outcome]:
    """Turn the diamonds of each into payable cash, rounded down once each; outcomes by operation.

    A result has ``diamonds`` (thousandths), ``amount_minor`` and ``remainder`` (of a minor unit, as
    text). Locks the creators' diamond accounts, then their cash. Refusal: nothing_available.
    """
    outcomes = ledger.post_many(
        "settle",
        [s.operation_id for s in settlements],
        [s.creator_id for s in settlements],
        [s.card_id for s in settlements],
        [CURRENCY_NUMBERS[s.currency] for s in settlements],
        [s.fx_per_usd for s in settlements],
        Jsonb(memo),
        context,
    )
    return {outcome.operation_id: outcome for outcome in outcomes}


def reserve_payouts(reservations: Sequence[Reservation]) -> Mapping[UUID, ledger.Outcome]:
    """Set the cash of each aside before a rail is called; outcomes by operation.

    At most one for a creator and currency in a call. Locks their cash. Refusal: insufficient_cash.
    """
    outcomes = ledger.post_many(
        "reserve_payouts",
        [r.operation_id for r in reservations],
        [r.creator_id for r in reservations],
        [CURRENCY_NUMBERS[r.currency] for r in reservations],
        [r.amount_minor for r in reservations],
        [r.payout_id for r in reservations],
    )
    return {outcome.operation_id: outcome for outcome in outcomes}


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
