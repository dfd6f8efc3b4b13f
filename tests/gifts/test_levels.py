"""Fan levels: from what was given and not taken back, counted once, shown unless hidden."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import OutboxEvent, User
from config import relay
from gifts import chat, clubs, levels, queries, ranks, risk
from gifts.models import ClubGifter, FanTotal, RankDifference, Room, RoomEvent
from tests.factories import make_creator
from tests.gifts import test_ranks
from tests.gifts.test_ranks import fan
from tests.gifts.world import coins, make_room, make_video, send, version, written
from wallet import ledger, reversals


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


def relay_now() -> None:
    relay.relay(at=timezone.now())


def given_by(user: User) -> int:
    return clubs.coins_given(fan_id=user.pk)


def test_there_are_fifty_levels_and_no_step_is_smaller_than_the_one_before() -> None:
    steps = [later - earlier for earlier, later in pairwise(levels.FAN_LEVELS)]

    assert (len(levels.FAN_LEVELS), levels.FAN_LEVELS[0]) == (50, 1)
    assert steps == sorted(steps)
    assert (len(levels.CLUB_LEVELS), levels.CLUB_LEVELS[0]) == (10, 1)
    assert list(levels.CLUB_LEVELS) == sorted(set(levels.CLUB_LEVELS))


@pytest.mark.parametrize(
    ("given_coins", "level"), [(0, 0), (1, 1), (49, 1), (50, 2), (500, 5), (1_340_000, 50)]
)
def test_a_level_begins_at_its_threshold(given_coins: int, level: int) -> None:
    assert levels.fan_level(given_coins) == level


@given(st.integers(0, 3_000_000))
def test_what_is_missing_reaches_exactly_the_next_level(reached: int) -> None:
    progress = levels.fan_progress(reached)

    assert progress.level_at <= reached
    if progress.next_at is None:
        assert (progress.level, progress.missing) == (50, 0)
    else:
        assert levels.fan_level(reached + progress.missing) == progress.level + 1
        assert levels.fan_level(reached + progress.missing - 1) == progress.level


def test_the_level_is_counted_after_the_gift_over_all_creators_and_once(room: Room) -> None:
    alice, ben = fan("alice"), make_creator("ben")
    send(alice, room, "bouquet", quantity=3)
    send(alice, make_video(ben), "perfume", quantity=2)
    assert given_by(alice) == 0

    relay_now()
    relay_now()

    assert given_by(alice) == 70
    assert clubs.standing_of(fan_id=alice.pk, creator_id=ben.pk, at=timezone.now()).level == 2
    rows = ClubGifter.objects.order_by("coins").values_list("creator__handle", "coins", "gifts")
    assert list(rows) == [("bob", 30, 3), ("ben", 40, 2)]


def test_what_a_bank_took_back_leaves_the_level_however_old_it_is(
    bob: User, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = fan("alice")
    long_ago = timezone.now() - timedelta(days=100)
    lost = send(alice, room, "bouquet", quantity=5, at=long_ago)
    send(alice, room, "perfume", at=long_ago)
    send(alice, make_room(make_creator("ben")), "heart", at=long_ago)
    relay_now()
    assert given_by(alice) == 71
    monkeypatch.setattr(reversals, "gifts_taken_back", lambda: [lost.sending_id])

    assert ranks.audit_lately(at=timezone.now()) == 0

    assert given_by(alice) == 21
    assert ClubGifter.objects.get(creator=bob).taken_coins == 50
    assert ranks.audit(creator_id=bob.pk) == []


def test_control_a_wrong_total_is_found_told_to_staff_and_put_right(bob: User, room: Room) -> None:
    alice = fan("alice")
    send(alice, room, "bouquet")
    relay_now()
    FanTotal.objects.update(coins=4_000)

    assert ranks.audit_lately(at=timezone.now()) == 1

    assert given_by(alice) == 10
    difference = RankDifference.objects.get()
    assert (difference.what, difference.counted_coins, difference.real_coins) == (
        f"fantotal {alice.pk}",
        4_000,
        10,
    )
    assert ranks.audit(creator_id=bob.pk) == []


def test_many_relays_and_rebuilds_at_once_leave_exact_totals(committed: str) -> None:
    test_ranks.test_many_relays_and_a_rebuild_at_once_count_each_gift_once(committed)

    assert sorted(FanTotal.objects.values_list("coins", flat=True)) == [30, 30, 30, 30]


def test_a_level_unlocks_its_gifts_and_until_then_says_how_far_it_is(room: Room) -> None:
    alice = fan("alice", coins=20_000)
    send(alice, room, "bouquet", quantity=16)
    relay_now()
    before, had = written(), coins(alice)

    with pytest.raises(risk.GiftLocked) as refusal:
        send(alice, room, "unicorn")
    assert str(refusal.value) == (
        "Unicorn is locked. Unlocks at fan level 5."
        " You are at level 3: gifts of 340 coins more reach it."
    )
    assert (written(), coins(alice)) == (before, had)

    send(alice, room, "bouquet", quantity=34)
    relay_now()
    send(alice, room, "unicorn")
    assert coins(alice) == 20_000 - 160 - 340 - 5_000


def test_the_panel_shows_what_is_locked_for_whom(bob: User, room: Room, client: Client) -> None:
    alice = fan("alice")
    send(alice, room, "bouquet", quantity=50)
    relay_now()

    def locked(viewer: User | None) -> set[str]:
        shown = queries.catalogue(at=timezone.now(), viewer=viewer, creator_id=bob.pk)
        return {gift.slug for gift in shown if gift.lock}

    assert locked(None) - locked(alice) == {"unicorn"}
    client.force_login(alice)
    page = client.get(f"/live/{room.pk}/").content.decode()
    cell = page[page.index(f'value="{version("unicorn").pk}"') :].split("</label>")[0]
    assert " disabled" not in cell
    assert "Unlocks at fan level 8" in page


def payloads(name: str) -> list[tuple[int | None, int | None]]:
    rows = RoomEvent.objects.filter(name=name).order_by("number")
    return [(one.payload["level"], one.payload["club_level"]) for one in rows]


def test_gifts_and_words_carry_the_level_and_hiding_it_hides_it_everywhere(
    room: Room, client: Client
) -> None:
    alice = fan("alice")
    send(alice, room, "bouquet", quantity=5)
    relay_now()

    def act() -> None:
        send(alice, room, "heart")
        chat.say(
            message_id=ledger.new_operation_id(),
            room_id=room.pk,
            author_id=alice.pk,
            words="Hello",
            at=timezone.now(),
        )
        relay_now()

    act()
    page = client.get(f"/live/{room.pk}/").content.decode()
    assert page.count('data-level="2"') == 3
    User.objects.filter(pk=alice.pk).update(shows_level=False)
    act()

    assert payloads("gift.sent") == [(None, None), (2, None), (None, None)]
    assert payloads("chat.said") == [(2, None), (None, None)]
    assert 'data-level="2"' not in client.get(f"/live/{room.pk}/").content.decode()
    assert OutboxEvent.objects.filter(relayed_at=None).count() == 0


def test_the_level_is_shown_at_first_and_hidden_on_the_profile(alice: User, client: Client) -> None:
    client.force_login(alice)
    form = {
        "display_name": "Alice",
        "handle": "alice",
        "language": "en",
        "time_zone": "UTC",
    }
    assert alice.shows_level

    client.post("/me/", form)
    assert User.objects.filter(pk=alice.pk, shows_level=False).exists()
    client.post("/me/", form | {"shows_level": "on"})
    assert User.objects.filter(pk=alice.pk, shows_level=True).exists()
