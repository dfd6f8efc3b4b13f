"""Rate cards: the two refusals, the margin floor and the notice, and that nothing else moves."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.utils import timezone

from accounts import services as people
from accounts.models import Notice, NoticePreference, OutboxEvent, User
from tests import factories
from wallet import books, cards, ledger, queries, risk
from wallet.models import FxRate, HoldClass, PaymentMethod, RateCard, Region

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
    with pytest.raises(cards.HoldsIncomplete):
        announce(olga, name="v3", hold_days={1: 3})
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


def test_every_creator_is_told_of_a_new_card_once_on_the_site_and_by_email(
    alice: User, bob: User, olga: User
) -> None:
    carol = factories.make_creator("carol")
    factories.make_creator("dan", is_active=False)
    NoticePreference.objects.create(user=carol, kind="rates", on_site=False, by_email=False)

    card = announce(olga, effective_at=datetime(2099, 1, 1, tzinfo=UTC))

    told = Notice.objects.order_by("user_id")
    assert [(row.user, row.on_site, row.email_due) for row in told] == [
        (bob, True, True),
        (carol, True, True),
    ]
    assert {(row.kind, row.subject_key, row.path) for row in told} == {
        ("rates", f"rate-card:{card.pk}", "/rates/")
    }
    assert told[0].title == "New rates from 01 January 2099, 00:00 UTC"
    assert told[0].body == (
        "From then on a coin earns you 1 diamond, and each diamond earned from then on is worth "
        "US$0.0055. Holds run from 3 to 45 days. Diamonds you earned before keep their value."
    )


def test_telling_creators_takes_one_statement_and_again_tells_nobody_twice(
    bob: User, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        factories.make_creator(f"creator{number}")
    facts = {"kind": "rates", "subject_key": "rate-card:7", "title": "New rates"}

    with django_assert_num_queries(1):
        assert people.notify_creators(**facts) == 6

    assert people.notify_creators(**facts) == 0
    assert Notice.objects.count() == 6


def test_a_kind_that_people_choose_is_not_sent_to_all_creators(bob: User) -> None:
    with pytest.raises(AssertionError, match="asks where each person"):
        people.notify_creators(kind="gift", subject_key="x", title="T")

    assert Notice.objects.count() == 0


def test_the_announcement_is_published_with_the_card_and_not_without_it(
    bob: User, olga: User
) -> None:
    with pytest.raises(cards.NoticeTooShort):
        announce(olga, effective_at=timezone.now() - timedelta(minutes=1))
    assert not OutboxEvent.objects.filter(name="rate_card.announced").exists()
    assert not Notice.objects.exists()

    card = announce(olga)

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
    assert Notice.objects.count() == 1
