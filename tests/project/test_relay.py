"""The outbox: committed events are heard at least once, rolled-back ones never."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts import creators, events
from accounts import tasks as people_tasks
from accounts.models import Notice, OutboxEvent
from config import relay, tasks
from gifts import rooms
from tests import factories
from wallet import ledger

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the only subscriber to "test.event" has heard, in order."""
    numbers: list[int] = []

    def hear(event: OutboxEvent) -> None:
        numbers.append(event.payload["number"])

    monkeypatch.setattr(relay, "SUBSCRIBERS", {"test.event": (hear,)})
    return numbers


def publish(number: int) -> None:
    events.publish(name="test.event", subject="test:1", payload={"number": number})


def publish_committed(numbers: range) -> None:
    with transaction.atomic():
        for number in numbers:
            publish(number)


def test_an_event_needs_a_transaction(committed: str) -> None:
    with pytest.raises(AssertionError, match="commits with its cause"):
        publish(1)


def test_an_event_of_a_rolled_back_transaction_is_never_heard(
    committed: str, heard: list[int]
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        publish(1)
        raise ZeroDivisionError
    publish_committed(range(2, 3))

    assert relay.relay(at=AT) == 1
    assert heard == [2]


def test_an_event_is_not_heard_before_its_commit(committed: str, heard: list[int]) -> None:
    handed: list[int] = []

    def relay_elsewhere() -> None:
        try:
            handed.append(relay.relay(at=AT))
        finally:
            connection.close()

    with transaction.atomic():
        publish(1)
        other = threading.Thread(target=relay_elsewhere)
        other.start()
        other.join(timeout=30)

    assert handed == [0]
    assert heard == []
    assert relay.relay(at=AT) == 1
    assert heard == [1]


def test_events_are_heard_in_order_and_once(committed: str, heard: list[int]) -> None:
    publish_committed(range(250))

    assert relay.relay(at=AT) == 250
    assert relay.relay(at=AT) == 0
    assert heard == list(range(250))
    assert OutboxEvent.objects.filter(relayed_at=AT).count() == 250


def test_two_relays_at_once_hand_on_each_event_once(committed: str, heard: list[int]) -> None:
    publish_committed(range(600))
    start, handed = threading.Barrier(2), []

    def run() -> None:
        try:
            start.wait(timeout=10)
            handed.append(relay.relay(at=AT))
        finally:
            connection.close()

    relays = [threading.Thread(target=run) for _ in range(2)]
    for one in relays:
        one.start()
    for one in relays:
        one.join(timeout=60)

    assert sum(handed) == 600
    assert sorted(heard) == list(range(600))


def test_control_without_the_lock_two_relays_hand_on_the_same_event(
    committed: str, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_committed(range(1))
    both = threading.Barrier(2)

    def unlocked(rows: QuerySet[OutboxEvent], **_options: object) -> list[OutboxEvent]:
        found = list(rows)
        both.wait(timeout=60)  # each has read before either writes
        return found

    monkeypatch.setattr(QuerySet, "select_for_update", unlocked)

    def run() -> None:
        try:
            relay.relay(at=AT)
        finally:
            connection.close()

    relays = [threading.Thread(target=run) for _ in range(2)]
    for one in relays:
        one.start()
    for one in relays:
        one.join(timeout=60)

    assert heard == [0, 0]


def test_a_crash_between_handing_on_and_marking_is_heard_again(
    committed: str, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_committed(range(3))
    hear_all = relay._hand_on

    def dying(event: OutboxEvent, *, at: datetime) -> None:
        hear_all(event, at=at)
        if event.payload["number"] == 1:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(relay, "_hand_on", dying)
        relay.relay(at=AT)
    assert heard == [0, 1]
    assert OutboxEvent.objects.filter(relayed_at=None).count() == 3

    assert relay.relay(at=AT + relay.CLAIM / 2) == 0  # still in the hands of the one that died
    assert relay.relay(at=AT + relay.CLAIM) == 3
    assert heard == [0, 1, 0, 1, 2]


def test_a_failing_subscriber_delays_only_itself(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_committed(range(2))
    first, broken_heard, last = [], [], []
    broken = {"is": True}

    def hear_first(event: OutboxEvent) -> None:
        first.append(event.payload["number"])

    def hear_broken(event: OutboxEvent) -> None:
        if broken["is"] and event.payload["number"] == 0:
            raise ConnectionError
        broken_heard.append(event.payload["number"])

    def hear_last(event: OutboxEvent) -> None:
        last.append(event.payload["number"])

    monkeypatch.setattr(relay, "SUBSCRIBERS", {"test.event": (hear_first, hear_broken, hear_last)})

    relay.relay(at=AT)

    stuck = OutboxEvent.objects.get(relayed_at=None)
    assert (first, broken_heard, last) == ([0, 1], [1], [0, 1])
    assert (stuck.payload["number"], stuck.tries) == (0, 1)
    assert stuck.retry_at == AT + timedelta(seconds=2)
    assert relay.relay(at=AT + timedelta(seconds=1)) == 0

    broken["is"] = False
    assert relay.relay(at=AT + timedelta(seconds=2)) == 1
    assert (first, broken_heard, last) == ([0, 1], [1, 0], [0, 1])
    assert not OutboxEvent.objects.filter(relayed_at=None).exists()


def test_a_subscriber_whose_query_fails_does_not_break_the_batch(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_committed(range(2))

    def hear(event: OutboxEvent) -> None:
        if event.payload["number"] == 0:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(relay, "SUBSCRIBERS", {"test.event": (hear,)})

    relay.relay(at=AT)

    assert list(OutboxEvent.objects.filter(relayed_at=AT).values_list("payload__number")) == [(1,)]


def test_no_transaction_is_open_while_a_subscriber_waits(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_committed(range(2))
    open_there: list[bool] = []
    monkeypatch.setattr(
        relay,
        "SUBSCRIBERS",
        {"test.event": (lambda _event: open_there.append(connection.in_atomic_block),)},
    )

    relay.relay(at=AT)

    assert open_there == [False, False]


def test_waiting_between_tries_grows_to_ten_minutes(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_committed(range(1))

    def fail(_event: OutboxEvent) -> None:
        raise ConnectionError

    monkeypatch.setattr(relay, "SUBSCRIBERS", {"test.event": (fail,)})
    at, waits = AT, []
    for _ in range(12):
        relay.relay(at=at)
        retry_at = OutboxEvent.objects.get().retry_at
        assert retry_at is not None
        waits.append((retry_at - at).total_seconds())
        at = retry_at

    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]


def test_events_nobody_listens_to_are_marked_too(committed: str) -> None:
    with transaction.atomic():
        events.publish(name="nobody.cares", subject="test:1", payload={})

    tasks.relay.apply().get()

    assert OutboxEvent.objects.filter(relayed_at=None).count() == 0


def test_old_relayed_events_are_pruned_and_waiting_ones_never(committed: str) -> None:
    publish_committed(range(4))
    numbered = {event.payload["number"]: event for event in OutboxEvent.objects.all()}
    ages = {0: timedelta(days=8), 1: timedelta(days=6)}
    for number, age in ages.items():
        OutboxEvent.objects.filter(pk=numbered[number].pk).update(relayed_at=AT - age)
    OutboxEvent.objects.filter(pk=numbered[2].pk).update(created_at=AT - timedelta(days=99))

    assert relay.prune(at=AT) == 1

    left = OutboxEvent.objects.order_by("pk").values_list("payload__number", flat=True)
    assert list(left) == [1, 2, 3]


def test_a_room_that_starts_rings_for_the_followers(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, alice = factories.make_creator("bob"), factories.make_user("alice")
    creators.follow(fan_id=alice.pk, creator_id=bob.pk)
    room = rooms.start_room(
        room_id=ledger.new_operation_id(), creator_id=bob.pk, title="Piano", at=AT
    )
    rung: list[dict[str, Any]] = []
    monkeypatch.setattr(people_tasks.tell_followers, "delay", lambda **facts: rung.append(facts))

    relay.relay(at=AT)
    [facts] = rung
    people_tasks.tell_followers.apply(kwargs=facts).get()

    notice = Notice.objects.get()
    assert (notice.user, notice.title) == (alice, "Bob is live")
    assert (notice.body, notice.path) == ("Piano", f"/live/{room.pk}/")
