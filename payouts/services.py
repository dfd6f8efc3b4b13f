"""Payouts: asked for, set aside, approved and cancelled.

Promises: a payout's cash is reserved in the ledger in the transaction that writes the payout down,
so there is never one without the other; until it is handed to the bank it can be cancelled, and
the cash returns. ``submissions`` takes it to the bank.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import states
from accounts.models import User
from payouts import bookings, eligibility, queries, risk, runs, terms
from payouts.models import Destination, Payout, PayoutChoice
from wallet import cash, ledger
from wallet import queries as wallets
from wallet.models import FxRate
from wallet.money import money


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
    payout = draft(
        payout_id=payout_id, destination=destination, amount_minor=amount_minor, rate=rate, at=at
    )
    return reserve([payout])[payout_id]


def draft(
    *,
    payout_id: UUID,
    destination: Destination,
    amount_minor: int,
    rate: FxRate,
    at: datetime,
    run_id: UUID | None = None,
) -> Payout:
    """Write down a payout with its fee, not saved. A large one waits for two members of staff."""
    is_large = amount_minor >= terms.second_person_minor(rate)
    return Payout(
        pk=payout_id,
        creator_id=destination.creator_id,
        destination=destination,
        run_id=run_id,
        amount_minor=amount_minor,
        fee_minor=terms.fee_minor(rate, rail=destination.rail),
        currency=destination.currency,
        state=Payout.State.REQUESTED if is_large else Payout.State.RESERVED,
        needs_approval=is_large,
        reserve_op=uuid.uuid5(payout_id, "reserve"),
        resolve_op=uuid.uuid5(payout_id, "resolve"),
        return_op=uuid.uuid5(payout_id, "return"),
        requested_at=at,
        due_at=None if is_large else at,
    )


def reserve(payouts: Sequence[Payout]) -> Mapping[UUID, Payout | ledger.Outcome]:
    """Set the cash of each aside and write it down, in the caller's transaction; by payout.

    The caller holds the creators' rows; at most one payout for each of them. Without the cash there
    is no payout, but the ledger's refusal, to commit and raise.
    """
    outcomes = cash.reserve_payouts(
        [
            cash.Reservation(
                operation_id=payout.reserve_op,
                creator_id=payout.creator_id,
                currency=payout.currency,
                amount_minor=payout.amount_minor,
                payout_id=payout.pk,
            )
            for payout in payouts
        ]
    )
    Payout.objects.bulk_create([row for row in payouts if outcomes[row.reserve_op].done])
    return {
        row.pk: row if outcomes[row.reserve_op].done else outcomes[row.reserve_op]
        for row in payouts
    }


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
