"""Adjustments: coins or diamonds that staff give or take back, by the word of two people.

Promises: one person proposes and another decides, once; an approval posts to the ledger under the
adjustment's own id, so it can post no more than once; a refusal of the ledger is kept and told.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import states
from accounts.models import User
from wallet import ledger
from wallet.models import Adjustment, HoldClass, RateCard

# Nobody can charge back what nobody paid: such coins' diamonds wait as after the surest payment.
GIVEN_HOLD_CLASS: Final = HoldClass.BANK


class SamePerson(Exception):
    """Who proposed an adjustment cannot decide about it."""


class OwnAdjustment(Exception):
    """Somebody would give to themselves, or take from themselves, or decide about it."""


class NotWaiting(Exception):
    """The adjustment was decided before."""


class NotAnAdjustment(Exception):
    """The proposal moves nothing, or names a card or a person that do not fit."""


def propose(
    *,
    adjustment_id: UUID,
    owner: User,
    unit: str,
    amount: int,
    card: RateCard | None,
    reason: str,
    proposer_id: int,
) -> Adjustment:
    """Write a proposal that waits for a second person; ``amount`` below zero takes.

    Coins are whole, diamonds are thousandths under a card. Idempotent by ``adjustment_id``.
    Raises OwnAdjustment, NotAnAdjustment.
    """
    if owner.pk == proposer_id:
        raise OwnAdjustment("Nobody proposes an adjustment of their own. Ask two colleagues.")
    diamonds = unit == Adjustment.Unit.DIAMOND
    if amount == 0 or not reason.strip():
        raise NotAnAdjustment("An adjustment moves something and has a reason. Enter both.")
    if diamonds != (card is not None) or (diamonds and not owner.is_creator):
        raise NotAnAdjustment("Diamonds need a rate card and a creator; coins have no card.")
    with transaction.atomic(durable=True):
        adjustment, _created = Adjustment.objects.get_or_create(
            id=adjustment_id,
            defaults={
                "owner": owner,
                "unit": unit,
                "amount": amount,
                "card_id": card.pk if card else None,
                "reason": reason.strip(),
                "proposer_id": proposer_id,
            },
        )
    return adjustment


def approve(*, adjustment_id: UUID, approver_id: int, at: datetime) -> Adjustment:
    """Post the adjustment. Locks its row, then the person's account.

    Raises OwnAdjustment, SamePerson, NotWaiting, and after committing it the ledger's own refusal.
    """
    with transaction.atomic(durable=True):
        adjustment = _waiting(adjustment_id, by_id=approver_id)
        adjustment.approver_id = approver_id
        adjustment.save(update_fields=["approver"])
        outcome = _post(adjustment, approver_id=approver_id)
        state = Adjustment.State.APPROVED if outcome.done else Adjustment.State.REFUSED
        why = "Approved by a second person." if outcome.done else f"Ledger: {outcome.refusal}"
        adjustment = states.move(adjustment, to=state, why=why, at=at, by_id=approver_id)
    outcome.check()
    return adjustment


def reject(*, adjustment_id: UUID, by_id: int, why: str, at: datetime) -> Adjustment:
    """Close the proposal without posting it. Raises OwnAdjustment, SamePerson, NotWaiting."""
    with transaction.atomic(durable=True):
        adjustment = _waiting(adjustment_id, by_id=by_id)
        adjustment.approver_id = by_id
        adjustment.save(update_fields=["approver"])
        return states.move(
            adjustment, to=Adjustment.State.REJECTED, why=why or "Rejected.", at=at, by_id=by_id
        )


def _waiting(adjustment_id: UUID, *, by_id: int) -> Adjustment:
    adjustment = Adjustment.objects.select_for_update(no_key=True).get(pk=adjustment_id)
    if adjustment.state != Adjustment.State.PROPOSED:
        raise NotWaiting("This adjustment was decided before. Nothing was done now.")
    if adjustment.owner_id == by_id:
        raise OwnAdjustment("This adjustment is yours. Two others have to agree about it.")
    if adjustment.proposer_id == by_id:
        raise SamePerson("You proposed this adjustment. Somebody else has to decide about it.")
    return adjustment


def _post(adjustment: Adjustment, *, approver_id: int) -> ledger.Outcome:
    memo = {"text": f"Correction: {adjustment.reason}"}
    if adjustment.unit == Adjustment.Unit.COIN:
        return ledger.adjust_coins(
            operation_id=adjustment.pk,
            owner_id=adjustment.owner_id,
            coins=adjustment.amount,
            hold_class=GIVEN_HOLD_CLASS,
            proposer_id=adjustment.proposer_id,
            approver_id=approver_id,
            memo=memo,
        )
    assert adjustment.card_id is not None, "diamonds are proposed under a card"
    return ledger.adjust_diamonds(
        operation_id=adjustment.pk,
        owner_id=adjustment.owner_id,
        card_id=adjustment.card_id,
        diamonds_milli=adjustment.amount,
        proposer_id=adjustment.proposer_id,
        approver_id=approver_id,
        memo=memo,
    )
