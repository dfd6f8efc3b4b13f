"""Why diamonds are not yet, or no longer, a creator's: what waits, what a bank holds, what is owed.

Promises: reads only, scoped by the creator; nothing tells whose payment it was.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone

from wallet import books
from wallet.models import FIRST_PAYOUTS, Account, HoldClass, Transfer

HOLD_MAX: Final = timedelta(days=120)  # longer than any hold of a card

# How a payment is called where somebody reads why its diamonds wait.
PAID_BY: Final = {
    HoldClass.BANK: "paid by bank transfer",
    HoldClass.WALLET: "paid by a payment wallet",
    HoldClass.GIFT_CARD: "paid by gift card",
    HoldClass.CARD_3DS: "paid by card with the bank’s check",
    HoldClass.CARD: "paid by card",
    HoldClass.APP_STORE: "paid in an app store",
    HoldClass.CARRIER: "paid by phone bill",
}


def cause_words(hold: HoldClass, *, is_first: bool) -> str:
    """Say why diamonds wait: how they were paid for, and that a creator is new to being paid."""
    return f"{PAID_BY[hold]} before three payouts have reached you" if is_first else PAID_BY[hold]


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a gift's diamonds are pending. No date: its period has not closed yet.

    A gift paid by two payments waits for the longer hold of both.
    """

    release_at: datetime | None
    hold: HoldClass
    hold_days: int
    is_first: bool = False  # longer than its payment class: one of the creator's first payouts


@dataclass(frozen=True, slots=True)
class Owing:
    """A change of what a creator owes: more by a loss, less by what matured."""

    at: datetime
    change_milli: int
    owed_milli: int  # after it


def waiting(*, creator_id: int, gifts: Sequence[books.Earning]) -> dict[UUID, Wait]:
    """Why and until when the diamonds of these gifts are pending; of those that still are.

    The period of each is looked for from the newest on, and only while a hold can still last.
    """
    sql = f"""
        SELECT t.op_id, a.hold_class, card.hold_days::text, b.release_at, p.closed_at,
               {books.IS_NEW_SQL}, coalesce(b.done, false)
          FROM ledger.transfer t
          JOIN ledger.account a ON a.id = t.credit_account_id AND a.owner_id = %(owner)s
          JOIN ledger.rate_card card ON card.id = a.card_id
          LEFT JOIN LATERAL (SELECT id, closed_at FROM ledger.period
                              WHERE xid_from <= t.xid ORDER BY id DESC LIMIT 1) p ON true
          LEFT JOIN ledger.bucket b ON b.period_id = p.id AND b.account_id = a.id
         WHERE t.op_id = ANY(%(gifts)s) AND t.code = 21
    """  # noqa: S608 - our own words
    since = timezone.now() - HOLD_MAX
    young = [gift.operation_id for gift in gifts if gift.at > since]
    found: dict[UUID, Wait] = {}
    if not young:
        return found
    with connection.cursor() as cursor:
        cursor.execute(sql, {"owner": creator_id, "gifts": young, "first": FIRST_PAYOUTS})
        for operation_id, hold, days, release_at, closed_at, is_new, is_done in cursor.fetchall():
            if is_done:
                continue
            hold_days, is_first = books.wait_of(
                json.loads(days),
                str(hold),
                waits_for=release_at and release_at - closed_at,
                is_new=is_new,
            )
            known = found.get(operation_id)
            if known is None or known.hold_days < hold_days:
                found[operation_id] = Wait(release_at, HoldClass(hold), hold_days, is_first)
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """Diamonds that began to wait for a bank's decision, or came back after it."""

    at: datetime
    diamonds_milli: int
    is_over: bool  # given back: the payment stayed paid


def held(*, creator_id: int, limit: int) -> list[Held]:
    """When diamonds of a creator waited for a bank and were given back, latest first."""
    code = Transfer.Code
    mine = Q(debit_account__owner_id=creator_id)
    rows = (
        Transfer.objects.filter(
            mine, code__in=(code.DISPUTE_HOLD_DIAMONDS, code.DISPUTE_GIVE_BACK_DIAMONDS)
        )
        .values("op_id", "code", "op__recorded_at")
        .annotate(diamonds=Sum("amount"))
        .order_by("-op__recorded_at", "op_id")
    )
    return [
        Held(
            row["op__recorded_at"],
            int(row["diamonds"]),
            row["code"] == code.DISPUTE_GIVE_BACK_DIAMONDS,
        )
        for row in rows[:limit]
    ]


def owing(*, creator_id: int, limit: int) -> list[Owing]:
    """How a creator's debt came about and was repaid, latest first."""
    account = Account.objects.filter(owner_id=creator_id, code=Account.Code.DIAMOND_DEBT).first()
    if account is None:
        return []
    more, less = Q(debit_account=account), Q(credit_account=account)
    rows = (
        Transfer.objects.filter(more | less)
        .values("op_id", "op__recorded_at")
        .annotate(
            more=Sum("amount", filter=more, default=0), less=Sum("amount", filter=less, default=0)
        )
        .order_by("op__recorded_at", "op_id")
    )
    owed, found = 0, []
    for row in rows:
        change = int(row["more"]) - int(row["less"])
        owed += change
        found.append(Owing(row["op__recorded_at"], change, owed))
    return found[-limit:][::-1]
