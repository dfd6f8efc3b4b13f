"""Sending gifts.

Promises: a gift is sent once per operation id, whatever is retried; a refused one moves nothing;
the transaction of a gift locks only its payer, so a popular creator is as fast as a quiet one.
Everything that others see of it (feed, ranks, goals) is made after the commit from its event.

The order of a send: read all facts in one statement, judge them, post to the ledger and write the
sending with its event in one statement, commit, and only then raise what the ledger refused,
because a refusal is kept too. When the facts forbid the gift, an earlier try under the same id
still has its answer: a gift that arrived before the live ended is not taken back by asking again.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from accounts import consents, statements
from accounts.models import Scope, User
from gifts import chat, clubs, events, risk, streaks
from gifts import facts as reads
from gifts import sending_texts as texts
from gifts.facts import Offer, SendFacts, Wanted
from gifts.models import HIDDEN_NAME, ChatMessage
from wallet import ledger
from wallet import queries as wallets
from wallet.models import Operation

BATCH_MAX: Final = 200

# What one sending may come to besides being sent.
ANSWERS: Final = (
    *risk.REFUSALS,
    chat.ChatRefused,
    consents.ConsentMissing,
    consents.ConsentCapReached,
    ledger.InsufficientCoins,
    ledger.NoRateCard,
    ledger.OperationConflict,
    streaks.StreakEnded,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(Wanted):
    """One gift somebody means to send, under an id made before the first try."""

    operation_id: UUID
    room_id: UUID | None = None
    video_id: UUID | None = None
    streak_id: UUID | None = None
    hide_name: bool = False  # nobody but staff and the sender learns who sent it


@dataclass(frozen=True, slots=True)
class Sent:
    """A gift that was sent. ``balance`` is what the sender has left."""

    sending_id: UUID
    coins: int
    balance: int
    replayed: bool


def send_gift(
    *,
    operation_id: UUID,
    sender_id: int,
    gift_version_id: int,
    quantity: int,
    room_id: UUID | None = None,
    video_id: UUID | None = None,
    streak_id: UUID | None = None,
    words: str = "",
    client_id: str = "",
    hide_name: bool = False,
    at: datetime,
) -> Sent:
    """Send a gift at the price of the version the sender saw.

    Idempotent by ``operation_id``. Locks the sender's wallet. With ``client_id`` the coins are
    spent under the sender's consent for that service. With ``streak_id`` it is one of a combo.
    ``words`` are for gifts that carry some, and are judged as what is said in the room's chat.
    With ``hide_name`` only staff and the sender learn who sent it.

    Raises GiftRefused, ChatRefused and accounts.risk.NotAllowed (nothing stored), ConsentMissing,
    ConsentCapReached and StreakEnded (nothing stored), InsufficientCoins and NoRateCard (stored:
    the same id gives the same answer again), OperationConflict when the id was used for something
    else.
    """
    intent = Intent(
        operation_id=operation_id,
        sender_id=sender_id,
        gift_version_id=gift_version_id,
        quantity=quantity,
        room_id=room_id,
        video_id=video_id,
        streak_id=streak_id,
        client_id=client_id,
        words=chat.clean(words) if words else "",
        hide_name=hide_name,
    )
    try:
        facts = reads.send_facts(intent, at=at)
    except User.DoesNotExist:
        raise consents.missing(Scope.GIFTS_SEND) from None
    try:
        risk.check(facts, at=at)
        if intent.words and room_id is not None:
            chat.check_may_say(room_id=room_id, author_id=sender_id, words=intent.words, at=at)
    except (*risk.REFUSALS, chat.ChatRefused):
        earlier = _earlier(intent)
        if earlier is None:
            raise
        return earlier
    return _answer(intent, facts, _post(intent, facts, at=at))


def send_gifts(*, intents: Sequence[Intent], at: datetime) -> list[Sent | Exception]:
    """Send up to 200 gifts in one transaction; one answer each, in order: sent, or why not.

    For services with many fans. Every item is judged and posted as ``send_gift`` would, and a
    refused one does not hold back the others. Items under a consent, of a combo, with words or
    joining a club go one by one, because each must be able to be refused alone. Locks the senders'
    wallets in order of their ids.
    """
    assert len(intents) <= BATCH_MAX, "a batch holds at most 200 gifts"
    answers: dict[int, Sent | Exception] = {}
    posted: dict[UUID, tuple[int, Intent, SendFacts]] = {}
    alone: list[int] = []
    for place, facts in enumerate(reads.send_facts_of(intents, at=at)):
        intent = intents[place]
        if _goes_alone(intent, facts) or intent.operation_id in posted:
            alone.append(place)
            continue
        try:
            risk.check(facts, at=at)
        except risk.REFUSALS as refusal:
            answers[place] = _settled(_earlier, intent) or refusal
        else:
            posted[intent.operation_id] = (place, intent, facts)
    outcomes = _post_many([(intent, facts) for _, intent, facts in posted.values()], at=at)
    for outcome in outcomes:
        place, intent, facts = posted[outcome.operation_id]
        answers[place] = _settled(_answer, intent, facts, outcome)
    for place in alone:
        answers[place] = _settled(_send_alone, intents[place], at)
    return [answers[place] for place in range(len(intents))]


def _goes_alone(intent: Intent, facts: SendFacts) -> bool:
    """Whether more is written with it than a batch writes, or it must be refused alone."""
    joins_club = facts.shown is not None and facts.shown.is_join_gift
    return bool(intent.client_id or intent.streak_id or intent.words or joins_club)


@transaction.atomic(durable=True)
def _post(intent: Intent, facts: SendFacts, *, at: datetime) -> ledger.Outcome:
    return post_now(intent, facts, at=at)


def post_now(intent: Intent, facts: SendFacts, *, at: datetime) -> ledger.Outcome:
    """Post a gift that was judged, in the caller's transaction; the refusal is in the outcome."""
    _, offer = _judged(facts)
    variant = (bool(intent.client_id), intent.streak_id is not None, bool(intent.words))
    sql = texts.SEND_SQL[*variant, offer.is_join_gift]
    spending: dict[str, Any] = {
        "fan_id": intent.sender_id,
        "client_id": intent.client_id,
        "scope": Scope.GIFTS_SEND,
        "coins": _coins(facts),
        "at": at,
    }
    values = ledger.gift_facts(posting(intent, facts)) | _recorded([_row(intent, facts, at=at)])
    with statements.prepared_cursor() as cursor:
        cursor.execute(sql, values | consents.use_facts(**spending))
        *row, is_let_through, is_joined = cursor.fetchone()
    outcome = ledger.outcome(intent.operation_id, row)
    if outcome.done and not outcome.replayed:
        # The posting is in this transaction: raised here, it never was.
        if not is_let_through:
            raise consents.not_counted(**spending)
        if not is_joined:
            raise streaks.StreakEnded
    return outcome


@transaction.atomic(durable=True)
def _post_many(
    sendings: Sequence[tuple[Intent, SendFacts]], *, at: datetime
) -> list[ledger.Outcome]:
    outcomes = ledger.post_gifts([posting(intent, facts) for intent, facts in sendings])
    _record(
        [
            _row(intent, facts, at=at)
            for (intent, facts), outcome in zip(sendings, outcomes, strict=True)
            if outcome.done and not outcome.replayed
        ]
    )
    return outcomes


def _send_alone(intent: Intent, at: datetime) -> Sent:
    return send_gift(**asdict(intent), at=at)


def _settled[**P](deed: Callable[P, Sent | None], *args: P.args, **kwargs: P.kwargs) -> Any:
    """Give back what the deed answers or refuses: one item of a batch does not stop the others."""
    try:
        return deed(*args, **kwargs)
    except ANSWERS as refusal:
        return refusal


def _answer(intent: Intent, facts: SendFacts, outcome: ledger.Outcome) -> Sent:
    """Say what came of the posting; the transaction has committed."""
    if outcome.replayed:
        earlier = _earlier(intent)
        assert earlier is not None, "a replay has a first try"
        return earlier
    outcome.check()
    return Sent(
        sending_id=intent.operation_id,
        coins=_coins(facts),
        balance=outcome.result["balance"],
        replayed=False,
    )


def _earlier(intent: Intent) -> Sent | None:
    """Give the answer of an earlier try under the same id; None when there was none.

    Raises what the first try raised, and OperationConflict when it was for something else.
    """
    operation = Operation.objects.filter(pk=intent.operation_id).first()
    if operation is None:
        return None
    memo = operation.memo or {}
    if (
        operation.kind != Operation.Kind.GIFT
        or operation.actor_id != intent.sender_id
        or operation.context != _context(intent)
        or (memo["version"], memo["quantity"]) != (intent.gift_version_id, intent.quantity)
        or (memo.get("client", ""), memo.get("streak")) != _through(intent)
        or memo.get("hidden", False) != intent.hide_name
        or _said(operation.pk, else_words=intent.words) != intent.words
    ):
        raise ledger.OperationConflict
    result = operation.result or {}
    ledger.Outcome(
        operation_id=operation.pk,
        done=not operation.is_refused,
        replayed=True,
        refusal=result.get("refusal"),
        result=result,
    ).check()
    return Sent(
        sending_id=operation.pk,
        coins=operation.request["coins"],
        balance=wallets.coins(user_id=intent.sender_id),
        replayed=True,
    )


def _said(operation_id: UUID, *, else_words: str) -> str:
    """The words that were sent with it, if they are still known; they go with the room's log."""
    said = ChatMessage.objects.filter(pk=operation_id).values_list("words", flat=True)
    return next(iter(said), else_words)


def posting(intent: Intent, facts: SendFacts) -> ledger.Gift:
    """Write a gift that was judged as the ledger takes it."""
    creator, offer = _judged(facts)
    return ledger.Gift(
        operation_id=intent.operation_id,
        payer_id=intent.sender_id,
        creator_id=creator.id,
        coins=_coins(facts),
        actor_id=intent.sender_id,
        context=_context(intent),
        memo={
            "gift": offer.name,
            "slug": offer.slug,
            **_drawn(offer),
            "version": offer.id,
            "quantity": facts.quantity,
            "to": creator.display_name,
            "to_handle": creator.handle,
            "where": facts.title,
            **_signed(intent, facts),
            **_service(intent),
        },
    )


def _signed(intent: Intent, facts: SendFacts) -> dict[str, Any]:
    """Say in the memo, which the creator's history shows, who sent it."""
    if intent.hide_name:
        return {"from": HIDDEN_NAME, "hidden": True}
    return {"from": facts.sender.display_name, "from_handle": facts.sender.handle}


def _drawn(offer: Offer) -> dict[str, str]:
    return {"art": offer.art} if offer.art else {}


def _service(intent: Intent) -> dict[str, Any]:
    """Say in the memo which service sent it, so that no other's request passes for a retry."""
    client_id, streak = _through(intent)
    return {"client": client_id, "streak": streak} if client_id else {}


def _through(intent: Intent) -> tuple[str, str | None]:
    streak = str(intent.streak_id) if intent.client_id and intent.streak_id else None
    return intent.client_id, streak


def _row(intent: Intent, facts: SendFacts, *, at: datetime) -> dict[str, Any]:
    """Make the sending as it is kept, with the event that tells of it."""
    creator, offer = _judged(facts)
    coins = _coins(facts)
    return {
        "id": str(intent.operation_id),
        "sender_id": intent.sender_id,
        "creator_id": creator.id,
        "room_id": intent.room_id and str(intent.room_id),
        "video_id": intent.video_id and str(intent.video_id),
        "gift_version_id": offer.id,
        "quantity": facts.quantity,
        "coins": coins,
        "streak_id": intent.streak_id and str(intent.streak_id),
        "client_id": intent.client_id,
        "is_hidden": intent.hide_name,
        "shown_minor": facts.rate and facts.rate.minor(coins),
        "shown_currency": facts.rate.currency if facts.rate else "",
        "sent_at": at.isoformat(),
        "subject": _context(intent),
        "words": intent.words,
        "highlight_s": offer.highlight_s,
        "payload": {
            "sending_id": str(intent.operation_id),
            "sender_id": intent.sender_id,
            "sender": HIDDEN_NAME if intent.hide_name else facts.sender.display_name,
            "sender_handle": "" if intent.hide_name else facts.sender.handle,
            "creator_id": creator.id,
            "gift": offer.name,
            "slug": offer.slug,
            "category": offer.category,
            "animation_ms": offer.animation_ms,
            "quantity": facts.quantity,
            "coins": coins,
            "streak_id": intent.streak_id and str(intent.streak_id),
            "sent_at": at.isoformat(),
            **clubs.badge(facts.standing, is_shown=facts.shows_level and not intent.hide_name),
            **({"words": intent.words, "highlight_s": offer.highlight_s} if intent.words else {}),
            **({"is_hidden": True} if intent.hide_name else {}),
            **_drawn(offer),
        },
    }


def _record(rows: Sequence[dict[str, Any]]) -> None:
    assert connection.in_atomic_block, "a sending commits with its posting"
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(texts.RECORD_SQL, _recorded(rows))


def _recorded(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give the values of the statements that record sendings."""
    return {"rows": json.dumps(rows), "event": events.GIFT_SENT, "joined": events.CLUB_JOINED}


def _judged(facts: SendFacts) -> tuple[User, Offer]:
    assert facts.creator is not None, "the facts were judged"
    assert facts.shown is not None, "the facts were judged"
    return facts.creator, facts.shown


def _coins(facts: SendFacts) -> int:
    _, offer = _judged(facts)
    return offer.price_coins * facts.quantity


def _context(intent: Intent) -> str:
    return f"room:{intent.room_id}" if intent.room_id else f"video:{intent.video_id}"
