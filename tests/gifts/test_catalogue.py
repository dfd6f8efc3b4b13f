"""The catalogue and its staff doors: versions are announced, never edited."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import StateChange, User
from gifts import catalogue, queries
from gifts.models import Category, Gift, GiftArt, GiftVersion, Room
from tests.factories import give_coins, make_staff
from tests.gifts import world
from tests.gifts.world import make_room, make_video, send


@pytest.fixture
def staff(olga: User, client: Client) -> Client:
    client.force_login(olga)
    return client


def announce(**fields: Any) -> GiftVersion:
    now = timezone.now()
    values: dict[str, Any] = {
        "slug": "bouquet",
        "name": "Bouquet",
        "category": Category.HEARTS,
        "price_coins": 12,
        "valid_from": now + timedelta(days=1),
        "by_id": 0,
        "at": now,
    }
    return catalogue.announce_gift_version(**(values | fields))


def in_force(slug: str, *, days: int = 0) -> list[int]:
    at = timezone.now() + timedelta(days=days)
    return [gift.price_coins for gift in queries.catalogue(at=at, viewer=None) if gift.slug == slug]


def test_a_new_price_holds_from_its_date_and_the_old_one_stays_in_the_history(db: None) -> None:
    announce(price_coins=12)

    assert in_force("bouquet") == [10]
    assert in_force("bouquet", days=2) == [12]
    history = GiftVersion.objects.filter(gift__slug="bouquet").order_by("version")
    assert list(history.values_list("version", "price_coins")) == [(1, 10), (2, 12)]


def test_a_new_slug_is_a_new_gift(db: None) -> None:
    now = timezone.now()

    announce(
        slug="lantern", name="Lantern", price_coins=50, art=artwork(), valid_from=now, at=now
    )  # fmt: skip

    assert in_force("lantern") == [50]


def test_a_gift_that_nobody_could_see_is_not_announced(db: None) -> None:
    now, art = timezone.now(), artwork()
    lantern: dict[str, Any] = {"slug": "lantern", "name": "Lantern"}

    for slug in ("lantern", "Heart", "heart_2", "SLUG"):
        with pytest.raises(catalogue.NoArtwork, match=f"no picture for “{slug}”"):
            announce(**(lantern | {"slug": slug}))
    assert not Gift.objects.filter(slug__in=("lantern", "Heart", "heart_2", "SLUG")).exists()

    announce(**lantern, art=art, valid_from=now, at=now)
    with pytest.raises(catalogue.NoArtwork):  # its next version, without what it wore
        announce(**lantern)
    assert GiftVersion.objects.get(gift__slug="lantern").art == art


def test_control_without_the_check_a_gift_without_a_picture_is_shown(
    db: None, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "drawn_slugs", lambda: {"lantern"})
    now = timezone.now()

    announce(slug="lantern", name="Lantern", valid_from=now, at=now)

    page = Client().get(reverse("gifts:room", args=[make_room(bob).pk])).content.decode()
    assert "#gift-lantern" in page
    assert 'id="gift-lantern"' not in catalogue.DRAWINGS.read_text()


def test_every_gift_of_the_catalogue_can_be_seen(db: None) -> None:
    without = GiftVersion.objects.filter(art=None).values_list("gift__slug", flat=True)

    assert set(without) == catalogue.drawn_slugs()
    assert len(catalogue.drawn_slugs()) == 32


def artwork() -> GiftArt:
    """A picture as it is kept."""
    return GiftArt.objects.create(
        digest="a" * 64, name="Lantern", moving=b"webp", still=b"webp", width=96, height=96,
        frames=1, length_ms=0, created_by=make_staff("artist"), created_at=timezone.now(),
    )  # fmt: skip


@pytest.mark.parametrize("days", [-1, 1])
def test_a_version_in_the_past_or_before_the_last_is_refused(db: None, days: int) -> None:
    announce(valid_from=timezone.now() + timedelta(days=2))

    with pytest.raises(catalogue.VersionOutOfOrder):
        announce(valid_from=timezone.now() + timedelta(days=days))

    assert GiftVersion.objects.filter(gift__slug="bouquet").count() == 2


def test_a_retired_gift_is_gone_until_a_new_version_offers_it_again(db: None) -> None:
    gift, now = Gift.objects.get(slug="bouquet"), timezone.now()

    catalogue.retire_gift(gift_id=gift.pk, by_id=0, at=now)
    assert in_force("bouquet") == []

    announce(price_coins=11, valid_from=timezone.now() + timedelta(days=1))
    assert in_force("bouquet", days=2) == [11]


def test_the_catalogue_shows_what_gifts_cost_the_viewer(alice: User) -> None:
    shown = {gift.slug: gift for gift in queries.catalogue(at=timezone.now(), viewer=alice)}

    assert len(shown) == 29
    assert str(shown["bouquet"].money) == "€0.12"
    assert shown["unicorn"].unlock_level == 5
    assert shown["heart"].unlock_level is None


def test_the_catalogue_reads_as_much_for_one_gift_as_for_all(
    alice: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(5):  # the region, its rate, the versions
        queries.catalogue(at=timezone.now(), viewer=alice)


def test_staff_announce_a_version(staff: Client) -> None:
    answer = staff.post(
        reverse("admin:gifts_giftversion_add"),
        {
            "slug": "bouquet",
            "name": "Bouquet",
            "category": "hearts",
            "price_coins": "12",
            "animation_ms": "1000",
        },
    )

    assert answer.status_code == 302
    assert in_force("bouquet") == [12]


def test_staff_are_told_that_nobody_would_see_it(staff: Client) -> None:
    answer = staff.post(
        reverse("admin:gifts_giftversion_add"),
        {
            "slug": "lantern",
            "name": "Lantern",
            "category": "hearts",
            "price_coins": "12",
            "animation_ms": "1000",
        },
    )

    words = answer.content.decode()
    assert "There is no picture for “lantern”: we drew none, and no artwork was chosen." in words
    assert not Gift.objects.filter(slug="lantern").exists()


def test_staff_are_told_what_is_wrong_with_a_version(staff: Client) -> None:
    answer = staff.post(
        reverse("admin:gifts_giftversion_add"),
        {
            "slug": "bouquet",
            "name": "Bouquet",
            "category": "hearts",
            "price_coins": "12",
            "animation_ms": "1000",
            "valid_from": "2026-01-01T00:00",
        },
    )

    assert "A version cannot begin in the past." in answer.content.decode()
    assert in_force("bouquet") == [10]


def test_staff_look_at_everything_and_edit_nothing(staff: Client, alice: User, bob: User) -> None:
    give_coins(alice, 10)
    room = make_room(bob)
    sent = send(alice, room)
    rows: list[tuple[str, Any]] = [
        ("gift", Gift.objects.get(slug="heart").pk),
        ("giftversion", world.version("heart").pk),
        ("room", room.pk),
        ("video", make_video(bob).pk),
        ("sending", sent.sending_id),
    ]

    for name, pk in rows:
        assert staff.get(reverse(f"admin:gifts_{name}_changelist")).status_code == 200
        address = reverse(f"admin:gifts_{name}_change", args=[pk])
        assert staff.get(address).status_code == 200
        assert staff.post(address, {}).status_code == 403
        assert (
            staff.post(
                reverse(f"admin:gifts_{name}_delete", args=[pk]), {"post": "yes"}
            ).status_code
            == 403
        )


@pytest.mark.parametrize(
    ("name", "action", "make"), [("room", "end", make_room), ("video", "hide", make_video)]
)
def test_staff_close_a_place_with_a_reason_and_not_without(
    staff: Client, olga: User, bob: User, name: str, action: str, make: Any
) -> None:
    place: Model = make(bob)
    changelist = reverse(f"admin:gifts_{name}_changelist")

    staff.post(changelist, {"action": action, "_selected_action": [str(place.pk)]})
    assert StateChange.objects.count() == 0

    staff.post(
        changelist, {"action": action, "_selected_action": [str(place.pk)], "why": "Stolen stream"}
    )
    change = StateChange.objects.get()
    assert (change.subject_id, change.why, change.by_id) == (
        str(place.pk),
        "Stolen stream",
        olga.pk,
    )


def test_staff_without_the_permission_cannot_end_a_live(
    client: Client, olga: User, bob: User
) -> None:
    User.objects.filter(pk=olga.pk).update(is_superuser=False)
    client.force_login(User.objects.get(pk=olga.pk))
    room = make_room(bob)

    answer = client.post(
        reverse("admin:gifts_room_changelist"),
        {"action": "end", "_selected_action": [str(room.pk)], "why": "Because"},
    )

    assert answer.status_code == 403
    assert Room.objects.get(pk=room.pk).state == Room.State.LIVE


def test_staff_retire_a_gift(staff: Client) -> None:
    gift = Gift.objects.get(slug="bouquet")

    staff.post(
        reverse("admin:gifts_gift_changelist"), {"action": "retire", "_selected_action": [gift.pk]}
    )

    assert in_force("bouquet") == []
