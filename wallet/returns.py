"""The ledger's other half: what waits, money that goes back, revenue that was earned, who leaves.

Promise: as ``ledger``'s. Each runs one posting function inside the caller's transaction, its
operation id is the idempotency key, and refusals are outcomes. ``open_dispute`` may raise
OperationalError (serialization_failure) while a gift of the lot is not folded: fold, try again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from wallet import ledger
from wallet.models import RecoursePolicy

# What of a loss is taken back from the creators who received the gifts.
Recourse = RecoursePolicy.Recourse


@dataclass(frozen=True, slots=True)
class Value:
    """What some coins of a purchase are worth to its payer, in minor units."""

    net_minor: int
    tax_minor: int

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.tax_minor


def refund_value(*, purchase_id: UUID, coins: int) -> Value:
    """What giving back that many more coins of the purchase would pay. Rounded down once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT net_minor, tax_minor FROM ledger.refund_value(%s, %s)", [purchase_id, coins]
        )
        return Value(*cursor.fetchone())


def refund_values(*, coins_by_purchase: Mapping[UUID, int]) -> dict[UUID, Value]:
    """Say the same of several purchases at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asked.purchase, worth.net_minor, worth.tax_minor"
            "  FROM unnest(%s::uuid[], %s::bigint[]) AS asked (purchase, coins)"
            " CROSS JOIN LATERAL ledger.refund_value(asked.purchase, asked.coins) AS worth",
            [list(coins_by_purchase), list(coins_by_purchase.values())],
        )
        return {purchase_id: Value(net, tax) for purchase_id, net, tax in cursor.fetchall()}


def hold_refund(
    *, operation_id: UUID, purchase_id: UUID, coins: int, actor_id: int, memo: Mapping[str, Any]
) -> ledger.Outcome:
    """Freeze unspent coins of a purchase. Locks the wallet. Refusals: lot_disputed, coins_spent."""
    facts = (purchase_id, coins, actor_id, Jsonb(dict(memo)))
    return ledger.post("hold_refund", operation_id, *facts)


def resolve_refund(
    *, operation_id: UUID, hold_id: UUID, coins: int, actor_id: int, memo: Mapping[str, Any]
) -> ledger.Outcome:
    """End a refund: ``coins`` of those held were paid back, the others return to the wallet.

    The result has ``amount_minor`` and ``tax_minor`` as booked. Locks the wallet, then the lot's
    money. Refusal: already_resolved.
    """
    facts = (hold_id, coins, actor_id, Jsonb(dict(memo)))
    return ledger.post("resolve_refund", operation_id, *facts)


def return_refund(*, operation_id: UUID, end_id: UUID, memo: Mapping[str, Any]) -> ledger.Outcome:
    """Undo a refund that was paid and came back: its coins are the payer's again.

    The result has ``coins`` and ``amount_minor``. Locks the wallet, then the lot's money.
    Refusal: already_returned.
    """
    return ledger.post("return_refund", operation_id, end_id, Jsonb(dict(memo)))


def hold_gift(
    *, operation_id: UUID, payer_id: int, coins: int, context: str, memo: Mapping[str, Any]
) -> ledger.Outcome:
    """Set the coins of a gift aside, oldest lots first. Locks the wallet.

    The result has ``balance``. Refusal: insufficient_coins.
    """
    return ledger.post("hold_gift", operation_id, payer_id, coins, context, Jsonb(dict(memo)))


def free_gift(*, operation_id: UUID, hold_id: UUID, memo: Mapping[str, Any]) -> ledger.Outcome:
    """Give back the coins of a gift that waits, but for what a dispute took. Locks the wallet.

    The result has ``coins``; where none is held any more nothing moves.
    """
    return ledger.post("free_gift", operation_id, hold_id, Jsonb(dict(memo)))


def open_dispute(
    *, operation_id: UUID, purchase_id: UUID, amount_minor: int, memo: Mapping[str, Any]
) -> ledger.Outcome:
    """Hold a lot's coins, and the diamonds it paid for that still wait, up to the amount.

    Locks the wallet, then buckets. Refusal: lot_disputed.
    """
    return ledger.post("open_dispute", operation_id, purchase_id, amount_minor, Jsonb(dict(memo)))


def resolve_dispute(
    *,
    operation_id: UUID,
    purchase_id: UUID,
    lost_minor: int,
    fee_minor: int,
    takes_cover: bool,
    recourse: Recourse,
    memo: Mapping[str, Any],
) -> ledger.Outcome:
    """End a dispute: nothing lost gives everything back, a loss is taken in the order of the rules.

    The result has ``lost_minor`` of what was left of the payment, ``beyond_minor`` that the
    platform bears, ``burned``, ``covered``, ``traced`` and ``owed`` in coins, ``diamonds`` and
    ``debt`` in thousandths, and ``creators`` ({id: diamonds}). Locks the wallet, the creators'
    diamond accounts, the lot's money. Refusal: not_disputed.
    """
    facts = (purchase_id, lost_minor, fee_minor, takes_cover, recourse, Jsonb(dict(memo)))
    return ledger.post("resolve_dispute", operation_id, *facts)


def repay_coins(*, operation_id: UUID, payer_id: int, memo: Mapping[str, Any]) -> ledger.Outcome:
    """Pay what a payer owes from their wallet, oldest lots first. Refusal: nothing_owed."""
    return ledger.post("repay_coins", operation_id, payer_id, Jsonb(dict(memo)))


def recognise_revenue(*, operation_id: UUID) -> ledger.Outcome:
    """Book as earned what was spent in the next closed period. Refusal: nothing_due."""
    return ledger.post("recognise_revenue", operation_id)


def forget(*, person_id: int) -> int:
    """Take a person's names and words out of memos; the books stay as they are. How many lost any.

    Seals cover transfers alone, so they hold as before. Again is no change.
    """
    assert connection.in_atomic_block, "the caller opens the transaction"
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger.forget(%s)", [person_id])
        return int(cursor.fetchone()[0])
