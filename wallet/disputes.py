"""Disputes: a payer's bank takes a payment back, and what it bought is followed.

Promises: a dispute is learnt once by its provider's name, however often and in whatever order
notices come, and only what was fetched counts; while it is open the payment's coins and the
diamonds still pending from it wait, and the creators are told why; its end is booked once. Refunds
that were made at the provider are mirrored the same way: the money is gone, so what it bought is
taken back. What cannot be booked (it is in another currency than the payment, or all of the payment
was taken back before) moves nothing, ends as such, and staff are told why.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import OperationalError, transaction
from django.urls import reverse

from accounts import services as people
from accounts import states
from accounts.models import NoticeKind
from wallet import (
    alerts,
    credit_notes,
    events,
    ledger,
    payments,
    providers,
    queries,
    refunds,
    returns,
    reversals,
    reviewing,
    services,
)
from wallet.models import CreditNote, Dispute, Lot, Purchase, Refund
from wallet.money import MILLI
from wallet.providers import base
from wallet.providers.base import DisputeState, RefundState, Unavailable
from wallet.returns import Recourse

logger = logging.getLogger(__name__)

State = Dispute.State

LOOK_PAUSE: Final = timedelta(minutes=10)
FOLDS_MAX: Final = 5
SERIALIZATION_FAILURE: Final = "40001"
MADE_AT_PROVIDER: Final = "refunded at the payment company"


def learn(*, provider: str, ref: str, at: datetime) -> str:
    """Fetch a dispute and do what its state asks for; says what. Raises Declined, Unavailable."""
    found = providers.load(provider).fetch_dispute(ref)
    purchase = payments.paid_by(
        provider=provider, payment_ref=found.payment_ref, purchase_ref=found.purchase_ref, at=at
    )
    if purchase is None:
        return "No purchase of ours"
    dispute = _record(purchase=purchase, kind=Dispute.Kind.DISPUTE, found=found, at=at)
    dispute = _follow(dispute, found=found, at=at)
    return f"Purchase {purchase.pk}: dispute {dispute.state}"


def mirror_refund(*, provider: str, ref: str, at: datetime) -> str:
    """Book a refund that was made at the provider and not by us. Raises Declined, Unavailable."""
    found = providers.load(provider).fetch_refund(ref)
    purchase = payments.paid_by(
        provider=provider, payment_ref=found.payment_ref, purchase_ref=found.purchase_ref, at=at
    )
    if purchase is None:
        return "No purchase of ours"
    if found.state != RefundState.SUCCEEDED:
        return f"Purchase {purchase.pk}: a refund made there is {found.state}"
    lost = base.Dispute(
        ref=found.ref,
        payment_ref=found.payment_ref,
        state=DisputeState.LOST,
        amount_minor=found.amount_minor,
        currency=found.currency,
        reason=MADE_AT_PROVIDER,
        withdrawn_minor=found.amount_minor,
        fee_minor=0,
        due_at=None,
        created_at=found.created_at,
    )
    dispute = _record(purchase=purchase, kind=Dispute.Kind.PROVIDER_REFUND, found=lost, at=at)
    dispute = _follow(dispute, found=lost, at=at)
    return f"Purchase {purchase.pk}: refund made there, {dispute.state}"


def sweep(*, at: datetime) -> int:
    """Look up every dispute that is not over; how many came to an end."""
    ended = 0
    for dispute in queries.disputes_under_way(unchecked_since=at - LOOK_PAUSE):
        call = learn if dispute.kind == Dispute.Kind.DISPUTE else mirror_refund
        provider = dispute.purchase.method.provider
        try:
            call(provider=provider, ref=dispute.provider_ref, at=at)
        except (Unavailable, base.Declined, payments.PaymentDiffers) as error:
            logger.warning("dispute %s: %s", dispute.pk, error)
        dispute.refresh_from_db(fields=["state"])
        ended += dispute.state not in Dispute.OPEN
    return ended


@transaction.atomic(durable=True)
def _record(*, purchase: Purchase, kind: str, found: base.Dispute, at: datetime) -> Dispute:
    """Write down what was fetched. An amount in another currency than the payment's is none."""
    is_same = found.currency == purchase.currency
    dispute, is_new = Dispute.objects.get_or_create(
        provider_ref=found.ref,
        defaults={
            "pk": ledger.new_operation_id(),
            "open_id": ledger.new_operation_id(),
            "purchase": purchase,
            "kind": kind,
            "amount_minor": found.amount_minor if is_same else 0,
            "ground": found.reason[:60],
        },
    )
    seen = Dispute.objects.filter(pk=dispute.pk)
    seen.update(due_at=found.due_at, checked_at=at)
    if is_same:
        seen.update(amount_minor=found.amount_minor)
    if is_new:
        events.dispute_changed(dispute)
        if kind == Dispute.Kind.DISPUTE and is_same:
            alerts.tell_staff(purchase, why=f"Its payer disputes it: {found.reason}.", at=at)
            reviewing.dispute_opened(purchase=purchase, reason=found.reason, at=at)
    dispute.refresh_from_db()
    return dispute


def _follow(dispute: Dispute, *, found: base.Dispute, at: datetime) -> Dispute:
    """Bring the dispute to where its provider says it is, through the states between."""
    if found.currency != dispute.purchase.currency:
        return _set_apart(dispute, found=found, at=at)
    credited = payments.settle_purchase(purchase_id=dispute.purchase_id, at=at)
    if credited.state != Purchase.State.CREDITED:
        return dispute  # its coins come first; the sweep goes on from there
    if found.state == DisputeState.WARNING:
        return dispute
    if dispute.state in Dispute.UNOPENED and found.state == DisputeState.WON:
        return _close_unopened(dispute, at=at)
    if dispute.state == State.LEARNT:
        dispute = _open(dispute, at=at)
    if dispute.state == State.OPEN and found.state in (DisputeState.WON, DisputeState.LOST):
        dispute = _end(dispute, found=found, at=at)
    return dispute


@transaction.atomic(durable=True)
def _set_apart(dispute: Dispute, *, found: base.Dispute, at: datetime) -> Dispute:
    """Leave what is in another currency than its payment unbooked; one that is open stays so."""
    purchase = payments.locked(dispute.purchase_id)
    dispute = Dispute.objects.select_for_update(no_key=True).get(pk=dispute.pk)
    why = (
        f"It is in {found.currency} ({found.amount_minor} of its smallest unit), and the payment "
        f"was in {purchase.currency}, so nothing was moved. Look at it at the payment company."
    )
    logger.warning("dispute %s: %s", dispute.pk, why)
    if dispute.state == State.LEARNT:
        _leave_unbooked(dispute, purchase, why=why, at=at)
    return dispute


def _leave_unbooked(dispute: Dispute, purchase: Purchase, *, why: str, at: datetime) -> None:
    """End a dispute that was only learnt, in the caller's transaction, and tell staff why."""
    states.move(dispute, to=State.UNBOOKED, why=why, at=at)
    dispute.ended_at = at
    dispute.save(update_fields=["ended_at"])
    alerts.tell_staff(purchase, why=f"{dispute}: {why}", at=at, about=f"dispute:{dispute.pk}")
    events.dispute_changed(dispute)


@transaction.atomic(durable=True)
def _close_unopened(dispute: Dispute, *, at: datetime) -> Dispute:
    dispute = Dispute.objects.select_for_update(no_key=True).get(pk=dispute.pk)
    if dispute.state not in Dispute.UNOPENED:
        return dispute
    dispute = states.move(dispute, to=State.WON, why="Closed without taking money.", at=at)
    dispute.ended_at = at
    dispute.save(update_fields=["ended_at"])
    events.dispute_changed(dispute)
    return dispute


def _open(dispute: Dispute, *, at: datetime) -> Dispute:
    """Hold coins and diamonds; folds first where a gift of the lot is not folded yet."""
    for _ in range(FOLDS_MAX):
        try:
            return _try_to_open(dispute, at=at)
        except ledger.LotDisputed:
            return dispute  # another has just begun: the sweep comes back when it has ended
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != SERIALIZATION_FAILURE:
                raise
            services.fold_ledger()
    logger.warning("dispute %s waits for a transaction that is still open", dispute.pk)
    return dispute


@transaction.atomic(durable=True)
def _try_to_open(dispute: Dispute, *, at: datetime) -> Dispute:
    purchase = payments.locked(dispute.purchase_id)
    dispute = Dispute.objects.select_for_update(no_key=True).get(pk=dispute.pk)
    lot_state = reversals.lot_state(purchase_id=purchase.pk)
    if dispute.state != State.LEARNT or lot_state == Lot.State.DISPUTED:
        return dispute  # one at a time: the sweep comes back when the first has ended
    if lot_state == Lot.State.LOST:
        why = (
            f"All of the payment of {purchase.money} was taken back before, so nothing is left to "
            f"take for this {dispute.money}. Look at it at the payment company, and answer it "
            "there if money went twice."
        )
        _leave_unbooked(dispute, purchase, why=why, at=at)
        return dispute
    for refund in purchase.refunds.filter(state__in=Refund.UNSENT):
        why = "Your bank is taking the payment back, so we cannot pay it back too."
        refunds.end_without_money(refund, to=Refund.State.CANCELLED, why=why, at=at)
    outcome = returns.open_dispute(
        operation_id=dispute.open_id,
        purchase_id=purchase.pk,
        amount_minor=dispute.amount_minor,
        memo={"text": f"{dispute.get_kind_display()}: coins of this payment are held"},
    )
    outcome.check()
    dispute = states.move(dispute, to=State.OPEN, why=dispute.ground, at=at)
    if dispute.kind == Dispute.Kind.DISPUTE:
        _tell_payer(dispute, purchase)
        for creator_id, diamonds in queries.creators_held_by(operation_id=dispute.open_id):
            _tell_creator(
                dispute,
                creator_id=creator_id,
                title=f"{diamonds / MILLI:,.0f} diamonds wait for a bank's decision",
                body="The bank of somebody who sent you gifts is looking into their payment. If it "
                "stays paid, the diamonds become available. If not, they are taken back.",
            )
    events.dispute_changed(dispute)
    return dispute


@transaction.atomic(durable=True)
def _end(dispute: Dispute, *, found: base.Dispute, at: datetime) -> Dispute:
    purchase = payments.locked(dispute.purchase_id)
    dispute = Dispute.objects.select_for_update(no_key=True).get(pk=dispute.pk)
    if dispute.state != State.OPEN:
        return dispute
    is_lost = found.state == DisputeState.LOST and found.withdrawn_minor > 0
    assert purchase.paid_at is not None
    age = (at - purchase.paid_at).days
    policy = queries.recourse_for(ground=dispute.ground, days=age)
    recourse = Recourse(policy.recourse) if policy else Recourse.UNRELEASED_ONLY
    outcome = returns.resolve_dispute(
        operation_id=dispute.pk,
        purchase_id=purchase.pk,
        lost_minor=found.withdrawn_minor if is_lost else 0,
        fee_minor=found.fee_minor,
        takes_cover=policy.takes_cover if policy else True,
        recourse=recourse,
        memo={
            "text": f"{dispute.get_kind_display()} {'lost' if is_lost else 'won'}",
            "amount_minor": found.withdrawn_minor,
            "currency": purchase.currency,
        },
    ).check()
    dispute = states.move(
        dispute, to=State.LOST if is_lost else State.WON, why=found.reason or "Decided.", at=at
    )
    dispute.lost_minor = outcome.result["lost_minor"] + outcome.result["beyond_minor"]
    dispute.fee_minor, dispute.recourse = found.fee_minor, recourse
    dispute.outcome, dispute.ended_at = outcome.result, at
    dispute.save()
    note = credit_notes.of_dispute(dispute, coins=_coins_of(outcome.result))
    _tell_of_end(dispute, outcome=outcome.result, purchase=purchase, note=note)
    events.dispute_changed(dispute)
    return dispute


def _coins_of(outcome: Mapping[str, Any]) -> int:
    """How many coins a loss stands for, wherever they were."""
    return sum(int(outcome[name]) for name in ("burned", "covered", "traced", "owed"))


def _tell_of_end(
    dispute: Dispute, *, outcome: Mapping[str, Any], purchase: Purchase, note: CreditNote | None
) -> None:
    for creator_id, diamonds in (outcome["creators"] or {}).items():
        _tell_creator(
            dispute,
            creator_id=int(creator_id),
            title=f"{diamonds / MILLI:,.0f} diamonds were taken back",
            body="The payment behind gifts to you was taken back by the payer's bank. What was "
            "paid out to you already is repaid from half of what you earn next.",
        )
    owed = outcome["owed"]
    people.notify(
        user_id=purchase.buyer_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"dispute:{dispute.pk}:{dispute.state}",
        title=f"The bank decided about your payment of {purchase.money}",
        body=(
            f"It was taken back. {owed:,} coins of it were used: the next you buy pay for them."
            if owed
            else "It was taken back."
            if dispute.state == State.LOST
            else "It stays paid. Your coins are free again."
        ),
        path=payments.page_of(purchase),
        document_path=reverse("wallet:credit_note", args=[note.pk]) if note else "",
        document_name="Credit note",
    )


def _tell_payer(dispute: Dispute, purchase: Purchase) -> None:
    people.notify(
        user_id=purchase.buyer_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"dispute:{dispute.pk}:open",
        title=f"Your payment of {purchase.money} is disputed",
        body="Your bank asked for it back, so its coins wait until the bank has decided.",
        path=payments.page_of(purchase),
    )


def _tell_creator(dispute: Dispute, *, creator_id: int, title: str, body: str) -> None:
    people.notify(
        user_id=creator_id,
        kind=NoticeKind.EARNINGS,
        subject_key=f"dispute:{dispute.pk}:{dispute.state}",
        title=title,
        body=body,
        path=reverse("payouts:studio"),
    )
