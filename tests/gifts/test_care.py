"""Care for fans: kinds of account without gifts, being asked sooner, and what a visit has cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import risk as people
from accounts.models import AccountKind, OutboxEvent, User
from gifts import queries, risk, rooms, services, visits
from gifts.models import ChatMessage, Room, Sending
from payouts import eligibility
from payouts import risk as payouts
from tests.factories import give_coins, make_user
from tests.gifts.world import coins, make_room, make_video, send, version, written
from wallet import ledger

WITHOUT_GIFTS = [AccountKind.POLITICAL, AccountKind.GOVERNMENT]


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


@pytest.fixture
def rich(alice: User) -> User:
    give_coins(alice, 10_000)
    return alice


def signed(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def make_kind(person: User, kind: str) -> None:
    User.objects.filter(pk=person.pk).update(kind=kind)
    person.refresh_from_db()


# Kinds of account


@pytest.mark.parametrize("kind", WITHOUT_GIFTS)
def test_political_and_government_accounts_are_given_nothing_live_or_on_videos(
    rich: User, bob: User, room: Room, kind: AccountKind
) -> None:
    make_kind(bob, kind)
    video, before = make_video(bob), written()

    for place in (room, video):
        with pytest.raises(risk.KindWithoutGifts, match=f"Bob is a {kind.value} account"):
            send(rich, place)

    assert written() == before
    assert coins(rich) == 10_000


@pytest.mark.parametrize("kind", [kind for kind in AccountKind if kind not in WITHOUT_GIFTS])
def test_control_every_other_kind_is_given_gifts(
    rich: User, bob: User, room: Room, kind: AccountKind
) -> None:
    make_kind(bob, kind)

    assert send(rich, room).coins == 1


@pytest.mark.parametrize("kind", WITHOUT_GIFTS)
def test_they_go_live_without_gifts_and_cannot_switch_them_on(bob: User, kind: AccountKind) -> None:
    make_kind(bob, kind)
    live: dict[str, Any] = {
        "room_id": ledger.new_operation_id(),
        "creator_id": bob.pk,
        "title": "The week in parliament",
        "at": timezone.now(),
    }

    with pytest.raises(people.KindExcluded, match=f"Yours is a {kind.value} account"):
        rooms.start_room(**live)
    assert not Room.objects.exists()
    room = rooms.start_room(**live, gifts_on=False)
    with pytest.raises(people.KindExcluded):
        rooms.set_gifts_on(room_id=room.pk, creator_id=bob.pk, gifts_on=True)
    page = signed(bob).post(
        reverse("gifts:switch_gifts", args=[room.pk]), {"gifts_on": "yes"}, follow=True
    )

    assert f"Yours is a {kind.value} account" in page.content.decode()
    room.refresh_from_db()
    assert (room.state, room.gifts_on) == ("live", False)


def test_the_studio_tells_the_creator_and_no_other(bob: User) -> None:
    words = "Those are given no gifts and no payouts here"

    assert words not in signed(bob).get(reverse("gifts:go_live")).content.decode()
    make_kind(bob, AccountKind.POLITICAL)
    assert words in signed(bob).get(reverse("gifts:go_live")).content.decode()


def test_payouts_see_the_kind_too(bob: User) -> None:
    def keys() -> list[str]:
        return [line.key for line in eligibility.checklist(creator=bob, at=timezone.now())]

    assert payouts.Key.KIND not in keys()
    make_kind(bob, AccountKind.GOVERNMENT)
    assert payouts.Key.KIND in keys()
    lines = eligibility.checklist(creator=bob, at=timezone.now())
    assert [line.is_met for line in lines if line.key == payouts.Key.KIND] == [False]


def test_staff_set_the_kind_with_a_reason_that_is_kept(olga: User, bob: User) -> None:
    client, address = signed(olga), reverse("admin:accounts_user_change", args=[bob.pk])
    form = {
        "handle": "bob", "display_name": "Bob", "country": "DE", "birth_date": "1990-05-17",
        "language": "en", "time_zone": "UTC", "kind": "political", "groups": [],
    }  # fmt: skip

    client.post(address, form)
    bob.refresh_from_db()
    assert bob.kind == "personal"  # without a reason nothing changes
    client.post(address, form | {"why": "A candidate since May"})

    bob.refresh_from_db()
    assert bob.kind == "political"
    edit = (
        apps.get_model("accounts.UserEdit")
        .objects.filter(pgh_obj_id=bob.pk, kind="political")
        .latest("pgh_id")
    )
    assert edit.pgh_context.metadata["why"] == "A candidate since May"


# Being asked


def post(client: Client, room: Room, slug: str = "bouquet", **more: Any) -> Any:
    form = {"operation_id": ledger.new_operation_id(), "gift": version(slug).pk, "quantity": 1}
    return client.post(reverse("gifts:send", args=[room.pk]), form | more)


@pytest.mark.parametrize(("chosen", "quantity"), [(30, 3), (1, 1), (None, 100)])
def test_a_gift_from_the_fans_own_number_on_is_asked_about(
    rich: User, room: Room, chosen: int | None, quantity: int
) -> None:
    User.objects.filter(pk=rich.pk).update(confirm_coins=chosen)

    page = post(signed(rich), room, quantity=quantity)

    assert "<h1>Send Bouquet?</h1>" in page.content.decode()
    assert not Sending.objects.exists()
    post(signed(rich), room, quantity=quantity, confirmed="on")
    assert Sending.objects.get().coins == 10 * quantity


@pytest.mark.parametrize(("chosen", "quantity"), [(31, 3), (None, 99)])
def test_control_one_coin_less_is_sent_at_once(
    rich: User, room: Room, chosen: int | None, quantity: int
) -> None:
    User.objects.filter(pk=rich.pk).update(confirm_coins=chosen)

    assert post(signed(rich), room, quantity=quantity).status_code == 302
    assert Sending.objects.get().coins == 10 * quantity


def test_nobody_is_asked_later_than_the_site_asks(rich: User, room: Room) -> None:
    User.objects.filter(pk=rich.pk).update(confirm_coins=5_000)

    post(signed(rich), room, quantity=100)

    assert not Sending.objects.exists()


def test_the_page_that_chooses(alice: User, room: Room) -> None:
    client, address = signed(alice), reverse("accounts:gift_choices")

    for refused in ("0", "1001", "many"):
        answer = client.post(address, {"confirm_coins": refused, "break_after_min": "15"})
        assert answer.status_code == 422
    alice.refresh_from_db()
    assert (alice.confirm_coins, alice.break_after_min) == (None, None)
    client.post(address, {"confirm_coins": "50", "break_after_min": "15"})

    alice.refresh_from_db()
    assert (alice.confirm_coins, alice.break_after_min) == (50, 15)
    page = client.get(reverse("gifts:room", args=[room.pk])).content.decode()
    assert 'data-confirm-coins="50"' in page
    assert 'data-minutes="15"' in page
    client.post(address, {"confirm_coins": "", "break_after_min": "0"})
    alice.refresh_from_db()
    assert (alice.confirm_coins, alice.break_after_min) == (None, 0)
    page = client.get(reverse("gifts:room", args=[room.pk])).content.decode()
    assert "data-minutes" not in page


def test_words_that_cost_as_much_are_asked_about_too(rich: User, room: Room) -> None:
    User.objects.filter(pk=rich.pk).update(confirm_coins=1)

    offer = queries.words_offered(at=timezone.now(), viewer=None)[0].gift
    said = {
        "message_id": ledger.new_operation_id(),
        "words": "Play it again",
        "gift": offer.version_id,
        "hide_name": "on",
    }
    address = reverse("gifts:say", args=[room.pk])

    page = signed(rich).post(address, said).content.decode()
    asked = signed(rich).post(address, said, headers={"Accept": "application/json"})

    assert "Play it again" in page
    assert (asked.status_code, asked.json()["asks"]) == (409, True)
    assert not ChatMessage.objects.exists()
    signed(rich).post(address, said | {"confirmed": "on"})
    assert ChatMessage.objects.get().paid_coins == offer.price_coins


# The visit


def test_a_visit_counts_what_was_shown_for_each_gift_since_signing_in(
    rich: User, room: Room
) -> None:
    now = timezone.now()
    send(rich, room, "bouquet", quantity=7, at=now - timedelta(hours=2))
    send(rich, room, "bouquet", quantity=10, at=now)
    send(rich, room, "heart", at=now)

    def visit(hours: float | None) -> tuple[int, list[str]]:
        since = None if hours is None else now - timedelta(hours=hours)
        found = visits.visit_of(fan=rich, signed_in_at=since, at=now)
        return found.coins, [str(sum_) for sum_ in found.spent]

    minor = Sending.objects.filter(sent_at=now).values_list("shown_minor", flat=True)
    assert visit(1) == (101, [f"€{sum(each or 0 for each in minor) / 100:.2f}"])
    assert visit(3)[0] == visit(None)[0] == 171
    assert visit(0) == (101, visit(1)[1])
    later = visits.visit_of(fan=rich, signed_in_at=None, at=now + timedelta(hours=11))
    assert later.coins == 101  # at most 12 hours


def test_a_long_visit_is_counted_to_its_first_gift(
    rich: User, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "CHUNK", 2)
    now = timezone.now()
    for _ in range(7):
        send(rich, room, "heart", at=now)

    assert visits.visit_of(fan=rich, signed_in_at=None, at=now).coins == 7


def test_the_room_shows_it_and_it_follows_each_gift(rich: User, room: Room, mallory: User) -> None:
    client = signed(rich)
    before = client.get(reverse("gifts:room", args=[room.pk])).content.decode()
    post(client, room, quantity=10)

    after = client.get(reverse("gifts:room", args=[room.pk])).content.decode()
    meter = client.get(reverse("gifts:visit")).content.decode()

    assert "0 coins" in before.split("data-visit-sum")[1][:60]
    assert "€1.20" in after.split("data-visit-sum")[1][:200]
    assert "€1.20" in meter
    assert "0 coins" in signed(mallory).get(reverse("gifts:visit")).content.decode()
    stranger = Client().get(reverse("gifts:room", args=[room.pk])).content.decode()
    assert "data-visit" not in stranger
    assert "data-break" not in stranger


def test_a_gift_costs_no_statement_more_for_any_of_this(
    rich: User, room: Room, django_assert_num_queries: Any
) -> None:
    send(rich, room)
    heart = version("heart").pk

    for hide_name in (False, True):
        with django_assert_num_queries(4):  # as ever: see test_sending
            services.send_gift(
                operation_id=ledger.new_operation_id(),
                sender_id=rich.pk,
                gift_version_id=heart,
                quantity=1,
                room_id=room.pk,
                hide_name=hide_name,
                at=timezone.now(),
            )
    assert OutboxEvent.objects.filter(name="gift.sent").count() == 3
    assert make_user("carol").kind == "personal"
