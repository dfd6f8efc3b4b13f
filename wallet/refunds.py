"""Refunds: a fan asks for the unused coins of a purchase, staff decide, the money goes back.

Promises: the coins are frozen from the moment they are asked for until the refund has its end; the
money goes back by the payment it came from and no other way, never more than was paid for the
coins; the refund is recorded as sent before the provider is called, carries its own id as the key,
and an answer that was lost is looked up before anything is sent again. No transaction is open
meanwhile.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts import reviewing as cases
from accounts import services as people
from accounts import states
from accounts.models import NoticeKind, User
from wallet import alerts, events, ledger, payments, providers, queries, returns
from wallet.models import Channel, Dispute, Purchase, Refund
from wallet.money import decimals
from wallet.providers import base
from wallet.providers.base import Declined, RefundOrder, RefundState, Unavailable

logger = logging.getLogger(__name__)

State = Refund.State

LOOK_PAUSE: Final = timedelta(minutes=1)
BATCH: Final = 100


class NotRefundable(Exception):
    """The purchase, or this much of it, cannot be given back. The message says why."""


class AlreadyDecided(Exception):
    """Somebody decided meanwhile, or the money is on its way."""


class NeedsSecondPerson(Exception):
    """The refund is large: another member of staff has to agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What of a purchase can be given back now. ``why_not`` is empty when ``coins`` can."""

    purchase: Purchase
    coins: int
    amount_minor: int
    until: datetime | None
    is_goodwill: bool
    why_not: str = ""


def offer(*, purchase: Purchase, at: datetime) -> Offer:
    """Say what of a purchase its buyer can give back, for how much, until when, or why not.

    The window is ``queries.refundable_until``.
    """
    until = queries.refundable_until(purchase)
    coins = queries.coins_left(purchase_id=purchase.pk)
    value = returns.refund_value(purchase_id=purchase.pk, coins=coins) if coins else None
    why_not = _why_not(purchase, coins=coins, until=until, at=at)
    return Offer(
        purchase=purchase,
        coins=0 if why_not else coins,
        amount_minor=value.gross_minor if value else 0,
        until=until,
        is_goodwill=purchase.region.is_goodwill,
        why_not=why_not,
    )


def _why_not(purchase: Purchase, *, coins: int, until: datetime | None, at: datetime) -> str:
    reasons = (
        (
            purchase.state != Purchase.State.CREDITED,
            "These coins have not arrived, so there is nothing to give back yet.",
        ),
        (
            purchase.channel == Channel.GIFT_CARD,
            "Coins from a gift card go back where the card was bought.",
        ),
        (
            purchase.refunds.filter(state__in=Refund.OPEN).exists(),
            "A refund of this purchase is under way.",
        ),
        (
            purchase.disputes.filter(state__in=Dispute.OPEN).exists(),
            "Your bank is looking into this payment. It decides, and we wait for it.",
        ),
        (not coins, "Every coin of this purchase has been used or given back."),
        (
            until is None or at >= until,
            "The time to give these coins back is over. They stay yours and never expire.",
        ),
    )
    return next((words for applies, words in reasons if applies), "")


def request(
    *,
    refund_id: UUID,
    user: User,
    purchase_id: UUID,
    coins: int,
    ground: str,
    words: str,
    at: datetime,
) -> Refund:
    """Ask for unused coins of one's own purchase: they freeze at once. Idempotent by its id.

    Locks the wallet. Raises Purchase.DoesNotExist, NotRefundable, CoinsSpent, LotDisputed.
    """
    purchase = Purchase.objects.select_related("region", "method").get(pk=purchase_id, buyer=user)
    with transaction.atomic(durable=True):
        payments.locked(purchase.pk)
        first = Refund.objects.filter(pk=refund_id, purchase=purchase).first()
        if first is not None:
            return first
        offered = offer(purchase=purchase, at=at)
        if offered.why_not:
            raise NotRefundable(offered.why_not)
        if not 1 <= coins <= offered.coins:
            raise NotRefundable(f"Between 1 and {offered.coins:,} coins can be given back.")
        value = returns.refund_value(purchase_id=purchase.pk, coins=coins)
        if not value.gross_minor:
            raise NotRefundable("So few coins are worth less than the smallest amount of money.")
        outcome = returns.hold_refund(
            operation_id=ledger.new_operation_id(),
            purchase_id=purchase.pk,
            coins=coins,
            actor_id=user.pk,
            memo={"text": f"Refund asked for: {coins:,} coins frozen"},
        )
        if outcome.done:
            refund = Refund.objects.create(
                pk=refund_id,
                purchase=purchase,
                hold_id=outcome.operation_id,
                end_id=ledger.new_operation_id(),
                coins=coins,
                amount_minor=value.gross_minor,
                ground=ground,
                words=words.strip(),
                due_at=cases.business_days_after(at, purchase.region.refund_days),
            )
            events.refund_changed(refund)
    outcome.check()
    return refund


def cancel(*, refund_id: UUID, user: User, at: datetime) -> Refund:
    """Take back one's own request while no money is on its way: the coins are free again.

    Raises Refund.DoesNotExist, AlreadyDecided.
    """
    with transaction.atomic(durable=True):
        refund = _locked(refund_id, purchase__buyer=user)
        if refund.state == State.CANCELLED:
            return refund
        if refund.state != State.REQUESTED:
            raise AlreadyDecided("This refund was decided, so it can no longer be taken back.")
        return end_without_money(refund, to=State.CANCELLED, why="Taken back by the fan.", at=at)


def decide(*, refund_id: UUID, coins: int, reason: str, by: User, at: datetime) -> Refund:
    """Approve ``coins`` of a request (all, a part), or deny it with none; the fan reads the reason.

    Worth REFUND_SECOND_PERSON_USD_CENTS or more, the first approval is a proposal and another
    person's approval of the same coins decides. Raises AlreadyDecided, NeedsSecondPerson (after
    noting the proposal), NotRefundable.
    """
    with transaction.atomic(durable=True):
        refund = _locked(refund_id)
        if refund.state != State.REQUESTED:
            raise AlreadyDecided("This refund was decided before. Nothing was done now.")
        if not 0 <= coins <= refund.coins or not reason.strip():
            raise NotRefundable(f"Approve 0 to {refund.coins:,} coins, and say why.")
        if coins and _needs_second(refund, coins=coins, by=by, at=at):
            refund.proposer, refund.proposed_coins, refund.reason = by, coins, reason.strip()
            refund.save(update_fields=["proposer", "proposed_coins", "reason"])
            waits = True
        else:
            waits = False
            refund = _decided(refund, coins=coins, reason=reason.strip(), by=by, at=at)
    if waits:
        raise NeedsSecondPerson(
            "Noted as your proposal. It is a large amount, so somebody else has to approve it too."
        )
    return refund


def _needs_second(refund: Refund, *, coins: int, by: User, at: datetime) -> bool:
    """Whether it is large, and nobody else proposed these very coins. An unknown rate is large."""
    value = returns.refund_value(purchase_id=refund.purchase_id, coins=coins).gross_minor
    currency = refund.purchase.currency
    try:
        per_usd = queries.fx(currency, at).per_usd
        usd_cents = value * 100 / (per_usd * 10 ** decimals(currency))
        is_large = usd_cents >= settings.REFUND_SECOND_PERSON_USD_CENTS
    except (queries.FxMissing, queries.FxStale):
        is_large = True
    agreed = refund.proposer_id not in (None, by.pk) and refund.proposed_coins == coins
    return is_large and not agreed


def _decided(refund: Refund, *, coins: int, reason: str, by: User, at: datetime) -> Refund:
    refund.reason, refund.decided_at = reason, at
    refund.approver, refund.approved_coins = by, coins
    if refund.proposer_id == by.pk:  # small after all: one person is enough
        refund.proposer = None
    if coins:
        value = returns.refund_value(purchase_id=refund.purchase_id, coins=coins)
        refund.amount_minor = value.gross_minor
    refund.save()
    if not coins:
        return end_without_money(refund, to=State.DENIED, why=reason, at=at, by_id=by.pk)
    refund = states.move(refund, to=State.APPROVED, why=reason, at=at, by_id=by.pk)
    _tell(refund, title=f"Your refund of {refund.money} was approved", body=reason)
    events.refund_changed(refund)
    return refund


def end_without_money(
    refund: Refund, *, to: State, why: str, at: datetime, by_id: int | None = None
) -> Refund:
    """Give the frozen coins back, in the caller's transaction, and tell the fan."""
    returns.resolve_refund(
        operation_id=refund.end_id,
        hold_id=refund.hold_id,
        coins=0,
        actor_id=by_id or refund.purchase.buyer_id,
        memo={"text": f"{refund.coins:,} coins are free again"},
    ).check()
    refund = states.move(refund, to=to, why=why, at=at, by_id=by_id)
    refund.ended_at = at
    refund.save(update_fields=["ended_at"])
    if to != State.CANCELLED:
        _tell(refund, title=f"Your refund of {refund.coins:,} coins: {to.label.lower()}", body=why)
    events.refund_changed(refund)
    return refund


def submit(*, refund_id: UUID, at: datetime) -> Refund:
    """Send an approved refund, or ask what became of one that was sent. Safe to repeat.

    Raises Unavailable: the refund stays as it is and is swept.
    """
    with transaction.atomic(durable=True):
        refund = _locked(refund_id)
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


def _record(*, refund_id: UUID, answer: base.Refund, at: datetime) -> Refund:
    if answer.state == RefundState.FAILED:
        return _record_failed(refund_id=refund_id, problem=answer.problem, at=at)
    with transaction.atomic(durable=True):
        refund = _locked(refund_id)
        refund.provider_ref = answer.ref
        refund.save(update_fields=["provider_ref"])
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
        _tell(
            refund,
            title=f"{refund.money} is on its way back to you",
            body="It goes to the card or account you paid with. Banks take up to 10 days.",
        )
        events.refund_changed(refund)
    return refund


@transaction.atomic(durable=True)
def _record_failed(*, refund_id: UUID, problem: str, at: datetime) -> Refund:
    """The provider will not pay it: unpaid coins are free again; staff look at paid ones."""
    refund = _locked(refund_id)
    refund.problem = problem[:200]
    refund.save(update_fields=["problem"])
    if refund.state == State.SUBMITTED:
        why = "The payment company could not send it back. Your coins are yours again."
        refund = end_without_money(refund, to=State.FAILED, why=why, at=at)
    elif refund.state == State.PAID:
        refund = states.move(refund, to=State.FAILED, why=problem or "It came back.", at=at)
    else:
        return refund
    alerts.tell_staff(refund.purchase, why=f"A refund failed: {problem}", at=at)
    return refund


def mirror(*, provider: str, ref: str, at: datetime) -> str:
    """Learn what became of a refund of ours from its provider, and say it. Not ours: nothing.

    Raises Declined, Unavailable.
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
        except Unavailable as error:
            logger.warning("refund %s: %s", refund_id, error)
    return ended


def _locked(refund_id: UUID, **owner: object) -> Refund:
    """The refund as it is now, locked; its purchase is locked first, as everywhere."""
    purchase_id = Refund.objects.values_list("purchase_id", flat=True).get(pk=refund_id, **owner)
    payments.locked(purchase_id)
    return (
        Refund.objects.select_for_update(no_key=True, of=("self",))
        .select_related("purchase__method", "purchase__buyer")
        .get(pk=refund_id)
    )


def _tell(refund: Refund, *, title: str, body: str) -> None:
    people.notify(
        user_id=refund.purchase.buyer_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"refund:{refund.pk}:{refund.state}",
        title=title,
        body=body,
        path=reverse("wallet:refund", args=[refund.pk]),
    )
