"""A planned live that has another time or is cancelled: told once to who asked; staff cancel."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import notices
from accounts import services as people
from accounts.models import Block, Notice, OutboxEvent, StateChange, User
from config import relay
from gifts import coming, reminders, rooms, schedule
from gifts import tasks as gifts_tasks
from gifts.models import LiveReminder, PlanDeed, PlannedLive
from tests.accounts.test_roles import make_role
from tests.factories import make_creator, make_user
from tests.gifts.test_schedule import ask, form, go_live, late_plan, plan
from wallet import ledger

DAY = timedelta(days=1)


def move(planned: PlannedLive, to: datetime, *, change_id: UUID | None = None, **more: Any) -> None:
    wanted = {"title": planned.title, "words": planned.words} | more
    schedule.change(
        change_id=change_id or ledger.new_operation_id(), planned_id=planned.pk,
        creator_id=planned.creator_id, starts_at=to, at=timezone.now(), **wanted,
    )  # fmt: skip


def tell(planned: PlannedLive) -> int:
    """What the relay rings for."""
    return reminders.tell_moved(planned_id=planned.pk, at=timezone.now())


def told(fan: User) -> list[tuple[str, str]]:
    return list(Notice.objects.filter(user=fan).order_by("pk").values_list("title", "body"))


@pytest.fixture
def planned(bob: User) -> PlannedLive:
    """A live of bob's on Tuesday 1 December 2026 at 18:00 UTC, of which alice asked."""
    with time_machine.travel(datetime(2026, 11, 22, 10, tzinfo=UTC), tick=False):
        return plan(bob, after=timedelta(days=9, hours=8))


@pytest.fixture(autouse=True)
def today() -> Any:
    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=UTC)):
        yield


def test_who_asked_is_told_of_the_new_time_once_in_their_own_zone(
    bob: User, alice: User, planned: PlannedLive
) -> None:
    berlin, other = make_user("berlin", time_zone="Europe/Berlin"), make_user("other")
    ask(alice, planned)
    ask(berlin, planned)

    move(planned, planned.starts_at + DAY)
    counts = [tell(planned), tell(planned)]

    assert counts == [2, 0]
    title = "Another time: “Nocturnes at ten” by Bob"
    body = (
        "It begins on Wednesday 2 December at 18:00 UTC, not on Tuesday 1 December at 18:00 UTC. "
        "You are still told when it begins."
    )
    assert told(alice) == [(title, body)]
    assert told(berlin)[0][1].startswith("It begins on Wednesday 2 December at 19:00 CET, not on ")
    assert (told(other), told(bob)) == ([], [])
    assert Notice.objects.filter(path="/@bob/", kind="live", email_due=True).count() == 2


def test_who_asked_is_told_that_it_is_cancelled(alice: User, planned: PlannedLive) -> None:
    ask(alice, planned)

    for _ in range(2):
        schedule.cancel(planned_id=planned.pk, creator_id=planned.creator_id, at=timezone.now())
        tell(planned)

    assert told(alice) == [
        ("Cancelled: “Nocturnes at ten” by Bob",
         "It was to begin on Tuesday 1 December at 18:00 UTC."),
    ]  # fmt: skip
    change = StateChange.objects.get()
    assert (change.subject_type, change.before, change.after, change.why, change.by) == (
        "gifts.plannedlive", "planned", "cancelled", "Cancelled by the creator", planned.creator,
    )  # fmt: skip


def test_each_change_is_told_and_one_that_was_overtaken_is_told_as_the_last(
    alice: User, planned: PlannedLive
) -> None:
    ask(alice, planned)
    first = planned.starts_at

    move(planned, first + DAY)
    tell(planned)
    move(planned, first + 2 * DAY)
    move(planned, first + 3 * DAY)
    tell(planned)
    move(planned, first)
    move(planned, first + 3 * DAY)  # and back again before anybody was told
    tell(planned)

    assert [body.split(",")[0] for _, body in told(alice)] == [
        "It begins on Wednesday 2 December at 18:00 UTC",
        "It begins on Friday 4 December at 18:00 UTC",
    ]
    assert told(alice)[1][1].split("not on ")[1].startswith("Wednesday 2 December at 18:00 UTC.")
    assert PlanDeed.objects.filter(told_at=None).count() == 0


def test_other_words_are_no_news(alice: User, planned: PlannedLive) -> None:
    ask(alice, planned)

    move(planned, planned.starts_at, title="Waltzes")

    assert tell(planned) == 0
    assert OutboxEvent.objects.count() == 0
    assert PlannedLive.objects.get().title == "Waltzes"


def test_the_same_change_again_changes_nothing_and_another_is_a_conflict(
    alice: User, planned: PlannedLive
) -> None:
    ask(alice, planned)
    key, first = ledger.new_operation_id(), planned.starts_at

    move(planned, first + DAY, change_id=key)
    tell(planned)
    move(planned, first + 2 * DAY)
    tell(planned)
    move(planned, first + DAY, change_id=key)
    with pytest.raises(schedule.PlanConflict):
        move(planned, first + 5 * DAY, change_id=key)
    with pytest.raises(rooms.IdTaken):
        move(plan(planned.creator), first + DAY, change_id=key)

    tell(planned)
    planned.refresh_from_db()
    assert planned.starts_at == first + 2 * DAY
    assert len(told(alice)) == 2


def test_who_turned_it_off_or_was_blocked_or_asked_later_is_not_told(
    bob: User, alice: User, planned: PlannedLive
) -> None:
    silent, off, blocked, late = (make_user(name) for name in ("silent", "off", "blocked", "late"))
    for one in (alice, silent, off, blocked):
        ask(one, planned)
    notices.set_preferences(user_id=silent.pk, chosen=[("live", True, False)])
    notices.set_preferences(user_id=off.pk, chosen=[("live", False, False)])
    Block.objects.create(blocker=bob, blocked=blocked)

    move(planned, planned.starts_at + DAY)
    ask(late, planned)
    tell(planned)

    sent = Notice.objects.order_by("user_id").values_list("user__handle", "on_site", "email_due")
    assert list(sent) == [("alice", True, True), ("silent", True, False)]


def test_nobody_is_told_of_a_change_once_it_has_begun(alice: User, bob: User) -> None:
    soon = plan(bob, after=timedelta(minutes=50))
    ask(alice, soon)
    move(soon, soon.starts_at - timedelta(minutes=30))
    go_live(bob)

    assert tell(soon) == 0
    assert (told(alice), PlanDeed.objects.filter(told_at=None).count()) == ([], 0)


def test_killed_on_the_way_and_begun_again_nobody_is_told_twice(
    planned: PlannedLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    fans = [make_user(f"fan{number}") for number in range(5)]
    for one in fans:
        ask(one, planned)
    move(planned, planned.starts_at + DAY)
    monkeypatch.setattr(reminders, "TOLD_A_BATCH", 2)
    notify, calls = people.notify_many, []

    def killed(**facts: Any) -> None:
        calls.append(facts)
        if len(calls) == 2:
            raise SystemExit
        notify(**facts)

    with monkeypatch.context() as patched:
        patched.setattr(people, "notify_many", killed)
        with pytest.raises(SystemExit):
            tell(planned)
    assert [len(told(one)) for one in fans] == [1, 1, 0, 0, 0]

    assert reminders.tell_due(at=timezone.now()) == 1  # the sweep, as the message is lost
    assert reminders.tell_due(at=timezone.now()) == 0
    assert [len(told(one)) for one in fans] == [1, 1, 1, 1, 1]


def test_the_creators_transaction_does_not_grow_with_who_asked(planned: PlannedLive) -> None:
    with CaptureQueriesContext(
        connection,
    ) as alone:
        move(planned, planned.starts_at + DAY)
    for number in range(30):
        ask(make_user(f"fan{number}"), planned)
    with CaptureQueriesContext(connection) as asked:
        move(planned, planned.starts_at + 2 * DAY)
    with CaptureQueriesContext(connection) as telling:
        tell(planned)

    assert len(asked) == len(alone)
    assert Notice.objects.count() == 30
    assert len(telling) < 15


def test_the_relay_rings_when_a_live_is_moved(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[Any] = []
    monkeypatch.setattr(gifts_tasks.tell_moved, "delay", lambda **facts: rung.append(facts))
    planned = plan(make_creator("bob"))
    move(planned, planned.starts_at + DAY)

    relay.relay(at=timezone.now())
    relay.relay(at=timezone.now())

    assert rung == [{"planned_id": str(planned.pk)}]


def test_what_is_over_is_neither_moved_nor_cancelled(bob: User) -> None:
    missed = late_plan(bob, ago=timedelta(minutes=61))

    with pytest.raises(schedule.PlanOver):
        move(missed, timezone.now() + DAY)
    with pytest.raises(schedule.PlanOver):
        schedule.cancel(planned_id=missed.pk, creator_id=bob.pk, at=timezone.now())

    assert (OutboxEvent.objects.count(), StateChange.objects.count()) == (0, 0)


def test_the_studio_moves_it_once_however_often_the_form_is_sent(
    bob: User, alice: User, planned: PlannedLive, client: Client
) -> None:
    client.force_login(bob)
    ask(alice, planned)
    address = reverse("gifts:planned", args=[planned.pk])
    filled = form()

    for _ in range(2):
        answer = client.post(address, filled, follow=True)

    assert "Who asked to be reminded is told of a new time." in answer.content.decode()
    assert tell(planned) == 1
    assert PlanDeed.objects.filter(was_at__isnull=False).count() == 1


# Staff


def act(client: Client, planned: PlannedLive, why: str) -> str:
    answer = client.post(
        reverse("admin:gifts_plannedlive_changelist"),
        {"action": "cancel", "_selected_action": [str(planned.pk)], "why": why},
        follow=True,
    )
    return answer.content.decode()


@pytest.fixture
def olga(db: None) -> User:
    return make_role("olga", "risk")


def test_staff_cancel_with_a_reason_that_the_creator_reads(
    olga: User, bob: User, alice: User, planned: PlannedLive, client: Client
) -> None:
    client.force_login(olga)
    ask(alice, planned)

    assert "Give a reason first. Nothing was changed." in act(client, planned, " ")
    assert PlannedLive.objects.get().cancelled_at is None
    assert "its creator reads why" in act(client, planned, "Not allowed here.").lower()
    act(client, planned, "Again.")
    tell(planned)

    assert told(bob) == [("Our staff cancelled “Nocturnes at ten”", "Reason: Not allowed here.")]
    assert [title for title, _ in told(alice)] == ["Cancelled: “Nocturnes at ten” by Bob"]
    change = StateChange.objects.get()
    assert (change.by, change.why, change.after) == (olga, "Not allowed here.", "cancelled")


def test_staff_find_plans_by_what_became_of_them(
    olga: User, bob: User, client: Client, planned: PlannedLive
) -> None:
    client.force_login(olga)
    cancelled = plan(bob, after=timedelta(days=3))
    schedule.cancel(planned_id=cancelled.pk, creator_id=bob.pk, at=timezone.now())
    missed = late_plan(bob, ago=timedelta(hours=2))
    begun = plan(bob, after=timedelta(minutes=10))
    go_live(bob)
    address = reverse("admin:gifts_plannedlive_changelist")

    found = {
        state: [row.pk for row in client.get(address, {"state": state}).context["cl"].result_list]
        for state in ("planned", "cancelled", "missed", "begun")
    }

    assert found == {
        "planned": [planned.pk], "cancelled": [cancelled.pk], "missed": [missed.pk],
        "begun": [begun.pk],
    }  # fmt: skip
    for state, (pk,) in found.items():
        assert coming.state_of(PlannedLive.objects.get(pk=pk), at=timezone.now()) == state


def test_who_may_only_look_cannot_cancel(planned: PlannedLive, client: Client) -> None:
    client.force_login(make_role("eve", "support"))

    page = client.get(reverse("admin:gifts_plannedlive_changelist"))
    act(client, planned, "Because.")

    assert page.status_code == 200
    assert PlannedLive.objects.get().cancelled_at is None


def test_the_list_says_who_asked_and_what_became_of_it_without_more_queries(
    olga: User, bob: User, client: Client, planned: PlannedLive
) -> None:
    client.force_login(olga)
    address = reverse("admin:gifts_plannedlive_changelist")
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for number in range(12):
        one = plan(bob, after=timedelta(days=2 + number))
        for fan in range(2):
            ask(make_user(f"fan{number}x{fan}"), one)
    schedule.cancel(planned_id=planned.pk, creator_id=bob.pk, at=timezone.now())
    with CaptureQueriesContext(connection) as many:
        page = client.get(address).content.decode()

    assert len(many) == len(few)
    assert page.count('<td class="field-reminded">2</td>') == 12
    assert page.count('<td class="field-reminded">0</td>') == 1
    assert "Cancelled</span>" in page
    assert LiveReminder.objects.count() == 24
    assert (
        client.get(reverse("admin:gifts_plannedlive_change", args=[planned.pk])).status_code == 200
    )
