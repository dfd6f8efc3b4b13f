"""The page of earnings: the same numbers as bars and as tables, for a creator's own eyes."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from payouts import breakdowns, charts
from payouts.charts import Row
from payouts.models import EVER, HIDDEN, EarningsDay, EarningsLabel, GifterMonth
from wallet.models import RateCard

TODAY = datetime.now(UTC).date()


def earn(
    creator: User, day: date, milli: int, *, gift: str = "heart", place: str = "room:1",
    taken: int = 0,
) -> None:  # fmt: skip
    EarningsDay.objects.create(
        creator=creator, day=day, place=place, gift=gift, gifts=1, coins=milli // 1000,
        diamonds_milli=milli, taken_milli=taken, card_id=RateCard.objects.earliest("pk").pk,
    )  # fmt: skip


def words_of(client: Client, span: str = "30") -> str:
    response = client.get(reverse("payouts:charts"), {"span": span})
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


@pytest.fixture
def as_bob(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


def report(creator: User, span: str) -> breakdowns.Report:
    found = breakdowns.span_of(span, today=TODAY)
    assert found is not None
    return breakdowns.report(creator=creator, span=found, at=datetime.now(UTC))


def test_a_creator_without_earnings_is_told_where_they_come_from(as_bob: Client) -> None:
    assert "Nothing was earned in this time" in words_of(as_bob)


@pytest.mark.parametrize("span", ["0", "8", "2026-13", "2026-0x", "9999-01", "", "all-time", "-1"])
def test_a_time_that_does_not_exist_is_not_found(as_bob: Client, span: str) -> None:
    assert as_bob.get(reverse("payouts:charts"), {"span": span}).status_code == 404


def test_each_span_shows_its_own_days_and_compares_them_with_those_before(bob: User) -> None:
    earn(bob, TODAY, 5_000)
    earn(bob, TODAY - timedelta(days=6), 3_000)
    earn(bob, TODAY - timedelta(days=7), 4_000)
    earn(bob, TODAY - timedelta(days=400), 1_000)

    week = report(bob, "7")
    assert [row.diamonds_milli for row in week.days.rows] == [3_000, 0, 0, 0, 0, 0, 5_000]
    assert (week.total.diamonds_milli, week.before_milli, week.change_percent) == (
        8_000,
        4_000,
        100,
    )
    everything = report(bob, "all")
    assert everything.total.diamonds_milli == 13_000
    assert everything.before_milli is None
    assert len(everything.days.rows) in {14, 15}  # by month, those without earnings too


def test_the_tables_of_every_part_add_up_to_the_same_sum(bob: User) -> None:
    for number in range(60):
        earn(bob, TODAY, 1_000 + number, gift=f"gift-{number}", place=f"room:{number % 3}")
    earn(bob, TODAY, 9_000, place="video:1", taken=4_000)
    earn(bob, TODAY, 500, place=f"membership:{bob.pk}")

    found = report(bob, "7")

    assert [part.key for part in found.parts] == ["gifts", "rooms", "videos", "elsewhere", "cards"]
    for name in ("gifts", "diamonds_milli", "taken_milli", "left_milli"):
        total = getattr(found.total, name)
        assert sum(getattr(row, name) for row in found.days.rows) == total
        places = sum(getattr(part.total, name) for part in found.parts[1:4])
        assert [getattr(found.parts[i].total, name) for i in (0, 4)] == [total, total]
        assert places == total
        for part in found.parts:
            assert sum(getattr(row, name) for row in part.rows) == getattr(part.total, name)
    assert len(found.parts[0].bars) == charts.BARS_MAX
    assert found.parts[0].rows[-1].words == "11 others"


def test_the_page_shows_bars_with_words_and_the_same_in_tables(as_bob: Client, bob: User) -> None:
    earn(bob, TODAY, 12_500, gift="rosebud", taken=2_500)
    EarningsLabel.objects.create(creator=bob, key="gift:rosebud", words="Rosebud")
    EarningsLabel.objects.create(creator=bob, key="room:1", words="Evening <b>piano</b>")

    shown = words_of(as_bob)

    assert shown.count('role="img" aria-labelledby=') == 4  # by day, gift, room, card
    assert "12.5 diamonds, 2.5 taken back" in shown
    assert "Evening &lt;b&gt;piano&lt;/b&gt;" in shown
    assert shown.count("<caption") == 4
    assert 'fill="url(#days-hatch)"' in shown


def test_nobody_sees_what_others_earn(client: Client, bob: User, alice: User) -> None:
    earn(bob, TODAY, 12_345)
    client.force_login(alice)

    assert "12.345" not in words_of(client)


def test_hidden_names_are_shown_together_and_nobody_else_by_more_than_their_name(
    as_bob: Client, bob: User, alice: User
) -> None:
    for gifter, milli in ((alice.pk, 7_000), (HIDDEN, 9_000), (987_654, 1_000)):
        GifterMonth.objects.create(
            creator=bob, month=EVER, gifter_id=gifter, gifts=1, coins=1, diamonds_milli=milli
        )
    earn(bob, TODAY, 17_000)

    shown = words_of(as_bob)
    top = shown[shown.index("Top gifters") :]
    assert top.index("Everybody with a hidden name") < top.index("@alice") < top.index("A fan")
    assert alice.email not in shown


def test_a_creator_of_many_days_costs_the_same_queries_as_one_of_one(
    as_bob: Client, bob: User, django_assert_max_num_queries: Any
) -> None:
    earn(bob, TODAY, 1_000)
    words_of(as_bob, "all")  # sessions and caches are warm
    for number in range(200):
        earn(bob, TODAY - timedelta(days=number), 1_000, gift=f"g{number}", place=f"room:{number}")
        GifterMonth.objects.create(creator=bob, month=EVER, gifter_id=number, diamonds_milli=1)
    with django_assert_max_num_queries(14):
        words_of(as_bob, "all")


def test_standing_bars_share_one_scale_above_and_below_the_line() -> None:
    rows = [
        Row(key="a", words="1 May", on=date(2026, 5, 1), diamonds_milli=80_000),
        Row(key="b", words="2 May", on=date(2026, 5, 2), taken_milli=20_000),
    ]
    total = Row(key="t", words="In all", diamonds_milli=80_000, taken_milli=20_000)

    chart = charts.standing(rows=rows, total=total, unit="day")

    first, second = chart.bars
    assert (first.top, first.height) == ("16.67", "66.67")  # of 100 above and 20 below
    assert (second.taken_top, second.taken_height) == ("83.33", "16.67")
    assert [(line.top, line.milli) for line in chart.lines] == [
        ("0.00", 100_000),
        ("41.67", 50_000),
        ("83.33", 0),
        ("100", -20_000),
    ]
