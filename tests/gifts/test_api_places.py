"""Services read the catalogue, who is live, and what a room was sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from gifts.models import GiftVersion, Room
from tests import factories, services
from tests.gifts import world
from wallet import ledger


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


def test_the_catalogue_is_what_is_in_force(tipbot: APIClient) -> None:
    GiftVersion.objects.filter(gift__slug="heart").update(retired_at=timezone.now())

    gifts = tipbot.get("/api/v1/gifts").json()["results"]

    assert len(gifts) == 31  # of them three that carry words
    assert [gift["price_coins"] for gift in gifts] == sorted(gift["price_coins"] for gift in gifts)
    assert next(gift for gift in gifts if gift["slug"] == "bouquet") == {
        "gift_version": world.version("bouquet").pk,
        "slug": "bouquet",
        "name": "Bouquet",
        "category": "hearts",
        "price_coins": 10,
        "is_streakable": True,
        "on_videos": True,
        "animation_ms": 1000,
        "unlock_level": None,
        "club_level": None,
        "is_join_gift": False,
        "highlight_s": 0,
        "art_url": None,
        "art_still_url": None,
    }


def test_the_catalogue_costs_two_queries(tipbot: APIClient, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        tipbot.get("/api/v1/gifts")


def test_a_room_is_read_live_or_ended(tipbot: APIClient, bob: User) -> None:
    room = world.make_room(bob)

    answer = tipbot.get(f"/api/v1/rooms/{room.pk}").json()

    assert answer == {
        "id": str(room.pk),
        "creator": {"id": bob.pk, "handle": "bob", "display_name": "Bob"},
        "title": "Nocturnes at ten",
        "state": "live",
        "gifts_on": True,
        "for_members": False,
        "started_at": answer["started_at"],
        "ended_at": None,
    }
    assert tipbot.get("/api/v1/rooms").json() == {"results": [answer], "next": None}
    Room.objects.update(state=Room.State.ENDED)
    assert tipbot.get(f"/api/v1/rooms/{room.pk}").json()["state"] == "ended"
    assert tipbot.get("/api/v1/rooms").json()["results"] == []
    nobody = tipbot.get(f"/api/v1/rooms/{ledger.new_operation_id()}")
    assert services.refused(nobody) == (404, "not_found")


def test_rooms_go_by_pages_of_the_same_moment_too(
    tipbot: APIClient, django_assert_num_queries: Any
) -> None:
    now = timezone.now()
    for number in range(7):
        world.make_room(
            factories.make_creator(f"creator{number}"),
            started_at=now - timedelta(hours=number // 3),
        )
    seen, after = [], ""

    for _ in range(3):
        with django_assert_num_queries(2):
            page = tipbot.get(f"/api/v1/rooms?limit=3{after}").json()
        seen += [room["id"] for room in page["results"]]
        after = f"&after={page['next']}"

    assert page["next"] is None
    assert seen == [
        str(pk) for pk in Room.objects.order_by("-started_at", "pk").values_list("pk", flat=True)
    ]


def test_a_rooms_gifts_go_by_pages_newest_first(
    tipbot: APIClient, alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    room, other = world.make_room(bob), world.make_room(factories.make_creator("carol"))
    factories.give_coins(alice, 1_000)
    now = timezone.now()
    ids = [
        str(world.send(alice, room, "bouquet", at=now + timedelta(seconds=n // 2)).sending_id)
        for n in range(5)
    ]
    world.send(alice, other)

    with django_assert_num_queries(4):  # token, room, gifts, what was reversed
        first = tipbot.get(f"/api/v1/rooms/{room.pk}/gifts?limit=3").json()
    rest = tipbot.get(f"/api/v1/rooms/{room.pk}/gifts?limit=3&after={first['next']}").json()

    rows = first["results"] + rest["results"]
    assert [row["id"] for row in rows] == sorted(ids, reverse=True)
    assert rest["next"] is None
    assert rows[0] == {
        "id": ids[4],
        "sender": {"id": alice.pk, "handle": "alice", "display_name": "Alice"},
        "gift_version": world.version("bouquet").pk,
        "gift": "Bouquet",
        "slug": "bouquet",
        "quantity": 1,
        "coins": 10,
        "streak_id": None,
        "sent_at": rows[0]["sent_at"],
        "is_reversed": False,
    }


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "after=", "after=%00"])
def test_a_page_that_makes_no_sense_is_refused(tipbot: APIClient, query: str) -> None:
    assert services.refused(tipbot.get(f"/api/v1/rooms?{query}")) == (400, "invalid")
