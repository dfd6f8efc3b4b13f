"""The gate's checklist: each line met, and each line not met with its reason and what to do."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from payouts import risk

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = risk.Facts(
    has_profile=True,
    country="DE",
    birth_date=date(1990, 5, 17),
    has_verified_email=True,
    standing="good",
    standing_until=None,
    has_destination=True,
    destination_blocked_why="",
)


def unmet(facts: risk.Facts) -> list[tuple[str, str]]:
    return [
        (line.key, line.state) for line in risk.checklist(facts=facts, at=AT) if not line.is_met
    ]


def test_a_creator_with_everything_in_order_is_eligible() -> None:
    lines = risk.checklist(facts=GOOD, at=AT)

    assert [line.key for line in lines] == ["profile", "age", "email", "standing", "destination"]
    assert risk.is_eligible(lines)
    risk.check_eligible(lines)


@pytest.mark.parametrize(
    ("change", "key", "state"),
    [
        ({"has_profile": False}, "profile", "todo"),
        ({"birth_date": None}, "age", "todo"),
        ({"country": ""}, "age", "todo"),
        ({"birth_date": date(2008, 11, 23)}, "age", "bad"),
        ({"has_verified_email": False}, "email", "todo"),
        ({"standing": "restricted"}, "standing", "bad"),
        ({"standing": "suspended"}, "standing", "bad"),
        ({"has_destination": False}, "destination", "todo"),
        ({"destination_blocked_why": "The account is closed."}, "destination", "bad"),
        ({"held_why": "Gifts that go round between accounts"}, "review", "bad"),
    ],
)
def test_each_fact_alone_stands_in_the_way(change: dict[str, Any], key: str, state: str) -> None:
    facts = replace(GOOD, **change)

    assert unmet(facts) == [(key, state)]
    with pytest.raises(risk.NotEligible):
        risk.check_eligible(risk.checklist(facts=facts, at=AT))


@pytest.mark.parametrize(
    ("country", "birth_date", "is_met"),
    [
        ("DE", date(2008, 11, 22), True),
        ("DE", date(2008, 11, 23), False),
        ("KR", date(2007, 11, 22), True),
        ("KR", date(2008, 11, 22), False),
    ],
)
def test_the_age_is_that_of_the_creators_country_to_the_day(
    country: str, birth_date: date, is_met: bool
) -> None:
    facts = replace(GOOD, country=country, birth_date=birth_date)

    assert (unmet(facts) == []) is is_met


def test_a_standing_with_an_end_says_when() -> None:
    facts = replace(GOOD, standing="restricted", standing_until=datetime(2026, 12, 1, tzinfo=UTC))

    line = next(line for line in risk.checklist(facts=facts, at=AT) if line.key == "standing")

    assert line.reason == "Your account is restricted until 01 December 2026."
    assert line.todo
