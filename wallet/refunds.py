"""Refunds: a fan asks for the unused coins of a purchase, and staff decide. ``submissions`` sends.

Promises: the coins are frozen from the moment they are asked for until the refund has its end; one
id asks once, and for nothing else; what is large takes two people, and nobody decides about their
own money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.urls import reverse
from djmoney.money import Money
from psycopg.errors import LockNotAvailable

from accounts import reviewing as cases
from accounts import services as people
from accounts import states
from accounts.models import NoticeKind, User
from wallet import events, ledger, payments, queries, returns, reversals
from wallet.models import Channel, CreditNote, Dispute, Purchase, Refund
from wallet.money import decimals, money

State = Refund.State


class NotRefundable(Exception):
    """The purchase, or this much of it, cannot be given back. The message says why."""


class PaidByGiftCard(Exception):
    """Coins of a gift card: nobody's card paid us, so there is none to pay back to."""

    def __init__(self) -> None:
        super().__init__(
            "These coins came from a gift card, not from a payment to us, so there is no card or "
            "account that money could go back to. Use them: they stay yours and never expire. "
            "If something is wrong with the card, ask where it was bought, with its receipt."
        )


class AlreadyDecided(Exception):
    """Somebody decided meanwhile, or the money is on its way."""


class NeedsSecondPerson(Exception):
    """The refund is large: another member of staff has to agree."""


class RefundConflict(Exception):
    """The refund's id was used before, for something else."""

    def __init__(self) -> None:
        super().__init__("This refund's number was used before, for another request.")


class StillAsking(Exception):
    """Another request about the same coins is being answered and takes long."""

    def __init__(self) -> None:
        super().__init__(
            "Another request for the same coins is still being answered. Nothing was asked for "
            "now: send this one again in a moment."
        )


class OwnRefund(Exception):
    """Staff do not decide about their own money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What of a purchase can be given back now. ``why_not`` is empty when ``coins`` can."""

    purchase: Purchase
    coins: int
    amount_minor: int
    until: datetime | None
    is_goodwill: bool
    why_not: str = ""

    @property
    def money(self) -> Money:
        return money(self.amount_minor, self.purchase.currency)


def offer(*, purchase: Purchase, at: datetime) -> Offer:
    """Say what of a purchase its buyer can give back, for how much, until when, or why not.

    The window is ``queries.refundable_until``.
    """
    return offers(purchases=[purchase], at=at)[0]


def offers(*, purchases: Sequence[Purchase], at: datetime) -> list[Offer]:
    """Say the same of several purchases, with their regions, in as many queries as of one."""
    ids = [purchase.pk for purchase in purchases]
    left = reversals.coins_left_of(purchase_ids=ids)
    busy = reversals.purchases_with(Refund.objects.filter(state__in=Refund.OPEN), purchase_ids=ids)
    disputed = reversals.purchases_with(
        Dispute.objects.filter(state__in=Dispute.OPEN), purchase_ids=ids
    )
    worth = returns.refund_values(coins_by_purchase=left)
    found = []
    for purchase in purchases:
        coins, until = left.get(purchase.pk, 0), queries.refundable_until(purchase)
        why_not = _why_not(
            purchase,
            coins=coins,
            is_busy=purchase.pk in busy,
            is_disputed=purchase.pk in disputed,
            is_over=until is None or at >= until,
        )
        is_open = coins and not why_not
        found.append(
            Offer(
                purchase=purchase,
                coins=coins if is_open else 0,
                amount_minor=worth[purchase.pk].gross_minor if is_open else 0,
                until=until,
                is_goodwill=purchase.region.is_goodwill,
                why_not=why_not,
            )
        )
    return found


def _why_not(
    purchase: Purchase, *, coins: int, is_busy: bool, is_disputed: bool, is_over: bool
) -> str:
    reasons = (
        (
            purchase.state != Purchase.State.CREDITED,
            "These coins have not arrived, so there is nothing to give back yet.",
        ),
        (
            purchase.channel == Channel.GIFT_CARD,
            str(PaidByGiftCard()),
        ),
        (is_busy, "A refund of this purchase is under way."),
        (is_disputed, "Your bank is looking into this payment. It decides, and we wait for it."),
        (not coins, "Every coin of this purchase has been used or given back."),
        (is_over, "The time to give these coins back is over. They stay yours and never expire."),
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

    Locks the purchase, then the wallet. Raises Purchase.DoesNotExist, RefundConflict,
    NotRefundable, PaidByGiftCard, StillAsking, CoinsSpent, LotDisputed.
    """
    purchase = Purchase.objects.select_related("region", "method").get(pk=purchase_id, buyer=user)
    asked = {"purchase_id": purchase.pk, "coins": coins, "ground": ground, "words": words.strip()}
    try:
        return _request(refund_id=refund_id, user=user, purchase=purchase, asked=asked, at=at)
    except IntegrityError:
        # Somebody was faster: with this very number for another purchase, whose lock is another,
        # or with another number for this one. What they did is there to be seen now.
        return _request(refund_id=refund_id, user=user, purchase=purchase, asked=asked, at=at)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise StillAsking from error
        raise


def _request(
    *, refund_id: UUID, user: User, purchase: Purchase, asked: Mapping[str, Any], at: datetime
) -> Refund:
    coins: int = asked["coins"]
    with transaction.atomic(durable=True):
        payments.locked(purchase.pk)
        first = Refund.objects.filter(pk=refund_id).first()
        if first is not None:
            if any(getattr(first, name) != value for name, value in asked.items()):
                raise RefundConflict
            return first
        offered = offer(purchase=purchase, at=at)
        if purchase.channel == Channel.GIFT_CARD:
            raise PaidByGiftCard
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
                hold_id=outcome.operation_id,
                end_id=ledger.new_operation_id(),
                amount_minor=value.gross_minor,
                **asked,
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
        refund = locked(refund_id, purchase__buyer=user)
        if refund.state == State.CANCELLED:
            return refund
        if refund.state != State.REQUESTED:
            raise AlreadyDecided("This refund was decided, so it can no longer be taken back.")
        return end_without_money(refund, to=State.CANCELLED, why="Taken back by the fan.", at=at)


def decide(*, refund_id: UUID, coins: int, reason: str, by: User, at: datetime) -> Refund:
    """Approve ``coins`` of a request (all, a part), or deny it with none; the fan reads the reason.

    Worth REFUND_SECOND_PERSON_USD_CENTS or more, the first approval is a proposal and another
    person's approval of the same coins decides. Raises OwnRefund, AlreadyDecided,
    NeedsSecondPerson (after noting the proposal), NotRefundable.
    """
    with transaction.atomic(durable=True):
        refund = locked(refund_id)
        if refund.purchase.buyer_id == by.pk:
            raise OwnRefund("This is your own purchase: somebody else has to decide.")
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
    tell(refund, title=f"Your refund of {refund.money} was approved", body=reason)
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
        tell(refund, title=f"Your refund of {refund.coins:,} coins: {to.label.lower()}", body=why)
    events.refund_changed(refund)
    return refund


def locked(refund_id: UUID, **owner: object) -> Refund:
    """Return the refund as it is now, locked; its purchase is locked first, as everywhere."""
    purchase_id = Refund.objects.values_list("purchase_id", flat=True).get(pk=refund_id, **owner)
    payments.locked(purchase_id)
    return (
        Refund.objects.select_for_update(no_key=True, of=("self",))
        .select_related("purchase__method", "purchase__buyer")
        .get(pk=refund_id)
    )


def tell(refund: Refund, *, title: str, body: str, note: CreditNote | None = None) -> None:
    """Tell the fan where the refund stands, once in each of its states; with its credit note."""
    people.notify(
        user_id=refund.purchase.buyer_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"refund:{refund.pk}:{refund.state}",
        title=title,
        body=body,
        path=reverse("wallet:refund", args=[refund.pk]),
        document_path=reverse("wallet:credit_note", args=[note.pk]) if note else "",
        document_name="Credit note",
    )
