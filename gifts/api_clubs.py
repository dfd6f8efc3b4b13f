"""Clubs and memberships for services: who may watch, and what fans have with creators.

Promises: a media server asks before it hands out a picture, and is told yes or no; nothing tells
what a fan has spent elsewhere.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import queries as people
from gifts import clubs, queries
from gifts.models import Entitlement, Room, Video


class AccessQuery(base.Asked):
    fan = base.PersonField(required=False, help_text="None: somebody who is not signed in.")


class AccessAnswered(base.Answered):
    may_watch = serializers.BooleanField()
    for_members = serializers.BooleanField()
    until = serializers.DateTimeField(
        allow_null=True, help_text="Until when the fan has paid as a member; null: no member."
    )


class EntitlementsQuery(base.PageQuery):
    creator = base.PersonField(required=False)
    fan = base.PersonField(required=False)


class EntitlementAnswered(base.Answered):
    id = serializers.UUIDField()
    fan = base.PersonAnswered()
    creator = base.PersonAnswered()
    kind = serializers.ChoiceField(Entitlement.Kind.choices)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="A club has no end.")
    revoked_at = serializers.DateTimeField(
        allow_null=True, help_text="A bank took back the payment behind it."
    )
    holds = serializers.BooleanField(help_text="Whether it is in force now.")


class EntitlementsAnswered(base.Answered):
    results = EntitlementAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class RoomAccess(base.Door):
    """Whether a fan may watch a room. Ask again now and then: a membership ends."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(operation_id="room_access", parameters=[AccessQuery], responses=AccessAnswered)
    def get(self, _request: Request, room_id: UUID) -> Response:
        return Response(_access(queries.place(room_id=room_id), self.asked(AccessQuery)))


class VideoAccess(base.Door):
    """Whether a fan may watch a video."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(operation_id="video_access", parameters=[AccessQuery], responses=AccessAnswered)
    def get(self, _request: Request, video_id: UUID) -> Response:
        return Response(_access(queries.place(video_id=video_id), self.asked(AccessQuery)))


class Entitlements(base.Door):
    """Clubs fans are in and months they paid, newest first; of a creator, of a fan, or of both."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(
        operation_id="entitlements_list",
        parameters=[EntitlementsQuery],
        responses=EntitlementsAnswered,
    )
    def get(self, _request: Request) -> Response:
        asked = self.asked(EntitlementsQuery)
        after = base.read_cursor(asked.get("after"), UUID)
        rows = clubs.entitlements(
            creator_id=_person_id(asked.get("creator")),
            fan_id=_person_id(asked.get("fan")),
            after=after[0] if after else None,
            limit=asked["limit"] + 1,
        )
        return Response(
            base.page(
                rows,
                limit=asked["limit"],
                shown=_entitlement,
                cursor=lambda row: base.cursor_of(row.pk),
            )
        )


def _access(place: Room | Video | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    if place is None:
        raise NotFound("There is no such place.")
    fan_id, at = _person_id(asked.get("fan")), timezone.now()
    until = fan_id and clubs.paid_until(fan_id=fan_id, creator_id=place.creator_id, at=at)
    may_watch = clubs.may_enter(place=place, viewer_id=fan_id, at=at)
    if isinstance(place, Room) and may_watch:
        may_watch = fan_id in queries.who_may_watch(room_id=place.pk, people=[fan_id])
    return {
        "may_watch": may_watch,
        "for_members": place.for_members,
        "until": until or None,
    }


def _person_id(reference: int | str | None) -> int | None:
    """Give a person's id; 0, which nobody has, for a handle that nobody has."""
    if reference is None or isinstance(reference, int):
        return reference
    person = people.person(reference)
    return person.pk if person else 0


def _entitlement(row: Entitlement) -> dict[str, Any]:
    return {
        "id": row.pk,
        "fan": base.person(row.fan),
        "creator": base.person(row.creator),
        "kind": row.kind,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "revoked_at": row.revoked_at,
        "holds": row.holds(timezone.now()),
    }
