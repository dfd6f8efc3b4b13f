"""What people hold in the ledger: lots of coins, diamonds on their way, cash, and gifts received.

Promises: reads only, each scoped by its owner and exact at the instant of the read; what a creator
sees never tells what their fans paid.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, Sum
from djmoney.money import Money

from wallet.models import (
    FIRST_HOLD,
    FIRST_PAYOUTS,
    Account,
    HoldClass,
    Lot,
    RateCard,
    Transfer,
)
from wallet.money import currency_of, money

CHUNK: Final = 200
# Whether fewer payouts than the first ones have reached the creator, as ledger.close_period counts.
# The last condition is the index's own: without it the planner reads every transfer there is.
IS_NEW_SQL: Final = """(SELECT count(*) FROM (
    SELECT 1 FROM ledger.account paid JOIN ledger.transfer sent
        ON sent.debit_account_id = paid.id AND sent.code = 51 AND sent.debit_account_id >= 2048000
     WHERE paid.owner_id = %(owner)s AND paid.code = 311 LIMIT %(first)s) AS posted) < %(first)s"""

# What left a creator's payouts for the bank, less what came back; by the bounds of both indexes.
PAID_SQL: Final = """
SELECT coalesce(sum(moved.amount), 0) FROM (
    SELECT t.amount FROM ledger.account a JOIN ledger.transfer t
        ON t.debit_account_id = a.id AND t.code = 51 AND t.debit_account_id >= 2048000
     WHERE a.owner_id = %(owner)s AND a.code = 311 AND a.unit = %(unit)s
     UNION ALL
    SELECT -t.amount FROM ledger.account a JOIN ledger.transfer t
        ON t.credit_account_id = a.id AND t.code = 53 AND t.credit_account_id >= 2048000
     WHERE a.owner_id = %(owner)s AND a.code = 310 AND a.unit = %(unit)s) AS moved
"""


@dataclass(frozen=True, slots=True)
class LotLeft:
    """One payment's coins, and how many of them are left. No price: nobody paid for them."""

    id: int
    bought_at: datetime
    coins: int
    left: int
    price: Money | None
    method: str
    purchase_id: UUID | None


@dataclass(frozen=True, slots=True)
class Maturing:
    """Pending diamonds released together. No date: the hold after the current period closes.

    ``is_first``: they wait longer than their payment class, as a creator's first payouts do.
    """

    release_at: datetime | None
    diamonds_milli: int
    card: RateCard
    hold: HoldClass
    hold_days: int
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class CardDiamonds:
    """A creator's diamonds that were earned under one card."""

    card: RateCard
    pending_milli: int
    available_milli: int


@dataclass(frozen=True, slots=True)
class Diamonds:
    pending_milli: int
    available_milli: int
    debt_milli: int
    disputed_milli: int
    per_card: Sequence[CardDiamonds]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Diamonds that went with a payment its payer's bank took back; ``debt_milli`` of them are owed
    because they were paid out before."""

    at: datetime
    diamonds_milli: int
    debt_milli: int


@dataclass(frozen=True, slots=True)
class Cash:
    """A creator's cash in one currency, in minor units. Paid: less what banks sent back."""

    currency: str
    payable_minor: int
    in_payout_minor: int
    paid_minor: int

    @property
    def payable(self) -> Money:
        return money(self.payable_minor, self.currency)

    @property
    def in_payout(self) -> Money:
        return money(self.in_payout_minor, self.currency)

    @property
    def paid(self) -> Money:
        return money(self.paid_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Earning:
    """One gift received. ``cursor`` continues a list after it."""

    cursor: int
    operation_id: UUID
    at: datetime
    memo: dict[str, Any]
    context: str
    coins: int
    diamonds_milli: int
    card: RateCard


def lots(*, user_id: int) -> list[LotLeft]:
    """The person's lots that still hold coins, in the order they are spent."""
    rows = (
        Lot.objects.filter(
            account__owner_id=user_id, account__code=Account.Code.WALLET, remaining__gt=0
        )
        .select_related("purchase__method")
        .order_by("id")
    )
    return [
        LotLeft(
            lot.pk,
            lot.created_at,
            lot.amount,
            lot.remaining,
            None if lot.cash_unit is None else money(lot.gross_minor, currency_of(lot.cash_unit)),
            lot.purchase.method.name if lot.purchase else "",
            lot.purchase_id,
        )
        for lot in rows
    ]


def maturing(*, creator_id: int) -> list[Maturing]:
    """The creator's pending diamonds by release date, soonest first, what has no date yet last.

    One statement, so that a fold or a release meanwhile is seen whole or not at all.
    """
    sql = f"""
        SELECT a.card_id, a.hold_class, b.release_at, p.closed_at, {IS_NEW_SQL},
               b.amount - b.clawed - b.released
          FROM ledger.account a JOIN ledger.bucket b ON b.account_id = a.id AND NOT b.done
          JOIN ledger.period p ON p.id = b.period_id
         WHERE a.owner_id = %(owner)s AND a.code = 210
        UNION ALL
        SELECT a.card_id, a.hold_class, NULL, NULL, {IS_NEW_SQL}, t.credits - t.debits - coalesce(
                   (SELECT sum(amount - clawed - released) FROM ledger.bucket
                     WHERE account_id = a.id AND NOT done), 0)
          FROM ledger.account a CROSS JOIN LATERAL ledger.turnover(a.id) t
         WHERE a.owner_id = %(owner)s AND a.code = 210
    """  # noqa: S608 - our own words
    with connection.cursor() as cursor:
        cursor.execute(sql, {"owner": creator_id, "first": FIRST_PAYOUTS})
        rows = cursor.fetchall()
    cards = RateCard.objects.in_bulk({row[0] for row in rows})
    sums: dict[tuple[datetime | None, int, int, int, bool], int] = {}
    for card_id, hold, release_at, closed_at, is_new, amount in rows:
        wait = wait_of(
            cards[card_id].hold_days,
            str(hold),
            waits_for=release_at and release_at - closed_at,
            is_new=is_new,
        )
        key = (release_at, card_id, hold, *wait)
        sums[key] = sums.get(key, 0) + int(amount)
    found = [
        Maturing(when, amount, cards[card_id], HoldClass(hold), days, is_first)
        for (when, card_id, hold, days, is_first), amount in sums.items()
        if amount > 0
    ]
    return sorted(
        found, key=lambda m: (m.release_at is None, m.release_at or 0, m.hold_days, m.card.pk)
    )


def wait_of(
    hold_days: Mapping[str, int], hold: str, *, waits_for: timedelta | None, is_new: bool
) -> tuple[int, bool]:
    """How many days diamonds wait, and whether that is as one of a creator's first payouts.

    ``waits_for`` is what was decided when their period closed; None: it is still open.
    """
    by_class, first = hold_days[hold], hold_days.get(FIRST_HOLD, 0)
    longer = is_new if waits_for is None else waits_for > timedelta(days=by_class)
    return (first, True) if longer and first > by_class else (by_class, False)


def diamond_accounts(*, creator_id: int) -> Diamonds:
    """The creator's diamonds, exact: pending and available, per card and in all, owed, disputed."""
    sql = """
        SELECT a.code, a.card_id, sum(a.sign * (t.credits - t.debits))
          FROM ledger.account a CROSS JOIN LATERAL ledger.turnover(a.id) t
         WHERE a.owner_id = %s AND a.code IN (210, 211, 212, 213) GROUP BY a.code, a.card_id
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [creator_id])
        held = {(code, card_id): int(amount) for code, card_id, amount in cursor}
    cards = RateCard.objects.in_bulk({card_id for _, card_id in held if card_id})
    per_card = [
        CardDiamonds(
            card,
            held.get((Account.Code.DIAMOND_PENDING, card.pk), 0),
            held.get((Account.Code.DIAMOND_AVAILABLE, card.pk), 0),
        )
        for card in sorted(cards.values(), key=lambda card: card.effective_at)
    ]
    return Diamonds(
        sum(card.pending_milli for card in per_card),
        sum(card.available_milli for card in per_card),
        sum(amount for (code, _), amount in held.items() if code == Account.Code.DIAMOND_DEBT),
        sum(amount for (code, _), amount in held.items() if code == Account.Code.DIAMOND_DISPUTED),
        per_card,
    )


def taken_back(*, creator_id: int, limit: int) -> list[TakenBack]:
    """What was taken back from the creator by lost payments, latest first."""
    rows = (
        Transfer.objects.filter(
            code=Transfer.Code.LOSS_DIAMONDS, debit_account__owner_id=creator_id
        )
        .values("op_id", "op__recorded_at")
        .annotate(
            diamonds=Sum("amount"),
            debt=Sum("amount", filter=Q(debit_account__code=Account.Code.DIAMOND_DEBT), default=0),
        )
        .order_by("-op__recorded_at", "op_id")
    )
    return [
        TakenBack(row["op__recorded_at"], int(row["diamonds"]), int(row["debt"]))
        for row in rows[:limit]
    ]


def cash_accounts(*, creator_id: int) -> list[Cash]:
    """The creator's cash in each currency they ever had any in."""
    accounts = Account.objects.filter(
        owner_id=creator_id, code__in=(Account.Code.CASH_PAYABLE, Account.Code.CASH_IN_PAYOUT)
    )
    held = {
        (account.unit, account.code): account
        for account in accounts.select_related("balance").annotate(
            amount=F("balance__credits") - F("balance__debits")
        )
    }
    return [
        Cash(
            currency_of(unit),
            _amount(held.get((unit, Account.Code.CASH_PAYABLE))),
            _amount(held.get((unit, Account.Code.CASH_IN_PAYOUT))),
            _paid_minor(creator_id, unit),
        )
        for unit in sorted({unit for unit, _ in held}, key=currency_of)
    ]


def earned(*, creator_id: int, before: int | None = None, limit: int = 50) -> list[Earning]:
    """Gifts the creator received, newest first, after the cursor ``before``.

    A gift paid from several lots is one entry. Nothing of what the payer paid is read.
    """
    found: list[Earning] = []
    chunk = min(CHUNK, 2 * limit)
    for legs in _chunks(_diamond_legs(creator_id, before, chunk), chunk):
        whole = _whole_gifts(creator_id, [leg.op_id for leg in legs])
        for leg in legs:
            entry = whole[leg.op_id]
            if entry.cursor == leg.pk:  # a gift stands where its first leg does
                found.append(entry)
            if len(found) == limit:
                return found
    return found


def _amount(account: Account | None) -> int:
    return 0 if account is None else int(account.amount)  # type: ignore[attr-defined]


def _paid_minor(creator_id: int, unit: int) -> int:
    """Paid less returned."""
    with connection.cursor() as cursor:
        cursor.execute(PAID_SQL, {"owner": creator_id, "unit": unit})
        return int(cursor.fetchone()[0])


def _diamond_legs(creator_id: int, before: int | None, chunk: int) -> Iterator[Transfer]:
    """The creator's gift legs, newest first: one index read an account, merged."""
    accounts = Account.objects.filter(owner_id=creator_id, code=Account.Code.DIAMOND_PENDING)
    return heapq.merge(
        *(
            _legs_of(account_id, before, chunk)
            for account_id in accounts.values_list("pk", flat=True)
        ),
        key=lambda leg: -leg.pk,
    )


def _legs_of(account_id: int, before: int | None, chunk: int) -> Iterator[Transfer]:
    while True:
        legs = Transfer.objects.filter(
            credit_account_id=account_id, code=Transfer.Code.GIFT_DIAMONDS
        ).only("pk", "op_id")
        page = list(
            (legs if before is None else legs.filter(pk__lt=before)).order_by("-pk")[:chunk]
        )
        yield from page
        if len(page) < chunk:
            return
        before = page[-1].pk


def _chunks(legs: Iterable[Transfer], size: int) -> Iterator[list[Transfer]]:
    for _, chunk in groupby(enumerate(legs), key=lambda pair: pair[0] // size):
        yield [leg for _, leg in chunk]


def _whole_gifts(creator_id: int, operation_ids: Sequence[UUID]) -> dict[UUID, Earning]:
    """Every leg of the gifts, found by operation, summed to one entry each."""
    legs = (
        Transfer.objects.filter(
            op_id__in=set(operation_ids),
            code=Transfer.Code.GIFT_DIAMONDS,
            credit_account__owner_id=creator_id,
        )
        .select_related("op__card")
        .order_by("op_id", "pk")
    )
    gifts = {}
    for operation_id, group in groupby(legs, key=lambda leg: leg.op_id):
        mine = list(group)
        operation = mine[0].op
        assert operation.card is not None, "a gift was earned under a card"
        gifts[operation_id] = Earning(
            cursor=mine[0].pk,
            operation_id=operation_id,
            at=operation.recorded_at,
            memo=operation.memo or {},
            context=operation.context or "",
            coins=operation.request["coins"],
            diamonds_milli=sum(leg.amount for leg in mine),
            card=operation.card,
        )
    return gifts
