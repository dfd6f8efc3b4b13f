"""What services ask about clubs: may this fan watch, and what do fans have with creators."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from gifts.models import Room
from tests import services
from tests.factories import make_creator
from tests.gifts.test_memberships import buy, offer
from tests.gifts.test_ranks import fan
from tests.gifts.world import make_room, make_video, send


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


def test_a_media_server_is_told_who_may_watch_and_until_when(tipbot: APIClient, bob: User) -> None:
    offer(bob)
    alice = fan("alice")
    fan("carol")
    month = buy(alice, bob).entitlement
    room, video = make_room(bob, for_members=True), make_video(bob, for_members=True)

    def asked(query: str = "", *, place: str = f"rooms/{room.pk}") -> tuple[bool, str | None]:
        answer = tipbot.get(f"/api/v1/{place}/access{query}").json()
        assert answer["for_members"]
        return answer["may_watch"], answer["until"]

    assert month.ends_at is not None
    until = month.ends_at.isoformat().replace("+00:00", "Z")
    assert asked() == (False, None)
    assert asked("?fan=@carol") == asked("?fan=@nobody_at_all") == (False, None)
    assert asked(f"?fan={alice.pk}") == asked("?fan=@alice") == (True, until)
    assert asked("?fan=@bob") == (True, None)
    assert asked("?fan=@alice", place=f"videos/{video.pk}") == (True, until)
    Room.objects.update(state="ended")
    assert asked("?fan=@alice") == (False, until)


def test_an_open_room_is_for_everyone(tipbot: APIClient, bob: User) -> None:
    room = make_room(bob)

    assert tipbot.get(f"/api/v1/rooms/{room.pk}/access").json() == {
        "may_watch": True,
        "for_members": False,
        "until": None,
    }
    assert tipbot.get(f"/api/v1/rooms/{bob.pk}/access").status_code == 404


def test_entitlements_are_listed_newest_first_by_creator_and_fan(
    tipbot: APIClient, bob: User
) -> None:
    offer(bob)
    alice, carol = fan("alice"), fan("carol")
    join = send(alice, make_room(bob), "join-heart")
    month = buy(alice, bob).entitlement
    send(carol, make_room(make_creator("ben")), "join-heart")

    def listed(query: str) -> list[Any]:
        found: list[Any] = tipbot.get(f"/api/v1/entitlements{query}").json()["results"]
        return found

    rows = listed("?creator=@bob&fan=@alice")
    assert [row["id"] for row in rows] == [str(month.pk), str(join.sending_id)]
    assert [(row["kind"], row["holds"]) for row in rows] == [("membership", True), ("club", True)]
    assert listed("?creator=@bob&fan=@carol") == listed("?fan=@nobody_at_all") == []
    first = tipbot.get("/api/v1/entitlements?limit=1").json()
    assert [row["fan"]["handle"] for row in first["results"]] == ["carol"]
    rest = tipbot.get(f"/api/v1/entitlements?after={first['next']}").json()
    assert [row["kind"] for row in rest["results"]] == ["membership", "club"]
    assert rest["next"] is None
