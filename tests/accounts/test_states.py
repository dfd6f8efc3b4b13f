"""States move along their table, under a lock, and leave a row."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import states
from accounts.models import Standing, StateChange, User
from gifts.models import Room
from tests import factories
from wallet import ledger

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make_room(creator: User) -> Room:
    return Room.objects.create(id=ledger.new_operation_id(), creator=creator, title="Piano")


def test_a_move_changes_the_state_and_leaves_a_row(alice: User, olga: User) -> None:
    moved = states.move(alice, to=Standing.RESTRICTED, why="Charged back", at=AT, by_id=olga.pk)

    change = StateChange.objects.get()
    assert moved.standing == alice.standing == Standing.RESTRICTED
    assert User.objects.get(pk=alice.pk).standing == Standing.RESTRICTED
    assert (change.subject_type, change.subject_id) == ("accounts.user", str(alice.pk))
    assert (change.before, change.after, change.why) == ("good", "restricted", "Charged back")
    assert (change.by, change.at, change.until) == (olga, AT, None)


def test_a_move_outside_the_table_is_refused_and_changes_nothing(bob: User) -> None:
    room = make_room(bob)
    states.move(room, to=Room.State.ENDED, why="Over", at=AT)

    with pytest.raises(states.Refused, match="cannot go from ended to live"):
        states.move(room, to=Room.State.LIVE, why="Again", at=AT)

    assert Room.objects.get().state == Room.State.ENDED
    assert StateChange.objects.count() == 1


def test_a_stale_row_does_not_decide_what_may_happen(bob: User) -> None:
    room = make_room(bob)
    stale = Room.objects.get()
    states.move(room, to=Room.State.ENDED, why="Over", at=AT)

    with pytest.raises(states.Refused):
        states.move(stale, to=Room.State.ENDED, why="Over", at=AT)

    assert StateChange.objects.count() == 1


def test_without_a_transaction_nothing_moves(committed: str) -> None:
    alice = factories.make_user("alice")

    with pytest.raises(AssertionError, match="the caller opens the transaction"):
        states.move(alice, to=Standing.RESTRICTED, why="No reason", at=AT)


def race(room: Room, movers: int) -> list[str]:
    """Let several connections end the room at once, and say what each saw."""
    start, outcomes = threading.Barrier(movers), []

    def end() -> None:
        try:
            mine = Room.objects.get(pk=room.pk)
            start.wait(timeout=10)
            with transaction.atomic():
                states.move(mine, to=Room.State.ENDED, why="Over", at=AT)
            outcomes.append("moved")
        except states.Refused:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=end) for _ in range(movers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return sorted(outcomes)


def test_of_eight_movers_at_once_one_moves_and_seven_are_refused(committed: str) -> None:
    room = make_room(factories.make_creator("bob"))

    outcomes = race(room, 8)

    assert outcomes == ["moved"] + ["refused"] * 7
    assert StateChange.objects.filter(subject_id=str(room.pk)).count() == 1


def test_control_without_the_lock_several_movers_move(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same race where nobody locks: more than one believes to have moved the room."""
    room = make_room(factories.make_creator("bob"))
    manager = type(Room._base_manager)
    looked = threading.Barrier(4)

    def unlocked(self: Any, **_options: Any) -> Any:
        rows = self.get_queryset()
        original = rows.get

        def get(**key: Any) -> Any:
            row = original(**key)
            looked.wait(timeout=10)
            return row

        rows.get = get
        return rows

    monkeypatch.setattr(manager, "select_for_update", unlocked)

    assert race(room, 4) == ["moved"] * 4
