"""Going live, ending, posting and hiding: creators only, their own places only."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import OutboxEvent, Standing, StateChange, User
from accounts.risk import NotInGoodStanding
from gifts import rooms
from gifts.models import Room, Video
from tests.factories import make_creator
from tests.gifts.world import make_room, make_video
from wallet import ledger


@pytest.fixture
def studio(bob: User, client: Client) -> Client:
    client.force_login(bob)
    return client


def form(**fields: Any) -> dict[str, Any]:
    values = {
        "place_id": str(ledger.new_operation_id()),
        "title": "Nocturnes at ten",
        "address": "",
        "gifts_on": "on",
    }
    return values | fields


def test_a_creator_goes_live_and_the_outbox_tells(studio: Client, bob: User) -> None:
    answer = studio.post(reverse("gifts:go_live"), form())

    room = Room.objects.get()
    assert answer.headers["Location"] == f"/live/{room.pk}/"
    assert (room.creator, room.title, room.state, room.gifts_on) == (
        bob,
        "Nocturnes at ten",
        "live",
        True,
    )
    assert OutboxEvent.objects.get().name == "room.started"


def test_the_same_form_again_is_the_same_live(studio: Client) -> None:
    same = form()
    studio.post(reverse("gifts:go_live"), same)

    answer = studio.post(reverse("gifts:go_live"), same)

    assert answer.headers["Location"] == f"/live/{same['place_id']}/"
    assert (Room.objects.count(), OutboxEvent.objects.count()) == (1, 1)


def test_a_second_live_at_once_is_refused(studio: Client, bob: User) -> None:
    make_room(bob)

    answer = studio.post(reverse("gifts:go_live"), form())

    assert answer.status_code == 422
    assert "You are live already." in answer.context["form"].non_field_errors()[0]
    assert Room.objects.count() == 1


def test_of_two_lives_started_at_once_one_opens(committed: str) -> None:
    bob, gate = make_creator("bob"), Barrier(2)

    def start(_number: int) -> bool:
        try:
            gate.wait()
            rooms.start_room(
                room_id=ledger.new_operation_id(),
                creator_id=bob.pk,
                title="Live",
                at=timezone.now(),
            )
        except rooms.AlreadyLive:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as threads:
        opened = list(threads.map(start, range(2)))

    assert sorted(opened) == [False, True]
    assert Room.objects.count() == 1


def test_fans_are_shown_how_to_become_creators(alice: User, client: Client) -> None:
    client.force_login(alice)

    for name in ("go_live", "post_video"):
        answer = client.post(reverse(f"gifts:{name}"), form())
        assert answer.status_code == 403
        assert "This is for creators" in answer.content.decode()
    assert (Room.objects.count(), Video.objects.count()) == (0, 0)


def test_strangers_sign_in_first(client: Client, bob: User) -> None:
    room, video = make_room(bob), make_video(bob)

    for address in (
        reverse("gifts:go_live"),
        reverse("gifts:end_live", args=[room.pk]),
        reverse("gifts:switch_gifts", args=[room.pk]),
        reverse("gifts:post_video"),
        reverse("gifts:hide_video", args=[video.pk]),
    ):
        assert client.post(address).headers["Location"].startswith("/accounts/login/?next=")


def test_a_restricted_creator_cannot_go_live(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(standing=Standing.RESTRICTED)

    with pytest.raises(NotInGoodStanding):
        rooms.start_room(
            room_id=ledger.new_operation_id(), creator_id=bob.pk, title="Live", at=timezone.now()
        )

    assert Room.objects.count() == 0


def test_ending_a_live_leaves_who_and_why_and_ending_again_changes_nothing(
    studio: Client, bob: User
) -> None:
    room = make_room(bob)

    asked = studio.get(reverse("gifts:end_live", args=[room.pk]))
    studio.post(reverse("gifts:end_live", args=[room.pk]))
    studio.post(reverse("gifts:end_live", args=[room.pk]))

    assert asked.status_code == 200
    room.refresh_from_db()
    assert room.state == Room.State.ENDED
    assert room.ended_at is not None
    change = StateChange.objects.get(subject_id=str(room.pk))
    assert (change.before, change.after, change.why, change.by_id) == (
        "live",
        "ended",
        "Ended by the creator",
        bob.pk,
    )
    assert [event.name for event in OutboxEvent.objects.all()] == ["room.ended"]


def test_a_creator_switches_gifts_off_and_on(studio: Client, bob: User) -> None:
    room = make_room(bob)

    studio.post(reverse("gifts:switch_gifts", args=[room.pk]), {"gifts_on": "no"})
    room.refresh_from_db()
    assert room.gifts_on is False

    studio.post(reverse("gifts:switch_gifts", args=[room.pk]), {"gifts_on": "yes"})
    room.refresh_from_db()
    assert room.gifts_on is True


def test_another_creators_places_are_not_there(client: Client, bob: User) -> None:
    room, video = make_room(bob), make_video(bob)
    client.force_login(make_creator("carol"))

    for name, place in (("end_live", room), ("switch_gifts", room), ("hide_video", video)):
        assert client.post(reverse(f"gifts:{name}", args=[place.pk])).status_code == 404
    room.refresh_from_db()
    video.refresh_from_db()
    assert (room.state, room.gifts_on, video.is_public) == ("live", True, True)


def test_a_video_is_posted_once_and_hidden_with_a_trail(studio: Client, bob: User) -> None:
    same = form(title="How I practise")

    studio.post(reverse("gifts:post_video"), same)
    studio.post(reverse("gifts:post_video"), same)
    video = Video.objects.get()
    studio.post(reverse("gifts:hide_video", args=[video.pk]))

    video.refresh_from_db()
    assert video.is_public is False
    change = StateChange.objects.get(subject_type="gifts.video", subject_id=str(video.pk))
    assert (change.before, change.after, change.by_id) == ("public", "hidden", bob.pk)


def test_an_id_of_somebody_elses_video_gives_nothing_of_theirs(studio: Client) -> None:
    theirs = make_video(make_creator("carol"))

    answer = studio.post(reverse("gifts:post_video"), form(place_id=str(theirs.pk)))

    assert answer.context["form"].non_field_errors() == [
        "This form was used before. Reload the page and try again."
    ]
    theirs.refresh_from_db()
    assert theirs.creator.handle == "carol"


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://cdn.example.org/a.mp4", True),
        ("https://cdn.example.org.evil.example/a.mp4", False),
        ("https://cdn.example.org@evil.example/a.mp4", False),
        ("http://cdn.example.org/a.mp4", False),
        ("javascript:alert(1)", False),
        ("https://elsewhere.example/a.mp4", False),
    ],
)
def test_a_picture_comes_from_an_allowed_site_over_https(
    studio: Client, settings: Any, address: str, allowed: bool
) -> None:
    settings.VIDEO_ORIGINS = ["https://cdn.example.org"]

    studio.post(reverse("gifts:go_live"), form(address=address))

    assert Room.objects.count() == int(allowed)
