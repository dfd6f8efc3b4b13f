"""Services read what a creator earned, and nothing of what fans paid."""

from datetime import date
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from gifts import services as gifts
from gifts.models import GiftVersion, Room
from payouts.models import EarningsDay
from tests import factories, services
from tests.payouts.books import give_diamonds
from tests.payouts.earned import make_statement
from wallet import ledger
from wallet.models import RateCard


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


def send(fan: User, creator: User, *, times: int = 1) -> None:
    room = Room.objects.create(id=ledger.new_operation_id(), creator=creator, title="Nocturnes")
    for _ in range(times):
        gifts.send_gift(
            operation_id=ledger.new_operation_id(),
            sender_id=fan.pk,
            gift_version_id=GiftVersion.objects.get(gift__slug="bouquet").pk,
            quantity=2,
            room_id=room.pk,
            at=timezone.now(),
        )


def test_diamonds_are_where_they_are_and_exact(tipbot: APIClient, alice: User, bob: User) -> None:
    factories.give_coins(alice, 100)
    send(alice, bob)
    give_diamonds(bob, 1_234_567)

    answer = tipbot.get("/api/v1/creators/bob/earnings").json()

    assert answer == {
        "creator": {"id": bob.pk, "handle": "bob", "display_name": "Bob"},
        "pending": "20.000",
        "pending_worth": {"amount_minor": 9, "currency": "EUR", "decimals": 2},
        "next_release_at": None,
        "available": "1234.567",
        "available_worth": {"amount_minor": 555, "currency": "EUR", "decimals": 2},
        "debt": "0.000",
        "settled": "0.000",
        "payable": [],
        "in_payout": [],
        "paid": [],
    }


def test_gifts_received_go_by_pages_without_what_was_paid(
    tipbot: APIClient, alice: User, bob: User
) -> None:
    factories.give_coins(alice, 100)
    send(alice, bob, times=3)
    path = "/api/v1/creators/@bob/earnings/gifts"

    first = tipbot.get(f"{path}?limit=2").json()
    rest = tipbot.get(f"{path}?limit=2&after={first['next']}").json()

    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)
    row: dict[str, Any] = first["results"][0]
    assert row == {
        "at": row["at"],
        "gift": "Bouquet",
        "slug": "bouquet",
        "quantity": 2,
        "sender": "Alice",
        "where": "Nocturnes",
        "coins": 20,
        "diamonds": "20.000",
        "diamonds_taken_back": "0.000",
        "rate_card": "v1",
    }


@pytest.mark.parametrize("name", ["alice", "nobody", "%00", "0", "9" * 40])
def test_only_creators_have_earnings(tipbot: APIClient, alice: User, name: str) -> None:
    for path in ("earnings", "earnings/gifts"):
        answer = tipbot.get(f"/api/v1/creators/{name}/{path}")
        assert services.refused(answer) == (404, "not_found")


def test_days_are_exact_and_only_those_asked_for(tipbot: APIClient, bob: User) -> None:
    card_id = RateCard.objects.earliest("pk").pk
    for day, milli, taken in ((1, 1_500, 0), (2, 2_000, 500), (9, 9_000, 0)):
        EarningsDay.objects.create(
            creator=bob, day=date(2026, 11, day), place="room:1", gift="rosebud", gifts=1,
            coins=1, diamonds_milli=milli, taken_milli=taken, card_id=card_id,
        )  # fmt: skip
    address = "/api/v1/creators/bob/earnings/days"

    answer = tipbot.get(address, {"first": "2026-11-01", "last": "2026-11-02"}).json()

    assert answer["results"] == [
        {"day": "2026-11-01", "gifts": 1, "diamonds": "1.500", "diamonds_taken_back": "0.000"},
        {"day": "2026-11-02", "gifts": 1, "diamonds": "2.000", "diamonds_taken_back": "0.500"},
    ]
    for first, last in (("2026-11-02", "2026-11-01"), ("2020-01-01", "2026-01-01")):
        assert tipbot.get(address, {"first": first, "last": last}).status_code == 400


def test_statements_are_listed_with_what_checks_them(tipbot: APIClient, bob: User) -> None:
    made = make_statement(bob)

    answer = tipbot.get("/api/v1/creators/bob/statements").json()

    assert answer["next"] is None
    (told,) = answer["results"]
    assert (told["number"], told["month"], told["code"]) == (made.label, "2026-10", made.code)
    assert (told["digest"], told["closing_diamonds"]) == (made.digest, "0.000")
