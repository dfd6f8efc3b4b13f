"""Services send gifts: under a fan's consent, once for each key, and see no others' sendings."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import consents
from accounts.models import ConsentUse, Standing, User
from gifts.models import Room, Sending
from tests import factories, services
from tests.gifts import world
from wallet import ledger

PATH = "/api/v1/gift-sends"


@pytest.fixture
def room(bob: User) -> Room:
    return world.make_room(bob)


@pytest.fixture
def rich(alice: User) -> User:
    """Alice with 1,000 coins who lets tipbot spend 100 of them a day."""
    factories.give_coins(alice, 1_000)
    services.make_service()
    services.consent(alice, cap=100)
    return alice


@pytest.fixture
def tipbot(rich: User) -> APIClient:
    return services.caller(services.token())


def body(fan: User, room: Room, /, slug: str = "bouquet", **more: Any) -> dict[str, Any]:
    facts = {"fan": fan.pk, "gift_version": world.version(slug).pk, "room": str(room.pk)}
    return facts | more


def send(client: APIClient, given: Any, key: object = None) -> Any:
    headers = {"Idempotency-Key": str(key or ledger.new_operation_id())}
    return client.post(PATH, given, headers=headers)


def test_a_service_sends_a_gift_for_a_fan(tipbot: APIClient, rich: User, room: Room) -> None:
    key = ledger.new_operation_id()

    answer = send(tipbot, body(rich, room, quantity=2), key)

    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(key),
        "fan": rich.pk,
        "gift_version": world.version("bouquet").pk,
        "quantity": 2,
        "coins": 20,
        "room": str(room.pk),
        "video": None,
        "streak_id": None,
        "hide_name": False,
    }
    assert "Idempotent-Replayed" not in answer
    assert answer["Cache-Control"] == "no-store"
    assert world.coins(rich) == 980
    assert world.pending_milli(room.creator) == 20_000
    sending = Sending.objects.get()
    assert (sending.pk, sending.client_id) == (key, "tipbot")
    assert ConsentUse.objects.get().coins == 20
    assert tipbot.get(f"{PATH}/{key}").json() == answer.json()


@pytest.mark.parametrize("named", ["alice", "@alice", "@ALICE"])
def test_a_fan_is_also_named_by_handle(
    tipbot: APIClient, rich: User, room: Room, named: str
) -> None:
    answer = send(tipbot, body(rich, room, fan=named))

    assert (answer.status_code, answer.json()["fan"]) == (201, rich.pk)


def test_a_video_can_be_sent_gifts_too(tipbot: APIClient, rich: User, bob: User) -> None:
    video = world.make_video(bob)
    given = {"fan": rich.pk, "gift_version": world.version("bouquet").pk, "video": str(video.pk)}

    answer = send(tipbot, given)

    assert (answer.status_code, answer.json()["video"]) == (201, str(video.pk))
    assert world.coins(rich) == 990


def test_the_same_key_again_gives_the_same_answer_and_moves_nothing(
    tipbot: APIClient, rich: User, room: Room
) -> None:
    key, streak = ledger.new_operation_id(), str(uuid4())
    given = body(rich, room, streak_id=streak)
    first = send(tipbot, given, key)
    before = world.written()

    again = send(tipbot, given, key)

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert world.written() == before
    assert world.coins(rich) == 990
    assert ConsentUse.objects.get().coins == 10  # counted once


def test_a_retry_is_answered_after_the_consent_and_the_live_have_ended(
    tipbot: APIClient, rich: User, room: Room
) -> None:
    key = ledger.new_operation_id()
    first = send(tipbot, body(rich, room), key)
    consents.revoke(fan_id=rich.pk, consent_id=rich.consents.get().pk, at=timezone.now())
    Room.objects.update(state=Room.State.ENDED)

    again = send(tipbot, body(rich, room), key)

    assert (again.status_code, again.json()) == (201, first.json())


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 2},
        {"streak_id": "0192f3c8-0000-7000-8000-000000000001"},
        {"fan": "@mallory"},
    ],
)
def test_the_same_key_with_other_contents_is_a_conflict(
    tipbot: APIClient, rich: User, mallory: User, room: Room, change: dict[str, Any]
) -> None:
    services.consent(mallory)
    factories.give_coins(mallory, 100)
    key = ledger.new_operation_id()
    send(tipbot, body(rich, room), key)
    before = world.written()

    answer = send(tipbot, body(rich, room, **change), key)

    assert services.refused(answer) == (422, "operation_conflict")
    assert world.written() == before
    assert world.coins(mallory) == 100


def test_another_services_key_is_a_conflict_and_its_sendings_are_not_there(
    tipbot: APIClient, rich: User, room: Room
) -> None:
    otherbot = services.service("otherbot")
    services.consent(rich, client_id="otherbot")
    key = ledger.new_operation_id()
    send(tipbot, body(rich, room), key)

    answer = send(otherbot, body(rich, room), key)

    assert services.refused(answer) == (422, "operation_conflict")
    assert services.refused(otherbot.get(f"{PATH}/{key}")) == (404, "not_found")
    assert tipbot.get(f"{PATH}/{key}").status_code == 200


def test_a_key_is_required(tipbot: APIClient, rich: User, room: Room) -> None:
    answer = tipbot.post(PATH, body(rich, room))

    assert services.refused(answer) == (400, "idempotency_key_missing")
    assert world.coins(rich) == 1_000


@pytest.mark.parametrize(
    "key", ["x", "825d3524-40b2-4191-8d73-50838d1b8d7a", str(UUID(int=7 << 76)), "é"]
)
def test_a_key_is_a_uuid7(tipbot: APIClient, rich: User, room: Room, key: str) -> None:
    answer = send(tipbot, body(rich, room), key)

    assert services.refused(answer) == (400, "idempotency_key_malformed")
    assert world.coins(rich) == 1_000


# What is refused moves nothing


@pytest.fixture
def outsider(rich: User) -> APIClient:
    """A service that nobody has allowed anything."""
    return services.service("otherbot")


def test_without_consent_nothing_is_sent_or_told(
    outsider: APIClient, rich: User, mallory: User, room: Room
) -> None:
    User.objects.filter(pk=mallory.pk).update(standing=Standing.RESTRICTED)
    before = world.written()

    answers = [
        send(outsider, body(rich, room, fan=fan)) for fan in (rich.pk, "@mallory", "@nobody", 99**9)
    ]

    assert {services.refused(answer) for answer in answers} == {(403, "consent_missing")}
    assert len({answer.content for answer in answers}) == 1
    assert world.written() == before
    assert world.coins(rich) == 1_000


def test_a_revoked_consent_lets_nothing_through(tipbot: APIClient, rich: User, room: Room) -> None:
    consents.revoke(fan_id=rich.pk, consent_id=rich.consents.get().pk, at=timezone.now())
    before = world.written()

    assert services.refused(send(tipbot, body(rich, room))) == (403, "consent_missing")
    assert world.written() == before


def test_an_ended_consent_lets_nothing_through(tipbot: APIClient, rich: User, room: Room) -> None:
    rich.consents.update(until=timezone.now() - timedelta(seconds=1))
    before = world.written()

    assert services.refused(send(tipbot, body(rich, room))) == (403, "consent_missing")
    assert world.written() == before


def test_consent_to_see_the_balance_does_not_let_send(
    outsider: APIClient, rich: User, room: Room
) -> None:
    services.consent(rich, client_id="otherbot", scope="balance:read")

    assert services.refused(send(outsider, body(rich, room))) == (403, "consent_missing")


def test_the_daily_cap_holds_to_the_coin(tipbot: APIClient, rich: User, room: Room) -> None:
    send(tipbot, body(rich, room, quantity=9))
    send(tipbot, body(rich, room))
    before = world.written()

    answer = send(tipbot, body(rich, room, slug="heart"))

    assert services.refused(answer) == (403, "consent_cap_reached")
    assert world.written() == before
    assert world.coins(rich) == 900
    assert ConsentUse.objects.get().coins == 100


def test_too_few_coins_are_refused_without_saying_how_many_there_are(
    tipbot: APIClient, alice: User, rich: User, mallory: User, room: Room
) -> None:
    services.consent(mallory)
    factories.give_coins(mallory, 7)
    key = ledger.new_operation_id()

    first, again = (send(tipbot, body(mallory, room), key) for _ in range(2))

    assert services.refused(first) == services.refused(again) == (402, "insufficient_coins")
    assert "7" not in first.json()["detail"]
    assert world.coins(mallory) == 7
    assert not Sending.objects.exists()
    assert not ConsentUse.objects.exists()


def test_an_old_price_is_refused_with_the_new_one(
    tipbot: APIClient, rich: User, room: Room
) -> None:
    given = body(rich, room)
    old = world.version("bouquet")
    old.pk, old.version, old.price_coins, old.valid_from = None, 2, 12, timezone.now()
    old.save()

    answer = send(tipbot, given)

    assert services.refused(answer) == (409, "gift_price_changed")
    assert (answer.json()["gift_version"], answer.json()["price_coins"]) == (old.pk, 12)
    assert world.coins(rich) == 1_000


def test_each_rule_of_the_domain_has_its_code(
    tipbot: APIClient, rich: User, bob: User, room: Room
) -> None:
    ended = world.make_room(factories.make_creator("carol"), state=Room.State.ENDED)
    services.consent(bob)

    def code(given: dict[str, Any]) -> tuple[int, str]:
        return services.refused(send(tipbot, given))

    assert code(body(rich, ended)) == (409, "room_ended")
    assert code(body(rich, room, room=str(uuid4()))) == (404, "place_unknown")
    assert code(body(rich, room, gift_version=99**9)) == (409, "gift_not_offered")
    assert code(body(rich, room, slug="cosmos")) == (403, "gift_locked")
    assert code(body(bob, room)) == (409, "self_gift")
    assert world.coins(rich) == 1_000


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"quantity": 0}, "quantity", "min_value"),
        ({"quantity": 1000}, "quantity", "max_value"),
        ({"quantity": 2**70}, "quantity", "max_value"),
        ({"gift_version": 2**63}, "gift_version", "max_value"),
        ({"gift_version": "x"}, "gift_version", "invalid"),
        ({"fan": "no such handle"}, "fan", "invalid"),
        ({"fan": 2**64}, "fan", "invalid"),
        ({"fan": True}, "fan", "invalid"),
        ({"fan": "a\x00b"}, "fan", "invalid"),
        ({"room": "x"}, "room", "invalid"),
        ({"video": str(uuid4())}, "", "one_place"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
def test_a_body_that_is_not_valid_says_where(
    tipbot: APIClient, rich: User, room: Room, change: dict[str, Any], field: str, code: str
) -> None:
    answer = send(tipbot, body(rich, room, **change))

    assert services.refused(answer) == (400, "invalid")
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert world.coins(rich) == 1_000


def test_what_is_required_is_named(tipbot: APIClient, rich: User) -> None:
    answer = send(tipbot, {})

    assert services.refused(answer) == (400, "invalid")
    assert {(e["field"], e["code"]) for e in answer.json()["errors"]} == {
        ("fan", "required"),
        ("gift_version", "required"),
    }


def test_a_gift_of_a_service_costs_five_statements(
    tipbot: APIClient, rich: User, room: Room, django_assert_num_queries: Any
) -> None:
    given = body(rich, room)
    send(tipbot, given)

    with django_assert_num_queries(5):  # token, facts, begin, gift with all it writes, commit
        send(tipbot, given)
