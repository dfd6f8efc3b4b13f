"""Planned lives for services: what a creator plans; planned, changed and cancelled for them.

Promises: a service plans only for creators who let it manage their lives (``rooms:manage``), and
what the studio would refuse is refused here too. One ``Idempotency-Key`` plans one live, or changes
one once; whoever asked about a live is told of its new time, or that it is cancelled.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import consents
from accounts import queries as people
from accounts.models import Scope
from gifts import api_rooms, coming, schedule
from gifts.models import PlannedLive

REPLAYED = {"Idempotent-Replayed": "true"}


class MinuteField(serializers.DateTimeField):
    """A moment to the minute, as a creator plans."""

    def to_internal_value(self, value: Any) -> datetime:
        moment: datetime = super().to_internal_value(value)
        return moment.replace(second=0, microsecond=0)


class PlannedQuery(base.Asked):
    creator = base.PersonField()


class PlanAsked(base.Asked):
    creator = base.PersonField()
    title = serializers.CharField(min_length=3, max_length=80)
    words = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=200, help_text="Shown beneath."
    )
    starts_at = MinuteField(help_text="To the minute, within 90 days.")


class ChangeAsked(base.Asked):
    """The live as it is to be, whole."""

    title = serializers.CharField(min_length=3, max_length=80)
    words = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=200, help_text="Shown beneath."
    )
    starts_at = MinuteField(help_text="To the minute, within 90 days.")


class PlannedAnswered(base.Answered):
    id = serializers.UUIDField()
    creator = base.PersonAnswered()
    title = serializers.CharField()
    words = serializers.CharField()
    starts_at = serializers.DateTimeField()
    state = serializers.ChoiceField(coming.State.choices)
    room = serializers.UUIDField(allow_null=True, help_text="The live it became.")


class AllPlannedAnswered(base.Answered):
    results = PlannedAnswered(many=True)


class Planned(base.Door):
    """What a creator plans, the soonest first, with what they missed a day ago at most."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read", "POST": "rooms:manage"}

    @extend_schema(
        operation_id="planned_lives_list", parameters=[PlannedQuery], responses=AllPlannedAnswered
    )
    def get(self, _request: Request) -> Response:
        found = people.person(self.asked(PlannedQuery)["creator"])
        if found is None:
            raise NotFound("There is no such creator.")
        seen = coming.planned_by(creator_id=found.pk, viewer=None, at=timezone.now())
        return Response({"results": [_shown(one.planned) for one in seen]})

    @extend_schema(
        operation_id="planned_lives_create",
        parameters=[base.KEY],
        request=PlanAsked,
        responses={
            201: OpenApiResponse(
                PlannedAnswered,
                description="Planned. A retry is answered alike, with `Idempotent-Replayed: true`,"
                " and as the plan is by then.",
            )
        },
    )
    def post(self, request: Request) -> Response:
        """Plan a live for a creator who allows it."""
        planned_id = base.idempotency_key(request)
        asked, at = self.asked(PlanAsked), timezone.now()
        creator = base.consenting(self, asked["creator"], Scope.ROOMS_MANAGE, at=at)
        planned = schedule.plan(
            planned_id=planned_id,
            creator_id=creator.pk,
            title=asked["title"],
            words=asked["words"],
            starts_at=asked["starts_at"],
            is_exact=True,
            at=at,
        )
        headers = None if planned.planned_at == at else REPLAYED
        return Response(_shown(planned), status=201, headers=headers)


class OnePlanned(base.Door):
    """One planned live, whatever became of it."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "rooms:read"}

    @extend_schema(operation_id="planned_lives_retrieve", responses=PlannedAnswered)
    def get(self, _request: Request, planned_id: UUID) -> Response:
        self.asked(base.NoQuery)
        return Response(_shown(_planned(planned_id)))


class PlannedChange(base.Door):
    """Change a planned live or move it to another time. Who asked about it is told of the time."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "rooms:manage"}

    @extend_schema(
        operation_id="planned_live_change",
        parameters=[base.KEY],
        request=ChangeAsked,
        responses={
            200: OpenApiResponse(
                PlannedAnswered,
                description="Changed. A retry changes nothing more: it is answered with"
                " `Idempotent-Replayed: true`, and as the plan is by then.",
            )
        },
    )
    def post(self, request: Request, planned_id: UUID) -> Response:
        change_id = base.idempotency_key(request)
        asked, at = self.asked(ChangeAsked), timezone.now()
        planned = _managed(self, planned_id)
        deed = schedule.change(
            change_id=change_id,
            planned_id=planned.pk,
            creator_id=planned.creator_id,
            title=asked["title"],
            words=asked["words"],
            starts_at=asked["starts_at"],
            at=at,
        )
        headers = None if deed.done_at == at else REPLAYED
        return Response(_shown(_planned(planned_id)), headers=headers)


class PlannedCancel(base.Door):
    """Cancel a planned live for its creator. Once cancelled it stays so: asking again is safe.

    Who asked about it is told.
    """

    scopes: ClassVar[Mapping[str, str]] = {"POST": "rooms:manage"}

    @extend_schema(
        operation_id="planned_live_cancel",
        request=api_rooms.NothingAsked,
        responses={200: PlannedAnswered},
    )
    def post(self, _request: Request, planned_id: UUID) -> Response:
        self.asked(api_rooms.NothingAsked)
        planned = _managed(self, planned_id)
        schedule.cancel(
            planned_id=planned.pk,
            creator_id=planned.creator_id,
            why=f"Cancelled by the service {self.client_id} for the creator",
            at=timezone.now(),
        )
        return Response(_shown(_planned(planned_id)))


def _planned(planned_id: UUID) -> PlannedLive:
    found = PlannedLive.objects.select_related("creator").filter(pk=planned_id).first()
    if found is None:
        raise NotFound("There is no such planned live.")
    return found


def _managed(door: base.Door, planned_id: UUID) -> PlannedLive:
    """Find a plan whose creator lets the service manage it. Raises NotFound, ConsentMissing."""
    planned = _planned(planned_id)
    consents.check(
        fan_id=planned.creator_id,
        client_id=door.client_id,
        scope=Scope.ROOMS_MANAGE,
        at=timezone.now(),
    )
    return planned


def _shown(planned: PlannedLive) -> dict[str, Any]:
    return {
        "id": planned.pk,
        "creator": base.person(planned.creator),
        "title": planned.title,
        "words": planned.words,
        "starts_at": planned.starts_at,
        "state": coming.state_of(planned, at=timezone.now()),
        "room": planned.room_id,
    }
