"""Combos whatever happens: charged = booked = shown = meant, for every fan.

Answers get lost, gifts are doubled, connections of the database are killed in the middle of a gift,
viewers lose their stream, and ends race with the gifts they end. `--full` runs 200 combos.
"""

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import OutboxEvent, User
from gifts import passes, sending_texts, streaks
from gifts.models import Room, Sending, Streak
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import make_room, send, version
from tests.programs import Programs
from tests.streams import Watcher, wait_until
from wallet import ledger, queries
from wallet.models import Operation

pytestmark = pytest.mark.proof

COINS: Final = 10_000
FANS: Final = 10
AT_ONCE: Final = 6


class Storm:
    """Fans who send combos while everything around them goes wrong."""

    def __init__(self, room: Room, *, seed: int) -> None:
        self.room = room
        self.meant: dict[int, int] = defaultdict(int)
        self.late = self.killed = 0
        self._chance = random.Random(seed)
        self._senders: set[int] = set()  # the database's processes that send now
        self._lock = threading.Lock()

    def combo(self, fan: User, *, seed: int) -> None:
        """Send one combo as the page does: tick by tick, each until it has its answer."""
        chance = random.Random(seed)
        streak_id = ledger.new_operation_id()
        with ThreadPoolExecutor(2) as beside:
            for _ in range(chance.randint(3, 8)):
                quantity = chance.randint(1, 5)
                if chance.random() < 0.3:
                    beside.submit(self._quietly, self._end, streak_id, fan)
                streak_id = self._tick(fan, quantity, streak_id, chance, beside)
                with self._lock:
                    self.meant[fan.pk] += quantity
            if chance.random() < 0.5:  # the others lose their connection: nobody says it is over
                beside.submit(self._quietly, self._end, streak_id, fan)

    def kill_some(self, stop: threading.Event) -> None:
        """Kill a connection that sends, now and then: nobody knows what came of its gift."""
        while not stop.wait(0.08):
            with self._lock:
                pids = sorted(self._senders)
            if pids and self._chance.random() < 0.5:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(%s)", [self._chance.choice(pids)])
                self.killed += 1
        connections.close_all()

    def _tick(
        self,
        fan: User,
        quantity: int,
        streak_id: UUID,
        chance: random.Random,
        beside: ThreadPoolExecutor,
    ) -> UUID:
        operation_id = ledger.new_operation_id()
        while True:
            facts = {"quantity": quantity, "operation_id": operation_id, "streak_id": streak_id}
            if chance.random() < 0.3:  # the network brings it twice
                beside.submit(self._quietly, self._send, fan, facts)
            try:
                self._send(fan, facts)
                if chance.random() < 0.3:  # its answer was lost
                    self._send(fan, facts)
            except (OperationalError, InterfaceError):
                connections.close_all()
            except streaks.StreakEnded:
                streak_id, operation_id = ledger.new_operation_id(), ledger.new_operation_id()
                with self._lock:
                    self.late += 1
            else:
                return streak_id

    def _send(self, fan: User, facts: dict[str, Any]) -> None:
        connection.ensure_connection()
        pid = connection.connection.info.backend_pid
        with self._lock:
            self._senders.add(pid)
        try:
            send(fan, self.room, "heart", **facts)
        finally:
            with self._lock:
                self._senders.discard(pid)

    def _end(self, streak_id: UUID, fan: User) -> None:
        streaks.end(streak_id=streak_id, sender_id=fan.pk, at=timezone.now())

    def _quietly(self, deed: Callable[..., None], *args: Any) -> None:
        try:
            deed(*args)
        except (OperationalError, InterfaceError, streaks.StreakEnded):
            pass
        finally:
            connections.close_all()


@pytest.fixture
def room(committed: str) -> Room:
    return make_room(make_creator("bob"))


@pytest.fixture
def fans(committed: str) -> list[User]:
    people = [make_user(f"fan{place}") for place in range(FANS)]
    with transaction.atomic():
        for fan in people:
            give_coins(fan, COINS)
    return people


@pytest.fixture
def programs(committed: str, tmp_path: Path) -> Iterator[Programs]:
    made = Programs(committed, tmp_path)
    made.start("stream")
    made.start("relay")
    made.await_pages()
    yield made
    made.stop()


def rage(room: Room, fans: list[User], *, combos: int, meanwhile: Callable[[], None]) -> Storm:
    storm, stop = Storm(room, seed=combos), threading.Event()
    killer = threading.Thread(target=storm.kill_some, args=[stop])
    killer.start()

    def one(place: int) -> None:
        try:
            storm.combo(fans[place % len(fans)], seed=place)
        finally:
            connections.close_all()

    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            playing = [threads.submit(one, place) for place in range(combos)]
            meanwhile()
            for combo in playing:
                combo.result()
    finally:
        stop.set()
        killer.join()
    return storm


def charged(fans: list[User]) -> dict[int, int]:
    return {fan.pk: COINS - queries.coins(user_id=fan.pk) for fan in fans}


def booked(fans: list[User]) -> dict[int, int]:
    sums = dict.fromkeys((fan.pk for fan in fans), 0)
    for gift in Operation.objects.filter(kind=Operation.Kind.GIFT, is_refused=False):
        sums[gift.actor_id] += gift.request["coins"]
    return sums


def shown(fans: list[User], events: list[dict[str, Any]]) -> dict[int, int]:
    """What the last event of each combo told a viewer, by fan. Each combo has one."""
    by_name = {fan.display_name: fan.pk for fan in fans}
    ends = [event for event in events if event["name"] == "streak.ended"]
    assert len({event["streak_id"] for event in ends}) == len(ends), "one end a combo"
    sums = dict.fromkeys(by_name.values(), 0)
    for event in ends:
        sums[by_name[event["sender"]]] += event["coins"]
    return sums


def grown(events: list[dict[str, Any]]) -> dict[str, int]:
    """How far each combo was seen to grow."""
    most: dict[str, int] = defaultdict(int)
    for event in events:
        if event["name"] == "gift.sent":
            most[event["streak_id"]] = max(most[event["streak_id"]], event["streak_quantity"])
    return most


def test_charged_is_booked_is_shown_is_meant(
    programs: Programs, room: Room, fans: list[User], proof_size: int
) -> None:
    viewers = [
        Watcher(programs.url, passes.address(room_id=room.pk, user_id=None, after=0))
        for _ in range(3)
    ]
    for viewer in viewers:
        viewer.start()

    def break_streams() -> None:
        wait_until(Sending.objects.exists)
        programs.kill("stream")
        programs.kill("relay")
        programs.start("stream")
        programs.start("relay")

    storm = rage(room, fans, combos=20 if proof_size == 1 else 200, meanwhile=break_streams)
    wait_until(lambda: not Streak.objects.filter(ended_at=None).exists(), seconds=60)
    ended = Streak.objects.count()
    for viewer in viewers:
        wait_until(
            lambda seen=viewer: sum(e["name"] == "streak.ended" for e in seen.events) == ended,
            seconds=60,
        )
        viewer.stop()

    assert charged(fans) == booked(fans) == dict(storm.meant)
    for viewer in viewers:
        assert shown(fans, viewer.events) == charged(fans)
        ends = {e["streak_id"]: e["quantity"] for e in viewer.events if e["name"] == "streak.ended"}
        assert grown(viewer.events) == ends
    assert storm.late > 0, "no end came before its gift"
    assert storm.killed > 0, "nobody was killed"
    assert ledger.audit() == []
    for viewer in viewers:
        viewer.join(timeout=30)


def told(room: Room) -> int:
    """The coins that the ends of combos told of."""
    ends = OutboxEvent.objects.filter(name="streak.ended", subject=f"room:{room.pk}")
    return sum(event.payload["coins"] for event in ends)


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def test_control_without_the_look_at_the_end_more_is_charged_than_shown(
    room: Room, fans: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded = sending_texts.SEND_SQL[False, True, False, False].replace(
        "running.ended_at IS NULL AND", ""
    )
    monkeypatch.setitem(sending_texts.SEND_SQL, (False, True, False, False), unguarded)
    alice, streak_id = fans[0], ledger.new_operation_id()

    send(alice, room, streak_id=streak_id)
    streaks.end(streak_id=streak_id, sender_id=alice.pk, at=timezone.now())
    send(alice, room, streak_id=streak_id)

    assert charged(fans)[alice.pk] == 2
    assert told(room) == 1


def test_control_without_the_lock_an_end_tells_less_than_was_sent(
    room: Room, fans: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        streaks, "_running", lambda **_: Streak.objects.filter(ended_at=None).order_by("pk")
    )
    alice, streak_id = fans[0], ledger.new_operation_id()
    send(alice, room, streak_id=streak_id)

    def end() -> None:
        try:
            streaks.end(streak_id=streak_id, sender_id=alice.pk, at=timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            Streak.objects.select_for_update().get()  # a gift on its way has the row
            Sending.objects.create(
                id=ledger.new_operation_id(), sender=alice, creator_id=room.creator_id, room=room,
                gift_version=version("heart"), quantity=4, coins=4, streak_id=streak_id,
            )  # fmt: skip
            ending = thread.submit(end)
            wait_until(waits_for_a_lock)
        ending.result(10)

    assert told(room) == 1
    assert Sending.objects.aggregate(total=Sum("quantity"))["total"] == 5
