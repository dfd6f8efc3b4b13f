"""Settlements and payouts in the ledger: diamonds become cash, and cash leaves through a rail.

Promise: as ``ledger``'s: an operation id is the idempotency key, outcomes are returned and never
raised, and nothing else moves cash. What is for many creators is one call for all of them.

Amounts: diamonds are thousandths (``_milli``), money is minor units.
"""

from typing import Final
from uuid import UUID

from wallet import ledger
from wallet.money import CURRENCY_NUMBERS

# Both as parts of the caller's own statement, which writes what belongs to them in the same round
# trip: its ``asked`` has their columns, and ``op`` joins their rows to it. With nothing asked there
# is nothing to call.
#
# Settling turns the diamonds of each (op, creator_id, card_id, unit, per_usd) into payable cash,
# rounded down once each. A result has ``diamonds`` (thousandths), ``amount_minor`` and
# ``remainder`` (of a minor unit, as text). Locks the creators' diamond accounts, then their cash.
# Refusal: nothing_available.
SETTLE_SQL: Final = """
(SELECT array_agg(op) AS ops, array_agg(creator_id) AS creators, array_agg(card_id) AS cards,
        array_agg(unit) AS units, array_agg(per_usd) AS per_usd FROM asked) AS every
CROSS JOIN LATERAL ledger.settle(ops, creators, cards, units, per_usd, %(memo)s, %(context)s)
"""
# Reserving sets the cash of each (op, creator_id, unit, amount, payout_id) aside before a rail is
# called. At most one for a creator and currency in a call. Locks their cash. Refusal:
# insufficient_cash.
RESERVE_SQL: Final = """
(SELECT array_agg(op) AS ops, array_agg(creator_id) AS creators, array_agg(unit) AS units,
        array_agg(amount) AS amounts, array_agg(payout_id) AS payouts FROM asked) AS every
CROSS JOIN LATERAL ledger.reserve_payouts(ops, creators, units, amounts, payouts)
"""


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
