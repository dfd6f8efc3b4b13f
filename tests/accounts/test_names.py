"""Names are the same whatever their case, spaces and accents, and differ by a letter."""

import pytest

from accounts import names
from accounts.models import name_mark


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë Müller", "ZOE  MULLER"),
        ("Łukasz Żółć", "lukasz zolc"),
        ("Anne-Marie O’Neill", "Anne Marie ONeill"),
        ("José María", "Jose\u0301 Mari\u0301a"),
        ("Bjørn Ærø", "bjorn aero"),
        ("Straße", "STRASSE"),
        ("  Bob  ", "bob"),
    ],
)
def test_spellings_of_one_name_are_the_same(one: str, other: str) -> None:
    assert names.normal(one) == names.normal(other)
    assert name_mark(one) == name_mark(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Bob Smith", "Rob Smith"), ("Bob Smith", "Smith Bob"), ("山田太郎", "山田花子")],
)
def test_other_letters_or_another_order_are_another_name(one: str, other: str) -> None:
    assert names.normal(one) != names.normal(other)
    assert name_mark(one) != name_mark(other)


def test_a_mark_tells_nothing_of_the_name() -> None:
    mark = name_mark("Bob Smith")

    assert len(mark) == 64
    assert "bob" not in mark
