"""Sending approved refunds, and learning what became of them.

Promises: the money goes back by the payment it came from and no other way; a refund is recorded as
sent before the provider is called, carries its own id as the key, and an answer that was lost is
looked up before anything is sent again. No transaction is open meanwhile. Every refund that was
sent ends as paid or as failed, with its coins gone or free again; one that the provider has in
another currency or amount than we sent stays as it is, and staff are told.
"""

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import states
from wallet import alerts, credit_notes, events, ledger, providers, queries, refunds, returns
from wallet.models import Refund
from wallet.providers import base
from wallet.providers.base import Declined, RefundOrder, RefundState, Unavailable

logger = logging.getLogger(__name__)

State = Refund.State

LOOK_PAUSE: Final = timedelta(minutes=1)
BATCH: Final = 100


class NotAnswered(Exception):
    """The payment company did not answer; the sweep asks again."""


class RefundDiffers(Exception):
    """What was fetched is not the refund that we sent. Nothing moves; staff are told."""


def hurry(*, refund_id: UUID, at: datetime) -> Refund:
    """Send it, or look up what became of it, now and not by the clock.

    Raises NotAnswered, RefundDiffers.
    """
    try:
        return submit(refund_id=refund_id, at=at)
    except Unavailable as error:
        words = "The payment company does not answer. It is asked again by itself."
        raise NotAnswered(words) from error


def submit(*, refund_id: UUID, at: datetime) -> Refund:
    """Send an approved refund, or ask what became of one that was sent. Safe to repeat.

    Raises Unavailable, RefundDiffers: the refund stays as it is and is swept.
    """
    with transaction.atomic(durable=True):
        refund = refunds.locked(refund_id)
        is_new = refund.state == State.APPROVED
        if is_new:
            refund = states.move(refund, to=State.SUBMITTED, why="Sent.", at=at)
        refund.checked_at = at
        refund.save(update_fields=["checked_at"])
    if refund.state != State.SUBMITTED:
        return refund
    purchase = refund.purchase
    provider = providers.load(purchase.method.provider)
    try:
        # A key is forgotten by its company after a day: what was sent is looked up first.
        answer = None if is_new else _find(provider, refund)
        if answer is None:
            answer = provider.refund(
                RefundOrder(
                    refund_id=refund.pk,
                    payment_ref=purchase.payment_ref,
                    amount_minor=refund.amount_minor,
                    currency=purchase.currency,
                    reason=refund.ground,
                )
            )
    except Declined as error:
        return _record_failed(refund_id=refund.pk, problem=str(error), at=at)
    return _record(refund_id=refund.pk, answer=answer, at=at)


def _find(provider: base.Provider, refund: Refund) -> base.Refund | None:
    if refund.provider_ref:
        return provider.fetch_refund(refund.provider_ref)
    sent = provider.refunds_of(refund.purchase.payment_ref)
    return next((one for one in sent if one.refund_id == str(refund.pk)), None)


def _check(*, refund_id: UUID, answer: base.Refund, at: datetime) -> None:
    """Refuse an answer that is of another currency or amount than was sent; staff hear of it once.

    Raises RefundDiffers.
    """
    with transaction.atomic(durable=True):
        refund = refunds.locked(refund_id)
        differences = [
            name
            for name, is_same in (
                ("its currency", answer.currency == refund.purchase.currency),
                ("its amount", answer.amount_minor == refund.amount_minor),
            )
            if not is_same
        ]
        if not differences:
            return
        problem = f"The refund {answer.ref} differs in {', '.join(differences)}."[:200]
        if refund.problem != problem:
            refund.problem = problem
            refund.save(update_fields=["problem"])
            alerts.tell_staff(refund.purchase, why=problem, at=at, about=f"refund:{refund.pk}")
    raise RefundDiffers(problem)


def _record(*, refund_id: UUID, answer: base.Refund, at: datetime) -> Refund:
    _check(refund_id=refund_id, answer=answer, at=at)
    if answer.state == RefundState.FAILED:
        return _record_failed(refund_id=refund_id, problem=answer.problem, at=at)
    with transaction.atomic(durable=True):
        refund = refunds.locked(refund_id)
        refund.provider_ref, refund.problem = answer.ref, ""
        refund.save(update_fields=["provider_ref", "problem"])
        if answer.state == RefundState.PENDING or refund.state != State.SUBMITTED:
            return refund
        assert refund.approved_coins is not None
        returns.resolve_refund(
            operation_id=refund.end_id,
            hold_id=refund.hold_id,
            coins=refund.approved_coins,
            actor_id=refund.approver_id or 0,
            memo={
                "text": f"Refund of {refund.approved_coins:,} coins",
                "amount_minor": refund.amount_minor,
                "currency": refund.purchase.currency,
            },
        ).check()
        refund = states.move(refund, to=State.PAID, why=f"Paid back: {answer.ref}", at=at)
        refund.ended_at = at
        refund.save(update_fields=["ended_at"])
        note = credit_notes.of_refund(refund)
        refunds.tell(
            refund,
            title=f"{refund.money} is on its way back to you",
            body="It goes to the card or account you paid with. Banks take up to 10 days.",
            note=note,
        )
        events.refund_changed(refund)
    return refund


@transaction.atomic(durable=True)
def _record_failed(*, refund_id: UUID, problem: str, at: datetime) -> Refund:
    """The provider did not pay it, or the money came back: the coins are the fan's again."""
    refund = refunds.locked(refund_id)
    refund.problem = problem[:200]
    refund.save(update_fields=["problem"])
    if refund.state == State.SUBMITTED:
        why = "The payment company could not send it back. Your coins are yours again."
        refund = refunds.end_without_money(refund, to=State.FAILED, why=why, at=at)
    elif refund.state == State.PAID:
        came_back = returns.return_refund(
            operation_id=ledger.new_operation_id(),
            end_id=refund.end_id,
            memo={"text": "A refund came back from the bank: its coins are yours again"},
        ).check()
        note = credit_notes.of_return(refund, operation_id=came_back.operation_id)
        refund = states.move(refund, to=State.FAILED, why=problem or "It came back.", at=at)
        refunds.tell(
            refund,
            title=f"Your bank sent {refund.money} back to us",
            body="It could not be paid to the card or account you paid with. Your coins are yours "
            "again: spend them, or ask for the refund once more when your bank can take it.",
            note=note,
        )
        events.refund_changed(refund)
    else:
        return refund
    alerts.tell_staff(refund.purchase, why=f"A refund failed: {problem}", at=at)
    return refund


def mirror(*, provider: str, ref: str, at: datetime) -> str:
    """Learn what became of a refund of ours from its provider, and say it. Not ours: nothing.

    Raises Declined, Unavailable, RefundDiffers.
    """
    answer = providers.load(provider).fetch_refund(ref)
    ours = _ours(answer, provider=provider)
    if ours is None:
        return ""
    refund = _record(refund_id=ours.pk, answer=answer, at=at)
    return f"Refund {refund.pk}: {refund.state}"


def _ours(answer: base.Refund, *, provider: str) -> Refund | None:
    try:
        refund_id = UUID(answer.refund_id)
    except ValueError:
        return None
    return Refund.objects.filter(
        pk=refund_id,
        purchase__payment_ref=answer.payment_ref,
        purchase__method__provider=provider,
    ).first()


def sweep(*, at: datetime) -> int:
    """Send and look up every refund that is on its way; how many came to an end."""
    ended = 0
    for refund_id in queries.refunds_under_way(unchecked_since=at - LOOK_PAUSE)[:BATCH]:
        try:
            ended += submit(refund_id=refund_id, at=at).state in (State.PAID, State.FAILED)
        except (Unavailable, RefundDiffers) as error:
            logger.warning("refund %s: %s", refund_id, error)
    return ended
