"""Rooms for services: follow one's log, and begin and end lives for creators who allow it.

Promises: the log tells what viewers were told, in their order, and no message that was removed; a
service begins and ends lives only of creators who let it (``rooms:manage``), and what the studio
would refuse is refused here too. One ``Idempotency-Key`` begins one live.
"""

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import consents
from accounts import queries as people
from accounts.models import Scope
from gifts import api, crowd, risk, room_log, rooms
from gifts.models import Room

EVENTS_MAX = 500
EVENTS = 200


class EventsQuery(base.Asked):
    after = serializers.IntegerField(
        required=False,
        default=0,
        min_value=0,
        max_value=people.ID_MAX,
        help_text="The number to go on from: the `next` of the answer before; 0: the beginning.",
    )
    limit = serializers.IntegerField(
        required=False,
        default=EVENTS,
        min_value=1,
        max_value=EVENTS_MAX,
        help_text="Events an answer.",
    )


class RoomEventAnswered(base.Answered):
    """One event. What else it carries goes by its name."""

    number = serializers.IntegerField(help_text="From 1, without a gap.")
    name = serializers.CharField(help_text="As gift.sent, chat.said or room.ended.")
    at = serializers.DateTimeField()


class RoomEventsAnswered(base.Answered):
    results = RoomEventAnswered(many=True)
    next = serializers.IntegerField(help_text="The `after` to ask with next.")
    last = serializers.IntegerField(help_text="How far the log has come; 0 before anything.")


class StartAsked(base.Asked):
    creator = base.PersonField()
    title = serializers.CharField(min_length=3, max_length=80)
    stream_url = serializers.URLField(
        required=False,
        allow_blank=True,
        default="",
        max_length=500,
        help_text="What a browser plays itself, from a site that this one plays from.",
    )


class NothingAsked(base.Asked):
    """A deed that needs no words."""


class SwitchAsked(base.Asked):
    gifts_on = serializers.BooleanField()


class RoomEvents(base.Door):
    """The log of a room from a number on: what viewers see, in their order.

    Ask again with `next` for what came since; in a live room, once a second is often enough.
    Messages that were removed come without their words. The log of a room that ended a month ago is
    forgotten; its gifts stay under `/gifts`. That of a room for members alone is for services that
    its creator lets manage their lives.
    """

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(
        operation_id="room_events_list", parameters=[EventsQuery], responses=RoomEventsAnswered
    )
    def get(self, _request: Request, room_id: UUID) -> Response:
        asked = self.asked(EventsQuery)
        room = api.room_or_404(room_id)
        if room.for_members:
            _check_managed(self, room)
        last = room_log.last_number(room_id=room.pk)  # first, so that no page ends beyond it
        found = room_log.events_after(room_id=room.pk, number=asked["after"], limit=asked["limit"])
        results = crowd.without_removed([room_log.facts_of(event) for event in found])
        seen = found[-1].number if found else asked["after"]
        return Response({"results": results, "next": seen, "last": max(last, seen)})


class Rooms(api.Rooms):
    """Who is live; and a live begun for a creator who allows it, as a media server's hook does."""

    scopes: ClassVar[Mapping[str, str]] = {**api.Rooms.scopes, "POST": "rooms:manage"}

    @extend_schema(
        operation_id="rooms_create",
        parameters=[base.KEY],
        request=StartAsked,
        responses={
            201: OpenApiResponse(
                api.RoomAnswered,
                description="Live. A retry is answered alike, with `Idempotent-Replayed: true`,"
                " and as the room is by then.",
            )
        },
    )
    def post(self, request: Request) -> Response:
        room_id = base.idempotency_key(request)
        asked, at = self.asked(StartAsked), timezone.now()
        creator = base.consenting(self, asked["creator"], Scope.ROOMS_MANAGE, at=at)
        room = rooms.start_room(
            room_id=room_id,
            creator_id=creator.pk,
            title=asked["title"],
            stream_url=asked["stream_url"],
            is_exact=True,
            at=at,
        )
        headers = None if room.started_at == at else {"Idempotent-Replayed": "true"}
        return Response(api.room_shown(room), status=201, headers=headers)


class RoomEnd(base.Door):
    """End a live for its creator. One that has ended stays as it is, so asking again is safe."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "rooms:manage"}

    @extend_schema(operation_id="room_end", request=NothingAsked, responses={200: api.RoomAnswered})
    def post(self, _request: Request, room_id: UUID) -> Response:
        self.asked(NothingAsked)
        room = _managed(self, room_id)
        ended = rooms.end_room(
            room_id=room.pk,
            by_id=room.creator_id,
            why=f"Ended by the service {self.client_id} for the creator",
            at=timezone.now(),
        )
        return Response(api.room_shown(ended))


class RoomGiftsSwitch(base.Door):
    """Switch gifts on or off in a live, for its creator. As it is already is no change."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "rooms:manage"}

    @extend_schema(
        operation_id="room_gifts_switch", request=SwitchAsked, responses={200: api.RoomAnswered}
    )
    def post(self, _request: Request, room_id: UUID) -> Response:
        asked = self.asked(SwitchAsked)
        room = _managed(self, room_id)
        if room.state == Room.State.ENDED:
            raise risk.RoomEnded("The live has ended. Nothing was switched.")
        rooms.set_gifts_on(room_id=room.pk, creator_id=room.creator_id, gifts_on=asked["gifts_on"])
        return Response(api.room_shown(api.room_or_404(room_id)))


def _managed(door: base.Door, room_id: UUID) -> Room:
    """Find a room whose creator lets the service manage it. Raises NotFound, ConsentMissing."""
    room = api.room_or_404(room_id)
    _check_managed(door, room)
    return room


def _check_managed(door: base.Door, room: Room) -> None:
    consents.check(
        fan_id=room.creator_id,
        client_id=door.client_id,
        scope=Scope.ROOMS_MANAGE,
        at=timezone.now(),
    )
