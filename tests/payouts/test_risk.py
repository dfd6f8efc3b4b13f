"""The gate's checklist: each line met, and each line not met with its reason and what to do."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from payouts import risk
from payouts.models import EligibilityOverride

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
VERIFIED = risk.Verified(state="approved", birth_date=date(1990, 5, 17), name_mark="b0b")
GOOD = risk.Facts(
    has_profile=True,
    country="DE",
    is_country_supported=True,
    birth_date=date(1990, 5, 17),
    joined_at=AT - timedelta(days=30),
    has_verified_email=True,
    has_second_factor=True,
    identity=VERIFIED,
    tax_form="dac7",
    tax_valid_until=AT + timedelta(days=1),
    standing="good",
    standing_until=None,
    has_destination=True,
    destination_blocked_why="",
    holder_mark="b0b",
)


def with_birth_date(birth_date: date | None, **changes: Any) -> risk.Facts:
    """The same in the profile and on the papers."""
    verified = replace(VERIFIED, birth_date=birth_date)
    return replace(GOOD, birth_date=birth_date, identity=verified, **changes)


def unmet(facts: risk.Facts) -> list[tuple[str, str]]:
    return [
        (line.key, line.state) for line in risk.checklist(facts=facts, at=AT) if not line.is_met
    ]


def test_a_creator_with_everything_in_order_is_eligible() -> None:
    lines = risk.checklist(facts=GOOD, at=AT)

    assert [line.key for line in lines] == [
        "profile", "age", "country", "email", "second_factor", "identity", "tax", "account_age",
        "standing", "destination", "holder",
    ]  # fmt: skip
    assert risk.is_eligible(lines)
    risk.check_eligible(lines)


@pytest.mark.parametrize(
    ("change", "key", "state"),
    [
        ({"has_profile": False}, "profile", "todo"),
        ({"is_country_supported": False}, "country", "bad"),
        ({"has_verified_email": False}, "email", "todo"),
        ({"has_second_factor": False}, "second_factor", "todo"),
        ({"birth_date": date(1990, 5, 18)}, "identity", "bad"),
        ({"tax_form": ""}, "tax", "todo"),
        ({"tax_form": "w8ben"}, "tax", "todo"),
        ({"tax_valid_until": AT}, "tax", "todo"),
        ({"joined_at": AT - timedelta(days=30) + timedelta(seconds=1)}, "account_age", "todo"),
        ({"followers_min": 100, "followers": 99}, "followers", "todo"),
        ({"holder_mark": "ma110ry"}, "holder", "bad"),
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
    ("state", "shown"),
    [("", "todo"), ("asked", "todo"), ("submitted", "todo"), ("declined", "bad"),
     ("expired", "todo")],
)  # fmt: skip
def test_only_an_approved_check_is_an_identity(state: str, shown: str) -> None:
    facts = replace(GOOD, identity=replace(VERIFIED, state=state))

    assert unmet(facts) == [("identity", shown), ("holder", "todo")]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (with_birth_date(None), [("age", "todo")]),
        (with_birth_date(date(2008, 11, 23)), [("age", "bad")]),
        (replace(GOOD, country="", is_country_supported=False),
         [("age", "todo"), ("country", "todo"), ("tax", "todo")]),
    ],
)  # fmt: skip
def test_a_profile_that_is_not_whole_or_too_young_stands_in_the_way(
    facts: risk.Facts, expected: list[tuple[str, str]]
) -> None:
    assert unmet(facts) == expected


def test_followers_are_asked_for_only_where_the_operator_does() -> None:
    assert unmet(replace(GOOD, followers_min=0, followers=0)) == []
    assert unmet(replace(GOOD, followers_min=100, followers=100)) == []


def test_a_us_person_abroad_may_certify_a_w9() -> None:
    assert unmet(replace(GOOD, tax_form="w9")) == []


def test_a_line_that_staff_let_pass_says_who_why_and_until_when() -> None:
    waiver = risk.Waiver(reason="Married, papers are on the way", until=AT + timedelta(days=9))
    facts = replace(GOOD, holder_mark="other", waivers={"holder": waiver})

    lines = risk.checklist(facts=facts, at=AT)

    assert risk.is_eligible(lines)
    assert [(line.key, line.reason) for line in lines if line.is_waived] == [
        ("holder", "Our staff let this pass until 1 December 2026: Married, papers are on the way")
    ]
    ended = replace(facts, waivers={"holder": replace(waiver, until=AT)})
    assert unmet(ended) == [("holder", "bad")]


@pytest.mark.parametrize("key", EligibilityOverride.NEVER)
def test_what_nobody_may_let_pass_stays_whatever_is_written(key: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "age": {"birth_date": date(2010, 1, 1), "identity": replace(
            VERIFIED, birth_date=date(2010, 1, 1))},
        "kind": {"kind": "political"},
        "review": {"held_why": "Gifts that go round between accounts"},
        "profile": {"has_profile": False},
        "destination": {"destination_blocked_why": "The account is closed."},
    }  # fmt: skip
    waiver = risk.Waiver(reason="It will be fine", until=AT + timedelta(days=9))

    facts = replace(GOOD, **changes[key], waivers={key: waiver})

    assert [found for found, _ in unmet(facts)] == [key]


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
    form = "dac7" if country == "DE" else "w8ben"
    facts = with_birth_date(birth_date, country=country, tax_form=form)

    assert (unmet(facts) == []) is is_met


def test_a_standing_with_an_end_says_when() -> None:
    facts = replace(GOOD, standing="restricted", standing_until=datetime(2026, 12, 1, tzinfo=UTC))

    line = next(line for line in risk.checklist(facts=facts, at=AT) if line.key == "standing")

    assert line.reason == "Your account is restricted until 01 December 2026."
    assert line.todo
