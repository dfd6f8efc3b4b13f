"""The places gifts are sent in: going live, ending, posting and hiding videos.

Promises: a creator has one live at a time; every change of a place leaves a row that says who did
it and why; starting and ending publish an event. Ids are made by the caller before its first try,
so trying again changes nothing.
"""

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts import events as outbox
from accounts import risk as people
from accounts import states
from accounts.models import StateChange, User
from gifts import clubs, events
from gifts.models import PlannedLive, Room, RoomLog, Video


class NotACreator(Exception):
    """Only creators go live and post videos."""

    def __init__(self) -> None:
        super().__init__(
            "Only creators can do this. Open your creator profile in the studio first."
        )


class AlreadyLive(Exception):
    """The creator is live in another room. Carries that room's id."""

    def __init__(self, *, room_id: UUID) -> None:
        super().__init__("You are live already. End that live before you start another.")
        self.room_id = room_id


class NoMembersYet(Exception):
    """Something for members only, of a creator who offers no membership."""

    def __init__(self) -> None:
        super().__init__(
            "You offer no membership, so nobody could come in. Switch it on in the studio, "
            "under Club, then try again."
        )


class IdTaken(Exception):
    """The id was used before, for somebody else's place."""

    def __init__(self) -> None:
        super().__init__("This form was used before. Reload the page and try again.")


class RoomConflict(Exception):
    """The id was used before, for a live of other words."""

    def __init__(self) -> None:
        super().__init__("This key began a live with another title or address. Make a new key.")


class AddressNotAllowed(Exception):
    """The picture's address is not on a site that this Carat plays from."""


def check_address(address: str) -> None:
    """Let pass an empty address or one that the page's security policy will play.

    Raises AddressNotAllowed.
    """
    if not address:
        return
    parts = urlsplit(address)
    origin = f"{parts.scheme}://{parts.netloc}"
    if origin == settings.SITE_URL or (
        parts.scheme == "https" and origin in settings.VIDEO_ORIGINS
    ):
        return
    if not settings.VIDEO_ORIGINS:
        raise AddressNotAllowed(
            "This site does not play videos from other sites yet. "
            "Leave the address empty and your stage is drawn instead."
        )
    sites = ", ".join(settings.VIDEO_ORIGINS)
    raise AddressNotAllowed(f"The address must begin with one of these: {sites}.")


@transaction.atomic(durable=True)
def start_room(
    *,
    room_id: UUID,
    creator_id: int,
    title: str,
    stream_url: str = "",
    gifts_on: bool = True,
    is_exact: bool = False,
    for_members: bool = False,
    at: datetime,
) -> Room:
    """Go live. The same id again returns the same room; ``is_exact``: if its words are the same.

    Locks the creator's row. Raises NotACreator, AlreadyLive, IdTaken, RoomConflict,
    AddressNotAllowed, NoMembersYet, and the refusals of ``accounts.risk``.
    """
    check_address(stream_url)
    _lock_creator(creator_id, gifts_on=gifts_on, at=at)
    earlier = Room.objects.filter(pk=room_id).first()
    if earlier is not None:
        _own(earlier, creator_id)
        if is_exact and (earlier.title, earlier.stream_url) != (title, stream_url):
            raise RoomConflict
        return earlier
    live = Room.objects.filter(creator_id=creator_id, state=Room.State.LIVE).first()
    if live is not None:
        raise AlreadyLive(room_id=live.pk)
    _check_members(creator_id, for_members=for_members)
    room = Room.objects.create(
        id=room_id,
        creator_id=creator_id,
        title=title,
        stream_url=stream_url,
        gifts_on=gifts_on,
        for_members=for_members,
        started_at=at,
    )
    planned = _fulfil(room, at=at)
    outbox.publish(
        name=events.ROOM_STARTED,
        subject=f"room:{room.pk}",
        payload={"room_id": str(room.pk), "creator_id": creator_id, "title": title}
        | ({"planned_id": str(planned.pk)} if planned else {}),
    )
    return room


def _fulfil(room: Room, *, at: datetime) -> PlannedLive | None:
    """Note that the creator's plan for about now has begun, if there is one; of two the earlier."""
    planned = (
        PlannedLive.objects.select_for_update(no_key=True)
        .filter(creator_id=room.creator_id, cancelled_at=None, room=None)
        .filter(starts_at__range=(at - PlannedLive.LATE, at + PlannedLive.EARLY))
        .order_by("starts_at", "pk")
        .first()
    )
    if planned is not None:
        planned.room = room
        planned.save(update_fields=["room"])
    return planned


@transaction.atomic(durable=True)
def end_room(*, room_id: UUID, by_id: int, why: str, at: datetime) -> Room:
    """End a live. One that has ended stays as it is. Locks the room."""
    room = Room.objects.select_for_update(no_key=True).get(pk=room_id)
    if room.state == Room.State.ENDED:
        return room
    room = states.move(room, to=Room.State.ENDED, why=why, at=at, by_id=by_id)
    room.ended_at = at
    room.save(update_fields=["ended_at"])
    outbox.publish(
        name=events.ROOM_ENDED,
        subject=f"room:{room.pk}",
        payload={
            "room_id": str(room.pk),
            "creator_id": room.creator_id,
            "title": room.title,
            "peak_viewers": _peak_viewers(room.pk),
            "ended_at": at.isoformat(),
        },
    )
    return room


def _peak_viewers(room_id: UUID) -> int:
    """How many watched at once, at most: for those who judge a creator's audience."""
    rows = RoomLog.objects.filter(pk=room_id).values_list("peak_viewers", flat=True)
    return rows.first() or 0


@transaction.atomic(durable=True)
def set_gifts_on(*, room_id: UUID, creator_id: int, gifts_on: bool) -> None:
    """Switch gifts on or off in the creator's own live. Gifts already on their way still arrive.

    Raises accounts.risk.KindExcluded.
    """
    if gifts_on:
        people.check_kind(User.objects.get(pk=creator_id))
    changed = Room.objects.filter(
        pk=room_id, creator_id=creator_id, state=Room.State.LIVE, gifts_on=not gifts_on
    ).update(gifts_on=gifts_on)
    if changed:
        outbox.publish(
            name=events.GIFTS_SWITCHED, subject=f"room:{room_id}", payload={"gifts_on": gifts_on}
        )


@transaction.atomic(durable=True)
def post_video(
    *,
    video_id: UUID,
    creator_id: int,
    title: str,
    video_url: str = "",
    gifts_on: bool = True,
    for_members: bool = False,
    at: datetime,
) -> Video:
    """Post a video, public at once. The same id again returns the same video.

    Raises NotACreator, IdTaken, AddressNotAllowed, NoMembersYet, and the refusals of
    ``accounts.risk``.
    """
    check_address(video_url)
    _lock_creator(creator_id, gifts_on=gifts_on, at=at)
    _check_members(creator_id, for_members=for_members)
    video, _ = Video.objects.get_or_create(
        pk=video_id,
        defaults={
            "creator_id": creator_id,
            "title": title,
            "video_url": video_url,
            "gifts_on": gifts_on,
            "for_members": for_members,
            "posted_at": at,
        },
    )
    return _own(video, creator_id)


@transaction.atomic(durable=True)
def hide_video(*, video_id: UUID, by_id: int, why: str, at: datetime) -> Video:
    """Take a video from the public; its gifts stay sent. Locks the video."""
    video = Video.objects.select_for_update(no_key=True).get(pk=video_id)
    if not video.is_public:
        return video
    video.is_public = False
    video.save(update_fields=["is_public"])
    StateChange.objects.create(
        subject_type="gifts.video",
        subject_id=str(video.pk),
        before="public",
        after="hidden",
        why=why,
        by_id=by_id,
        at=at,
    )
    return video


def _lock_creator(creator_id: int, *, gifts_on: bool, at: datetime) -> None:
    creator = User.objects.select_for_update(no_key=True).get(pk=creator_id)
    if not creator.is_creator:
        raise NotACreator
    (people.check_may_earn if gifts_on else people.check_may_create)(creator, at)


def _check_members(creator_id: int, *, for_members: bool) -> None:
    if for_members and clubs.offer_of(creator_id=creator_id) is None:
        raise NoMembersYet


def _own[P: (Room, Video)](place: P, creator_id: int) -> P:
    if place.creator_id != creator_id:
        raise IdTaken
    return place
