"""Payouts: asked for, set aside, approved and cancelled.

Promises: a payout's cash is reserved in the ledger in the transaction that writes the payout down,
so there is never one without the other; until it is handed to the bank it can be cancelled, and
the cash returns. ``submissions`` takes it to the bank.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from accounts import states
from accounts.models import User
from payouts import bookings, eligibility, queries, risk, runs, terms
from payouts.models import Destination, Payout, PayoutChoice
from wallet import cash, ledger
from wallet import queries as wallets
from wallet.models import FxRate
from wallet.money import CURRENCY_NUMBERS, money


class TooLittle(Exception):
    """The amount is under the minimum payout."""


class NothingToPay(Exception):
    """There is no cash to be paid, or less than the creator was shown."""


class TooLate(Exception):
    """The payout has been handed to the bank, or is over."""


class NotWaiting(Exception):
    """The payout does not wait for an approval."""


class SamePerson(Exception):
    """The two who approve and the one who is paid must be three people."""


def request_payout(*, payout_id: UUID, creator: User, amount_minor: int, at: datetime) -> Payout:
    """Pay out the amount that the creator was shown and has confirmed.

    The same id again is the same payout. Raises NotEligible, TooLittle, TooMuch, NothingToPay,
    ledger.OperationConflict, and FxMissing or FxStale when the terms cannot be known.
    """
    made = _request(payout_id=payout_id, creator_id=creator.pk, amount_minor=amount_minor, at=at)
    if isinstance(made, Payout):
        return made
    try:
        made.check()
    except ledger.InsufficientCash as refusal:
        raise NothingToPay(
            "Your balance has changed since you opened this page. Look at it again."
        ) from refusal
    raise AssertionError("a reservation that is done has its payout")


@transaction.atomic(durable=True)
def _request(
    *, payout_id: UUID, creator_id: int, amount_minor: int, at: datetime
) -> Payout | ledger.Outcome:
    creator = User.objects.select_for_update(no_key=True).get(pk=creator_id)
    known = Payout.objects.filter(pk=payout_id, creator=creator).first()
    if known is not None:
        if known.amount_minor != amount_minor:
            raise ledger.OperationConflict
        return known
    risk.check_eligible(eligibility.checklist(creator=creator, at=at))
    destination = queries.destination_in_use(creator_id=creator_id)
    assert destination is not None, "the gate has seen it"
    rate = wallets.fx(currency=destination.currency, at=at)
    least = terms.minimum_minor(rate)
    if amount_minor < least:
        raise TooLittle(
            f"Payouts start at {money(least, rate.currency)}. What you have stays yours until then."
        )
    used = runs.used(creator_ids=[creator_id], at=at)[creator_id, rate.currency]
    terms.check_maximum(amount_minor, rate=rate, used=used)
    made = draft(payout_id=payout_id, destination=destination, amount_minor=amount_minor, rate=rate)
    (refusal,) = reserve([made], at=at)
    if refusal is not None:
        return refusal
    return Payout.objects.get(pk=payout_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A payout to be reserved, with what the creator pays for it."""

    payout_id: UUID
    creator_id: int
    destination_id: UUID
    currency: str
    amount_minor: int
    fee_minor: int
    is_large: bool


RESERVE_SQL: Final = f"""
WITH asked AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(asked)s)
           AS asked (op uuid, payout_id uuid, creator_id bigint, unit integer, amount bigint,
                     destination_id uuid, fee bigint, currency text, resolve_op uuid,
                     return_op uuid, is_large boolean)
), reserved AS MATERIALIZED (
    SELECT op, done, replayed, refusal, result FROM {cash.RESERVE_SQL}
), written AS (
    INSERT INTO payouts_payout (id, creator_id, destination_id, run_id, amount_minor, fee_minor,
                                currency, state, reserve_op, resolve_op, return_op, rail_ref,
                                failure, needs_approval, attempts, due_at, requested_at)
    SELECT asked.payout_id, asked.creator_id, asked.destination_id, %(run)s, asked.amount,
           asked.fee, asked.currency,
           CASE WHEN asked.is_large THEN 'requested' ELSE 'reserved' END,
           asked.op, asked.resolve_op, asked.return_op, '', '', asked.is_large, 0,
           CASE WHEN asked.is_large THEN NULL ELSE %(at)s END, %(at)s
      FROM reserved JOIN asked USING (op)
     WHERE reserved.done
)
SELECT op, done, replayed, refusal, result FROM reserved
"""  # noqa: S608 - our own names


def draft(*, payout_id: UUID, destination: Destination, amount_minor: int, rate: FxRate) -> Draft:
    """Say what a payout to that account would be. A large one waits for two members of staff."""
    return Draft(
        payout_id=payout_id,
        creator_id=destination.creator_id,
        destination_id=destination.pk,
        currency=destination.currency,
        amount_minor=amount_minor,
        fee_minor=terms.fee_minor(rate, rail=destination.rail),
        is_large=amount_minor >= terms.second_person_minor(rate),
    )


def reserve(
    drafts: Sequence[Draft], *, at: datetime, run_id: UUID | None = None
) -> Sequence[ledger.Outcome | None]:
    """Set the cash of each aside and write it down, in the caller's transaction.

    The caller holds the creators' rows; at most one payout for each of them. Without the cash there
    is no payout, but the ledger's refusal in its place, to commit and raise.
    """
    assert connection.in_atomic_block, "the caller opens the transaction"
    if not drafts:
        return []
    asked = [
        {
            "op": str(uuid.uuid5(made.payout_id, "reserve")),
            "payout_id": str(made.payout_id),
            "creator_id": made.creator_id,
            "unit": CURRENCY_NUMBERS[made.currency],
            "amount": made.amount_minor,
            "destination_id": str(made.destination_id),
            "fee": made.fee_minor,
            "currency": made.currency,
            "resolve_op": str(uuid.uuid5(made.payout_id, "resolve")),
            "return_op": str(uuid.uuid5(made.payout_id, "return")),
            "is_large": made.is_large,
        }
        for made in drafts
    ]
    with connection.cursor() as cursor:
        cursor.execute(RESERVE_SQL, {"asked": json.dumps(asked), "at": at, "run": run_id})
        rows = {str(row[0]): row for row in cursor}
    found = (rows[str(one["op"])] for one in asked)
    return [None if done else ledger.outcome(op, (done, *rest)) for op, done, *rest in found]


@transaction.atomic(durable=True)
def approve_payout(*, payout_id: UUID, by: User, at: datetime) -> Payout:
    """Give one of the two approvals a large payout needs; the second lets it go.

    Raises NotWaiting, SamePerson.
    """
    payout = Payout.objects.select_for_update(no_key=True).get(pk=payout_id)
    if payout.state not in {Payout.State.REQUESTED, Payout.State.CHECKED}:
        raise NotWaiting(
            f"This payout does not wait for an approval: {payout.get_state_display()}."
        )
    if by.pk in {payout.creator_id, payout.checked_by_id}:
        raise SamePerson(
            "This payout is yours, or you approved it before. It needs another member of staff."
        )
    if payout.state == Payout.State.REQUESTED:
        payout.checked_by = by
        payout.save(update_fields=["checked_by"])
        return states.move(
            payout, to=Payout.State.CHECKED, why="First approval", at=at, by_id=by.pk
        )
    payout.approved_by, payout.due_at = by, at
    payout.save(update_fields=["approved_by", "due_at"])
    return states.move(payout, to=Payout.State.RESERVED, why="Second approval", at=at, by_id=by.pk)


@transaction.atomic(durable=True)
def cancel_payout(*, payout_id: UUID, by: User, why: str, at: datetime) -> Payout:
    """Give the cash back, while nothing was handed to the bank. Raises TooLate."""
    payout = Payout.objects.select_for_update(no_key=True).get(pk=payout_id)
    if payout.state == Payout.State.CANCELLED:
        return payout
    if not payout.is_cancellable:
        raise TooLate(
            "This payout is with the bank, so it cannot be cancelled any more. "
            "If the bank sends it back, the money returns to your balance."
        )
    bookings.void(payout)
    payout.due_at, payout.resolved_at = None, at
    payout.save(update_fields=["due_at", "resolved_at"])
    payout = states.move(payout, to=Payout.State.CANCELLED, why=why, at=at, by_id=by.pk)
    if by.pk != payout.creator_id:
        bookings.tell(
            payout,
            title=f"Your payout of {payout.money} was cancelled",
            body=f"{why} The money is back in your balance.",
        )
    return payout


@transaction.atomic(durable=True)
def choose_automatic(*, creator: User, is_automatic: bool, at: datetime) -> None:
    """Keep whether runs pay the creator out, or only their own requests do."""
    PayoutChoice.objects.update_or_create(
        creator=creator, defaults={"is_automatic": is_automatic, "chosen_at": at}
    )


@transaction.atomic(durable=True)
def hurry_payout(*, payout_id: UUID, at: datetime) -> None:
    """Look at an open payout now rather than when its turn comes."""
    Payout.objects.filter(pk=payout_id, due_at__gt=at).update(due_at=at)
