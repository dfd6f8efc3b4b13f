"""Services read what a creator earned, and nothing of what fans paid."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from gifts import services as gifts
from gifts.models import GiftVersion, Room
from tests import factories, services
from tests.payouts.books import give_diamonds
from wallet import ledger


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
