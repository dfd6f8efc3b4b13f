"""The overlay for streaming programs: a secret address that follows its creator, renewable."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import valkey
from accounts.models import User
from gifts import goals, overlays, passes, queries, rooms, stream
from gifts.models import Overlay
from tests.factories import make_creator, make_user
from tests.gifts.world import make_room
from wallet import ledger


def renew(creator: User) -> str:
    return overlays.renew(creator_id=creator.pk, at=timezone.now())


def see(secret: str, query: str = "", **more: Any) -> Any:
    return Client().get(f"/overlay/{secret}/{query}", **more)


def test_the_overlay_shows_the_live_to_whoever_has_the_address(bob: User) -> None:
    secret = renew(bob)
    empty = see(secret)
    room = make_room(bob)

    page = see(secret)

    assert (empty.status_code, empty.context["room"]) == (200, None)
    assert (page.status_code, page.context["room"]) == (200, room)
    assert f'data-place="{room.pk}"' in page.content.decode()
    assert {name: page[name] for name in ("Referrer-Policy", "X-Robots-Tag", "Cache-Control")} == {
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store, private",
    }
    words = page.content.decode()
    assert "<form" not in words
    assert "<input" not in words
    assert "csrf" not in words


def test_only_what_is_asked_for_is_shown(bob: User) -> None:
    secret, room = renew(bob), make_room(bob)
    goals.set_goal(
        goal_id=ledger.new_operation_id(), room_id=room.pk, creator_id=bob.pk, words="Encore",
        target_coins=100, at=timezone.now(),
    )  # fmt: skip

    def parts(query: str) -> list[bool]:
        words = see(secret, query).content.decode()
        return [
            hook in words for hook in ("data-gift-stage", "data-goal ", "data-ranks>", "data-sound")
        ]

    assert parts("") == [True, True, True, False]
    assert parts("?show=gifts&sound=on") == [True, False, False, True]
    assert parts("?show=goal,ranks") == [False, True, True, False]
    assert parts("?show=nothing&sound=off") == [False, False, False, False]


def test_a_new_address_ends_the_old_one(bob: User) -> None:
    old = renew(bob)
    new = renew(bob)

    assert (see(old).status_code, see(new).status_code) == (404, 200)
    assert see(old)["Referrer-Policy"] == "no-referrer"
    assert Client().get(f"/overlay/{old}/now/").status_code == 404
    assert Overlay.objects.count() == 1
    overlays.end(creator_id=bob.pk)
    assert see(new).status_code == 404


def test_the_secret_itself_is_kept_nowhere(bob: User) -> None:
    secret = renew(bob)

    row = Overlay.objects.get()
    assert len(secret) == 43
    assert secret not in str(vars(row))
    assert len(row.digest) == 64


def test_it_follows_the_creator_from_one_live_to_the_next(bob: User) -> None:
    secret = renew(bob)

    def now() -> Any:
        return Client().get(f"/overlay/{secret}/now/").json()["room"]

    assert now() is None
    first = make_room(bob)
    assert now() == str(first.pk)
    rooms.end_room(room_id=first.pk, by_id=bob.pk, why="Done.", at=timezone.now())
    assert now() is None
    second = make_room(bob)
    assert now() == str(second.pk)


def test_its_pass_dies_with_the_address_and_a_viewers_does_not(bob: User) -> None:
    renew(bob)
    room, carol = make_room(bob), make_creator("carol")
    renew(carol)
    mine, hers = (passes.overlay_key(Overlay.objects.get(creator=one).pk) for one in (bob, carol))
    everyone: set[passes.Who] = {mine, hers, None, carol.pk}

    assert queries.who_may_watch(room_id=room.pk, people=everyone) == {mine, None, carol.pk}
    renew(bob)
    assert queries.who_may_watch(room_id=room.pk, people=everyone) == {None, carol.pk}


def listen(address: str) -> int:
    """Ask for the events, leave at once, and give the status."""
    place, sent = urlsplit(address), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": place.path, "headers": [],
        "query_string": place.query.encode(),
    }  # fmt: skip
    asyncio.run(stream.application(scope, receive, send))
    return int(sent[0]["status"])


def test_who_comes_with_the_pass_of_a_dead_address_is_not_let_in(committed: str) -> None:
    bob = make_creator("bob")
    secret, room = renew(bob), make_room(bob)
    address = see(secret).context["events_url"]

    assert listen(address) == 200
    renew(bob)
    assert listen(address) == 403
    fresh = passes.overlay_address(room_id=room.pk, overlay_id=Overlay.objects.get().pk, after=0)
    assert listen(fresh) == 200  # control: the room itself is open


def test_many_wrong_addresses_are_told_to_wait_and_the_right_one_never(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlays, "WRONG_MAX", 3)
    valkey.client().flushdb()
    secret = renew(bob)

    statuses = [see(f"wrong-{number}").status_code for number in range(5)]

    assert statuses == [404, 404, 404, 429, 429]
    assert see("wrong")["Retry-After"] == "600"
    assert see(secret).status_code == 200
    assert see("wrong", REMOTE_ADDR="203.0.113.9").status_code == 404  # control: another network


def test_the_studio_tells_the_address_once(bob: User, client: Client) -> None:
    client.force_login(bob)
    before = client.get(reverse("gifts:studio_overlay"))
    made = client.post(reverse("gifts:studio_overlay"))
    after = client.get(reverse("gifts:studio_overlay"))

    address = made.context["address"]
    assert (before.context["address"], after.context["address"]) == ("", "")
    assert address in made.content.decode()
    assert Client().get(urlsplit(address).path).status_code == 200
    assert "overlay/" not in after.content.decode().replace("/studio/overlay/", "")
    client.post(reverse("gifts:studio_overlay"), {"end": "1"})
    assert Overlay.objects.count() == 0
    assert Client().get(urlsplit(address).path).status_code == 404


def test_fans_have_no_overlay(db: None, client: Client) -> None:
    alice = make_user("alice")
    client.force_login(alice)

    assert client.post(reverse("gifts:studio_overlay")).status_code == 403
    with pytest.raises(rooms.NotACreator):
        renew(alice)
    assert Overlay.objects.count() == 0
