"""The stand-in's pure parts: fees, currencies, card numbers, what accounts do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.standin import accounts, cards, money


@pytest.mark.parametrize(
    ("amount_minor", "fee_minor"),
    [
        (740, 51),  # 21.46
        (500, 45),  # 14.5 rounds up
        (482, 44),  # 13.978
        (1, 30),  # 0.029
        (18_500, 567),  # 536.5 rounds up
    ],
)
def test_the_fee_is_2_9_percent_half_up_and_30(amount_minor: int, fee_minor: int) -> None:
    assert money.fee_minor(amount_minor=amount_minor) == fee_minor


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_larger_charge_never_costs_less(one: int, other: int) -> None:
    smaller, larger = sorted((one, other))

    assert money.fee_minor(amount_minor=smaller) <= money.fee_minor(amount_minor=larger)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "shown"),
    [
        (740, "usd", "$7.40"),
        (1225, "jpy", "¥1,225"),
        (1_234_567, "eur", "€12,345.67"),
        (3500, "kwd", "KWD\N{NO-BREAK SPACE}3.500"),
        (50_000, "isk", "ISK\N{NO-BREAK SPACE}500"),
        (9_800, "vnd", "₫9,800"),
    ],
)
def test_a_charged_amount_is_shown_in_its_currency(
    amount_minor: int, currency: str, shown: str
) -> None:
    assert money.shown(amount_minor=amount_minor, currency=currency) == shown


def test_a_bank_counts_in_the_units_of_iso_4217() -> None:
    assert money.shown_by_bank(amount_minor=500, currency="ISK") == "ISK\N{NO-BREAK SPACE}500"
    assert money.shown_by_bank(amount_minor=1050, currency="KWD") == "KWD\N{NO-BREAK SPACE}1.050"
    assert money.shown_by_bank(amount_minor=1050, currency="EUR") == "€10.50"


def test_every_test_card_is_a_card_number_and_has_a_name_of_its_own() -> None:
    assert all(cards.is_card_number(card.number) for card in cards.CARDS)
    assert len(cards.BY_NAME) == len(cards.BY_NUMBER) == len(cards.CARDS)
    assert len({card.fingerprint for card in cards.CARDS}) == len(cards.CARDS)


@given(st.integers(0, 15), st.integers(1, 9))
def test_one_mistyped_digit_is_noticed(place: int, added: int) -> None:
    number = "4242424242424242"
    digit = (int(number[place]) + added) % 10

    assert not cards.is_card_number(f"{number[:place]}{digit}{number[place + 1 :]}")


@pytest.mark.parametrize(
    ("account", "fate"),
    [
        ("DE000000", accounts.Fate.FAILS),
        ("DE1111", accounts.Fate.RETURNED),
        ("DE2222", accounts.Fate.UNANSWERED),
        ("DE3333", accounts.Fate.LONG),
        ("DE4444", accounts.Fate.BREAKS_FIRST),
        ("DE89370400440532013000", accounts.Fate.PAID),
        ("1111DE", accounts.Fate.PAID),
    ],
)
def test_the_end_of_an_account_says_what_becomes_of_a_transfer(
    account: str, fate: accounts.Fate
) -> None:
    assert accounts.fate_of(account=account) == fate
