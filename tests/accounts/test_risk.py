"""Who may spend and earn."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts import risk
from accounts.models import Standing, User

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def person(**fields: object) -> User:
    values = {"country": "DE", "birth_date": date(1990, 5, 17)} | fields
    return User(**values)


def test_people_come_of_age_on_their_birthday() -> None:
    assert risk.age(date(2008, 11, 20), AT) == 18
    assert risk.age(date(2008, 11, 21), AT) == 17


def test_who_was_born_on_29_february_comes_of_age_on_1_march() -> None:
    assert risk.age(date(2008, 2, 29), datetime(2026, 2, 28, 23, tzinfo=UTC)) == 17
    assert risk.age(date(2008, 2, 29), datetime(2026, 3, 1, tzinfo=UTC)) == 18


@pytest.mark.parametrize(("country", "years"), [("DE", 18), ("US", 18), ("KR", 19)])
def test_the_age_depends_on_the_country(country: str, years: int) -> None:
    assert risk.age_min(country) == years


@pytest.mark.parametrize("check", [risk.check_may_spend, risk.check_may_earn])
def test_an_adult_in_good_standing_may_spend_and_earn(check: Any) -> None:
    check(person(), AT)


@pytest.mark.parametrize("check", [risk.check_may_spend, risk.check_may_earn])
def test_at_18_people_may_in_germany_and_not_in_korea(check: Any) -> None:
    born = date(2008, 11, 20)

    check(person(birth_date=born), AT)
    with pytest.raises(risk.TooYoung, match="You must be 19 or older"):
        check(person(birth_date=born, country="KR"), AT)
    with pytest.raises(risk.TooYoung, match="You must be 18 or older"):
        check(person(birth_date=born + timedelta(days=1)), AT)


@pytest.mark.parametrize("check", [risk.check_may_spend, risk.check_may_earn])
@pytest.mark.parametrize("missing", [{"country": ""}, {"birth_date": None}])
def test_without_country_or_birth_date_people_are_asked_for_them(check: Any, missing: Any) -> None:
    with pytest.raises(risk.ProfileIncomplete, match="country and date of birth"):
        check(person(**missing), AT)


@pytest.mark.parametrize("check", [risk.check_may_spend, risk.check_may_earn])
@pytest.mark.parametrize("standing", [Standing.RESTRICTED, Standing.SUSPENDED])
def test_neither_restricted_nor_suspended_people_may(check: Any, standing: Any) -> None:
    with pytest.raises(
        risk.NotInGoodStanding, match=f"Your account is {standing} until 1 December"
    ):
        check(person(standing=standing, standing_until=datetime(2026, 12, 1, tzinfo=UTC)), AT)


def test_newer_terms_stop_spending_from_the_moment_they_hold_and_not_earning() -> None:
    due = person(terms_due_at=AT)
    later = person(terms_due_at=AT + timedelta(seconds=1))

    with pytest.raises(risk.TermsNotAccepted, match="Read and accept them"):
        risk.check_may_spend(due, AT)
    risk.check_may_spend(later, AT)
    risk.check_may_earn(due, AT)
