"""Which gifts a creator is given most: by coins, ever and lately, and never by reading all."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from config import relay
from gifts import popular
from gifts.models import ReceivedGift, Sending
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import make_room, send


@pytest.fixture
def bob(committed: str) -> User:
    bob, alice = make_creator("bob"), make_user("alice")
    with transaction.atomic():
        give_coins(alice, 10_000)
    room = make_room(bob)
    send(alice, room, "heart", quantity=30)
    send(alice, room, "bouquet", quantity=2)
    send(alice, room, "bouquet", quantity=4)
    send(alice, make_room(make_creator("carol")), "corgi")  # somebody else's
    relay.relay(at=timezone.now())
    return bob


def told(rows: list[popular.Popular]) -> list[tuple[str, int, int, int]]:
    return [(row.name, row.gifts, row.coins, row.share) for row in rows]


EXPECTED = [("Bouquet", 6, 60, 100), ("Heart", 30, 30, 50)]


def test_gifts_are_listed_by_coins_ever_and_lately(bob: User, client: Client) -> None:
    lately = popular.lately(creator_id=bob.pk, at=timezone.now())

    assert told(popular.ever(creator_id=bob.pk)) == EXPECTED
    assert (told(lately.gifts), lately.is_whole) == (EXPECTED, True)
    client.force_login(bob)
    words = client.get("/studio/popular-gifts/").content.decode()
    assert words.count("<rect width=") == 4
    assert words.index("Bouquet") < words.index("Heart")


def test_what_is_older_counts_ever_and_not_lately(bob: User) -> None:
    long_ago = timezone.now() - timedelta(days=31)
    Sending.objects.filter(creator=bob, quantity=30).update(sent_at=long_ago)

    lately = popular.lately(creator_id=bob.pk, at=timezone.now())

    assert told(lately.gifts) == [("Bouquet", 6, 60, 100)]
    assert told(popular.ever(creator_id=bob.pk)) == EXPECTED


def test_of_very_many_only_the_newest_are_read_and_it_says_since_when(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(popular, "LATEST_MAX", 2)
    oldest = Sending.objects.filter(creator=bob).order_by("-pk")[1]

    lately = popular.lately(creator_id=bob.pk, at=timezone.now())

    assert told(lately.gifts) == [("Bouquet", 6, 60, 100)]
    assert (lately.is_whole, lately.since) == (False, oldest.sent_at)


def test_what_was_all_taken_back_is_not_listed(bob: User) -> None:
    ReceivedGift.objects.filter(creator=bob, coins=30).update(gifts=0, coins=0)

    assert told(popular.ever(creator_id=bob.pk)) == EXPECTED[:1]


def test_nothing_given_is_nothing_listed(committed: str) -> None:
    carol = make_creator("carol")

    assert popular.ever(creator_id=carol.pk) == []
    assert popular.lately(creator_id=carol.pk, at=timezone.now()).gifts == []
