"""Gifts that wait: a big one for some seconds, in which its sender can take it back; a very big one
of a new account for a person's look.

Promises: the coins of a gift that waits are set aside, so it can be paid when it is sent; it is
sent once or never, whoever is killed when; whatever becomes of it, the coins are spent or back.
What a dispute took meanwhile is not sent. Whoever agreed to a price pays that price: only who may
send, and who may receive, is looked at again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts import services as people
from accounts import states
from accounts.models import NoticeKind, Review, User
from gifts import facts as reads
from gifts import risk, services
from gifts.facts import SendFacts
from gifts.models import HeldGift
from gifts.services import Intent
from wallet import ledger, returns, reviewing, rules

State = HeldGift.State

LOOK_WITHIN: Final = timedelta(hours=24)  # of a review; after that the coins are given back
UNDO: Final = timedelta(seconds=settings.GIFT_UNDO_S)
BATCH: Final = 100
DECIDED: Final = (Review.State.DECIDED, Review.State.FINAL)


class TooLate(Exception):
    """The gift does not wait any more."""


def waits(*, coins: int) -> bool:
    """Whether a gift of so many coins waits before it is sent."""
    return coins >= min(settings.GIFT_UNDO_COINS, rules.NEW_BIG_COINS)


def hold(*, intent: Intent, at: datetime) -> HeldGift:
    """Set the coins of a gift aside until it is due. The same operation id again changes nothing.

    Locks the sender's wallet. Raises what ``services.send_gift`` raises, and nothing is stored.
    It is no part of a combo: that would be over before it is sent.
    """
    intent = replace(intent, streak_id=None)
    try:
        facts = reads.send_facts(intent, at=at)
    except User.DoesNotExist:
        raise risk.PlaceUnknown("There is no such place to send a gift to.") from None
    is_doubtful = False
    try:
        risk.check(facts, at=at)
    except risk.GiftNeedsLook:
        is_doubtful = True
    return _hold(intent, facts, is_doubtful=is_doubtful, at=at)


@transaction.atomic(durable=True)
def _hold(intent: Intent, facts: SendFacts, *, is_doubtful: bool, at: datetime) -> HeldGift:
    posting = services.posting(intent, facts)
    held, is_new = HeldGift.objects.get_or_create(
        pk=intent.operation_id,
        defaults={
            "hold_id": ledger.new_operation_id(),
            "sender_id": intent.sender_id,
            "room_id": intent.room_id,
            "video_id": intent.video_id,
            "gift_version_id": intent.gift_version_id,
            "quantity": intent.quantity,
            "coins": posting.coins,
            "is_hidden": intent.hide_name,
            "due_at": at + UNDO,
            "held_at": at,
        },
    )
    if not is_new:
        if _intent(held) != intent:
            raise ledger.OperationConflict
        return held
    returns.hold_gift(
        operation_id=held.hold_id,
        payer_id=intent.sender_id,
        coins=posting.coins,
        context=posting.context,
        memo=posting.memo,
    ).check()
    if is_doubtful:
        held.review = reviewing.screen_gift(
            sender=User.objects.get(pk=intent.sender_id),
            gift_key=f"gift:{held.pk}",
            coins=held.coins,
            at=at,
        )
        held.due_at = at + (LOOK_WITHIN if held.review else UNDO)
        held.save(update_fields=["review", "due_at"])
    return held


@transaction.atomic(durable=True)
def take_back(*, held_id: UUID, sender_id: int, at: datetime) -> HeldGift:
    """Give the sender the coins back. One that was taken back before stays so.

    Locks the gift, then the wallet. Raises HeldGift.DoesNotExist, TooLate.
    """
    held = HeldGift.objects.select_for_update(no_key=True).get(pk=held_id, sender_id=sender_id)
    if held.state == State.TAKEN_BACK:
        return held
    if held.state != State.WAITING:
        raise TooLate("It has been sent already, so it cannot be taken back any more.")
    return _end(held, to=State.TAKEN_BACK, why="The sender took it back.", at=at)


def send_due(*, at: datetime) -> int:
    """Send every gift that has waited long enough, or was looked at; how many came to an end."""
    due = HeldGift.objects.filter(state=State.WAITING).filter(
        Q(due_at__lte=at) | Q(review__state__in=DECIDED)
    )
    ids = list(due.order_by("due_at").values_list("pk", flat=True)[:BATCH])
    return sum(_send(held_id, at=at) for held_id in ids)


@transaction.atomic(durable=True)
def _send(held_id: UUID, *, at: datetime) -> bool:
    """End one: its coins are free and, in the same transaction, spent on it, or free."""
    waiting = HeldGift.objects.filter(pk=held_id, state=State.WAITING)
    held = waiting.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
    if held is None:
        return False
    refusal = _refusal(held.review)
    intent = _intent(held)
    facts = reads.send_facts(intent, at=at)
    facts = _as_agreed(facts)
    try:
        risk.check(facts, at=at)
    except risk.GiftNeedsLook:
        pass  # somebody has looked
    except risk.REFUSALS as found:
        refusal = refusal or str(found)
    if refusal:
        _end(held, to=State.REFUSED, why=refusal, at=at)
        _tell(held, facts, refusal)
        return True
    _free(held, "Coins set aside, now spent")
    outcome = services.post_now(intent, facts, at=at)
    if outcome.refusal is None:
        _moved(held, to=State.SENT, why="It was due.", at=at)
    else:
        refusal = "A bank has taken the payment behind it back."
        _moved(held, to=State.REFUSED, why=refusal, at=at)
        _tell(held, facts, refusal)
    return True


def _as_agreed(facts: SendFacts) -> SendFacts:
    """Take the place and the gift as they were when the sender agreed: open, and unlocked."""
    shown = facts.shown and replace(facts.shown, unlock_level=None, club_level=None)
    return replace(facts, is_open=True, gifts_on=True, may_enter=True, shown=shown, current=shown)


def _refusal(review: Review | None) -> str:
    """Why a look at the gift keeps it from being sent."""
    if review is None:
        return ""
    if review.state not in DECIDED:
        return "Nobody could look at it within a day, so your coins are yours again."
    if review.outcome == Review.Outcome.UPHELD:
        return "A member of our staff looked at it and did not let it through."
    return ""


def _end(held: HeldGift, *, to: str, why: str, at: datetime) -> HeldGift:
    _free(held, "Coins back, not sent")
    return _moved(held, to=to, why=why, at=at)


def _free(held: HeldGift, why: str) -> None:
    name = held.gift_version.name
    times = f" ×{held.quantity:,}" if held.quantity > 1 else ""
    returns.free_gift(
        operation_id=ledger.new_operation_id(),
        hold_id=held.hold_id,
        memo={"text": f"{why}: {name}{times}"},
    )


def _moved(held: HeldGift, *, to: str, why: str, at: datetime) -> HeldGift:
    held = states.move(held, to=to, why=why[:200], at=at)
    held.ended_at = at
    held.save(update_fields=["ended_at"])
    return held


def _tell(held: HeldGift, facts: SendFacts, why: str) -> None:
    name = facts.shown.name if facts.shown else "Your gift"
    people.notify(
        user_id=held.sender_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"gift:{held.pk}",
        title=f"{name} was not sent: its {held.coins:,} coins are yours again",
        body=why,
    )


def _intent(held: HeldGift) -> Intent:
    return Intent(
        operation_id=held.pk,
        sender_id=held.sender_id,
        gift_version_id=held.gift_version_id,
        quantity=held.quantity,
        room_id=held.room_id,
        video_id=held.video_id,
        hide_name=held.is_hidden,
    )


def waiting_of(*, sender_id: int) -> Sequence[HeldGift]:
    """List what the sender can still take back, the newest first."""
    rows = HeldGift.objects.filter(sender_id=sender_id, state=State.WAITING)
    return list(rows.select_related("gift_version__gift", "review").order_by("-held_at")[:BATCH])
