"""Sending a gift: exact amounts, once per id, and every refusal moves nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from allauth.idp.oidc.models import Client
from django.db import connections, transaction
from django.utils import timezone

from accounts import consents
from accounts import risk as people
from accounts.models import Block, OutboxEvent, Scope, Standing, User
from gifts import catalogue, facts, risk, services
from gifts.models import Category, GiftVersion, Room, Sending
from gifts.services import Intent, Sent
from tests.factories import give_coins, make_creator, make_user
from tests.gifts import world
from tests.gifts.world import Moved, coins, make_room, make_video, pending_milli, send, written
from wallet import ledger
from wallet.models import Operation


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


@pytest.fixture
def rich_alice(alice: User) -> User:
    give_coins(alice, 1_000)
    return alice


def test_a_gift_costs_its_price_and_its_diamonds_wait_for_the_creator(
    rich_alice: User, room: Room, bob: User
) -> None:
    sent = send(rich_alice, room, "bouquet", quantity=3)

    assert (sent.coins, sent.balance, sent.replayed) == (30, 970, False)
    assert coins(rich_alice) == 970
    assert pending_milli(bob) == 30_000
    assert ledger.audit() == []


def test_a_sending_keeps_what_was_shown_and_tells_the_outbox(
    rich_alice: User, room: Room, bob: User
) -> None:
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)

    sent = send(rich_alice, room, "bouquet", quantity=3, at=at)

    sending = Sending.objects.get(pk=sent.sending_id)
    assert (sending.sender_id, sending.creator_id, sending.room_id) == (
        rich_alice.pk,
        bob.pk,
        room.pk,
    )
    assert (sending.quantity, sending.coins, sending.sent_at) == (3, 30, at)
    assert (sending.shown_minor, sending.shown_currency) == (36, "EUR")  # 1.20 for 100 coins
    event = OutboxEvent.objects.get()
    assert (event.name, event.subject) == ("gift.sent", f"room:{room.pk}")
    assert event.payload["sending_id"] == str(sent.sending_id)
    assert (event.payload["gift"], event.payload["quantity"], event.payload["coins"]) == (
        "Bouquet",
        3,
        30,
    )
    operation = Operation.objects.get(pk=sent.sending_id)
    assert operation.context == f"room:{room.pk}"
    assert operation.memo == {
        "gift": "Bouquet",
        "slug": "bouquet",
        "version": world.version("bouquet").pk,
        "quantity": 3,
        "to": "Bob",
        "to_handle": "bob",
        "from": "Alice",
        "from_handle": "alice",
        "where": "Nocturnes at ten",
    }


def test_a_gift_can_be_sent_on_a_video(rich_alice: User, bob: User) -> None:
    video = make_video(bob)

    sent = send(rich_alice, video, "perfume")

    assert Sending.objects.get(pk=sent.sending_id).video_id == video.pk
    assert pending_milli(bob) == 20_000


def test_a_fan_from_a_country_without_prices_sends_gifts_and_no_money_is_shown(room: Room) -> None:
    fan = make_user("ana", country="AR")
    give_coins(fan, 10)

    sent = send(fan, room, "heart")

    sending = Sending.objects.get(pk=sent.sending_id)
    assert (sending.shown_minor, sending.shown_currency) == (None, "")


def test_sending_reads_the_facts_once_and_posts_and_records_at_once(
    rich_alice: User, room: Room, django_assert_num_queries: Any
) -> None:
    heart = world.version("heart")

    # The facts, a savepoint here where a transaction begins in life, the posting with the sending
    # and its event, and the end of the savepoint.
    with django_assert_num_queries(4) as statements:
        services.send_gift(
            operation_id=ledger.new_operation_id(),
            sender_id=rich_alice.pk,
            gift_version_id=heart.pk,
            quantity=1,
            room_id=room.pk,
            at=timezone.now(),
        )

    assert [line["sql"].split()[0] for line in statements.captured_queries] == [
        "SELECT",
        "SAVEPOINT",
        "WITH",
        "RELEASE",
    ]


def test_the_facts_name_the_fields_of_a_person_in_the_models_order() -> None:
    loaded = [f.attname for f in User._meta.concrete_fields if f.attname in facts.PERSON_FIELDS]

    assert tuple(loaded) == facts.PERSON_FIELDS


# The same id again


def test_the_same_id_again_answers_the_same_and_sends_nothing_more(
    rich_alice: User, room: Room, bob: User
) -> None:
    operation_id = ledger.new_operation_id()
    first = send(rich_alice, room, "bouquet", operation_id=operation_id)
    before = written()

    second = send(rich_alice, room, "bouquet", operation_id=operation_id)

    assert second == Sent(first.sending_id, coins=10, balance=990, replayed=True)
    assert written() == before
    assert pending_milli(bob) == 10_000


def test_a_lost_answer_can_be_asked_for_after_the_live_has_ended(
    rich_alice: User, room: Room
) -> None:
    operation_id = ledger.new_operation_id()
    send(rich_alice, room, "bouquet", operation_id=operation_id)
    Room.objects.filter(pk=room.pk).update(state=Room.State.ENDED)

    again = send(rich_alice, room, "bouquet", operation_id=operation_id)

    assert (again.coins, again.replayed) == (10, True)
    assert coins(rich_alice) == 990


def test_a_lost_answer_can_be_asked_for_after_the_price_changed(
    rich_alice: User, room: Room
) -> None:
    operation_id, shown = ledger.new_operation_id(), world.version("bouquet")
    send(rich_alice, room, operation_id=operation_id, gift_version_id=shown.pk)
    raise_price(shown, price_coins=12)

    again = send(rich_alice, room, operation_id=operation_id, gift_version_id=shown.pk)

    assert (again.coins, again.replayed) == (10, True)
    assert coins(rich_alice) == 990


def test_a_refusal_for_want_of_coins_is_the_answer_of_its_id_for_ever(
    alice: User, room: Room
) -> None:
    operation_id = ledger.new_operation_id()
    with pytest.raises(ledger.InsufficientCoins):
        send(alice, room, "bouquet", operation_id=operation_id)
    give_coins(alice, 100)

    with pytest.raises(ledger.InsufficientCoins) as refusal:
        send(alice, room, "bouquet", operation_id=operation_id)

    assert refusal.value.balance == 0
    assert coins(alice) == 100
    assert Sending.objects.count() == 0


@pytest.mark.parametrize(
    "other",
    [
        {"slug": "rosebud"},  # of the same price
        {"slug": "heart", "quantity": 2},
    ],
    ids=["another gift of the same price", "another quantity"],
)
def test_the_same_id_with_other_contents_is_a_conflict(
    rich_alice: User, room: Room, other: dict[str, Any]
) -> None:
    operation_id = ledger.new_operation_id()
    send(rich_alice, room, "heart", operation_id=operation_id)
    before = written()

    with pytest.raises(ledger.OperationConflict):
        send(rich_alice, room, operation_id=operation_id, **other)

    assert written() == before


def test_the_same_id_in_another_room_is_a_conflict(rich_alice: User, room: Room) -> None:
    operation_id = ledger.new_operation_id()
    send(rich_alice, room, "heart", operation_id=operation_id)

    with pytest.raises(ledger.OperationConflict):
        send(rich_alice, make_room(make_creator("carol")), "heart", operation_id=operation_id)


def test_somebody_elses_id_is_a_conflict_and_says_nothing_of_their_gift(
    rich_alice: User, mallory: User, room: Room
) -> None:
    operation_id = ledger.new_operation_id()
    send(rich_alice, room, "heart", operation_id=operation_id)
    give_coins(mallory, 10)
    before = written()

    with pytest.raises(ledger.OperationConflict):
        send(mallory, room, "heart", operation_id=operation_id)

    assert written() == before


def test_twenty_sends_of_one_id_at_once_are_one_gift(committed: str) -> None:
    alice, bob = make_user("alice"), make_creator("bob")
    with transaction.atomic():
        give_coins(alice, 1_000)
    room, operation_id, gate = make_room(bob), ledger.new_operation_id(), Barrier(20)

    def one_try(_number: int) -> Sent:
        try:
            gate.wait()
            return send(alice, room, "bouquet", operation_id=operation_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(one_try, range(20)))

    assert {answer.coins for answer in answers} == {10}
    assert sum(not answer.replayed for answer in answers) == 1
    assert coins(alice) == 990
    assert pending_milli(bob) == 10_000
    assert written() == Moved(operations=2, transfers=written().transfers, sendings=1, events=1)
    assert ledger.audit() == []


# Refusals: nothing moves


def refused(
    expected: type[Exception], sender: User, place: Any, slug: str = "heart", **fields: Any
) -> str:
    """Send, be refused, see that nothing was written; the words of the refusal."""
    before, have = written(), coins(sender)
    with pytest.raises(expected) as refusal:
        send(sender, place, slug, **fields)
    assert written() == before
    assert coins(sender) == have
    return str(refusal.value)


def raise_price(shown: GiftVersion, *, price_coins: int) -> GiftVersion:
    now = timezone.now()
    return catalogue.announce_gift_version(
        slug=shown.gift.slug,
        name=shown.name,
        category=Category(shown.category),
        price_coins=price_coins,
        valid_from=now,
        by_id=0,
        at=now,
    )


def test_too_few_coins_move_nothing_and_say_what_is_there(
    alice: User, room: Room, bob: User
) -> None:
    give_coins(alice, 9)

    with pytest.raises(ledger.InsufficientCoins) as refusal:
        send(alice, room, "bouquet")

    assert refusal.value.balance == 9
    assert coins(alice) == 9
    assert pending_milli(bob) == 0
    assert (Sending.objects.count(), OutboxEvent.objects.count()) == (0, 0)


def test_an_ended_live_takes_no_gifts(rich_alice: User, bob: User) -> None:
    words = refused(risk.RoomEnded, rich_alice, make_room(bob, state=Room.State.ENDED))

    assert words == "This live has ended, so gifts cannot be sent any more. No coins were spent."


def test_a_hidden_video_takes_no_gifts(rich_alice: User, bob: User) -> None:
    refused(risk.VideoHidden, rich_alice, make_video(bob, is_public=False), "perfume")


@pytest.mark.parametrize("make", [make_room, make_video])
def test_gifts_switched_off_are_refused(rich_alice: User, bob: User, make: Any) -> None:
    words = refused(risk.GiftsOff, rich_alice, make(bob, gifts_on=False), "perfume")

    assert words == "Bob has switched gifts off here. No coins were spent."


def test_nobody_gives_to_themselves(bob: User, room: Room) -> None:
    give_coins(bob, 100)

    refused(risk.SelfGift, bob, room)


def test_whom_the_creator_has_blocked_sends_nothing(
    rich_alice: User, bob: User, room: Room
) -> None:
    Block.objects.create(blocker=bob, blocked=rich_alice)

    words = refused(risk.BlockedByCreator, rich_alice, room)

    assert words == "You cannot send gifts to Bob. No coins were spent."
    Block.objects.all().delete()
    Block.objects.create(blocker=rich_alice, blocked=bob)
    send(rich_alice, room)


def test_an_unknown_place_is_refused(rich_alice: User, bob: User) -> None:
    refused(risk.PlaceUnknown, rich_alice, Room(id=ledger.new_operation_id(), creator=bob))


def test_a_locked_gift_says_what_unlocks_it(rich_alice: User, room: Room) -> None:
    words = refused(risk.GiftLocked, rich_alice, room, "unicorn")

    assert words == (
        "Unicorn is locked. Unlocks at fan level 5."
        " You are at level 0: gifts of 500 coins more reach it."
    )


def test_a_gift_for_rooms_is_refused_on_a_video(rich_alice: User, bob: User) -> None:
    words = refused(risk.GiftNotOffered, rich_alice, make_video(bob), "heart")

    assert words == "Heart can be sent in live rooms only. Choose another gift."


def test_a_changed_price_is_refused_and_names_the_new_one(rich_alice: User, room: Room) -> None:
    shown = world.version("bouquet")
    new = raise_price(shown, price_coins=12)
    before = written()

    with pytest.raises(risk.PriceChanged) as refusal:
        send(rich_alice, room, gift_version_id=shown.pk)

    assert "Bouquet now costs 12 coins." in str(refusal.value)
    assert (refusal.value.version_id, refusal.value.price_coins) == (new.pk, 12)
    assert written() == before


def test_a_version_announced_for_later_is_not_sold_yet(rich_alice: User, room: Room) -> None:
    shown, now = world.version("bouquet"), timezone.now()
    later = catalogue.announce_gift_version(
        slug="bouquet",
        name="Bouquet",
        category=Category.HEARTS,
        price_coins=5,
        valid_from=now + timedelta(days=1),
        by_id=0,
        at=now,
    )

    refused(risk.PriceChanged, rich_alice, room, gift_version_id=later.pk)
    sent = send(rich_alice, room, gift_version_id=shown.pk)

    assert sent.coins == 10


def test_a_retired_gift_is_not_sold(rich_alice: User, room: Room, olga: User) -> None:
    catalogue.retire_gift(
        gift_id=world.version("bouquet").gift_id, by_id=olga.pk, at=timezone.now()
    )

    words = refused(risk.GiftNotOffered, rich_alice, room, "bouquet")

    assert words == "This gift is not offered any more. Choose another one."


def test_an_unknown_gift_is_refused(rich_alice: User, room: Room) -> None:
    refused(risk.GiftNotOffered, rich_alice, room, gift_version_id=999_999)


@pytest.mark.parametrize("quantity", [0, -1, 1_000])
def test_a_quantity_out_of_range_is_refused(rich_alice: User, room: Room, quantity: int) -> None:
    words = refused(risk.QuantityOutOfRange, rich_alice, room, quantity=quantity)

    assert words == "Choose a number from 1 to 999."


@pytest.mark.parametrize("standing", [Standing.RESTRICTED, Standing.SUSPENDED])
def test_a_fan_who_is_not_in_good_standing_sends_nothing(
    rich_alice: User, room: Room, standing: str
) -> None:
    User.objects.filter(pk=rich_alice.pk).update(standing=standing)

    refused(people.NotInGoodStanding, rich_alice, room)


def test_a_minor_sends_nothing(rich_alice: User, room: Room) -> None:
    User.objects.filter(pk=rich_alice.pk).update(
        birth_date=timezone.now().date() - timedelta(days=17 * 365)
    )

    words = refused(people.TooYoung, rich_alice, room)

    assert words.startswith("You must be 18 or older")


def test_a_fan_without_a_birth_date_sends_nothing(rich_alice: User, room: Room) -> None:
    User.objects.filter(pk=rich_alice.pk).update(birth_date=None)

    refused(people.ProfileIncomplete, rich_alice, room)


def test_a_fan_who_has_not_accepted_the_new_terms_sends_nothing(
    rich_alice: User, room: Room
) -> None:
    User.objects.filter(pk=rich_alice.pk).update(terms_due_at=timezone.now() - timedelta(minutes=1))

    refused(people.TermsNotAccepted, rich_alice, room)


@pytest.mark.parametrize(
    "change",
    [
        {"standing": Standing.RESTRICTED},
        {"standing": Standing.SUSPENDED},
        {"birth_date": date(2015, 1, 1)},
        {"birth_date": None},
        {"is_creator": False},
        {"is_active": False},
    ],
    ids=str,
)
def test_a_creator_who_may_not_earn_gets_nothing_and_the_fan_is_not_told_why(
    rich_alice: User, room: Room, bob: User, change: dict[str, Any]
) -> None:
    User.objects.filter(pk=bob.pk).update(**change)

    words = refused(risk.CreatorClosed, rich_alice, room)

    assert words == "Bob cannot receive gifts at the moment. No coins were spent."


# Many at once


def intent(sender: User, room: Room, slug: str = "heart", **fields: Any) -> Intent:
    values: dict[str, Any] = {
        "operation_id": ledger.new_operation_id(),
        "sender_id": sender.pk,
        "gift_version_id": world.version(slug).pk,
        "quantity": 1,
        "room_id": room.pk,
    }
    return Intent(**(values | fields))


def test_a_batch_answers_each_gift_in_order_and_a_refused_one_holds_back_no_other(
    rich_alice: User, mallory: User, room: Room, bob: User
) -> None:
    items = [
        intent(mallory, room),
        intent(rich_alice, room, "bouquet", quantity=2),
        intent(rich_alice, room, "unicorn"),
        intent(rich_alice, room, "heart"),
    ]

    answers = services.send_gifts(intents=items, at=timezone.now())

    assert isinstance(answers[0], ledger.InsufficientCoins)
    assert isinstance(answers[2], risk.GiftLocked)
    assert {answers[1].coins, answers[3].coins} == {20, 1}  # type: ignore[union-attr]
    assert coins(rich_alice) == 979
    assert pending_milli(bob) == 21_000
    assert (Sending.objects.count(), OutboxEvent.objects.count()) == (2, 2)


def test_a_batch_sent_again_answers_the_same_and_sends_nothing_more(
    rich_alice: User, room: Room
) -> None:
    items = [intent(rich_alice, room), intent(rich_alice, room, "bouquet")]
    services.send_gifts(intents=items, at=timezone.now())
    before = written()

    answers = services.send_gifts(intents=items, at=timezone.now())

    assert [(answer.coins, answer.replayed) for answer in answers] == [(1, True), (10, True)]  # type: ignore[union-attr]
    assert written() == before


def test_one_id_twice_in_a_batch_is_one_gift(rich_alice: User, room: Room) -> None:
    item = intent(rich_alice, room)

    first, second = services.send_gifts(intents=[item, item], at=timezone.now())

    assert (first.replayed, second.replayed) == (False, True)  # type: ignore[union-attr]
    assert coins(rich_alice) == 999
    assert Sending.objects.count() == 1


def test_an_empty_batch_answers_nothing(db: None) -> None:
    assert services.send_gifts(intents=[], at=timezone.now()) == []


def test_a_service_spends_only_within_the_fans_consent(rich_alice: User, room: Room) -> None:
    service = Client.objects.create(id="svc", name="Service", scopes="gifts:send")
    now = timezone.now()
    with pytest.raises(consents.ConsentMissing):
        send(rich_alice, room, "bouquet", client_id=service.pk)
    consents.give(
        fan_id=rich_alice.pk,
        client_id=service.pk,
        scope=Scope.GIFTS_SEND,
        daily_cap_coins=15,
        until=now + timedelta(days=1),
        at=now,
    )
    operation_id = ledger.new_operation_id()
    send(rich_alice, room, "bouquet", client_id=service.pk, operation_id=operation_id)
    send(
        rich_alice, room, "bouquet", client_id=service.pk, operation_id=operation_id
    )  # counts once
    before = written()

    one, two = services.send_gifts(
        intents=[
            intent(rich_alice, room, "bouquet", client_id=service.pk),
            intent(rich_alice, room, "finger-heart", client_id=service.pk),
        ],
        at=now,
    )

    assert isinstance(one, consents.ConsentCapReached)
    assert isinstance(two, Sent)
    assert coins(rich_alice) == 985
    assert written().operations == before.operations + 1
    assert Sending.objects.filter(client_id="svc").count() == 2


# Nothing shared is locked


def test_a_gift_waits_for_nobody_elses_in_the_same_room(committed: str) -> None:
    alice, mallory, bob = make_user("alice"), make_user("mallory"), make_creator("bob")
    with transaction.atomic():
        give_coins(alice, 100)
        give_coins(mallory, 100)
    room = make_room(bob)
    send(alice, room)  # opens the creator's account, which is shared once in its life

    def of_mallory() -> Sent:
        try:
            return send(mallory, room)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        ledger.gift(
            services.posting(
                intent(alice, room), facts.send_facts(intent(alice, room), at=timezone.now())
            )
        )
        answer = threads.submit(of_mallory).result(timeout=4)  # less than lock_timeout

    assert answer.balance == 99


def test_two_gifts_of_one_payer_wait_for_each_other(committed: str) -> None:
    """The control: what is locked does make others wait."""
    alice, bob = make_user("alice"), make_creator("bob")
    with transaction.atomic():
        give_coins(alice, 100)
    room = make_room(bob)

    def of_alice() -> Sent:
        try:
            return send(alice, room)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            ledger.gift(
                services.posting(
                    intent(alice, room), facts.send_facts(intent(alice, room), at=timezone.now())
                )
            )
            second = threads.submit(of_alice)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.5)
        assert second.result(timeout=4).balance == 98
