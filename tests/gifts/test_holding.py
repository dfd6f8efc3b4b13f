"""Gifts that wait: taken back in time, sent once when due, looked at, overtaken by a dispute."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from accounts import reports, reviews
from accounts.models import Block, Notice, Review, User
from gifts import holding, risk
from gifts.models import GiftVersion, HeldGift, Room, Sending, Video
from gifts.services import Intent
from tests.factories import give_coins, make_creator, make_staff, make_user
from tests.gifts.world import coins, make_room, make_video, pending_milli, send, version, written
from wallet import history, ledger
from wallet import queries as wallets
from wallet.models import Account

BIG = 5_000


@pytest.fixture
def big(committed: str) -> GiftVersion:
    """A gift of 5,000 coins that nobody must unlock."""
    offers = GiftVersion.objects.filter(price_coins=BIG, unlock_level=None)
    found = offers.first()
    if found is None:
        found = version("bouquet")
        GiftVersion.objects.filter(pk=found.pk).update(price_coins=BIG)
        found.refresh_from_db()
    return found


@pytest.fixture
def alice(committed: str) -> User:
    """Somebody who joined long ago, with 12,000 coins."""
    alice = make_user("alice")
    User.objects.filter(pk=alice.pk).update(joined_at=timezone.now() - timedelta(days=30))
    with transaction.atomic():
        give_coins(alice, 12_000)
    alice.refresh_from_db()
    return alice


@pytest.fixture
def bob(committed: str) -> User:
    return make_creator("bob")


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


def intent(sender: User, place: Room | Video, gift: GiftVersion, **more: Any) -> Intent:
    values: dict[str, Any] = {
        "operation_id": ledger.new_operation_id(),
        "sender_id": sender.pk,
        "gift_version_id": gift.pk,
        "quantity": 1,
        "room_id": place.pk if isinstance(place, Room) else None,
        "video_id": place.pk if isinstance(place, Video) else None,
    }
    return Intent(**(values | more))


def hold(sender: User, place: Room | Video, gift: GiftVersion, **more: Any) -> HeldGift:
    return holding.hold(intent=intent(sender, place, gift, **more), at=timezone.now())


def later() -> datetime:
    return timezone.now() + holding.UNDO


def in_hold(user: User) -> int:
    account = Account.objects.filter(owner_id=user.pk, code=Account.Code.COIN_HOLD).first()
    if account is None:
        return 0
    debits, credits_ = ledger.turnover(account.pk)
    return credits_ - debits


def test_a_big_gift_waits_and_is_sent_once_when_it_is_due(
    alice: User, bob: User, room: Room, big: GiftVersion
) -> None:
    held = hold(alice, room, big)
    assert (coins(alice), in_hold(alice), pending_milli(bob)) == (7_000, 5_000, 0)
    assert holding.send_due(at=timezone.now()) == 0
    assert Sending.objects.count() == 0

    assert holding.send_due(at=later()) == 1
    assert holding.send_due(at=later()) == 0

    held.refresh_from_db()
    assert held.state == "sent"
    assert (coins(alice), in_hold(alice), pending_milli(bob)) == (7_000, 0, 5_000_000)
    sending = Sending.objects.get()
    assert (sending.pk, sending.coins, sending.room_id) == (held.pk, BIG, room.pk)
    assert list(ledger.audit()) == []


def test_one_taken_back_moves_nothing_and_stays_so(
    alice: User, bob: User, room: Room, big: GiftVersion
) -> None:
    held = hold(alice, room, big)
    for _ in range(2):
        taken = holding.take_back(held_id=held.pk, sender_id=alice.pk, at=timezone.now())
        assert taken.state == "taken_back"

    assert holding.send_due(at=later()) == 0
    assert (coins(alice), in_hold(alice), pending_milli(bob)) == (12_000, 0, 0)
    assert Sending.objects.count() == 0
    assert list(ledger.audit()) == []


def test_what_was_sent_cannot_be_taken_back(
    alice: User, bob: User, room: Room, big: GiftVersion
) -> None:
    held = hold(alice, room, big)
    holding.send_due(at=later())
    with pytest.raises(holding.TooLate, match="sent already"):
        holding.take_back(held_id=held.pk, sender_id=alice.pk, at=timezone.now())
    assert pending_milli(bob) == 5_000_000


def test_taking_back_and_sending_at_the_same_time_does_one_of_them(
    alice: User, bob: User, room: Room, big: GiftVersion
) -> None:
    held = hold(alice, room, big)

    def aside(deed: Any) -> Any:
        try:
            return deed()
        except holding.TooLate:
            return "too late"
        finally:
            connections.close_all()

    deeds = [
        lambda: holding.take_back(held_id=held.pk, sender_id=alice.pk, at=timezone.now()).state,
        lambda: holding.send_due(at=later()),
        lambda: holding.send_due(at=later()),
    ]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(aside, deeds))
    holding.send_due(at=later())

    held.refresh_from_db()
    is_sent = held.state == "sent"
    assert (coins(alice), in_hold(alice)) == ((7_000, 0) if is_sent else (12_000, 0))
    assert Sending.objects.count() == is_sent
    assert pending_milli(bob) == (5_000_000 if is_sent else 0)


def test_the_same_form_twice_holds_once_and_another_is_a_conflict(
    alice: User, room: Room, big: GiftVersion
) -> None:
    first = intent(alice, room, big)
    one = holding.hold(intent=first, at=timezone.now())
    assert holding.hold(intent=first, at=timezone.now()) == one
    with pytest.raises(ledger.OperationConflict):
        hold(alice, room, big, operation_id=one.pk, quantity=2)
    assert (coins(alice), in_hold(alice)) == (7_000, 5_000)


def test_with_too_few_coins_nothing_is_stored(alice: User, room: Room, big: GiftVersion) -> None:
    before = written()
    with pytest.raises(ledger.InsufficientCoins, match="You have 12,000 coins"):
        hold(alice, room, big, quantity=3)
    assert (written(), HeldGift.objects.count(), coins(alice)) == (before, 0, 12_000)


def test_one_who_was_blocked_meanwhile_gets_the_coins_back_and_is_told(
    alice: User, bob: User, room: Room, big: GiftVersion
) -> None:
    held = hold(alice, room, big)
    reports.block(blocker_id=bob.pk, blocked_id=alice.pk)
    assert Block.objects.count() == 1

    assert holding.send_due(at=later()) == 1

    held.refresh_from_db()
    assert (held.state, coins(alice), in_hold(alice)) == ("refused", 12_000, 0)
    assert Notice.objects.get(user=alice).title.endswith("its 5,000 coins are yours again")
    assert Sending.objects.count() == 0


def test_the_end_of_the_live_and_a_new_price_do_not_take_it_away(
    alice: User, bob: User, room: Room, big: GiftVersion
) -> None:
    hold(alice, room, big)
    Room.objects.filter(pk=room.pk).update(state="ended", gifts_on=False)
    GiftVersion.objects.create(
        gift=big.gift, version=big.version + 1, name=big.name, category=big.category,
        price_coins=9_000, valid_from=timezone.now() - timedelta(seconds=1),
    )  # fmt: skip

    assert holding.send_due(at=later()) == 1
    assert (coins(alice), pending_milli(bob)) == (7_000, 5_000_000)


@pytest.fixture
def nina(committed: str) -> User:
    """Somebody who joined today, with 12,000 coins."""
    nina = make_user("nina")
    with transaction.atomic():
        give_coins(nina, 12_000)
    return nina


def test_a_very_big_gift_of_a_new_account_goes_only_by_way_of_a_look(
    nina: User, bob: User, room: Room, big: GiftVersion
) -> None:
    with pytest.raises(risk.GiftNeedsLook, match="looked at first"):
        send(nina, room, gift_version_id=big.pk, quantity=2)
    held = hold(nina, room, big, quantity=2)
    assert held.review is not None
    assert (held.review.reason, held.review.restricts) == ("new_big", "gift")
    assert holding.send_due(at=later()) == 0
    assert (coins(nina), in_hold(nina), pending_milli(bob)) == (2_000, 10_000, 0)


@pytest.mark.parametrize(
    ("outcome", "state", "left", "earned"),
    [("cleared", "sent", 2_000, 10_000_000), ("upheld", "refused", 12_000, 0)],
)
def test_the_look_decides(
    nina: User, bob: User, room: Room, big: GiftVersion,
    outcome: str, state: str, left: int, earned: int,
) -> None:  # fmt: skip
    olga = make_staff("olga")
    held = hold(nina, room, big, quantity=2)
    assert held.review_id is not None
    reviews.take(review_id=held.review_id, by_id=olga.pk, at=timezone.now())
    reviews.decide(
        review_id=held.review_id, by_id=olga.pk, outcome=outcome,
        statement="We looked at the account and at where the payment came from.",
        restricts="gift" if outcome == "upheld" else "nothing", at=timezone.now(),
    )  # fmt: skip

    assert holding.send_due(at=timezone.now()) == 1

    held.refresh_from_db()
    assert (held.state, coins(nina), in_hold(nina)) == (state, left, 0)
    assert pending_milli(bob) == earned
    assert list(ledger.audit()) == []


def test_without_a_look_within_a_day_the_coins_come_back(
    nina: User, bob: User, room: Room, big: GiftVersion
) -> None:
    hold(nina, room, big, quantity=2)
    assert holding.send_due(at=timezone.now() + holding.LOOK_WITHIN) == 1
    assert (coins(nina), in_hold(nina), pending_milli(bob)) == (12_000, 0, 0)
    assert Review.objects.get().state == "opened"
    assert wallets.coins(user_id=nina.pk) == 12_000


def test_the_page_lets_the_sender_take_it_back_without_scripts(
    alice: User, bob: User, room: Room, big: GiftVersion, client: Client
) -> None:
    client.force_login(alice)
    form = {
        "operation_id": str(ledger.new_operation_id()),
        "gift": big.pk, "quantity": 1, "confirmed": "on",
    }  # fmt: skip
    page = client.post(f"/live/{room.pk}/gifts/", form, follow=True).content.decode()
    assert "is sent in 10 seconds. You can take it back until then." in page
    assert "Take it back" in page
    held = HeldGift.objects.get()
    mallory = make_user("mallory")
    stranger = Client()
    stranger.force_login(mallory)
    assert stranger.post(f"/gifts/waiting/{held.pk}/take-back/").status_code == 404
    assert "Take it back" not in stranger.get("/gifts/waiting/").content.decode()

    page = client.post(f"/gifts/waiting/{held.pk}/take-back/", follow=True).content.decode()
    assert "Taken back. Your 5,000 coins are yours again." in page
    assert (coins(alice), Sending.objects.count()) == (12_000, 0)


def test_a_gift_on_a_video_waits_too(alice: User, bob: User, big: GiftVersion) -> None:
    GiftVersion.objects.filter(pk=big.pk).update(on_videos=True)
    hold(alice, make_video(bob), big)
    assert holding.send_due(at=later()) == 1
    assert pending_milli(bob) == 5_000_000


def test_the_history_tells_of_coins_set_aside_and_adds_up_to_the_balance(
    alice: User, room: Room, big: GiftVersion
) -> None:
    back, sent = hold(alice, room, big), hold(alice, room, big, quantity=1)
    holding.take_back(held_id=back.pk, sender_id=alice.pk, at=timezone.now())

    fan = Client()
    fan.force_login(alice)
    page = fan.get("/balance/").content.decode()
    assert "5,000 more are set aside" in page
    told = [(entry.what, entry.coins) for entry in history.page(user_id=alice.pk).entries]
    aside = f"Coins set aside: {big.name} to Bob"
    waits = [(f"Coins back, not sent: {big.name}", BIG), (aside, -BIG), (aside, -BIG)]
    assert told[:3] == waits
    assert sum(moved or 0 for _, moved in told) == coins(alice)

    holding.send_due(at=later())

    told = [(entry.what, entry.coins) for entry in history.page(user_id=alice.pk).entries]
    assert told[:2] == [
        (f"{big.name} to Bob", -BIG),
        (f"Coins set aside, now spent: {big.name}", BIG),
    ]
    assert told[2:5] == waits
    assert sum(moved or 0 for _, moved in told) == coins(alice) == 12_000 - BIG
    assert Sending.objects.get().pk == sent.pk
    assert "more are set aside" not in fan.get("/balance/").content.decode()
    for kind in ("waits", "gifts"):
        assert fan.get(f"/balance/history/?kind={kind}").status_code == 200
    waiting = history.page(user_id=alice.pk, kinds=["waits"]).entries
    assert [entry.coins for entry in waiting] == [BIG, BIG, -BIG, -BIG]
    story = fan.get(f"/balance/operations/{back.hold_id}/").content.decode()
    assert f"Coins set aside: {big.name} to Bob" in story
