"""Amounts, times and people, as templates write them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.template.loader import render_to_string
from django.utils import timezone, translation
from djmoney.money import Money

from config.templatetags import carat

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "minor", "currency", "words"),
    [
        ("en", 740, "USD", "$7.40"),
        ("en", 9800, "VND", "₫9,800"),
        ("en", 105, "KWD", "KWD\xa00.105"),
        ("de", 123450, "EUR", "1.234,50\xa0€"),
        ("fr", 123450, "EUR", "1\u202f234,50\xa0€"),
        ("ja", 1234, "JPY", "￥1,234"),
        ("pt-br", 378, "BRL", "R$\xa03,78"),
    ],
)
def test_money_is_written_in_the_language_with_the_decimals_of_its_currency(
    language: str, minor: int, currency: str, words: str
) -> None:
    with translation.override(language):
        assert carat.money((minor, currency)) == words


def test_money_is_written_alike_from_money_and_from_minor_units() -> None:
    assert carat.money(Money("7.40", "USD")) == carat.money((740, "USD")) == "$7.40"


def test_an_amount_that_is_not_there_is_an_empty_string() -> None:
    assert [write(None) for write in (carat.money, carat.unit_price, carat.coins)] == ["", "", ""]
    assert [write(None) for write in (carat.diamonds, carat.percent, carat.short_number)] == [
        ""
    ] * 3
    assert [write(None) for write in (carat.ago, carat.moment, carat.clock, carat.day)] == [""] * 4


@pytest.mark.parametrize(
    ("price", "currency", "words"),
    [
        ("0.0106", "USD", "$0.0106"),
        ("0.012", "EUR", "€0.012"),
        ("0.22925", "MXN", "MX$0.22925"),
        ("325", "VND", "₫325.00"),
        ("0.0035", "KWD", "KWD\xa00.0035"),
    ],
)
def test_the_price_of_one_coin_keeps_its_small_decimals(
    price: str, currency: str, words: str
) -> None:
    assert carat.unit_price(Money(price, currency)) == words


@pytest.mark.parametrize(
    ("thousandths", "words"),
    [(0, "0"), (1, "0.001"), (500, "0.5"), (1000, "1"), (1_234_500, "1,234.5"), (-250, "-0.25")],
)
def test_diamonds_come_in_thousandths_and_lose_their_trailing_zeros(
    thousandths: int, words: str
) -> None:
    assert carat.diamonds(thousandths) == words


def test_coins_and_shares_follow_the_language() -> None:
    with translation.override("de"):
        assert carat.coins(17500) == "17.500"
        assert carat.percent(Decimal("0.475")) == "47,5\xa0%"

    assert carat.coins(17500) == "17,500"
    assert carat.percent(Decimal("0.475")) == "47.5%"


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (timedelta(minutes=-3), "3 minutes ago"),
        (timedelta(days=2), "in 2 days"),
        (timedelta(days=-7), "Oct 27, 2026"),
        (timedelta(days=40), "Dec 13, 2026"),
    ],
)
def test_a_near_moment_is_told_from_now_and_a_far_one_by_its_date(
    apart: timedelta, words: str
) -> None:
    with time_machine.travel(NOON, tick=False):
        told = carat.ago(NOON + apart)

    assert f">{words}</time>" in told
    assert f'datetime="{(NOON + apart).isoformat()}"' in told


def test_a_moment_is_told_in_the_readers_time_zone() -> None:
    with timezone.override("Asia/Tokyo"):
        assert ">Nov 3, 2026, 9:00\u202fPM</time>" in carat.moment(NOON)
        assert ">Nov 4, 2026</time>" in carat.day(NOON + timedelta(hours=4))


def test_a_person_keeps_initials_and_colour() -> None:
    assert carat.initials("Alice Moreau") == "AM"
    assert carat.initials("  zoë ") == "Z"
    assert carat.initials("!") == "?"
    assert carat.hue("alice") == carat.hue("alice")
    assert 0 <= carat.hue("alice") < carat.HUES


def test_coins_are_shown_with_the_money_they_stand_for() -> None:
    shown = render_to_string("components/coins.html", {"amount": 1240, "money": (1488, "EUR")})

    assert "1,240" in shown
    assert '<span class="amount-beside">€14.88</span>' in shown
    assert '<span class="visually-hidden"> coins</span>' in shown


def test_a_state_is_an_icon_and_a_word() -> None:
    shown = render_to_string("components/badge.html", {"label": "Paid", "tone": "good"})

    assert "#icon-check" in shown
    assert shown.endswith("Paid</span>")
