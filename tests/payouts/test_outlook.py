"""What matures when, why not sooner, what was taken and owed, and the year in sums."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from payouts import charts, earnings, forecasts, tax_years
from tests import factories
from tests.payouts.earned import buy, close_period, give, lose, mature, settle_all
from wallet import books, holds
from wallet.books import Maturing
from wallet.models import HoldClass, RateCard

NOW = datetime.now(UTC)


@pytest.fixture
def cast(committed: str) -> dict[str, User]:
    return {
        "alice": factories.make_user("alice"),
        "bob": factories.make_creator("bob"),
        "dora": factories.make_creator("dora"),
    }


def words_of(client: Client, name: str, *arguments: Any) -> str:
    response = client.get(reverse(f"payouts:{name}", args=arguments))
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def known(creator: User, parts: list[Maturing]) -> earnings.Known:
    return earnings.Known(
        creator=creator, at=NOW, destination=None, currency="EUR", rate=None, cash=[],
        maturing=parts,
    )  # fmt: skip


def part(release_at: datetime | None, milli: int, hold: HoldClass = HoldClass.CARD) -> Maturing:
    return Maturing(release_at, milli, RateCard.objects.earliest("pk"), hold, 14)


def test_steps_beyond_the_eighth_are_grouped_by_the_week_and_all_is_in_them(bob: User) -> None:
    monday = datetime(2027, 3, 1, 8, tzinfo=UTC)
    parts = [part(monday + timedelta(days=day), 1_000 + day) for day in range(30)]
    parts += [part(None, 500)]

    found = forecasts.steps(known(bob, parts))

    assert sum(step.diamonds_milli for step in found) == sum(p.diamonds_milli for p in parts)
    assert [step.is_week for step in found] == [False] * 8 + [True] * 4 + [False]
    assert [step.words for step in found[8:]] == [
        "Week of 8 March",
        "Week of 15 March",
        "Week of 22 March",
        "Week of 29 March",
        "14 days after this period",
    ]


def test_a_step_says_how_each_part_of_it_was_paid(bob: User) -> None:
    at = NOW + timedelta(days=3)
    found = forecasts.steps(
        known(bob, [part(at, 1_000, HoldClass.BANK), part(at, 2_000), part(at, 500)])
    )

    assert [(cause.words, cause.diamonds_milli) for cause in found[0].causes] == [
        ("paid by bank transfer", 1_000),
        ("paid by card", 2_500),
    ]
    chart = forecasts.chart(found)
    assert chart is not None
    assert chart.total.diamonds_milli == 3_500
    assert chart.bars[0].width == "100.00"
    assert set(holds.PAID_BY) == set(HoldClass)


def test_the_forecast_and_each_gift_say_until_when_they_wait_and_why(
    cast: dict[str, User], client: Client
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    buy(alice, 100)
    give(alice, bob, 10)
    close_period()
    give(alice, bob, 5)
    client.force_login(bob)
    days = RateCard.objects.earliest("pk").hold_days["5"]

    shown = words_of(client, "forecast")
    gifts = words_of(client, "earnings")

    assert f"10 paid by card, {days} days" in shown
    assert f"{days} days after this period" in shown
    assert "15" in shown
    assert f"paid by card, which waits {days} days" in gifts
    assert gifts.count("pending until") == 2
    mature()
    assert words_of(client, "earnings").count("pending until") == 0


def test_every_hold_loss_and_debt_is_told_in_words_without_its_payer(
    cast: dict[str, User], client: Client
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    lost = buy(alice, 100)
    give(alice, bob, 60)
    mature()
    settle_all(bob)
    give(alice, bob, 40)
    lose(lost, 80)
    buy(alice, 100)
    give(alice, bob, 30)
    mature()
    client.force_login(bob)

    shown = words_of(client, "explained")

    assert [
        (one.change_milli, one.owed_milli) for one in holds.owing(creator_id=bob.pk, limit=9)
    ] == [
        (-15_000, 25_000),
        (40_000, 40_000),
    ]
    assert [one.diamonds_milli for one in holds.held(creator_id=bob.pk, limit=9)] == [40_000]
    assert "40 of it had been settled before and are owed" in shown
    assert "at most 50 % of each release" in shown
    assert "Repaid from what matured" in shown
    assert "alice" not in shown.lower()
    assert "You owe nothing" not in shown
    client.force_login(cast["dora"])
    assert "You owe nothing" in words_of(client, "explained")


def test_a_year_adds_up_by_quarter_and_currency(cast: dict[str, User], client: Client) -> None:
    alice, bob = cast["alice"], cast["bob"]
    buy(alice, 10_000)
    for currency in ("EUR", "USD", "EUR"):
        give(alice, bob, 1_000)
        mature()
        settle_all(bob, currency=currency)
    year, quarter = NOW.year, (NOW.month + 2) // 3
    client.force_login(bob)

    found = tax_years.summary(creator_id=bob.pk, year=year)
    response = client.get(reverse("payouts:tax_year_csv", args=[year]))

    told = [(line.currency, line.quarter, str(line.settled.amount)) for line in found]
    assert told == [
        ("EUR", quarter, "10.00"),
        ("EUR", 0, "10.00"),
        ("USD", quarter, "5.00"),
        ("USD", 0, "5.00"),
    ]
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [(row["currency"], row["settled"]) for row in rows] == [
        ("EUR", "10.00"),
        ("USD", "5.00"),
    ]
    assert "The year" in words_of(client, "tax_year", year)
    assert client.get(reverse("payouts:tax_year", args=[year - 1])).status_code == 404
    client.force_login(cast["dora"])
    assert "Nothing was settled" in words_of(client, "tax_year", year)


def test_the_dashboard_asks_as_many_queries_for_many_gifts_as_for_one(
    cast: dict[str, User], client: Client, django_assert_max_num_queries: Any
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    buy(alice, 100_000)
    give(alice, bob, 10)
    mature()
    settle_all(bob)
    give(alice, bob, 10)
    client.force_login(bob)
    words_of(client, "studio")

    for number in range(60):
        give(alice, bob, 1 + number, slug=f"gift-{number}", where=f"room:{number}")
    with django_assert_max_num_queries(30):
        words_of(client, "studio")
    with django_assert_max_num_queries(21):
        words_of(client, "earnings")


def test_what_was_paid_is_found_by_index_and_never_by_reading_every_transfer(db: None) -> None:
    """Without the bound that the index has, it cannot be used, however dear reading all is made."""
    facts = {"owner": 1, "unit": 978, "first": 3}
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'payouts_posted'")
        posted = cursor.fetchone()[0].replace("p_creator", "%(owner)s")
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in (f"SELECT {books.IS_NEW_SQL}", books.PAID_SQL, posted):
            cursor.execute(f"EXPLAIN {sql}", facts)
            plan = "\n".join(row[0] for row in cursor)
            assert "Seq Scan on transfer" not in plan, plan


def test_a_bar_chart_of_nothing_has_no_shapes(bob: User) -> None:
    assert forecasts.chart([]) is None
    assert charts.BARS_MAX == forecasts.STEPS_ALONE
