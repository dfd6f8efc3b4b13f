"""What became of a payout, in the books: paid, failed or returned.

Promises: each books one ledger step under the payout's own operation id, moves the state, publishes
the event and tells the creator, all in the caller's transaction and under its lock of the row. A
refusal of the ledger here is a broken promise of ours, so it is an assertion and undoes everything.
"""

from datetime import datetime, timedelta
from typing import Final

from accounts import services as people
from accounts import states
from accounts.models import NoticeKind
from payouts import destinations, events
from payouts.models import Payout
from payouts.rails import base
from wallet import cash, ledger

STUDIO_PATH: Final = "/studio/"
# How long banks may take to send a payout back. Later returns are found by reconciling.
RETURN_WATCH: Final = timedelta(days=30)
LOOK_SOONEST: Final = timedelta(seconds=5)
LOOK_LATEST: Final = timedelta(hours=1)


def follow(payout: Payout, *, transfer: base.Transfer, at: datetime) -> None:
    """Bring the row and the books to where the rail says the transfer is, step by step."""
    if transfer.state == base.State.FAILED and payout.state != Payout.State.PAID:
        give_back(
            payout, why=transfer.reason_words, is_about_account=transfer.is_about_account, at=at
        )
        return
    if payout.state in {Payout.State.SENDING, Payout.State.UNKNOWN}:
        payout.submitted_at = at
        payout.save(update_fields=["submitted_at"])
        states.move(payout, to=Payout.State.SUBMITTED, why="Taken by the bank", at=at)
    if transfer.state == base.State.ACCEPTED:
        return
    if payout.state == Payout.State.SUBMITTED:
        _book_paid(payout, at=at)
    if transfer.state != base.State.PAID:
        _book_returned(payout, why=transfer.reason_words, at=at)


def _book_paid(payout: Payout, *, at: datetime) -> None:
    _booked(
        cash.post_payout(
            operation_id=payout.resolve_op,
            creator_id=payout.creator_id,
            currency=payout.currency,
            amount_minor=payout.amount_minor,
            fee_minor=payout.fee_minor,
            payout_id=payout.pk,
        )
    )
    states.move(payout, to=Payout.State.PAID, why="Paid by the bank", at=at)
    payout.resolved_at = at
    payout.due_at = next_look(payout, at=at)
    payout.save(update_fields=["resolved_at", "due_at"])
    events.payout_resolved(payout, name=events.PAYOUT_PAID)
    tell(
        payout,
        title=f"{payout.sent} has been paid to your bank account",
        body=f"To {payout.destination}. Reference {payout.pk}.{_fee_words(payout)}",
    )


def _fee_words(payout: Payout) -> str:
    if not payout.fee_minor:
        return ""
    return f" The transfer cost {payout.fee} of the {payout.money} in your balance."


def _book_returned(payout: Payout, *, why: str, at: datetime) -> None:
    """Money that came back is the creator's again, and nothing more goes to that account."""
    _booked(
        cash.return_payout(
            operation_id=payout.return_op,
            creator_id=payout.creator_id,
            currency=payout.currency,
            amount_minor=payout.amount_minor,
            fee_minor=payout.fee_minor,
            payout_id=payout.pk,
        )
    )
    payout.failure, payout.due_at = why[:200], None
    payout.save(update_fields=["failure", "due_at"])
    states.move(payout, to=Payout.State.RETURNED, why=why, at=at)
    destinations.block(destination_id=payout.destination_id, why=why, at=at)
    events.payout_resolved(payout, name=events.PAYOUT_RETURNED)
    tell(
        payout,
        title=f"Your bank sent {payout.sent} back",
        body=f"{why} The money is back in your balance. Check the account or set another one, "
        "then ask for the payout again.",
    )


def give_back(payout: Payout, *, why: str, is_about_account: bool, at: datetime) -> None:
    """A payout that failed: its cash is payable again. The row is locked."""
    void(payout)
    payout.failure, payout.due_at, payout.leased_until = why[:200], None, None
    payout.resolved_at = at
    payout.save(update_fields=["failure", "due_at", "leased_until", "resolved_at"])
    states.move(payout, to=Payout.State.FAILED, why=why[:500], at=at)
    if is_about_account:
        destinations.block(destination_id=payout.destination_id, why=why, at=at)
    events.payout_resolved(payout, name=events.PAYOUT_FAILED)
    todo = " Check the account or set another one." if is_about_account else ""
    tell(
        payout,
        title=f"Your payout of {payout.money} failed",
        body=f"{why} The money is back in your balance.{todo}",
    )


def void(payout: Payout) -> None:
    """Book the reserved cash as the creator's again, once."""
    _booked(
        cash.void_payout(
            operation_id=payout.resolve_op,
            creator_id=payout.creator_id,
            currency=payout.currency,
            amount_minor=payout.amount_minor,
            payout_id=payout.pk,
        )
    )


def _booked(outcome: ledger.Outcome) -> None:
    """What was reserved can be posted or voided, once: a refusal is a mistake of ours."""
    assert outcome.done, f"the ledger refused {outcome.operation_id}: {outcome.refusal}"


def next_look(payout: Payout, *, at: datetime) -> datetime | None:
    """When to ask again: soon, then after a quarter of the time gone by, at last hourly.

    None: it is over, or was paid so long ago that banks no longer send it back.
    """
    if payout.state == Payout.State.PAID:
        assert payout.resolved_at is not None, "a paid payout has its time"
        if at >= payout.resolved_at + RETURN_WATCH:
            return None
        since = payout.resolved_at
    else:
        since = payout.sent_at or payout.requested_at
    return at + min(max((at - since) / 4, LOOK_SOONEST), LOOK_LATEST)


def tell(payout: Payout, *, title: str, body: str) -> None:
    """Tell the creator what became of it, once for each state."""
    people.notify(
        user_id=payout.creator_id,
        kind=NoticeKind.PAYOUT,
        subject_key=f"payout:{payout.pk}:{payout.state}",
        title=title,
        body=body[:500],
        path=STUDIO_PATH,
    )
