"""The ledger: the only Python that touches it.

Promise: value moves through these functions and in no other way. Each runs one posting function of
the ``ledger`` schema inside the caller's transaction; its operation id is the idempotency key. An
outcome is returned, never raised, because a refusal is stored too and must be committed: the
service commits first and raises afterwards (``Outcome.check``).

Amounts: coins are whole, diamonds are thousandths (``_milli``), money is minor units.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from accounts import statements
from wallet.money import CURRENCY_NUMBERS

COIN: Final = 1
DIA: Final = 2

# A gift as a part of the caller's own statement, which writes what belongs to it in the same round
# trip: ``gift_facts`` are its values, ``outcome`` reads its row.
GIFT_SQL: Final = """
SELECT done, replayed, refusal, result
  FROM ledger.gift(%(op)s, %(payer)s, %(creator)s, %(coins)s, %(actor)s, %(context)s, %(memo)s)
"""


class InsufficientCoins(Exception):
    """The wallet does not hold the coins. ``balance`` is what it holds."""

    def __init__(self, *, balance: int) -> None:
        super().__init__(f"You have {balance:,} coins, which is not enough.")
        self.balance = balance


class InsufficientDiamonds(Exception):
    """The creator does not have the diamonds available."""


class InsufficientCash(Exception):
    """The creator's payable cash is less than the amount."""


class NothingAvailable(Exception):
    """There are no diamonds to settle under that card, or too few for one minor unit."""


class NothingDue(Exception):
    """The hold has not ended, or the bucket was released before."""


class NoRateCard(Exception):
    """No rate card is in force, so a gift could not be valued."""


class LotDisputed(Exception):
    """The payment behind the coins is disputed, so they are held."""


class CoinsSpent(Exception):
    """Fewer coins of the purchase are left than were asked for."""


class AlreadyResolved(Exception):
    """What was held for a refund was paid or given back before."""


class NotDisputed(Exception):
    """The payment is not disputed now."""


class OperationConflict(Exception):
    """The operation id was used before, for something else."""

    def __init__(self) -> None:
        super().__init__("This request was sent before with other contents. Start again.")


_REFUSALS: Final[dict[str, Callable[[], Exception]]] = {
    "conflict": OperationConflict,
    "insufficient_diamonds": lambda: InsufficientDiamonds("The creator has fewer diamonds."),
    "insufficient_cash": lambda: InsufficientCash("The creator has less to be paid."),
    "nothing_available": lambda: NothingAvailable("There is nothing to settle."),
    "nothing_due": lambda: NothingDue("Nothing is due for release."),
    "no_rate_card": lambda: NoRateCard("Gifts are closed: no rate card is in force."),
    "lot_disputed": lambda: LotDisputed("The bank is looking into this payment: coins wait."),
    "coins_spent": lambda: CoinsSpent("Some of these coins have been spent meanwhile."),
    "already_resolved": lambda: AlreadyResolved("This refund has come to its end before."),
    "already_returned": lambda: AlreadyResolved("This refund has come back before."),
    "not_disputed": lambda: NotDisputed("This payment is not in dispute."),
    "nothing_owed": lambda: NothingDue("There are no coins to pay back, or none to pay with."),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a posting came to. A replay has the outcome of its first try."""

    operation_id: UUID
    done: bool
    replayed: bool
    refusal: str | None
    result: dict[str, Any]

    def check(self) -> "Outcome":
        """Raise the refusal, if it is one. Call after the transaction has committed."""
        if self.refusal is None:
            return self
        if self.refusal == "insufficient_coins":
            raise InsufficientCoins(balance=self.result["balance"])
        assert self.refusal in _REFUSALS, f"the ledger refused for no known reason: {self.refusal}"
        refusal: Exception = _REFUSALS[self.refusal]()
        raise refusal


@dataclass(frozen=True, slots=True)
class Gift:
    """One gift, or one tick of a combo, to post. ``memo`` is shown in histories as it is now."""

    operation_id: UUID
    payer_id: int
    creator_id: int
    coins: int
    actor_id: int
    context: str
    memo: dict[str, Any]


def new_operation_id() -> UUID:
    """Make a UUIDv7 (RFC 9562, 5.7): its time first, so that keys grow, and 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds << 80) | secrets.randbits(80)
    bits = (bits & ~(0xF << 76)) | (7 << 76)
    return UUID(int=(bits & ~(0x3 << 62)) | (2 << 62))


def buy(
    *,
    operation_id: UUID,
    buyer_id: int,
    purchase_id: UUID,
    coins: int,
    hold_class: int,
    currency: str,
    gross_minor: int,
    tax_minor: int,
    fee_minor: int,
    memo: dict[str, Any],
) -> Outcome:
    """Credit bought coins as a new lot, and book price, tax and fee. Locks the buyer's wallet."""
    cash = (CURRENCY_NUMBERS[currency], gross_minor, tax_minor, fee_minor)
    lot = (buyer_id, purchase_id, coins, hold_class)
    return post("buy", operation_id, *lot, *cash, Jsonb(memo))


def gift(posting: Gift) -> Outcome:
    """Spend coins, oldest lots first, and credit the creator's pending diamonds.

    Locks the payer's wallet only. Refusals: insufficient_coins, no_rate_card.
    """
    assert connection.in_atomic_block, "the caller opens the transaction"
    with statements.prepared_cursor() as cursor:
        cursor.execute(GIFT_SQL, gift_facts(posting))
        return outcome(posting.operation_id, cursor.fetchone())


def gift_facts(posting: Gift) -> dict[str, Any]:
    """Give the values of GIFT_SQL."""
    return {
        "op": posting.operation_id,
        "payer": posting.payer_id,
        "creator": posting.creator_id,
        "coins": posting.coins,
        "actor": posting.actor_id,
        "context": posting.context,
        "memo": Jsonb(posting.memo),
    }


def outcome(operation_id: UUID, row: Sequence[Any]) -> Outcome:
    """Read the row that a posting function answers with."""
    done, replayed, refusal, result = row
    return Outcome(operation_id, done, replayed, refusal, json.loads(result) if result else {})


def post_gifts(postings: Sequence[Gift]) -> list[Outcome]:
    """Post up to 200 gifts in one call; outcomes in the order of ``postings``.

    Locks the payers' wallets in the order of their ids.
    """
    assert connection.in_atomic_block, "the caller opens the transaction"
    assert len(postings) <= 200, "a batch holds at most 200 gifts"
    items = [
        {
            "op": str(p.operation_id),
            "payer": p.payer_id,
            "creator": p.creator_id,
            "coins": p.coins,
            "actor": p.actor_id,
            "context": p.context,
            "memo": p.memo,
        }
        for p in postings
    ]
    parameters: list[Any] = [Jsonb(items)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT op, done, replayed, refusal, result FROM ledger.post_gifts(%s)", parameters
        )
        outcomes = {row[0]: outcome(row[0], row[1:]) for row in cursor}
    return [outcomes[p.operation_id] for p in postings]


def adjust_coins(
    *,
    operation_id: UUID,
    owner_id: int,
    coins: int,
    hold_class: int,
    proposer_id: int,
    approver_id: int,
    memo: dict[str, Any],
) -> Outcome:
    """Give (or with a negative number take) coins by the word of two people. Locks the wallet."""
    people = (proposer_id, approver_id)
    return post("adjust_coins", operation_id, owner_id, coins, hold_class, *people, Jsonb(memo))


def adjust_diamonds(
    *,
    operation_id: UUID,
    owner_id: int,
    card_id: int,
    diamonds_milli: int,
    proposer_id: int,
    approver_id: int,
    memo: dict[str, Any],
) -> Outcome:
    """Give or take available diamonds of one card by the word of two people. Locks that account."""
    facts = (owner_id, card_id, diamonds_milli, proposer_id, approver_id)
    return post("adjust_diamonds", operation_id, *facts, Jsonb(memo))


def fold() -> int | None:
    """Sum folded accounts up to the transaction horizon. None: another folder is at work."""
    return _value("SELECT ledger.fold()")


def close_period() -> int | None:
    """Close the open period, if anything happened in it, and open the next. Its id, or None."""
    return _value("SELECT ledger.close_period()")


def seal_period() -> int | None:
    """Seal the oldest closed period without a seal. Its id, or None when all are sealed."""
    return _value("SELECT ledger.seal_period()")


def release_due(*, debt_share_bps: int, limit: int) -> int:
    """Release up to ``limit`` buckets whose hold has ended; debt is repaid first. How many."""
    released = _value("SELECT ledger.release_due(%s, %s)", debt_share_bps, limit)
    assert released is not None
    return released


def announce_card(
    *,
    name: str,
    diamonds_per_coin_milli: int,
    diamond_usd: Decimal,
    hold_days: dict[int, int],
    notice_days: int,
    effective_at: datetime,
    announced_by_id: int,
) -> int:
    """Announce a rate card; its id.

    Raises IntegrityError (rate_card_notice) when a worse card would take effect inside the notice
    that the card before it promised, or any card in the past.
    """
    card_id = _value(
        "SELECT ledger.announce_card(%s, %s, %s, %s, %s, %s, %s)",
        name,
        diamonds_per_coin_milli,
        diamond_usd,
        Jsonb({str(key): days for key, days in hold_days.items()}),
        notice_days,
        effective_at,
        announced_by_id,
    )
    assert card_id is not None
    return card_id


def turnover(account_id: int) -> tuple[int, int]:
    """Debits and credits of any account, exact at this instant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT debits, credits FROM ledger.turnover(%s)", [account_id])
        debited, credited = cursor.fetchone()
    return int(debited), int(credited)


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    subject: str


def audit() -> Iterable[Finding]:
    """Derive everything derived again and compare; one finding per difference. Reads only."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT check_name, subject FROM ledger.audit()"
            " UNION ALL SELECT check_name, subject FROM ledger.audit_returns()"
        )
        return [Finding(check=row[0], subject=row[1]) for row in cursor.fetchall()]


def post(function: str, operation_id: UUID, *arguments: Any) -> Outcome:
    """Run one posting function of the schema in the caller's transaction."""
    assert connection.in_atomic_block, "the caller opens the transaction"
    places = ", ".join(["%s"] * (len(arguments) + 1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT done, replayed, refusal, result FROM ledger.{function}({places})",  # noqa: S608 - our own names
            [operation_id, *arguments],
        )
        return outcome(operation_id, cursor.fetchone())


def _value(sql: str, *arguments: Any) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(arguments))
        value: int | None = cursor.fetchone()[0]
    return value
