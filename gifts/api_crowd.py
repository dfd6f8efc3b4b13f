"""A room's people for services: who gave most, the goal, and what was said.

Promises: who did not ask to be named among top gifters is not; removed messages are not told.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from gifts import crowd, queries
from gifts.models import ChatMessage, Room


class RankAnswered(base.Answered):
    place = serializers.IntegerField()
    handle = serializers.CharField()
    display_name = serializers.CharField()
    coins = serializers.IntegerField()


class RanksAnswered(base.Answered):
    people = serializers.IntegerField(help_text="Everyone who gave, also those not named.")
    coins = serializers.IntegerField(help_text="What all of them gave.")
    results = RankAnswered(many=True)


class GoalAnswered(base.Answered):
    id = serializers.UUIDField()
    words = serializers.CharField()
    target_coins = serializers.IntegerField()
    coins = serializers.IntegerField()
    set_at = serializers.DateTimeField()
    reached_at = serializers.DateTimeField(allow_null=True)


class RoomMessageAnswered(base.Answered):
    id = serializers.UUIDField()
    author = base.PersonAnswered(allow_null=True, help_text="Null: they hid their name.")
    words = serializers.CharField()
    said_at = serializers.DateTimeField()
    paid_coins = serializers.IntegerField(help_text="What was paid to highlight it; 0: nothing.")


class RoomMessagesAnswered(base.Answered):
    results = RoomMessageAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class TopGifters(base.Door):
    """Who gave most in a room, of those who show their name. Of equal sums the earlier is first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(operation_id="room_top_gifters", responses=RanksAnswered)
    def get(self, _request: Request, room_id: UUID) -> Response:
        self.asked(base.NoQuery)
        ranks = crowd.ranks_of_room(room_id=_room(room_id).pk)
        named = [
            {
                "place": one.place,
                "handle": one.handle,
                "display_name": one.name,
                "coins": one.coins,
            }
            for one in ranks.named
        ]
        return Response({"people": ranks.people, "coins": ranks.coins, "results": named})


class RoomGoal(base.Door):
    """The goal of a room, reached or not."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(operation_id="room_goal", responses=GoalAnswered)
    def get(self, _request: Request, room_id: UUID) -> Response:
        self.asked(base.NoQuery)
        goal = crowd.goal_of(room_id=_room(room_id).pk)
        if goal is None:
            raise NotFound("This room has no goal.")
        return Response(
            {
                "id": goal.pk,
                "words": goal.words,
                "target_coins": goal.target_coins,
                "coins": goal.coins,
                "set_at": goal.set_at,
                "reached_at": goal.reached_at,
            }
        )


class RoomMessages(base.Door):
    """What was said in a room, newest first, without what was removed."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(
        operation_id="room_messages_list",
        parameters=[base.PageQuery],
        responses=RoomMessagesAnswered,
    )
    def get(self, _request: Request, room_id: UUID) -> Response:
        asked = self.asked(base.PageQuery)
        after = base.read_cursor(asked.get("after"), datetime.fromisoformat, UUID)
        rows = crowd.page_of_messages(
            room_id=_room(room_id).pk, after=after, limit=asked["limit"] + 1
        )
        return Response(
            base.page(
                rows,
                limit=asked["limit"],
                shown=_message,
                cursor=lambda row: base.cursor_of(row.said_at.isoformat(), row.pk),
            )
        )


def _message(message: ChatMessage) -> dict[str, Any]:
    return {
        "id": message.pk,
        "author": None if message.is_hidden else base.person(message.author),
        "words": message.words,
        "said_at": message.said_at,
        "paid_coins": message.paid_coins,
    }


def _room(room_id: UUID) -> Room:
    room = queries.place(room_id=room_id)
    if not isinstance(room, Room):
        raise NotFound("There is no such room.")
    return room
