"""Keeping order in a creator's rooms.

Promises: the creator, and the moderators they named, remove messages, mute people and slow the talk
down; nobody else does, and none of them mutes the creator or another moderator; who is muted is
told. What is removed stays readable for staff as long as the room's log is kept.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.urls import reverse

from accounts import events as outbox
from accounts import queries as people
from accounts import services
from accounts.models import NoticeKind, StateChange, User
from gifts import crowd, events
from gifts.models import ChatMessage, ChatRules, Moderator, Mute, Room

SLOW_S: Final = (0, 5, 30, 60)
BANNED_MAX: Final = 200  # words
BANNED_LENGTH_MAX: Final = 40
MODERATORS_MAX: Final = 20


class NotAModerator(Exception):
    """Only the creator and the moderators they named do this."""

    def __init__(self) -> None:
        super().__init__("Only the creator and their moderators can do this.")


class CannotMute(Exception):
    """The creator, their moderators and oneself are not muted."""


class CannotName(Exception):
    """This person cannot be a moderator."""


class NotRules(Exception):
    """These are no rules for a chat."""


@transaction.atomic(durable=True)
def remove_message(*, message_id: UUID, by_id: int, at: datetime) -> ChatMessage:
    """Take a message out of its room. Again is no change. Authors may take back their own.

    Raises NotAModerator, ChatMessage.DoesNotExist.
    """
    message = _locked(message_id)
    if message.author_id != by_id:
        _check_moderates(message.room.creator_id, by_id)
    return _remove(message, by_id=by_id, at=at)


@transaction.atomic(durable=True)
def remove_as_staff(*, message_id: UUID, by_id: int, why: str, at: datetime) -> ChatMessage:
    """Take a message out of its room, for a reason that is kept. Again is no change."""
    message = _locked(message_id)
    if message.removed_at is None:
        StateChange.objects.create(
            subject_type="gifts.chatmessage",
            subject_id=str(message_id),
            before="said",
            after="removed",
            why=why,
            by_id=by_id,
            at=at,
        )
    return _remove(message, by_id=by_id, at=at)


def _locked(message_id: UUID) -> ChatMessage:
    rows = ChatMessage.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("room").get(pk=message_id)


def _remove(message: ChatMessage, *, by_id: int, at: datetime) -> ChatMessage:
    if message.removed_at is not None:
        return message
    message.removed_at, message.removed_by_id = at, by_id
    message.save(update_fields=["removed_at", "removed_by"])
    outbox.publish(
        name=events.CHAT_REMOVED,
        subject=f"room:{message.room_id}",
        payload={"message_id": str(message.pk)},
    )
    return message


@transaction.atomic(durable=True)
def mute(
    *, creator_id: int, person_id: int, by_id: int, over: timedelta | None, at: datetime
) -> Mute:
    """Silence somebody in a creator's rooms, for a time or (None) for good, and tell them.

    Again changes the time. Raises NotAModerator, CannotMute.
    """
    _check_moderates(creator_id, by_id)
    if person_id == by_id:
        raise CannotMute("You cannot mute yourself.")
    if crowd.may_moderate(creator_id=creator_id, person_id=person_id):
        raise CannotMute("The creator and their moderators cannot be muted.")
    until = None if over is None else at + over
    made, _ = Mute.objects.update_or_create(
        creator_id=creator_id,
        person_id=person_id,
        defaults={"until": until, "muted_at": at, "by_id": by_id},
    )
    creator = User.objects.get(pk=creator_id)
    services.notify(
        user_id=person_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"muted:{creator_id}:{at:%Y-%m-%dT%H:%M:%S.%f}",
        title=f"You are muted in the rooms of {creator.display_name}",
        body=f"{crowd.muted_words(creator.display_name, until)} You can still watch and give.",
        path=reverse("accounts:creator", args=[creator.handle]),
    )
    return made


@transaction.atomic(durable=True)
def unmute(*, creator_id: int, person_id: int, by_id: int) -> None:
    """Let somebody talk again. Again is no change. Raises NotAModerator."""
    _check_moderates(creator_id, by_id)
    Mute.objects.filter(creator_id=creator_id, person_id=person_id).delete()


@transaction.atomic(durable=True)
def set_rules(*, creator_id: int, by_id: int, slow_s: int, banned_words: str) -> ChatRules:
    """Say how slowly people talk and which words are not wanted. Raises NotAModerator, NotRules."""
    _check_moderates(creator_id, by_id)
    if slow_s not in SLOW_S:
        raise NotRules(f"Choose one of these: {', '.join(map(str, SLOW_S))} seconds.")
    listed = list(dict.fromkeys(filter(None, map(str.strip, banned_words.splitlines()))))
    if len(listed) > BANNED_MAX:
        raise NotRules(f"The list holds {BANNED_MAX} words; yours has {len(listed):,}.")
    long = next((word for word in listed if len(word) > BANNED_LENGTH_MAX), None)
    if long is not None:
        raise NotRules(f"“{long[:20]}…” is longer than {BANNED_LENGTH_MAX} characters.")
    before = crowd.rules_of(creator_id=creator_id)
    rules, _ = ChatRules.objects.update_or_create(
        creator_id=creator_id, defaults={"slow_s": slow_s, "banned_words": "\n".join(listed)}
    )
    live = Room.objects.filter(creator_id=creator_id, state=Room.State.LIVE).first()
    if live is not None and before.slow_s != slow_s:
        outbox.publish(
            name=events.CHAT_SLOWED, subject=f"room:{live.pk}", payload={"slow_s": slow_s}
        )
    return rules


@transaction.atomic(durable=True)
def name_moderator(*, creator_id: int, handle: str, at: datetime) -> Moderator:
    """Let somebody keep order in the creator's rooms, and tell them. Again is no change.

    Raises CannotName.
    """
    person = people.person(people.reference(f"@{handle.strip().removeprefix('@')}"))
    if person is None or not person.is_active:
        raise CannotName("Nobody has this handle. Check it and try again.")
    if person.pk == creator_id:
        raise CannotName("You keep order in your own rooms already.")
    User.objects.select_for_update(no_key=True).get(pk=creator_id)
    if Moderator.objects.filter(creator_id=creator_id).count() >= MODERATORS_MAX:
        raise CannotName(f"You have {MODERATORS_MAX} moderators. Dismiss one first.")
    made, is_new = Moderator.objects.get_or_create(
        creator_id=creator_id, person=person, defaults={"named_at": at}
    )
    Mute.objects.filter(creator_id=creator_id, person=person).delete()
    if is_new:
        creator = User.objects.get(pk=creator_id)
        services.notify(
            user_id=person.pk,
            kind=NoticeKind.ACCOUNT,
            subject_key=f"moderator:{creator_id}:{made.pk}",
            title=f"{creator.display_name} made you a moderator",
            body="You can remove messages, mute people and set slow mode in their rooms.",
            path=reverse("gifts:moderation", args=[creator.handle]),
        )
    return made


@transaction.atomic(durable=True)
def dismiss_moderator(*, creator_id: int, person_id: int) -> None:
    """Take it back; also for whoever wants to be none any more. Again is no change."""
    Moderator.objects.filter(creator_id=creator_id, person_id=person_id).delete()


def _check_moderates(creator_id: int, by_id: int) -> None:
    if not crowd.may_moderate(creator_id=creator_id, person_id=by_id):
        raise NotAModerator
