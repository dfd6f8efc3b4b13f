"""Amounts in words: the fast way says what the slow one says."""

import pytest

from wallet.money import CURRENCY_NUMBERS, money, words


@pytest.mark.parametrize("currency", sorted(CURRENCY_NUMBERS))
@pytest.mark.parametrize("amount", [0, 1, 99, 1000, 123_456_789])
def test_words_for_many_people_are_those_of_one(currency: str, amount: int) -> None:
    assert words(amount, currency) == str(money(amount, currency))
