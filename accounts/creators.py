"""Becoming a creator, following one, and hearing from those one follows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from accounts import events, queries, risk, services
from accounts.models import CreatorProfile, Follow, NoticeKind, User

FOLLOWERS_A_BATCH: Final = 500


class SelfFollow(Exception):
    pass


class NotACreator(Exception):
    pass


class Blocked(Exception):
    """One of the two has blocked the other."""


@transaction.atomic(durable=True)
def open_creator(*, user_id: int, about: str, at: datetime) -> CreatorProfile:
    """Make the person a creator, or change what their page says. Raises risk.NotAllowed's."""
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    risk.check_may_create(user, at)
    profile, opened = CreatorProfile.objects.update_or_create(
        creator=user, defaults={"about": about}
    )
    if opened:
        user.is_creator = True
        user.save(update_fields=["is_creator"])
        events.publish(
            name=events.CREATOR_OPENED, subject=f"user:{user_id}", payload={"user_id": user_id}
        )
    return profile


@transaction.atomic(durable=True)
def follow(*, fan_id: int, creator_id: int) -> None:
    """Follow a creator. Again is no change. Raises SelfFollow, NotACreator, Blocked."""
    if fan_id == creator_id:
        raise SelfFollow("You cannot follow yourself.")
    if not User.objects.filter(pk=creator_id, is_creator=True).exists():
        raise NotACreator("Only creators can be followed.")
    if queries.is_blocked(blocker_id=creator_id, blocked_id=fan_id):
        raise Blocked("You cannot follow this creator.")
    if queries.is_blocked(blocker_id=fan_id, blocked_id=creator_id):
        raise Blocked("You have blocked this creator. Unblock them first, then follow them.")
    Follow.objects.get_or_create(fan_id=fan_id, creator_id=creator_id)


@transaction.atomic(durable=True)
def unfollow(*, fan_id: int, creator_id: int) -> None:
    """Stop following. Again is no change."""
    Follow.objects.filter(fan_id=fan_id, creator_id=creator_id).delete()


def tell_followers(*, creator_id: int, title: str, path: str, at: datetime) -> int:
    """Tell everybody who follows a creator that they are live, once a day. Says how many follow.

    A transaction a batch: killed anywhere and begun again, nobody is told twice.
    """
    creator = User.objects.get(pk=creator_id)
    told, after = 0, 0
    while ids := queries.follower_ids(creator_id=creator_id, after=after, limit=FOLLOWERS_A_BATCH):
        with transaction.atomic(durable=True):
            services.notify_many(
                user_ids=ids,
                kind=NoticeKind.LIVE,
                subject_key=_live_key(creator_id, at),
                title=f"{creator.display_name} is live",
                body=title,
                path=path,
            )
        told, after = told + len(ids), ids[-1]
    return told


@transaction.atomic(durable=True)
def tell_asked(
    *,
    user_ids: Sequence[int],
    creator: User,
    title: str,
    path: str,
    own_key: str,
    at: datetime,
) -> None:
    """Tell people who asked for it that a creator is live at a path, each once.

    Who was told of an earlier live of that day hears of this one too, under a key of its own; who
    was told of this one as a follower does not hear it again.
    """
    key = _live_key(creator.pk, at)
    told = queries.paths_told(user_ids=user_ids, subject_key=key)
    first = [user_id for user_id in user_ids if user_id not in told]
    again = [user_id for user_id in user_ids if told.get(user_id, path) != path]
    for ids, subject_key in ((first, key), (again, own_key)):
        services.notify_many(
            user_ids=ids,
            kind=NoticeKind.LIVE,
            subject_key=subject_key,
            title=f"{creator.display_name} is live",
            body=title,
            path=path,
        )


def _live_key(creator_id: int, at: datetime) -> str:
    return f"live:{creator_id}:{at:%Y-%m-%d}"
