"""The room's event stream as people watch it: a real server, a real relay, real kills.

What every viewer has in the end is what the database has: each number once, in order.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import reports, valkey
from accounts.models import User
from gifts import fanout, passes, queries, room_log, rooms
from gifts.models import Room, RoomEvent, Sending
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import make_room, send
from tests.programs import Programs
from tests.streams import Watcher, wait_until

pytestmark = pytest.mark.proof


@pytest.fixture
def programs(committed: str, tmp_path: Path) -> Iterator[Programs]:
    made = Programs(committed, tmp_path)
    made.start("stream")
    made.start("relay")
    yield made
    made.stop()


@pytest.fixture
def room(committed: str) -> Room:
    return make_room(make_creator("bob"))


@pytest.fixture
def alice(committed: str) -> User:
    alice = make_user("alice")
    with transaction.atomic():
        give_coins(alice, 10_000)
    return alice


@pytest.fixture
def watch(programs: Programs, room: Room) -> Iterator[Callable[..., Watcher]]:
    """Somebody new who watches the room."""
    watchers: list[Watcher] = []

    def begin(viewer: User | None = None, *, after: int = 0, **headers: str) -> Watcher:
        path = passes.address(room_id=room.pk, user_id=viewer.pk if viewer else None, after=after)
        watcher = Watcher(programs.url, path, headers=headers)
        watchers.append(watcher)
        watcher.start()
        return watcher

    yield begin
    for watcher in watchers:
        watcher.stop()
    for watcher in watchers:
        watcher.join(timeout=30)


def logged(room: Room) -> list[dict[str, Any]]:
    found = RoomEvent.objects.filter(room=room).order_by("number")
    return [
        {"number": one.number, "name": one.name, "at": one.at.isoformat()} | one.payload
        for one in found
    ]


def test_whoever_watches_sees_each_gift_once_and_in_order(
    alice: User, room: Room, watch: Callable[..., Watcher]
) -> None:
    early = watch()
    wait_until(lambda: early.statuses == [200])
    for _ in range(30):
        send(alice, room)
    wait_until(lambda: len(early.events) == 30)
    late, later = watch(), watch(after=25)
    wait_until(lambda: len(late.events) == 30 and len(later.events) == 5)

    assert early.events == late.events == logged(room)
    assert later.numbers == [26, 27, 28, 29, 30]
    assert {event["sending_id"] for event in early.events} == {
        str(pk) for pk in Sending.objects.values_list("pk", flat=True)
    }
    wait_until(lambda: ("viewers", "3") in early.named)


def test_whatever_is_killed_every_viewer_ends_with_what_the_database_has(
    programs: Programs, alice: User, room: Room, watch: Callable[..., Watcher], proof_size: int
) -> None:
    viewers = [watch() for _ in range(20)]
    wait_until(lambda: all(viewer.statuses for viewer in viewers))
    rounds = 3 * max(1, proof_size)
    for _ in range(rounds):
        for deed in (
            lambda: programs.kill("stream"),
            lambda: programs.start("stream"),
            lambda: valkey.client().flushall(),
            lambda: programs.kill("relay"),
            lambda: valkey.client().client_kill_filter(_type="normal", skipme=True),
            lambda: programs.start("relay"),
        ):
            for _ in range(10):
                send(alice, room)
            deed()
    for _ in range(10):
        send(alice, room)
    sent = rounds * 60 + 10

    wait_until(lambda: room_log.last_number(room_id=room.pk) == sent, seconds=60)
    wait_until(lambda: all(len(viewer.events) == sent for viewer in viewers), seconds=60)
    expected = logged(room)
    assert [event["number"] for event in expected] == list(range(1, sent + 1))
    for viewer in viewers:
        assert viewer.events == expected
    assert Sending.objects.filter(room=room).count() == sent


def test_open_streams_hold_no_connection_of_the_database(
    alice: User, room: Room, watch: Callable[..., Watcher]
) -> None:
    viewers = [watch() for _ in range(12)]
    wait_until(lambda: all(viewer.statuses == [200] for viewer in viewers))
    send(alice, room)
    wait_until(lambda: all(len(viewer.events) == 1 for viewer in viewers))

    def held() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                "   AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
            return int(cursor.fetchone()[0])

    wait_until(lambda: held() == 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            "   AND pid <> pg_backend_pid()"
        )
        (connections,) = cursor.fetchone()
    assert connections <= 8, "two programs with pools of four, and a dozen viewers"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Last-Event-ID": "1; DROP"}, 400),
        ({}, 200),
    ],
)
def test_other_sites_may_not_listen(
    watch: Callable[..., Watcher], headers: dict[str, str], status: int
) -> None:
    viewer = watch(**headers)
    wait_until(lambda: viewer.statuses[:1] == [status])


def test_a_pass_is_for_one_room_and_cannot_be_made_up(
    programs: Programs, room: Room, watch: Callable[..., Watcher]
) -> None:
    first = watch()
    wait_until(lambda: first.statuses == [200])
    other = make_room(make_creator("ben"))
    good = passes.address(room_id=room.pk, user_id=None, after=0)
    for path in (good.replace(str(room.pk), str(other.pk)), good.replace("pass=", "pass=x")):
        stranger = Watcher(programs.url, path)
        stranger.start()
        wait_until(lambda found=stranger: found.statuses[:1] == [403])
        stranger.stop()
        assert stranger.events == []


def test_who_may_not_watch_any_more_is_not_among_those_who_may(alice: User, room: Room) -> None:
    """What the stream asks every half minute."""
    mallory = make_user("mallory")
    people = {alice.pk, mallory.pk, None}
    assert queries.who_may_watch(room_id=room.pk, people=people) == people

    reports.block(blocker_id=room.creator_id, blocked_id=mallory.pk)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert queries.who_may_watch(room_id=room.pk, people=people) == {None}

    rooms.end_room(room_id=room.pk, by_id=room.creator_id, why="Done.", at=timezone.now())
    assert queries.who_may_watch(room_id=room.pk, people=people) == set()


def test_a_viewer_who_does_not_keep_up_is_let_go() -> None:
    viewer = fanout.Viewer(user_id=None)
    given = [viewer.give(b"x") for _ in range(fanout.FRAMES_WAITING_MAX + 1)]
    assert given == [True] * fanout.FRAMES_WAITING_MAX + [False]
