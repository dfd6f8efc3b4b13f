"""The bench of laundering, small: every pattern is found, and nothing under a case is payable."""

from collections.abc import Iterator

import pytest
from django.db import connection

from config import database
from config.benches import laundering

GIFTS = 3_000
SEED = 4


@pytest.fixture
def as_owner(committed: str) -> Iterator[None]:
    """Benches set days, which the owner alone can."""
    role = connection.settings_dict["USER"]
    database.become_owner()
    try:
        yield
    finally:
        database.become_app(role=role)


@pytest.mark.usefixtures("as_owner")
def test_all_twelve_patterns_are_found_and_none_is_payable() -> None:
    found, words = laundering.figures(gifts=GIFTS, seed=SEED, say=lambda _part: None)

    assert (found["patterns"], found["found"]) == (12, 12), words
    assert found["payable_under_case"] == 0
    assert found["false_alarms"] <= 1, words  # of forty creators
    assert found["settled"] > 20
