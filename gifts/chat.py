"""Talking in a room.

Promises: plain text of at most 200 characters, said once per message id however often it is sent;
who may not talk here is told why; nobody talks faster than the rules allow. Messages go with the
log of their room, and with the account of whoever said them.
"""

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from accounts import events as outbox
from accounts import queries as people
from accounts import risk
from accounts.models import User
from gifts import clubs, crowd, events, room_log
from gifts.models import ChatMessage, Room

WORDS_MAX: Final = 200
# One a second; whoever was silent may say five at once.
BURST: Final = 5
BURST_OVER: Final = timedelta(seconds=5)
# What may be in words without being seen: the joiners that scripts and emoji need.
JOINERS: Final = frozenset("\u200c\u200d")
# More accents on one letter than any language has are there to cover the lines around.
ACCENTS_MAX: Final = 3


class ChatRefused(Exception):
    """A message that may not be said. Nothing was stored."""


class ChatClosed(ChatRefused):
    """The live has ended, or never was."""


class NotWords(ChatRefused):
    """Nothing was said, or more than a message holds."""


class TooFast(ChatRefused):
    """The author has just said something."""


class Muted(ChatRefused):
    """The author may not talk in this creator's rooms."""


class WordNotWanted(ChatRefused):
    """The message has a word the creator does not want."""


class KeptOut(ChatRefused):
    """The creator has blocked the author."""


class ForMembers(ChatRefused):
    """The room is for the creator's members, and the author is none."""


class MessageConflict(ChatRefused):
    """The id was used for another message."""


def clean(words: str) -> str:
    """Make plain text of one line of what was typed. Raises NotWords."""
    seen = (
        char
        for char in unicodedata.normalize("NFC", words)
        if char in JOINERS or char.isspace() or unicodedata.category(char)[0] != "C"
    )
    text = " ".join(_with_few_accents("".join(seen)).split())
    if not text.strip("".join(JOINERS)):
        raise NotWords("Write something first.")
    if len(text) > WORDS_MAX:
        raise NotWords(
            f"A message holds {WORDS_MAX} characters; yours has {len(text):,}. Shorten it."
        )
    return text


def _with_few_accents(text: str) -> str:
    kept, accents = [], 0
    for char in text:
        accents = accents + 1 if unicodedata.combining(char) else 0
        if accents <= ACCENTS_MAX:
            kept.append(char)
    return "".join(kept)


@transaction.atomic(durable=True)
def say(
    *, message_id: UUID, room_id: UUID, author_id: int, words: str, at: datetime
) -> ChatMessage:
    """Say something in a live room. The same id again is the same message.

    An author's messages take turns. Raises a ChatRefused, and accounts.risk.NotAllowed.
    """
    text = clean(words)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('gifts.chat:' || %s, 0))", [author_id]
        )
    earlier = ChatMessage.objects.filter(pk=message_id).first()
    if earlier is not None:
        if (earlier.room_id, earlier.author_id, earlier.words) != (room_id, author_id, text):
            raise MessageConflict("This form was used before. Reload the page and say it again.")
        return earlier
    room, author = check_may_say(room_id=room_id, author_id=author_id, words=text, at=at)
    _check_pace(room, author, at=at)
    message = ChatMessage.objects.create(
        id=message_id, room=room, author=author, words=text, said_at=at
    )
    outbox.publish(
        name=events.CHAT_SAID,
        subject=f"room:{room_id}",
        payload={
            "message_id": str(message_id),
            "user_id": author_id,
            "from": author.display_name,
            "handle": author.handle,
            "words": text,
            **clubs.badge_of(author, creator_id=room.creator_id, at=at),
        },
    )
    return message


def check_may_say(*, room_id: UUID, author_id: int, words: str, at: datetime) -> tuple[Room, User]:
    """Let pass who may say these words in a live room. Raises ChatRefused and risk.NotAllowed."""
    room = Room.objects.select_related("creator").filter(pk=room_id).first()
    if room is None or room.state != Room.State.LIVE:
        raise ChatClosed("This live has ended, so nobody can talk here any more.")
    author = User.objects.get(pk=author_id)
    risk.check_may_chat(author, at)
    creator = room.creator
    if people.is_blocked(blocker_id=creator.pk, blocked_id=author_id):
        raise KeptOut(f"You cannot talk in the rooms of {creator.display_name}.")
    if not clubs.may_enter(place=room, viewer_id=author_id, at=at):
        raise ForMembers(f"Only members of {creator.display_name} can talk here.")
    mute = crowd.mute_of(creator_id=creator.pk, person_id=author_id, at=at)
    if mute is not None:
        raise Muted(crowd.muted_words(creator.display_name, mute.until))
    found = _banned(words, crowd.rules_of(creator_id=creator.pk).banned_words)
    if found and author_id != creator.pk:
        raise WordNotWanted(
            f"{creator.display_name} does not want “{found}” here. Say it without, then send it."
        )
    return room, author


def _banned(words: str, listed: str) -> str:
    """Find the first word of the list in the message; letters' size and accents are no escape."""
    said = f" {_folded(words)} "
    return next((word for word in listed.splitlines() if f" {_folded(word)} " in said), "")


def _folded(words: str) -> str:
    plain = unicodedata.normalize("NFKD", words.casefold())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.findall(r"\w+", letters))


def _check_pace(room: Room, author: User, *, at: datetime) -> None:
    said = ChatMessage.objects.filter(room=room, author=author, paid_coins=0)
    if said.filter(said_at__gt=at - BURST_OVER).count() >= BURST:
        raise TooFast("You are talking faster than anybody can read. Wait a few seconds.")
    slow_s = crowd.rules_of(creator_id=room.creator_id).slow_s
    if not slow_s or crowd.may_moderate(creator_id=room.creator_id, person_id=author.pk):
        return
    last = said.order_by("-said_at").values_list("said_at", flat=True).first()
    if last is not None and last + timedelta(seconds=slow_s) > at:
        wait_s = -(-(last + timedelta(seconds=slow_s) - at) // timedelta(seconds=1))
        raise TooFast(f"Slow mode: one message every {slow_s} seconds. Wait {wait_s} more.")


def forget(*, at: datetime) -> int:
    """Delete what was said in rooms that ended long ago; how many messages."""
    ended = Room.objects.filter(ended_at__lt=at - room_log.FORGOTTEN_AFTER)
    old = ChatMessage.objects.filter(room__in=ended)
    return old._raw_delete(old.db)  # noqa: SLF001 - nothing hangs on them


def forget_person(*, person_id: int) -> int:
    """Empty the lines of rooms' logs that a person said, in the caller's transaction; how many."""
    assert connection.in_atomic_block, "an erasure is one transaction"
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE gifts_roomevent AS event
               SET payload = event.payload || CASE WHEN event.name = %s
                   THEN '{"words": "", "from": "", "handle": ""}'::jsonb
                   ELSE '{"words": ""}'::jsonb END
              FROM gifts_chatmessage AS message
             WHERE message.author_id = %s AND event.room_id = message.room_id
               AND message.id::text
                   = coalesce(event.payload->>'message_id', event.payload->>'sending_id')
            """,
            [events.CHAT_SAID, person_id],
        )
        return int(cursor.rowcount)
