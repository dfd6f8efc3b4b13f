"""A higher price keeps its notice, and whoever lives there is told of a change before it holds."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notice, OutboxEvent, User
from tests import factories
from wallet import pricebook, prices, queries, tasks
from wallet.models import CoinPackage, Price, PriceAnnouncement, Region


def row(code: str, amount_minor: int, *, coins: int = 700, **changed: Any) -> Price:
    region = Region.objects.get(pk=code)
    fields: dict[str, Any] = {
        "region": region,
        "channel": "web",
        "package": CoinPackage.objects.get(coins=coins),
        "coins": coins,
        "amount_minor": amount_minor,
        "currency": region.currency,
    }
    return Price(**(fields | changed))


def add(olga: User, *rows: Price, at: datetime) -> list[PriceAnnouncement]:
    return prices.add_prices(prices=rows, by_id=olga.pk, at=at)


def test_a_higher_price_waits_for_its_notice_to_the_second(olga: User) -> None:
    now = timezone.now()
    early = now + timedelta(days=30) - timedelta(seconds=1)
    before = Price.objects.count()

    with pytest.raises(prices.PriceNoticeTooShort) as refusal:
        add(olga, row("DE", 850, valid_from=early), at=now)

    start = now + timedelta(days=30)
    assert str(refusal.value) == (
        "Buyers are promised 30 days' notice of a higher price, and €8.40 becomes €8.50. "
        f"It can begin on {start:%d %B %Y at %H:%M UTC}, no earlier."
    )
    assert Price.objects.count() == before
    assert not PriceAnnouncement.objects.exists()
    assert len(add(olga, row("DE", 850, valid_from=start), at=now)) == 1


@pytest.mark.parametrize("amount_minor", [839, 840])
def test_a_price_that_is_not_higher_needs_no_notice(olga: User, amount_minor: int) -> None:
    now = timezone.now()

    add(olga, row("DE", amount_minor, valid_from=now), at=now)

    region = Region.objects.get(pk="DE")
    found = [p for p in queries.price_rows(region, "web", now) if p.coins == 700]
    assert [p.amount_minor for p in found] == [amount_minor]


def test_control_without_a_notice_a_higher_price_begins_at_once(olga: User, settings: Any) -> None:
    settings.PRICE_NOTICE_DAYS = 0
    now = timezone.now()

    assert add(olga, row("DE", 850, valid_from=now), at=now)


def test_the_notice_counts_from_the_price_that_would_hold_by_then(olga: User) -> None:
    """A sale that is announced cannot be cut short by the old price."""
    now = timezone.now()
    add(olga, row("DE", 700, valid_from=now + timedelta(days=1)), at=now)

    with pytest.raises(prices.PriceNoticeTooShort, match=r"€7\.00 becomes €8\.40"):
        add(olga, row("DE", 840, valid_from=now + timedelta(days=2)), at=now)


def test_a_sale_is_written_with_its_end_first(olga: User) -> None:
    now = timezone.now()

    end = row("DE", 840, valid_from=now + timedelta(days=7))
    assert add(olga, end, at=now) == []  # changes nothing yet, so nobody is told
    (told,) = add(olga, row("DE", 700, valid_from=now), at=now)

    assert "700 coins: €8.40 becomes €7.00." in told.body
    changes = pricebook.changes_to_come(at=now, region=Region.objects.get(pk="DE"))
    assert [(str(c.was), str(c.price.money)) for c in changes] == [("€7.00", "€8.40")]


def test_the_first_price_of_a_package_needs_no_notice_and_is_not_announced(olga: User) -> None:
    now = timezone.now()
    new = CoinPackage.objects.create(coins=1000)

    made = add(olga, row("DE", 1500, coins=1000, package=new, valid_from=now), at=now)

    assert made == []


def test_prices_are_added_together_or_not_at_all(olga: User) -> None:
    now = timezone.now()
    before = Price.objects.count()

    with pytest.raises(prices.PriceNoticeTooShort):
        add(olga, row("US", 700, valid_from=now), row("DE", 850, valid_from=now), at=now)

    assert Price.objects.count() == before
    assert not PriceAnnouncement.objects.exists()


def test_one_announcement_a_region_and_moment_says_what_changes(olga: User) -> None:
    now = timezone.now()
    start = now + timedelta(days=31)
    rate = row("DE", 130, coins=700, package=None, valid_from=start)
    rate.coins = 100

    made = add(
        olga,
        row("DE", 900, valid_from=start),
        rate,
        row("JP", 1300, valid_from=start),
        at=now,
    )

    assert [a.region_id for a in made] == ["DE", "JP"]
    assert made[0].title == f"Prices of coins in Germany change on {start:%-d %B %Y}"
    assert made[0].body == (
        f"From {start:%-d %B %Y, %H:%M UTC}. 100 coins as an exact amount: €1.20 becomes €1.30. "
        "700 coins: €8.40 becomes €9.00. Coins you have stay as they are."
    )
    assert "700 coins: ¥1,225 becomes ¥1,300." in made[1].body
    assert {p.announcement_id for p in Price.objects.filter(amount_minor=900)} == {made[0].pk}
    events = OutboxEvent.objects.filter(name="prices.announced").order_by("id")
    assert [event.payload["region"] for event in events] == ["DE", "JP"]


def test_everybody_who_lives_there_is_told_once_and_nobody_else(
    olga: User, alice: User, bob: User
) -> None:
    now = timezone.now()
    start = now + timedelta(days=31)
    far = factories.make_user("far", country="JP")
    gone = factories.make_user("gone", is_active=False)
    (news,) = add(olga, row("DE", 900, valid_from=start), at=now)

    assert tasks.tell_of_prices() == 3
    assert tasks.tell_of_prices() == 0

    told = Notice.objects.filter(subject_key=f"prices:{news.pk}")
    assert {notice.user for notice in told} == {alice, bob, olga}
    assert far not in {notice.user for notice in told}
    assert gone not in {notice.user for notice in told}
    notice = told.get(user=alice)
    assert (notice.kind, notice.title, notice.path) == ("rates", news.title, "/rates/?region=DE")
    assert notice.on_site
    assert notice.email_due
    news.refresh_from_db()
    assert (news.people_told, news.told_up_to_id) == (3, max(alice.pk, bob.pk, olga.pk))
    assert news.finished_at is not None


def test_a_telling_that_was_killed_goes_on_where_it_was(
    olga: User, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    (news,) = add(olga, row("DE", 900, valid_from=now + timedelta(days=31)), at=now)
    monkeypatch.setattr(prices, "TELL_BATCH", 1)
    monkeypatch.setattr(prices, "TELL_BATCHES_MAX", 2)

    first = tasks.tell_of_prices()
    news.refresh_from_db()
    half = (news.people_told, news.finished_at)
    second = tasks.tell_of_prices()

    assert (first, half, second) == (2, (2, None), 1)
    assert Notice.objects.filter(subject_key=f"prices:{news.pk}").count() == 3
    news.refresh_from_db()
    assert news.finished_at is not None


def test_a_change_is_on_the_page_of_coins_and_on_the_rates_with_its_date(
    olga: User, alice: User, client: Client
) -> None:
    now = timezone.now()
    start = now + timedelta(days=31)
    add(olga, row("DE", 900, valid_from=start), row("JP", 1300, valid_from=start), at=now)
    client.force_login(alice)

    coins = client.get(reverse("wallet:packages")).content.decode()
    rates = client.get(reverse("wallet:rates")).content.decode()

    assert "Prices that will change" in coins
    assert "€9.00" in coins
    assert "¥1,300" not in coins
    for words in ("€9.00", "¥1,300", f"{start:%Y-%m-%dT%H:%M}", "announced 30 days before"):
        assert words in rates


def test_a_page_without_changes_says_so(client: Client, db: None) -> None:
    page = client.get(reverse("wallet:rates")).content.decode()

    assert "No change of prices is announced." in page


@pytest.mark.parametrize(
    "statement", ["UPDATE wallet_price SET amount_minor = 1", "DELETE FROM wallet_price"]
)
def test_the_database_keeps_every_price_as_it_was(db: None, statement: str) -> None:
    before = list(Price.objects.order_by("pk").values())

    with (
        pytest.raises(ProgrammingError, match="Cannot update or delete"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert list(Price.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    ("code", "windows"),
    [
        ("US", (14, True, 7, 18)), ("MX", (14, True, 7, 18)), ("BR", (7, False, 7, 18)),
        ("PE", (14, True, 7, 18)), ("VN", (14, True, 7, 18)), ("AE", (14, True, 7, 18)),
        ("IN", (14, True, 7, 18)), ("GB", (14, False, 7, 18)), ("DE", (14, False, 7, 18)),
        ("FR", (14, False, 7, 18)), ("IE", (14, False, 7, 18)), ("JP", (14, True, 7, 18)),
        ("KR", (7, False, 3, 19)), ("KE", (14, True, 7, 18)), ("KW", (14, True, 7, 18)),
    ],
)  # fmt: skip
def test_each_region_opens_with_the_windows_of_its_law(
    db: None, code: str, windows: tuple[int, bool, int, int]
) -> None:
    region = Region.objects.get(pk=code)

    found = (region.withdrawal_days, region.is_goodwill, region.refund_days, region.age_min)

    assert found == windows


def test_the_checkout_says_how_long_coins_can_be_given_back(client: Client, db: None) -> None:
    said = {}
    for code in ("DE", "US", "KR"):
        client.force_login(factories.make_user(f"fan_{code.lower()}", country=code))
        said[code] = client.get("/coins/checkout/", {"coins": 700}).content.decode()

    assert "given back for 14 days. The money is on its way to how you paid within 7" in said["DE"]
    assert "given back for 14 days, by our goodwill." in said["US"]
    assert "given back for 7 days. The money is on its way to how you paid within 3" in said["KR"]


def test_a_region_may_ask_for_an_older_buyer(alice: User, client: Client) -> None:
    Region.objects.filter(pk="DE").update(age_min=30)
    born = timezone.now().date().replace(year=timezone.now().year - 29)
    User.objects.filter(pk=alice.pk).update(birth_date=born.replace(day=1))
    client.force_login(alice)

    answer = client.get("/coins/checkout/", {"coins": 700})

    assert answer.status_code == 403
    assert "You must be 30 or older to buy coins in Germany." in answer.content.decode()
