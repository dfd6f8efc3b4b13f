"""Becoming a creator, and following one."""

from datetime import datetime

from django.db import transaction

from accounts import events, risk
from accounts.models import CreatorProfile, Follow, User


class SelfFollow(Exception):
    pass


class NotACreator(Exception):
    pass


@transaction.atomic(durable=True)
def open_creator(*, user_id: int, about: str, at: datetime) -> CreatorProfile:
    """Make the person a creator, or change what their page says. Raises risk.NotAllowed's."""
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    risk.check_may_earn(user, at)
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
    """Follow a creator. Again is no change. Raises SelfFollow, NotACreator."""
    if fan_id == creator_id:
        raise SelfFollow("You cannot follow yourself.")
    if not User.objects.filter(pk=creator_id, is_creator=True).exists():
        raise NotACreator("Only creators can be followed.")
    Follow.objects.get_or_create(fan_id=fan_id, creator_id=creator_id)


@transaction.atomic(durable=True)
def unfollow(*, fan_id: int, creator_id: int) -> None:
    """Stop following. Again is no change."""
    Follow.objects.filter(fan_id=fan_id, creator_id=creator_id).delete()
