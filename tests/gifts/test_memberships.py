"""Memberships: a month paid like a gift, exactly once, end to start; places for members only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Block, Notice, Standing, User
from accounts.risk import NotInGoodStanding
from gifts import chat, clubs, memberships, overlays, passes, queries, risk, rooms
from gifts.memberships import Bought
from gifts.models import Entitlement, MembershipOffer, Moderator, Overlay, Room, Video
from tests.factories import make_creator, make_staff
from tests.gifts.test_clubs import at_once
from tests.gifts.test_ranks import fan
from tests.gifts.world import coins, make_room, make_video, pending_milli, send, written
from wallet import ledger, reversals
from wallet.models import Operation


def offer(creator: User, price: int = 300, *, is_on: bool = True) -> MembershipOffer:
    return memberships.set_offer(
        creator_id=creator.pk,
        is_on=is_on,
        price_coins=price,
        words="Rooms for members",
        at=timezone.now(),
    )


def buy(person: User, creator: User, **fields: Any) -> Bought:
    values: dict[str, Any] = {
        "operation_id": ledger.new_operation_id(),
        "price_coins": 300,
        "at": timezone.now(),
    }
    return memberships.buy(fan_id=person.pk, creator_id=creator.pk, **(values | fields))


@pytest.fixture
def member(bob: User) -> User:
    """A fan with 10,000 coins, of whom bob offers membership to."""
    offer(bob)
    return fan("alice")


def test_a_month_is_paid_like_a_gift_and_entitles_in_the_same_transaction(
    bob: User, member: User
) -> None:
    at = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)

    bought = buy(member, bob, at=at)

    month = Entitlement.objects.get()
    assert (month.fan, month.creator, month.kind, month.coins) == (member, bob, "membership", 300)
    assert (month.starts_at, month.ends_at) == (at, datetime(2026, 12, 22, 10, 30, tzinfo=UTC))
    assert (bought.balance, coins(member), pending_milli(bob)) == (9_700, 9_700, 300_000)
    operation = Operation.objects.get(pk=month.pk)
    memo = operation.memo or {}
    assert (operation.kind, operation.context) == (Operation.Kind.GIFT, f"membership:{bob.pk}")
    assert (memo["gift"], memo["to"], memo["from"]) == ("Monthly membership", "Bob", "Alice")


def test_the_same_id_again_is_the_same_month_and_another_request_is_a_conflict(
    bob: User, member: User
) -> None:
    operation_id = ledger.new_operation_id()
    first = buy(member, bob, operation_id=operation_id)
    after = written()
    offer(bob, 500)

    again = buy(member, bob, operation_id=operation_id)
    with pytest.raises(ledger.OperationConflict):
        buy(member, bob, operation_id=operation_id, price_coins=500)

    assert (again.replayed, again.entitlement) == (True, first.entitlement)
    assert (written(), coins(member)) == (after, 9_700)


@pytest.mark.parametrize(
    ("day", "ends"),
    [
        ((2026, 1, 31), (2026, 2, 28)),
        ((2028, 1, 31), (2028, 2, 29)),
        ((2026, 12, 15), (2027, 1, 15)),
        ((2026, 5, 31), (2026, 6, 30)),
    ],
)
def test_a_month_is_a_calendar_month(day: tuple[int, ...], ends: tuple[int, ...]) -> None:
    began = datetime(*day, 12, tzinfo=UTC)  # type: ignore[arg-type, misc]

    assert memberships.month_after(began).timetuple()[:3] == ends


def test_months_follow_each_other_and_the_31st_stays_the_31st(bob: User, member: User) -> None:
    at = datetime(2026, 1, 31, 9, tzinfo=UTC)
    for _ in range(3):
        buy(member, bob, at=at)

    months = clubs.periods_of(fan_id=member.pk, creator_id=bob.pk, at=at)
    assert [month.ends_at and month.ends_at.date().isoformat() for month in months] == [
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
    ]
    assert [month.starts_at for month in months[1:]] == [month.ends_at for month in months[:2]]
    assert clubs.paid_until(fan_id=member.pk, creator_id=bob.pk, at=at) == months[2].ends_at


def test_two_months_at_once_are_two_months_exactly(committed: str) -> None:
    bob, alice = make_creator("bob"), fan("alice")
    offer(bob)
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)

    raised = at_once(*[lambda: buy(alice, bob, at=at)] * 2)

    assert raised == []
    assert coins(alice) == 9_400
    until = clubs.paid_until(fan_id=alice.pk, creator_id=bob.pk, at=at)
    assert until == datetime(2027, 1, 22, 10, tzinfo=UTC)


def test_one_month_sent_twice_at_once_is_paid_once(committed: str) -> None:
    bob, alice, operation_id = make_creator("bob"), fan("alice"), ledger.new_operation_id()
    offer(bob)

    raised = at_once(*[lambda: buy(alice, bob, operation_id=operation_id)] * 3)

    assert raised == []
    assert (coins(alice), Entitlement.objects.count()) == (9_700, 1)


def test_control_without_turns_two_months_at_once_collide(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, alice = make_creator("bob"), fan("alice")
    offer(bob)
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    seen = clubs.periods_of
    monkeypatch.setattr(memberships, "_take_turns", lambda *_ids: None)
    monkeypatch.setattr(clubs, "periods_of", lambda **facts: seen(**facts)[:0])

    raised = at_once(*[lambda: buy(alice, bob, at=at)] * 2)

    assert [type(error).__name__ for error in raised] == ["IntegrityError"]
    assert coins(alice) == 9_700  # the database said no, and nothing was paid for nothing


def refused(refusal: type[Exception], person: User, creator: User, **fields: Any) -> str:
    before, had = written(), coins(person)
    with pytest.raises(refusal) as raised:
        buy(person, creator, **fields)
    assert (written(), coins(person), Entitlement.objects.count()) == (before, had, 0)
    return str(raised.value)


def test_whoever_may_not_buy_pays_nothing_and_is_told_why(bob: User, member: User) -> None:
    ben = make_creator("ben")
    assert "Ben offers no membership" in refused(memberships.NoMembership, member, ben)
    words = refused(memberships.MembershipPriceChanged, member, bob, price_coins=100)
    assert words == "A month now costs 300 coins. Nothing was paid; look at the new price first."
    assert refused(risk.SelfGift, bob, bob) == "You cannot become a member of yourself."
    Block.objects.create(blocker=bob, blocked=member)
    refused(risk.BlockedByCreator, member, bob)
    Block.objects.all().delete()
    User.objects.filter(pk=bob.pk).update(standing=Standing.SUSPENDED)
    refused(risk.CreatorClosed, member, bob)
    User.objects.filter(pk=bob.pk).update(standing=Standing.GOOD)
    User.objects.filter(pk=member.pk).update(standing=Standing.RESTRICTED)
    refused(NotInGoodStanding, member, bob)


def test_without_the_coins_nothing_is_paid_and_the_id_keeps_its_answer(bob: User) -> None:
    offer(bob)
    poor, operation_id = fan("poor", coins=299), ledger.new_operation_id()

    for _ in range(2):
        with pytest.raises(ledger.InsufficientCoins):
            buy(poor, bob, operation_id=operation_id)

    assert (coins(poor), Entitlement.objects.count()) == (299, 0)


def test_at_most_a_year_is_paid_ahead(bob: User, member: User) -> None:
    for _ in range(12):
        buy(member, bob)

    with pytest.raises(memberships.PaidFarAhead):
        buy(member, bob)

    assert (Entitlement.objects.count(), coins(member)) == (12, 10_000 - 3_600)


def test_whose_membership_ends_is_told_once_three_days_before(bob: User, member: User) -> None:
    at = datetime(2026, 11, 1, 10, tzinfo=UTC)
    buy(member, bob, at=at)
    end = datetime(2026, 12, 1, 10, tzinfo=UTC)

    assert memberships.remind(at=end - timedelta(days=3, minutes=1)) == 0
    assert memberships.remind(at=end - timedelta(days=3)) == 1
    assert memberships.remind(at=end - timedelta(days=2)) == 0

    notice = Notice.objects.get(user=member)
    assert notice.title == "Your membership of Bob ends soon"
    assert "does not renew by itself" in notice.body
    assert notice.path == "/@bob/club/"


def test_whoever_has_paid_on_is_not_told(bob: User, member: User) -> None:
    at = datetime(2026, 11, 1, 10, tzinfo=UTC)
    for _ in range(2):
        buy(member, bob, at=at)

    assert memberships.remind(at=datetime(2026, 11, 30, 10, tzinfo=UTC)) == 0
    assert memberships.remind(at=datetime(2026, 12, 30, 10, tzinfo=UTC)) == 1


def test_what_a_bank_took_back_ends_and_can_be_bought_again(
    bob: User, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    month = buy(member, bob).entitlement
    join = send(member, make_room(bob), "join-heart")
    taken = [month.pk, join.sending_id]
    monkeypatch.setattr(reversals, "gifts_taken_back", lambda: taken)

    assert memberships.revoke_taken_back(at=timezone.now()) == 2
    assert memberships.revoke_taken_back(at=timezone.now()) == 0

    now = timezone.now()
    assert clubs.paid_until(fan_id=member.pk, creator_id=bob.pk, at=now) is None
    assert clubs.standing_of(fan_id=member.pk, creator_id=bob.pk, at=now).points is None
    assert Notice.objects.filter(user=member).count() == 1
    buy(member, bob)
    now = timezone.now()
    assert clubs.paid_until(fan_id=member.pk, creator_id=bob.pk, at=now) is not None


# Places for members


def show_to(client: Client, viewer: User | None, place: Room | Video) -> int:
    client.logout()
    if viewer is not None:
        client.force_login(viewer)
    kind = "live" if isinstance(place, Room) else "videos"
    return client.get(f"/{kind}/{place.pk}/").status_code


@pytest.mark.parametrize("make", [make_room, make_video])
def test_only_members_the_creator_moderators_and_staff_come_in(
    bob: User, member: User, client: Client, make: Any
) -> None:
    place = make(bob, for_members=True)
    carol, mod, olga = fan("carol"), fan("mod"), make_staff("olga")
    Moderator.objects.create(creator=bob, person=mod, named_at=timezone.now())
    buy(member, bob)

    seen = [show_to(client, who, place) for who in (None, carol, member, mod, olga, bob)]

    assert seen == [403, 403, 200, 200, 200, 200]
    client.force_login(carol)
    page = client.get(place_path := f"/{'live' if make is make_room else 'videos'}/{place.pk}/")
    assert place_path
    assert "is for members" in page.content.decode()
    assert "events/?pass=" not in page.content.decode()


def test_gifts_and_words_of_others_are_refused_in_a_members_room(bob: User, member: User) -> None:
    room, carol = make_room(bob, for_members=True), fan("carol")
    before, had = written(), coins(carol)

    with pytest.raises(risk.MembersOnly):
        send(carol, room)
    with pytest.raises(chat.ForMembers):
        say(carol, room)
    assert (written(), coins(carol)) == (before, had)

    buy(member, bob)
    send(member, room)
    say(member, room)


def say(author: User, room: Room) -> None:
    chat.say(
        message_id=ledger.new_operation_id(),
        room_id=room.pk,
        author_id=author.pk,
        words="Hello",
        at=timezone.now(),
    )


def test_the_look_again_lets_go_of_whose_membership_has_ended(bob: User, member: User) -> None:
    room, carol = make_room(bob, for_members=True), fan("carol")
    month = buy(member, bob).entitlement
    overlays.renew(creator_id=bob.pk, at=timezone.now())
    overlay = passes.overlay_key(Overlay.objects.get().pk)
    watching: set[passes.Who] = {None, carol.pk, member.pk, bob.pk}

    assert queries.who_may_watch(room_id=room.pk, people=watching) == {member.pk, bob.pk}
    own = {*watching, overlay, passes.overlay_key(0)}
    assert queries.who_may_watch(room_id=room.pk, people=own) == {member.pk, bob.pk, overlay}
    month.starts_at -= timedelta(days=60)
    month.ends_at = timezone.now()
    month.save()
    assert queries.who_may_watch(room_id=room.pk, people=watching) == {bob.pk}


def test_a_members_pass_ends_with_what_was_paid(bob: User, member: User) -> None:
    room = make_room(bob, for_members=True)
    facts: dict[str, Any] = {"room_id": room.pk, "user_id": member.pk, "after": 0}

    def value(until: datetime) -> str:
        return passes.address(**facts, until=until).split("pass=")[1].split("&")[0]

    now = timezone.now()
    good = value(now + timedelta(minutes=1))
    assert passes.viewer_of(value=good, room_id=room.pk) == member.pk
    with pytest.raises(passes.BadPass):
        passes.viewer_of(value=value(now - timedelta(minutes=1)), room_id=room.pk)


def test_who_offers_no_membership_cannot_keep_a_place_for_members(bob: User) -> None:
    facts: dict[str, Any] = {
        "room_id": ledger.new_operation_id(),
        "creator_id": bob.pk,
        "title": "For us",
        "for_members": True,
        "at": timezone.now(),
    }
    with pytest.raises(rooms.NoMembersYet):
        rooms.start_room(**facts)
    assert Room.objects.count() == 0

    offer(bob)
    assert rooms.start_room(**facts).for_members


# Pages


def test_a_month_is_bought_on_its_page_with_its_price_in_money(
    bob: User, member: User, client: Client
) -> None:
    client.force_login(member)
    page = client.get("/@bob/membership/").content.decode()
    assert "does not renew by itself" in page
    assert "300" in page
    assert "€" in page
    form = {"operation_id": str(ledger.new_operation_id()), "price_coins": "300"}

    first = client.post("/@bob/membership/", form)
    again = client.post("/@bob/membership/", form)

    assert first.headers["Location"] == again.headers["Location"] == "/@bob/club/"
    assert (Entitlement.objects.count(), coins(member)) == (1, 9_700)
    assert "Member</span>" in client.get("/@bob/club/").content.decode()
    assert "Monthly membership to Bob" in client.get("/balance/history/").content.decode()


def test_who_lacks_coins_is_offered_exactly_what_is_missing(bob: User, client: Client) -> None:
    offer(bob)
    client.force_login(fan("poor", coins=100))

    answer = client.post(
        "/@bob/membership/",
        {"operation_id": str(ledger.new_operation_id()), "price_coins": "300"},
    )

    assert answer.status_code == 422
    assert "Get the missing 200 coins" in answer.content.decode()


def test_the_studio_switches_it_and_counts_members(bob: User, member: User, client: Client) -> None:
    buy(member, bob)
    client.force_login(bob)
    page = client.get("/studio/club/").content.decode()
    assert "<dt>Members who pay</dt><dd>1</dd>" in page

    client.post("/studio/club/", {"price_coins": "500", "words": "All of it"})

    row = MembershipOffer.objects.get()
    assert (row.is_on, row.price_coins, row.words) == (False, 500, "All of it")
    assert client.post("/studio/club/", {"price_coins": "7"}).status_code == 422
    assert clubs.paid_until(fan_id=member.pk, creator_id=bob.pk, at=timezone.now()) is not None


def test_control_the_database_knows_the_listed_prices_and_periods(bob: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE conname IN"
            " ('membership_price_listed', 'entitlement_period', 'entitlement_to_another')"
        )
        assert cursor.fetchone() == (3,)
