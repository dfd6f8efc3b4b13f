"""Rate cards: the two refusals, the margin floor and the notice, and that nothing else moves."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import tellings
from accounts.models import Notice, NoticePreference, OutboxEvent, User
from tests import factories
from tests.standin import ROOT
from wallet import books, cards, ledger, queries, risk, tasks
from wallet.models import (
    CardAnnouncement,
    FxRate,
    HoldClass,
    PaymentMethod,
    RateCard,
    Region,
)

HOLDS = {1: 3, 2: 7, 3: 7, 4: 14, 5: 30, 6: 30, 7: 45}


def announce(olga: User, **changed: Any) -> RateCard:
    now = timezone.now()
    fields: dict[str, Any] = {
        "name": "v2",
        "diamonds_per_coin_milli": 1000,
        "diamond_usd": Decimal("0.005500"),
        "hold_days": HOLDS,
        "notice_days": 30,
        "effective_at": now + timedelta(days=1),
        "announced_by_id": olga.pk,
        "at": now,
    }
    return cards.announce_rate_card(**(fields | changed))


def test_a_better_card_is_announced_for_tomorrow_and_earns_from_then(olga: User) -> None:
    card = announce(olga)

    assert card.diamond_usd == Decimal("0.005500")
    assert card.announced_by == olga.pk
    now = timezone.now()
    in_force = queries.card_in_force(at=now)
    later = queries.card_in_force(at=now + timedelta(days=2))
    assert in_force is not None
    assert in_force.name == "v1"
    assert later == card


def test_a_card_below_the_floor_is_refused_naming_each_region_once_with_its_numbers(
    olga: User,
) -> None:
    with pytest.raises(risk.MarginBelowFloor) as refusal:
        announce(olga, diamond_usd=Decimal("0.010000"))

    us = next(s for s in refusal.value.shortfalls if s.offer.region.code == "US")
    assert us.net == Fraction(74, 7000) * Fraction(971, 1000)
    assert (us.cost, us.floor) == (Fraction(1, 100), Fraction(11, 1000))
    assert len({s.offer.region.code for s in refusal.value.shortfalls}) == len(
        refusal.value.shortfalls
    )
    assert (
        "United States: at $0.74 for 70 coins a coin brings in US$0.010265 after tax and fee, but "
        'needs US$0.011000: its diamonds cost US$0.010000 under "v2".'
    ) in str(refusal.value)
    assert "Kenya: at KES1.40 for 1 coin a coin brings in US$0.009041" in str(refusal.value)
    assert RateCard.objects.count() == 1


def test_the_dearest_method_of_a_region_decides(olga: User) -> None:
    announce(olga, name="fine", diamond_usd=Decimal("0.007500"))
    store = PaymentMethod.objects.create(
        code="store", name="Store", provider="x", hold_class=HoldClass.APP_STORE
    )
    store.regions.add(Region.objects.get(pk="US"))
    store.fees.create(currency="USD", fee_bps=3000)

    with pytest.raises(risk.MarginBelowFloor) as refusal:
        announce(olga, name="not fine", diamond_usd=Decimal("0.007500"))

    assert [s.offer.region.code for s in refusal.value.shortfalls] == ["US"]


@pytest.mark.parametrize(
    "worse",
    [
        {"diamond_usd": Decimal("0.004999")},
        {"diamonds_per_coin_milli": 999, "diamond_usd": Decimal("0.005000")},
        {"diamond_usd": Decimal("0.005000"), "hold_days": HOLDS | {4: 15}},
        {"diamond_usd": Decimal("0.005000"), "hold_days": HOLDS | {0: 22}},
        {"diamond_usd": Decimal("0.005000"), "notice_days": 29},
    ],
)
def test_a_worse_card_is_refused_inside_the_notice_and_told_when_it_could_start(
    olga: User, worse: dict[str, Any]
) -> None:
    now = timezone.now()

    with pytest.raises(cards.NoticeTooShort) as refusal:
        announce(olga, effective_at=now + timedelta(days=29), at=now, **worse)

    assert f"{now + timedelta(days=30):%d %B %Y at %H:%M UTC}" in str(refusal.value)
    assert RateCard.objects.count() == 1
    assert announce(olga, effective_at=now + timedelta(days=30, seconds=30), **worse).pk


def test_no_card_begins_in_the_past(olga: User) -> None:
    with pytest.raises(cards.NoticeTooShort, match="in the past"):
        announce(olga, effective_at=timezone.now() - timedelta(minutes=1))

    assert RateCard.objects.count() == 1


def test_a_card_put_before_an_announced_one_cannot_make_that_a_worsening_without_notice(
    olga: User,
) -> None:
    now = timezone.now()
    announce(olga, name="v2", effective_at=now + timedelta(days=20))

    with pytest.raises(cards.NoticeTooShort, match='"v2", already announced'):
        announce(
            olga,
            name="v3",
            diamond_usd=Decimal("0.006000"),
            effective_at=now + timedelta(days=10),
        )

    assert set(RateCard.objects.values_list("name", flat=True)) == {"v1", "v2"}


def test_a_name_a_moment_or_holds_that_do_not_fit_are_refused_in_words(olga: User) -> None:
    first = announce(olga)

    with pytest.raises(cards.CardNameTaken, match='"v2"'):
        announce(olga, effective_at=first.effective_at + timedelta(days=1))
    with pytest.raises(cards.CardDateTaken):
        announce(olga, name="v3", effective_at=first.effective_at)
    for holds in ({1: 3}, HOLDS | {0: -1}, HOLDS | {3: -1}):
        with pytest.raises(cards.HoldsIncomplete):
            announce(olga, name="v3", hold_days=holds)
    assert RateCard.objects.count() == 2


def test_without_a_fresh_rate_the_floor_cannot_be_judged_and_nothing_is_announced(
    olga: User,
) -> None:
    FxRate.objects.filter(currency="VND").delete()
    with pytest.raises(queries.FxMissing, match="VND"):
        announce(olga)

    FxRate.objects.create(
        currency="VND",
        per_usd=25400,
        quoted_at=timezone.now() - timedelta(hours=97),
        source="test",
    )
    with pytest.raises(queries.FxStale, match="VND"):
        announce(olga)
    assert RateCard.objects.count() == 1


def test_the_words_and_the_database_agree_on_what_is_worse(olga: User) -> None:
    v1 = RateCard.objects.get()
    v2 = announce(olga)

    assert not cards.is_worse(card=v2, before=v1)
    assert cards.is_worse(card=v1, before=v2)


def test_the_words_and_the_database_agree_on_first_payouts(olga: User) -> None:
    v1 = RateCard.objects.get()
    base = {"diamond_usd": v1.diamond_usd, "hold_days": HOLDS | {0: 21}}
    same = announce(olga, name="same", **base)

    longer = announce(
        olga,
        name="longer",
        effective_at=timezone.now() + timedelta(days=31),
        **base | {"hold_days": HOLDS | {0: 22}},
    )
    shorter = announce(
        olga,
        name="shorter",
        effective_at=timezone.now() + timedelta(days=32),
        **base | {"hold_days": HOLDS},
    )

    expected = {("same", "v1"): False, ("longer", "same"): True, ("shorter", "longer"): False}
    pairs = [(same, v1), (longer, same), (shorter, longer)]
    assert {(c.name, b.name): cards.is_worse(card=c, before=b) for c, b in pairs} == expected
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.name, b.name, ledger.is_worse(c, b)
                 FROM ledger.rate_card c JOIN ledger.rate_card b
                   ON (c.name, b.name) IN (('same', 'v1'), ('longer', 'same'),
                                           ('shorter', 'longer'))"""
        )
        assert {(c, b): worse for c, b, worse in cursor} == expected


def test_diamonds_already_earned_keep_their_card(alice: User, bob: User, olga: User) -> None:
    factories.give_coins(alice, 10)
    gift = ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 10, alice.pk, "room:1", {})
    before = ledger.gift(gift).check()

    announce(olga, effective_at=timezone.now() + timedelta(seconds=1))

    assert RateCard.objects.get(pk=before.result["card"]).name == "v1"
    (held,) = books.diamond_accounts(creator_id=bob.pk).per_card
    assert (held.card.name, held.pending_milli) == ("v1", 10_000)


def test_a_date_is_told_in_utc() -> None:
    assert f"{datetime(2027, 1, 2, 3, 4, tzinfo=UTC):%d %B %Y at %H:%M UTC}" == (
        "02 January 2027 at 03:04 UTC"
    )


def test_creators_and_fans_are_each_told_of_a_new_card_once_in_words_of_their_own(
    alice: User, bob: User, olga: User
) -> None:
    carol = factories.make_creator("carol")
    dan = factories.make_user("dan")
    EmailAddress.objects.filter(user=dan).update(verified=False)
    factories.make_creator("gone", is_active=False)
    NoticePreference.objects.create(user=carol, kind="rates", on_site=False, by_email=False)
    card = announce(olga, effective_at=datetime(2099, 1, 1, tzinfo=UTC))
    assert not Notice.objects.exists()  # in the worker, not in the deed

    assert tasks.tell_of_cards() == 5
    assert tasks.tell_of_cards() == 0

    told = {row.user: row for row in Notice.objects.select_related("user")}
    assert {user: (row.on_site, row.email_due) for user, row in told.items()} == {
        alice: (True, True),
        bob: (True, True),
        carol: (True, True),  # what concerns money cannot be turned off
        dan: (True, False),  # whose address nobody has proven
        olga: (True, True),
    }
    assert {(row.kind, row.subject_key, row.path, row.title) for row in told.values()} == {
        (
            "rates",
            f"rate-card:{card.pk}",
            f"/rates/cards/{card.pk}/",
            "New rates from 01 January 2099, 00:00 UTC",
        )
    }
    creators = (
        "From then on a coin earns you US$0.0055 instead of US$0.005: 1 diamond of US$0.0055. "
        "Holds run from 3 to 45 days. Diamonds you earned before keep their value."
    )
    fans = (
        "From then on each coin that you give earns a creator US$0.0055 instead of US$0.005. "
        "What coins cost you does not change by it, and gifts sent before keep their rate."
    )
    assert {user: row.body for user, row in told.items()} == {
        alice: fans, bob: creators, carol: creators, dan: fans, olga: fans,
    }  # fmt: skip
    news = CardAnnouncement.objects.get()
    assert (news.card_id, news.people_told, news.told_up_to_id) == (
        card.pk,
        5,
        max(user.pk for user in told),
    )
    assert news.finished_at is not None


def test_first_payouts_have_words_of_their_own(bob: User, olga: User) -> None:
    announce(olga, hold_days=HOLDS | {0: 21})

    assert CardAnnouncement.objects.get().creators_body == (
        "From then on a coin earns you US$0.0055 instead of US$0.005: 1 diamond of US$0.0055. "
        "Holds run from 3 to 45 days. Until 3 payouts have reached you they are at least 21 days. "
        "Diamonds you earned before keep their value."
    )


def test_telling_a_crowd_takes_a_fixed_number_of_queries_a_batch(
    olga: User, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        factories.make_user(f"fan{number}")
    announce(olga)

    with django_assert_num_queries(5):  # the announcement, the telling, the mark; begin and end
        told = cards._tell_batch(at=timezone.now())

    assert told == 6
    assert Notice.objects.count() == 6


def test_a_telling_that_stops_between_batches_goes_on_where_it_was(
    alice: User, bob: User, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(olga)
    monkeypatch.setattr(cards, "TELL_BATCH", 1)
    monkeypatch.setattr(cards, "TELL_BATCHES_MAX", 2)

    first = tasks.tell_of_cards()
    half = CardAnnouncement.objects.get()
    late = factories.make_user("late")  # joins meanwhile
    second, third = tasks.tell_of_cards(), tasks.tell_of_cards()

    assert (first, half.people_told, half.finished_at) == (2, 2, None)
    assert (second, third) == (2, 0)
    assert {row.user for row in Notice.objects.all()} == {alice, bob, olga, late}
    assert CardAnnouncement.objects.get().finished_at is not None


@pytest.mark.parametrize("point", ["told", "marked"])
def test_a_worker_killed_while_it_tells_leaves_nobody_out_and_tells_nobody_twice(
    committed: str, point: str
) -> None:
    olga = factories.make_user("olga", is_staff=True)
    people = [olga, *(factories.make_user(f"fan{number}") for number in range(4))]
    announce(olga)
    died = [_tell_and_die(at_batch=batch, point=point) for batch in (1, 2)]

    told_then = Notice.objects.count()
    left = tasks.tell_of_cards()

    assert died == [-signal.SIGKILL, -signal.SIGKILL]
    assert told_then == 2  # of batches of two: the first process died in its first, uncommitted
    assert left == 3
    rows = Notice.objects.values_list("user_id", flat=True)
    assert sorted(rows) == sorted(person.pk for person in people)
    assert OutboxEvent.objects.filter(name="rate_card.announced").count() == 1


def test_control_without_the_one_subject_a_second_telling_tells_twice(bob: User) -> None:
    facts = {"kind": "rates", "title": "T", "creators_body": "c", "fans_body": "f"}

    for subject in ("rate-card:7", "rate-card:7", "rate-card:8"):
        news = tellings.News(subject_key=subject, **facts)
        told = tellings.notify_next(news, after_id=0, limit=10)
        assert told == tellings.Told(people=1, up_to_id=bob.pk)

    assert Notice.objects.filter(subject_key="rate-card:7").count() == 1
    assert Notice.objects.count() == 2


def test_a_kind_that_people_choose_is_not_told_to_everybody(bob: User) -> None:
    news = tellings.News(kind="gift", subject_key="x", title="T", creators_body="", fans_body="")

    with pytest.raises(AssertionError, match="asks where each person"):
        tellings.notify_next(news, after_id=0, limit=10)

    assert Notice.objects.count() == 0


def _tell_and_die(*, at_batch: int, point: str) -> int:
    """Run the telling in a process of its own that kills itself within a batch."""
    place = connection.settings_dict
    program = f"""
import os, signal
import django
django.setup()
from accounts import tellings
from wallet import cards, tasks
cards.TELL_BATCH, seen, real, mark = 2, [0], tellings.notify_next, cards.CardAnnouncement.save
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def tell(*args, **named):
    seen[0] += 1
    answer = real(*args, **named)
    if seen[0] == {at_batch} and {point!r} == "told":
        die()
    return answer
def save(self, **named):
    mark(self, **named)
    if seen[0] == {at_batch} and {point!r} == "marked":
        die()
tellings.notify_next, cards.CardAnnouncement.save = tell, save
tasks.tell_of_cards()
"""
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"postgresql://{place['USER']}@/{place['NAME']}?host={place['HOST']}",
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "SITE_URL": settings.SITE_URL,
    }
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environ, check=False)
    return ended.returncode


def test_the_announcement_is_published_with_the_card_and_not_without_it(
    bob: User, olga: User
) -> None:
    with pytest.raises(cards.NoticeTooShort):
        announce(olga, effective_at=timezone.now() - timedelta(minutes=1))
    assert not OutboxEvent.objects.filter(name="rate_card.announced").exists()
    assert not CardAnnouncement.objects.exists()

    card = announce(olga)

    assert CardAnnouncement.objects.get().card_id == card.pk
    event = OutboxEvent.objects.get(name="rate_card.announced")
    assert event.subject == str(card.pk)
    assert event.payload == {
        "card": card.pk,
        "name": "v2",
        "diamonds_per_coin_milli": 1000,
        "diamond_usd": "0.005500",
        "hold_days": {str(hold): days for hold, days in HOLDS.items()},
        "notice_days": 30,
        "effective_at": card.effective_at.isoformat(),
    }


def test_the_page_of_a_card_says_what_changes_in_words_and_numbers(
    alice: User, olga: User, client: Client
) -> None:
    client.force_login(alice)  # in Germany: euros, at 0.9 for a dollar
    card = announce(
        olga, hold_days=HOLDS | {4: 10, 0: 20}, effective_at=datetime(2099, 1, 1, tzinfo=UTC)
    )

    page = client.get(f"/rates/cards/{card.pk}/").content.decode()
    rows = [
        " ".join(re.sub(r"<.+?>", " ", row, flags=re.DOTALL).split())
        for row in re.findall(r"<dt>.+?</dd>", page, re.DOTALL)
    ]
    told = "→ before, from then on"

    assert f"One coin earns the creator $0.005 {told} $0.0055" in rows
    assert f"In EUR, at today’s exchange rate €0.0045 {told} €0.00495" in rows
    assert "Diamonds a coin 1" in rows
    assert f"One diamond is worth $0.005 {told} $0.0055" in rows
    assert f"Card, holder authenticated 14 days {told} 10 days" in rows
    assert "Card 30 days" in rows
    first = "Any payment, until three payouts have reached the creator: at least"
    assert f"{first} 21 days {told} 20 days" in rows
    assert "1 USD = 0.9 (" in page
    assert "In nothing is it worse for creators than v1." in page
    assert "What coins cost does not change by a rate card." in page
    assert client.get(f"/rates/cards/{card.pk + 1}/").status_code == 404
    assert client.get(f"/rates/cards/{10**12}/").status_code == 404


def test_the_first_card_has_nothing_before_it(db: None, client: Client) -> None:
    card = RateCard.objects.get()

    page = client.get(f"/rates/cards/{card.pk}/").content.decode()

    assert "It is the card that we opened with." in page
    assert "→" not in page
    assert "until three payouts have reached the creator" in page


def test_a_worse_card_says_so(olga: User, client: Client) -> None:
    card = announce(
        olga,
        hold_days=HOLDS | {0: 45},
        effective_at=timezone.now() + timedelta(days=31),
    )

    page = client.get(f"/rates/cards/{card.pk}/").content.decode()

    assert "It is worse for creators than v1 in something" in page
