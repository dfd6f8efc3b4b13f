"""Planning lives: for a time to come, seen by all, begun by going live, told to who asked once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import creators, notices
from accounts import tasks as people_tasks
from accounts.models import Block, Notice, OutboxEvent, Standing, User
from accounts.risk import NotInGoodStanding
from config import relay
from gifts import coming, reminders, rooms, schedule
from gifts import tasks as gifts_tasks
from gifts.models import LiveReminder, PlannedLive, Room
from tests.factories import make_creator, make_user
from wallet import ledger

HOUR = timedelta(hours=1)


def plan(creator: User, *, after: timedelta = HOUR, planned_id: UUID | None = None) -> PlannedLive:
    now = timezone.now()
    return schedule.plan(
        planned_id=planned_id or ledger.new_operation_id(),
        creator_id=creator.pk,
        title="Nocturnes at ten",
        words="Chopin, by request",
        starts_at=now + after,
        at=now,
    )


def late_plan(creator: User, *, ago: timedelta) -> PlannedLive:
    """A plan whose time has come and gone."""
    planned = plan(creator)
    planned.starts_at = timezone.now() - ago
    planned.save()
    return planned


def go_live(creator: User, *, title: str = "At the piano") -> Room:
    return rooms.start_room(
        room_id=ledger.new_operation_id(), creator_id=creator.pk, title=title, at=timezone.now()
    )


def ask(fan: User, planned: PlannedLive) -> None:
    schedule.ask(planned_id=planned.pk, fan_id=fan.pk, at=timezone.now())


def tell(room: Room, planned: PlannedLive, *, reminded_first: bool = False) -> None:
    """What the relay rings for, in either order."""
    deeds = [
        lambda: creators.tell_followers(
            creator_id=room.creator_id,
            title=room.title,
            path=reverse("gifts:room", args=[room.pk]),
            at=timezone.now(),
        ),
        lambda: reminders.tell_begun(planned_id=planned.pk, at=timezone.now()),
    ]
    for deed in reversed(deeds) if reminded_first else deeds:
        deed()


def told(fan: User) -> list[tuple[str, str, str]]:
    return list(Notice.objects.filter(user=fan).values_list("title", "body", "path"))


def form(**fields: Any) -> dict[str, Any]:
    later = timezone.now() + timedelta(days=2)
    values = {
        "planned_id": str(ledger.new_operation_id()),
        "title": "Nocturnes at ten",
        "words": "",
        "starts_at": f"{later:%Y-%m-%dT%H:%M}",
    }
    return values | fields


# Planning


def test_a_creator_plans_in_their_own_time_zone(db: None, client: Client) -> None:
    bob = make_creator("bob", time_zone="Asia/Tokyo")
    client.force_login(bob)
    day = timezone.now() + timedelta(days=2)

    page = client.get(reverse("gifts:schedule"))
    answer = client.post(reverse("gifts:schedule"), form(starts_at=f"{day:%Y-%m-%d}T18:30"))

    assert "In your time zone, Asia/Tokyo." in page.content.decode()
    assert answer.headers["Location"] == "/studio/schedule/"
    planned = PlannedLive.objects.get()
    assert (planned.creator, planned.title) == (bob, "Nocturnes at ten")
    assert f"{planned.starts_at:%Y-%m-%d %H:%M %Z}" == f"{day:%Y-%m-%d} 09:30 UTC"


def test_everyone_sees_it_with_its_zone(db: None) -> None:
    bob = make_creator("bob")
    planned = plan(bob)

    for path in ("/@bob/", "/discover/"):
        words = Client().get(path).content.decode()
        assert "Nocturnes at ten" in words
        assert f'<time datetime="{planned.starts_at.isoformat()}" data-when>' in words
        assert " UTC</time>" in words
    fan = make_user("alice", time_zone="Europe/Berlin")
    creators.follow(fan_id=fan.pk, creator_id=bob.pk)
    client = Client()
    client.force_login(fan)
    home = client.get("/").content.decode()
    assert "Coming up from those you follow" in home
    assert " CET</time>" in home or " CEST</time>" in home


@pytest.mark.parametrize("after", [timedelta(0), -HOUR, timedelta(days=90, seconds=5)])
def test_a_time_past_or_too_far_is_refused(bob: User, after: timedelta) -> None:
    now = timezone.now()
    with pytest.raises(schedule.NotAPlan, match="within 90 days"):
        schedule.plan(
            planned_id=ledger.new_operation_id(), creator_id=bob.pk, title="Later", words="",
            starts_at=now + after, at=now,
        )  # fmt: skip

    assert PlannedLive.objects.count() == 0
    assert plan(bob, after=timedelta(days=90)).creator == bob  # control


def test_twenty_are_enough_and_what_is_cancelled_or_missed_does_not_count(bob: User) -> None:
    many = [plan(bob) for _ in range(20)]

    with pytest.raises(schedule.TooManyPlanned):
        plan(bob)

    assert plan(bob, planned_id=many[0].pk) == many[0]  # the same id is the same plan
    assert PlannedLive.objects.count() == 20
    schedule.cancel(planned_id=many[0].pk, creator_id=bob.pk, at=timezone.now())
    plan(bob)
    PlannedLive.objects.filter(pk=many[1].pk).update(starts_at=timezone.now() - 2 * HOUR)
    plan(bob)


def test_only_creators_plan_and_only_their_own_is_changed(bob: User, alice: User) -> None:
    planned, mallory = plan(bob), make_creator("carol")
    with pytest.raises(rooms.NotACreator):
        plan(alice)
    with pytest.raises(rooms.IdTaken):
        plan(mallory, planned_id=planned.pk)
    with pytest.raises(PlannedLive.DoesNotExist):
        schedule.cancel(planned_id=planned.pk, creator_id=mallory.pk, at=timezone.now())
    User.objects.filter(pk=bob.pk).update(standing=Standing.RESTRICTED)
    with pytest.raises(NotInGoodStanding):
        plan(bob)

    assert PlannedLive.objects.get().cancelled_at is None


def test_it_is_changed_and_cancelled_in_the_studio(bob: User, client: Client) -> None:
    client.force_login(bob)
    planned = plan(bob)
    address = reverse("gifts:planned", args=[planned.pk])

    client.post(address, form(title="Waltzes"))
    planned.refresh_from_db()
    assert planned.title == "Waltzes"
    past = client.post(address, form(starts_at="2020-01-01T10:00"))
    assert past.status_code == 422
    client.post(address, {"cancel": "1"})

    planned.refresh_from_db()
    assert planned.cancelled_at is not None
    assert "Waltzes" not in Client().get("/@bob/").content.decode()
    assert client.get(address).status_code == 404


# Beginning


def test_going_live_fulfils_the_plan_of_about_now(bob: User) -> None:
    later, now = plan(bob, after=timedelta(days=1)), plan(bob, after=timedelta(minutes=30))

    room = go_live(bob)

    now.refresh_from_db()
    later.refresh_from_db()
    assert (now.room, later.room) == (room, None)
    assert OutboxEvent.objects.get().payload["planned_id"] == str(now.pk)
    seen = coming.planned_by(creator_id=bob.pk, viewer=None, at=timezone.now())
    assert [one.planned for one in seen] == [later]
    with pytest.raises(schedule.PlanOver):
        schedule.cancel(planned_id=now.pk, creator_id=bob.pk, at=timezone.now())


def test_a_live_without_a_plan_says_nothing_of_one(bob: User) -> None:
    plan(bob, after=timedelta(hours=2))
    go_live(bob)

    assert "planned_id" not in OutboxEvent.objects.get().payload
    assert PlannedLive.objects.get().room is None


def test_what_did_not_begin_within_an_hour_says_so_and_falls_away(bob: User, alice: User) -> None:
    waiting = late_plan(bob, ago=timedelta(minutes=59))
    missed = late_plan(bob, ago=timedelta(minutes=61))
    late_plan(bob, ago=timedelta(hours=25))

    seen = coming.planned_by(creator_id=bob.pk, viewer=None, at=timezone.now())

    assert [(one.planned, one.is_due, one.is_missed) for one in seen] == [
        (missed, True, True), (waiting, True, False),
    ]  # fmt: skip
    assert "Did not begin" in Client().get("/@bob/").content.decode()
    assert [one.planned for one in coming.coming_up(viewer=None, at=timezone.now())] == [waiting]
    with pytest.raises(schedule.PlanOver):
        ask(alice, missed)
    go_live(bob)
    missed.refresh_from_db()
    assert missed.room is None


def test_suspended_creators_plan_nothing_that_anyone_sees(bob: User) -> None:
    plan(bob)
    User.objects.filter(pk=bob.pk).update(standing=Standing.SUSPENDED)

    assert coming.coming_up(viewer=None, at=timezone.now()) == []


# Telling


def test_who_asked_is_told_once_whether_they_follow_or_not(bob: User) -> None:
    fan, follower, both = (make_user(name) for name in ("fan", "follower", "both"))
    for one in (follower, both):
        creators.follow(fan_id=one.pk, creator_id=bob.pk)
    planned = plan(bob, after=timedelta(minutes=5))
    ask(fan, planned)
    ask(both, planned)
    ask(both, planned)

    room = go_live(bob)
    for reminded_first in (False, True, False):
        tell(room, planned, reminded_first=reminded_first)

    notice = ("Bob is live", "At the piano", f"/live/{room.pk}/")
    assert [told(one) for one in (fan, follower, both)] == [[notice], [notice], [notice]]


def test_who_heard_of_an_earlier_live_that_day_hears_of_the_one_they_asked_for(bob: User) -> None:
    both, follower = make_user("both"), make_user("follower")
    for one in (both, follower):
        creators.follow(fan_id=one.pk, creator_id=bob.pk)
    planned = plan(bob, after=timedelta(hours=3))
    ask(both, planned)
    first = go_live(bob)
    tell(first, planned)
    rooms.end_room(room_id=first.pk, by_id=bob.pk, why="Done.", at=timezone.now())
    PlannedLive.objects.update(starts_at=timezone.now())

    second = go_live(bob)
    tell(second, planned)
    tell(second, planned, reminded_first=True)

    assert [path for _, _, path in told(both)] == [f"/live/{first.pk}/", f"/live/{second.pk}/"]
    assert [path for _, _, path in told(follower)] == [f"/live/{first.pk}/"]


def test_who_turned_it_off_or_was_blocked_or_asks_no_more_is_not_told(bob: User) -> None:
    off, blocked, gone = (make_user(name) for name in ("off", "blocked", "gone"))
    planned = plan(bob, after=timedelta(minutes=5))
    for one in (off, blocked, gone):
        ask(one, planned)
    notices.set_preferences(user_id=off.pk, chosen=[("live", False, False)])
    Block.objects.create(blocker=bob, blocked=blocked)
    schedule.unask(planned_id=planned.pk, fan_id=gone.pk)

    tell(go_live(bob), planned)

    assert Notice.objects.count() == 0
    with pytest.raises(creators.Blocked):
        ask(blocked, planned_again(bob))


def planned_again(creator: User) -> PlannedLive:
    return plan(creator, after=timedelta(days=1))


def test_a_fan_asks_on_the_page_and_takes_it_back(bob: User, alice: User, client: Client) -> None:
    client.force_login(alice)
    planned = plan(bob)
    address = reverse("gifts:remind", args=[planned.pk])

    answer = client.post(address, {"wanted": "yes"})
    assert answer.headers["Location"] == "/@bob/"
    assert LiveReminder.objects.get().fan == alice
    assert "Reminded" in client.get("/@bob/").content.decode()
    client.post(address, {"wanted": "no"})
    assert LiveReminder.objects.count() == 0
    assert Client().post(address).headers["Location"].startswith("/accounts/login/?next=")


def test_the_relay_rings_for_both(committed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, Any]] = []
    for task in (people_tasks.tell_followers, gifts_tasks.tell_reminded):
        monkeypatch.setattr(
            task, "delay", lambda name=task.name, **facts: rung.append((name, facts))
        )
    bob = make_creator("bob")
    planned = plan(bob, after=timedelta(minutes=5))
    go_live(bob)

    relay.relay(at=timezone.now())

    assert [name for name, _ in rung] == [
        "accounts.tasks.tell_followers", "gifts.tasks.tell_reminded",
    ]  # fmt: skip
    assert rung[1][1] == {"planned_id": str(planned.pk)}
