"""A service's gift and its consent are one statement: neither a race nor a revocation slips by."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections, transaction
from django.utils import timezone

from accounts import consents
from accounts.models import ConsentUse, Scope, User
from gifts import sending_texts
from gifts.models import Room, Sending
from tests import services as callers
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import coins, make_room, send
from wallet import ledger

COMPARISON = "WHERE used.coins + excluded.coins <= (SELECT daily_cap_coins FROM consent)"


@pytest.fixture
def alice(committed: str) -> User:
    """Alice with 1,000 coins who lets tipbot spend 50 of them a day."""
    alice = make_user("alice")
    with transaction.atomic():
        give_coins(alice, 1_000)
    callers.make_service()
    callers.consent(alice, cap=50)
    return alice


@pytest.fixture
def room(alice: User) -> Room:
    return make_room(make_creator("bob"))


def bouquet(fan: User, room: Room, start: Barrier | None = None) -> bool:
    """Send 10 coins by the service over a connection of its own; says whether they passed."""
    try:
        if start is not None:
            start.wait(timeout=10)
        send(fan, room, "bouquet", client_id="tipbot")
    except (consents.ConsentCapReached, consents.ConsentMissing):
        return False
    finally:
        connections.close_all()
    return True


def sent_at_once(fan: User, room: Room, gifts: int) -> int:
    start = Barrier(gifts)
    with ThreadPoolExecutor(gifts) as threads:
        return sum(threads.map(lambda _: bouquet(fan, room, start), range(gifts)))


def test_eight_gifts_at_once_spend_the_cap_exactly(alice: User, room: Room) -> None:
    assert sent_at_once(alice, room, 8) == 5
    assert coins(alice) == 950
    assert ConsentUse.objects.get().coins == 50
    assert Sending.objects.count() == 5
    assert ledger.audit() == []


def test_control_without_the_comparison_they_spend_more(
    alice: User, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded = sending_texts.SEND_SQL[True, False, False, False].replace(COMPARISON, "")
    monkeypatch.setitem(sending_texts.SEND_SQL, (True, False, False, False), unguarded)

    assert sent_at_once(alice, room, 8) == 8


def sent_while_revoked(fan: User, room: Room) -> bool:
    """Send while a revocation is under way, which commits half a second later."""
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            fan.consents.select_for_update().get()
            fan.consents.update(revoked_at=timezone.now())
            gift = threads.submit(bouquet, fan, room)
            try:
                return gift.result(timeout=0.5)
            except TimeoutError:
                pass  # it waits, as it should
        return gift.result(timeout=10)


def test_a_gift_waits_for_a_revocation_under_way_and_is_refused(alice: User, room: Room) -> None:
    assert not sent_while_revoked(alice, room)
    assert coins(alice) == 1_000
    assert not Sending.objects.exists()
    assert not ConsentUse.objects.exists()


def test_control_without_the_lock_a_gift_slips_past_a_revocation(
    alice: User, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Today's count is there already, so that no foreign key makes it wait.
    ConsentUse.objects.create(consent=alice.consents.get(), day=timezone.now().date(), coins=0)
    unlocked = sending_texts.SEND_SQL[True, False, False, False].replace("FOR NO KEY UPDATE", "")
    monkeypatch.setitem(sending_texts.SEND_SQL, (True, False, False, False), unlocked)

    assert sent_while_revoked(alice, room)


def test_a_consent_given_while_a_gift_was_under_way_counts_from_the_next_one_on(
    alice: User,
) -> None:
    """The cap has room, yet nothing was counted: the consent that was looked at had ended."""
    why = consents.not_counted(
        fan_id=alice.pk, client_id="tipbot", scope=Scope.GIFTS_SEND, coins=50, at=timezone.now()
    )
    past_the_cap = consents.not_counted(
        fan_id=alice.pk,
        client_id="tipbot",
        scope=Scope.GIFTS_SEND,
        coins=51,
        at=timezone.now() + timedelta(seconds=1),
    )

    assert isinstance(why, consents.ConsentMissing)
    assert isinstance(past_the_cap, consents.ConsentCapReached)
