"""Services list what creators plan, and plan, move and cancel for those who let them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Notice, Scope, StateChange, User
from gifts import reminders
from gifts.models import PlanDeed, PlannedLive
from tests import services
from tests.factories import make_creator, make_user
from tests.gifts.test_schedule import ask, go_live, late_plan
from tests.gifts.world import written
from wallet import ledger

ALL = "/api/v1/planned-lives"


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


@pytest.fixture
def bob(db: None) -> User:
    bob = make_creator("bob")
    services.consent(bob, scope=Scope.ROOMS_MANAGE)
    return bob


def post(service: APIClient, path: str = "", key: Any = None, **body: Any) -> Any:
    headers: Any = {"HTTP_IDEMPOTENCY_KEY": str(key or ledger.new_operation_id())}
    return service.post(f"{ALL}{path}", body, **headers)


def plan(service: APIClient, key: Any = None, **more: Any) -> Any:
    body = {"creator": "@bob", "title": "Nocturnes", "starts_at": in_days(2)} | more
    return post(service, "", key, **body)


def in_days(days: int) -> str:
    at = timezone.now().replace(second=0, microsecond=0)
    return (at + timedelta(days=days)).isoformat()


def test_a_live_is_planned_once_for_each_key_and_listed(tipbot: APIClient, bob: User) -> None:
    key = ledger.new_operation_id()

    with time_machine.travel(datetime(2026, 11, 22, 10, 30, 45, tzinfo=UTC)):
        starts_at = "2026-11-24T20:00:31+01:00"
        first = plan(tipbot, key, starts_at=starts_at, words="By request")
        again = plan(tipbot, key, starts_at=starts_at, words="By request")
        other = plan(tipbot, key, starts_at=starts_at, words="Other words")
        listed = tipbot.get(f"{ALL}?creator=@bob").json()
        one = tipbot.get(f"{ALL}/{key}").json()

    assert (first.status_code, again.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert services.refused(other) == (422, "plan_conflict")
    person = {"id": bob.pk, "handle": "bob", "display_name": "Bob"}
    assert first.json() == {
        "id": str(key), "creator": person, "title": "Nocturnes", "words": "By request",
        "starts_at": "2026-11-24T19:00:00Z", "state": "planned", "room": None,
    }  # fmt: skip
    assert (again.json(), listed, one) == (first.json(), {"results": [first.json()]}, first.json())


def test_it_is_moved_once_for_each_key_and_who_asked_is_told_once(
    tipbot: APIClient, bob: User
) -> None:
    alice, key, later = make_user("alice"), ledger.new_operation_id(), ledger.new_operation_id()
    made = plan(tipbot).json()
    ask(alice, PlannedLive.objects.get())
    path = f"/{made['id']}/change"

    first = post(tipbot, path, key, title="Nocturnes", starts_at=in_days(3))
    post(tipbot, path, later, title="Waltzes", starts_at=in_days(5))
    again = post(tipbot, path, key, title="Nocturnes", starts_at=in_days(3))
    other = post(tipbot, path, key, title="Nocturnes", starts_at=in_days(4))
    reminders.tell_due(at=timezone.now())

    assert first.json()["starts_at"][:16] == in_days(3)[:16]
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert (again.json()["title"], again.json()["starts_at"][:16]) == ("Waltzes", in_days(5)[:16])
    assert services.refused(other) == (422, "plan_conflict")
    assert PlanDeed.objects.count() == 3
    assert Notice.objects.get().title == "Another time: “Waltzes” by Bob"


def test_it_is_cancelled_and_says_by_whom(tipbot: APIClient, bob: User) -> None:
    made = plan(tipbot).json()

    first, again = (tipbot.post(f"{ALL}/{made['id']}/cancel").json() for _ in range(2))

    assert first == again == made | {"state": "cancelled"}
    assert tipbot.get(f"{ALL}?creator=@bob").json() == {"results": []}
    change = StateChange.objects.get()
    assert (change.by, change.why) == (bob, "Cancelled by the service tipbot for the creator")
    moved = post(tipbot, f"/{made['id']}/change", title="Nocturnes", starts_at=in_days(3))
    assert services.refused(moved) == (409, "plan_over")


def test_what_became_of_it_is_told(tipbot: APIClient, bob: User) -> None:
    missed = late_plan(bob, ago=timedelta(hours=2))
    begun = PlannedLive.objects.create(
        id=ledger.new_operation_id(), creator=bob, title="Waltzes", planned_at=timezone.now(),
        starts_at=timezone.now(),
    )  # fmt: skip
    room = go_live(bob)

    told = [tipbot.get(f"{ALL}/{one.pk}").json() for one in (missed, begun)]

    assert [(one["state"], one["room"]) for one in told] == [
        ("missed", None),
        ("begun", str(room.pk)),
    ]
    nowhere = tipbot.get(f"{ALL}/{ledger.new_operation_id()}")
    assert services.refused(nowhere) == (404, "not_found")
    assert services.refused(tipbot.get(f"{ALL}?creator=@nobody")) == (404, "not_found")
    assert services.refused(tipbot.get(ALL)) == (400, "invalid")


def test_nothing_is_planned_moved_or_cancelled_without_the_creators_word(
    tipbot: APIClient, bob: User
) -> None:
    carol = make_creator("carol")
    theirs = PlannedLive.objects.create(
        id=ledger.new_operation_id(), creator=carol, title="Waltzes", planned_at=timezone.now(),
        starts_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip

    answers = [
        plan(tipbot, creator="@carol"),
        plan(tipbot, creator="@nobody"),
        post(tipbot, f"/{theirs.pk}/change", title="Mine now", starts_at=in_days(3)),
        tipbot.post(f"{ALL}/{theirs.pk}/cancel"),
    ]
    reader = services.service("reader", ("rooms:read",))

    assert {services.refused(answer) for answer in answers} == {(403, "consent_missing")}
    assert services.refused(plan(reader)) == (403, "scope_missing")
    assert reader.get(f"{ALL}?creator=@carol").json()["results"][0]["id"] == str(theirs.pk)
    theirs.refresh_from_db()
    assert (theirs.title, theirs.cancelled_at, PlannedLive.objects.count()) == ("Waltzes", None, 1)
    assert (written().events, PlanDeed.objects.count()) == (0, 0)


def test_what_the_studio_refuses_is_refused(tipbot: APIClient, bob: User) -> None:
    past, far = plan(tipbot, starts_at=in_days(-1)), plan(tipbot, starts_at=in_days(91))
    short = plan(tipbot, title="x")
    no_key = tipbot.post(ALL, {"creator": "@bob", "title": "Nocturnes", "starts_at": in_days(1)})

    assert services.refused(past) == services.refused(far) == (400, "not_a_plan")
    assert services.refused(short) == (400, "invalid")
    assert services.refused(no_key) == (400, "idempotency_key_missing")
    assert PlannedLive.objects.count() == 0
