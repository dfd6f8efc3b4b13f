"""Gifts for services: the catalogue, rooms, and sending under a fan's consent.

Promises: one ``Idempotency-Key`` sends once, and asking again gives the same answer; a service sees
the sendings it made and no others; nothing tells what a fan has or pays.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import queries as people
from accounts.models import User
from gifts import chat, queries, risk, services
from gifts.models import Category, GiftVersion, Room, Sending
from wallet import reversals


class GiftAnswered(base.Answered):
    gift_version = serializers.IntegerField(help_text="What a sending names.")
    slug = serializers.CharField(help_text="The gift's lasting name.")
    name = serializers.CharField()
    category = serializers.ChoiceField(Category.choices)
    price_coins = serializers.IntegerField()
    is_streakable = serializers.BooleanField()
    on_videos = serializers.BooleanField()
    animation_ms = serializers.IntegerField()
    unlock_level = serializers.IntegerField(
        allow_null=True, help_text="The fan level that unlocks it; null: none does."
    )
    club_level = serializers.IntegerField(
        allow_null=True,
        help_text="The level in the creator's fan club that unlocks it. With both, either does.",
    )
    is_join_gift = serializers.BooleanField(help_text="It joins the creator's fan club.")
    highlight_s = serializers.IntegerField(
        help_text="It carries words, highlighted for so many seconds; 0: it carries none."
    )
    art_url = serializers.URLField(
        allow_null=True, help_text="Its moving picture, WebP; null: drawn by the site itself."
    )
    art_still_url = serializers.URLField(
        allow_null=True, help_text="The same without movement, for who wants none."
    )


class GiftsAnswered(base.Answered):
    results = GiftAnswered(many=True)


class RoomAnswered(base.Answered):
    id = serializers.UUIDField()
    creator = base.PersonAnswered()
    title = serializers.CharField()
    state = serializers.ChoiceField(Room.State.choices)
    gifts_on = serializers.BooleanField()
    for_members = serializers.BooleanField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class RoomsAnswered(base.Answered):
    results = RoomAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class RoomGiftAnswered(base.Answered):
    id = serializers.UUIDField()
    sender = base.PersonAnswered(allow_null=True, help_text="Null: they hid their name.")
    gift_version = serializers.IntegerField()
    gift = serializers.CharField()
    slug = serializers.CharField()
    quantity = serializers.IntegerField()
    coins = serializers.IntegerField()
    streak_id = serializers.UUIDField(allow_null=True)
    sent_at = serializers.DateTimeField()
    is_reversed = serializers.BooleanField(help_text="Its payment was taken back by a bank.")


class RoomGiftsAnswered(base.Answered):
    results = RoomGiftAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class SendAsked(base.Asked):
    fan = base.PersonField()
    gift_version = serializers.IntegerField(min_value=1, max_value=people.ID_MAX)
    quantity = serializers.IntegerField(min_value=1, max_value=risk.QUANTITY_MAX, default=1)
    room = serializers.UUIDField(required=False, help_text="Either a room or a video.")
    video = serializers.UUIDField(required=False)
    streak_id = serializers.UUIDField(
        required=False,
        help_text="The combo this is one of: a UUIDv7 of yours, for one fan, gift and place. It"
        " ends after 3 seconds without a gift; then the answer is `streak_ended`: take a new one.",
    )
    words = serializers.CharField(
        required=False, max_length=chat.WORDS_MAX, help_text="Of a gift that carries words."
    )
    hide_name = serializers.BooleanField(
        default=False, help_text="The fan's wish that only they and our staff know who sent it."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("room" in attrs) == ("video" in attrs):
            raise serializers.ValidationError("Name either a room or a video.", "one_place")
        return attrs


class SendingAnswered(base.Answered):
    id = serializers.UUIDField()
    fan = serializers.IntegerField(help_text="The fan's id.")
    gift_version = serializers.IntegerField()
    quantity = serializers.IntegerField()
    coins = serializers.IntegerField()
    room = serializers.UUIDField(allow_null=True)
    video = serializers.UUIDField(allow_null=True)
    streak_id = serializers.UUIDField(allow_null=True)
    hide_name = serializers.BooleanField(help_text="Others see no name.")


class Gifts(base.Door):
    """The gifts on offer now, cheapest first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "catalogue:read"}

    @extend_schema(operation_id="gifts_list", responses=GiftsAnswered)
    def get(self, _request: Request) -> Response:
        self.asked(base.NoQuery)
        versions = queries.versions_in_force(at=timezone.now())
        return Response({"results": [_gift(version) for version in versions]})


class Rooms(base.Door):
    """Who is live, latest first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(operation_id="rooms_list", parameters=[base.PageQuery], responses=RoomsAnswered)
    def get(self, _request: Request) -> Response:
        asked = self.asked(base.PageQuery)
        after = base.read_cursor(asked.get("after"), datetime.fromisoformat, UUID)
        rows = queries.page_of_rooms(after=after, limit=asked["limit"] + 1)
        return Response(
            base.page(
                rows,
                limit=asked["limit"],
                shown=room_shown,
                cursor=lambda row: base.cursor_of(row.started_at.isoformat(), row.pk),
            )
        )


class OneRoom(base.Door):
    """One room, live or ended."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(operation_id="rooms_retrieve", responses=RoomAnswered)
    def get(self, _request: Request, room_id: UUID) -> Response:
        self.asked(base.NoQuery)
        return Response(room_shown(room_or_404(room_id)))


class RoomGifts(base.Door):
    """The gifts a room was sent, newest first; the cursor goes on to older ones.

    To follow a live room, read the first page again and stop at the first id you know well: gifts
    commit in another order than they were sent in, so look a few seconds further back.
    """

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(
        operation_id="room_gifts_list", parameters=[base.PageQuery], responses=RoomGiftsAnswered
    )
    def get(self, _request: Request, room_id: UUID) -> Response:
        asked = self.asked(base.PageQuery)
        after = base.read_cursor(asked.get("after"), datetime.fromisoformat, UUID)
        room = room_or_404(room_id)
        rows = queries.page_of_gifts(room=room, after=after, limit=asked["limit"] + 1)
        taken_back = reversals.reversed_gifts(operation_ids=[row.pk for row in rows])
        return Response(
            base.page(
                rows,
                limit=asked["limit"],
                shown=lambda row: _room_gift(row) | {"is_reversed": row.pk in taken_back},
                cursor=lambda row: base.cursor_of(row.sent_at.isoformat(), row.pk),
            )
        )


class Sendings(base.Door):
    """Send a gift for a fan, under that fan's consent ``gifts:send`` and its daily cap."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "gifts:send"}

    @extend_schema(
        operation_id="gift_sends_create",
        parameters=[base.KEY],
        request=SendAsked,
        responses={
            201: OpenApiResponse(
                SendingAnswered,
                description="Sent. A retry is answered alike, with `Idempotent-Replayed: true`.",
            )
        },
    )
    def post(self, request: Request) -> Response:
        operation_id = base.idempotency_key(request)
        asked = self.asked(SendAsked)
        fan_id = _fan_id(asked["fan"])
        sent = services.send_gift(
            operation_id=operation_id,
            sender_id=fan_id,
            gift_version_id=asked["gift_version"],
            quantity=asked["quantity"],
            room_id=asked.get("room"),
            video_id=asked.get("video"),
            streak_id=asked.get("streak_id"),
            words=asked.get("words", ""),
            client_id=self.client_id,
            hide_name=asked["hide_name"],
            at=timezone.now(),
        )
        answer = {
            "id": operation_id,
            "fan": fan_id,
            "gift_version": asked["gift_version"],
            "quantity": asked["quantity"],
            "coins": sent.coins,
            "room": asked.get("room"),
            "video": asked.get("video"),
            "streak_id": asked.get("streak_id"),
            "hide_name": asked["hide_name"],
        }
        headers = {"Idempotent-Replayed": "true"} if sent.replayed else None
        return Response(answer, status=201, headers=headers)


class OneSending(base.Door):
    """One gift that the calling service sent."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "gifts:send"}

    @extend_schema(operation_id="gift_sends_retrieve", responses=SendingAnswered)
    def get(self, request: Request, sending_id: UUID) -> Response:
        self.asked(base.NoQuery)
        sending = queries.sending_of(client_id=self.client_id, sending_id=sending_id)
        if sending is None:
            raise NotFound("This service has sent no such gift.")
        return Response(_sending(sending))


def _fan_id(reference: int | str) -> int:
    """Give the fan's id; 0, which nobody has, for a handle that nobody has.

    Who is unknown and who has not allowed the service get the same answer.
    """
    if isinstance(reference, int):
        return reference
    fan = people.person(reference)
    return fan.pk if fan else 0


def room_or_404(room_id: UUID) -> Room:
    room = queries.place(room_id=room_id)
    if not isinstance(room, Room):
        raise NotFound("There is no such room.")
    return room


def _gift(version: GiftVersion) -> dict[str, Any]:
    return {
        "gift_version": version.pk,
        "slug": version.gift.slug,
        "name": version.name,
        "category": version.category,
        "price_coins": version.price_coins,
        "is_streakable": version.is_streakable,
        "on_videos": version.on_videos,
        "animation_ms": version.animation_ms,
        "unlock_level": version.unlock_level,
        "club_level": version.club_level,
        "is_join_gift": version.is_join_gift,
        "highlight_s": version.highlight_s,
        "art_url": _art_url("gifts:art_moving", version),
        "art_still_url": _art_url("gifts:art_still", version),
    }


def _art_url(name: str, version: GiftVersion) -> str | None:
    if version.art_id is None:
        return None
    return f"{settings.SITE_URL}{reverse(name, args=[version.art_id])}"


def room_shown(room: Room) -> dict[str, Any]:
    return {
        "id": room.pk,
        "creator": base.person(room.creator),
        "title": room.title,
        "state": room.state,
        "gifts_on": room.gifts_on,
        "for_members": room.for_members,
        "started_at": room.started_at,
        "ended_at": room.ended_at,
    }


def _room_gift(sending: Sending) -> dict[str, Any]:
    sender: User = sending.sender
    return {
        "id": sending.pk,
        "sender": None if sending.is_hidden else base.person(sender),
        "gift_version": sending.gift_version_id,
        "gift": sending.gift_version.name,
        "slug": sending.gift_version.gift.slug,
        "quantity": sending.quantity,
        "coins": sending.coins,
        "streak_id": sending.streak_id,
        "sent_at": sending.sent_at,
    }


def _sending(sending: Sending) -> dict[str, Any]:
    return {
        "id": sending.pk,
        "fan": sending.sender_id,
        "gift_version": sending.gift_version_id,
        "quantity": sending.quantity,
        "coins": sending.coins,
        "room": sending.room_id,
        "video": sending.video_id,
        "streak_id": sending.streak_id,
        "hide_name": sending.is_hidden,
    }
