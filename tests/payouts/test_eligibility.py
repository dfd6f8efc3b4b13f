"""The gate's facts: read of many in as few queries as of one, kept for staff, let pass by staff."""

from datetime import date, timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import identity
from accounts.models import Follow, IdentityCheck, Notice, User
from payouts import eligibility, overrides, risk
from payouts.models import Destination, EligibilityOverride, EligibilityResult, TaxProfile
from tests import factories, services
from tests.accounts.test_roles import make_role
from tests.payouts.books import set_account
from wallet.models import RegionCountry

LATER = timedelta(days=9)


def unmet(creator: User) -> list[str]:
    lines = eligibility.checklist(creator=creator, at=timezone.now())
    return [line.key for line in lines if not line.is_met]


@pytest.fixture
def payable(bob: User) -> User:
    set_account(bob)
    bob.refresh_from_db()
    return bob


def test_a_new_creator_has_it_all_before_them(bob: User) -> None:
    assert unmet(bob) == ["second_factor", "identity", "tax", "account_age", "destination"]


def test_a_creator_who_did_it_all_by_the_deeds_may_be_paid(payable: User) -> None:
    assert unmet(payable) == []


def test_fifty_creators_cost_as_many_queries_as_one(payable: User, settings: LazySettings) -> None:
    others = [factories.make_creator(f"c{number}") for number in range(49)]
    for other in others[:10]:
        set_account(other)
    settings.ELIGIBLE_FOLLOWERS_MIN = 2

    with CaptureQueriesContext(connection) as one:
        eligibility.gate(creator_ids=[payable.pk], at=timezone.now())
    with CaptureQueriesContext(connection) as many:
        found = eligibility.gate(
            creator_ids=[payable.pk, *(other.pk for other in others)], at=timezone.now()
        )

    assert len(found) == 50
    assert (len(one), len(many)) == (8, 8)


# Each fact is read where it is


def test_recovery_codes_alone_are_no_second_factor(payable: User) -> None:
    Authenticator.objects.filter(user=payable).update(type=Authenticator.Type.RECOVERY_CODES)

    assert unmet(payable) == ["second_factor"]


def test_a_verification_that_staff_ended_counts_no_more(payable: User, olga: User) -> None:
    check = IdentityCheck.objects.get(person=payable)
    identity.end(check_id=check.pk, by_id=olga.pk, why="You married.", at=timezone.now())

    assert unmet(payable) == ["identity", "holder"]


def test_a_birth_date_that_is_changed_afterwards_is_noticed(payable: User) -> None:
    User.objects.filter(pk=payable.pk).update(birth_date=date(1991, 5, 17))

    assert unmet(payable) == ["identity"]


@pytest.mark.parametrize(("holder", "is_own"), [("BOB", True), ("Bób", True), ("Bobby", False)])
def test_the_holder_is_who_was_verified(payable: User, holder: str, is_own: bool) -> None:
    Destination.objects.filter(creator=payable).update(holder_name=holder)

    assert unmet(payable) == ([] if is_own else ["holder"])


def test_a_country_without_a_region_is_not_paid_to(payable: User) -> None:
    RegionCountry.objects.filter(country="DE").delete()

    assert unmet(payable) == ["country"]


def test_a_tax_form_ends_after_its_years(payable: User) -> None:
    profile = TaxProfile.objects.get(creator=payable)

    lines = eligibility.checklist(creator=payable, at=profile.valid_until)

    assert [line.key for line in lines if not line.is_met] == ["tax"]


def test_an_account_is_old_enough_on_the_day(payable: User, settings: LazySettings) -> None:
    at = timezone.now()
    User.objects.filter(pk=payable.pk).update(joined_at=at - timedelta(days=5))
    payable.refresh_from_db()
    assert unmet(payable) == ["account_age"]

    settings.ELIGIBLE_AFTER_DAYS = 5

    assert unmet(payable) == []


def test_followers_count_only_where_they_are_asked_for(
    payable: User, alice: User, mallory: User, settings: LazySettings
) -> None:
    Follow.objects.create(fan=alice, creator=payable)
    settings.ELIGIBLE_FOLLOWERS_MIN = 2
    assert unmet(payable) == ["followers"]

    Follow.objects.create(fan=mallory, creator=payable)

    assert unmet(payable) == []


# What is kept


def test_what_the_gate_said_is_kept_one_row_a_creator(payable: User) -> None:
    other, at = factories.make_creator("carol"), timezone.now()
    ids = [payable.pk, other.pk]

    for moment in (at, at + LATER):
        eligibility.store(eligibility.gate(creator_ids=ids, at=moment), at=moment)

    kept = {row.creator_id: row for row in EligibilityResult.objects.all()}
    assert {pk: row.is_eligible for pk, row in kept.items()} == {payable.pk: True, other.pk: False}
    assert kept[other.pk].unmet == "second_factor, identity, tax, account_age, destination"
    assert {row.evaluated_at for row in kept.values()} == {at + LATER}
    assert kept[payable.pk].lines == []  # in words only what is not met
    assert ", ".join(line["key"] for line in kept[other.pk].lines) == kept[other.pk].unmet
    assert kept[other.pk].lines[-1] == {
        "key": "destination",
        "title": "Where you are paid",
        "state": "todo",
        "reason": "We do not know where to pay you.",
        "is_waived": False,
    }


def test_keeping_costs_one_statement_however_many(payable: User) -> None:
    lines = eligibility.checklist(creator=payable, at=timezone.now())
    ids = [factories.make_creator(f"c{number}").pk for number in range(20)]

    with CaptureQueriesContext(connection) as queries:
        eligibility.store(dict.fromkeys(ids, lines), at=timezone.now())

    assert len(queries) == 1
    assert EligibilityResult.objects.count() == 20


# What staff let pass


def let(creator: User, by: User, **changes: object) -> EligibilityOverride:
    at = timezone.now()
    given = {
        "creator_id": creator.pk, "line": "holder", "reason": "The bank writes it so",
        "by_id": by.pk, "until": at + LATER, "at": at,
    }  # fmt: skip
    return overrides.let_pass(**(given | changes))  # type: ignore[arg-type]


def test_staff_let_a_line_pass_for_a_time_and_the_creator_is_told(
    payable: User, olga: User
) -> None:
    Destination.objects.filter(creator=payable).update(holder_name="B. Smith")
    assert unmet(payable) == ["holder"]

    made = let(payable, olga)

    assert unmet(payable) == []
    after = eligibility.checklist(creator=payable, at=made.until)
    assert [line.key for line in after if not line.is_met] == ["holder"]
    told = Notice.objects.get(user=payable, subject_key=f"override:{made.pk}")
    assert "The bank writes it so" in told.body


@pytest.mark.parametrize("line", [*EligibilityOverride.NEVER, "no such line"])
def test_what_nobody_may_let_pass_is_refused(payable: User, olga: User, line: str) -> None:
    with pytest.raises(overrides.NotOverridable):
        let(payable, olga, line=line)

    assert not EligibilityOverride.objects.exists()


@pytest.mark.parametrize("line", EligibilityOverride.NEVER)
def test_the_database_refuses_it_too(payable: User, olga: User, line: str) -> None:
    at = timezone.now()

    with pytest.raises(IntegrityError, match="override_never"), transaction.atomic():
        EligibilityOverride.objects.create(
            creator=payable, line=line, reason="Because", by=olga, until=at + LATER, made_at=at
        )


def test_nobody_lets_a_line_of_their_own_pass(olga: User) -> None:
    with pytest.raises(overrides.OwnOverride):
        let(olga, olga)
    at = timezone.now()
    with pytest.raises(IntegrityError, match="override_not_own"), transaction.atomic():
        EligibilityOverride.objects.create(
            creator=olga, line="tax", reason="Because", by=olga, until=at + LATER, made_at=at
        )

    assert not EligibilityOverride.objects.exists()


@pytest.mark.parametrize("days", [-1, 0, 91])
def test_an_override_ends_and_not_too_late(payable: User, olga: User, days: int) -> None:
    at = timezone.now()

    with pytest.raises(overrides.TooLong):
        let(payable, olga, at=at, until=at + timedelta(days=days))

    assert not EligibilityOverride.objects.exists()


def test_an_override_says_why(payable: User, olga: User) -> None:
    with pytest.raises(overrides.ReasonTooShort):
        let(payable, olga, reason="ok")


def test_a_new_override_takes_the_place_of_the_one_before(payable: User, olga: User) -> None:
    first, second = let(payable, olga), let(payable, olga, reason="Another reason now")

    first.refresh_from_db()
    assert (first.state, second.state) == ("ended", "in_force")


def test_an_override_can_be_ended_before_its_time(payable: User, olga: User) -> None:
    Destination.objects.filter(creator=payable).update(holder_name="B. Smith")
    made = let(payable, olga)

    overrides.end(override_id=made.pk, why="The bank corrected it", by_id=olga.pk,
                  at=timezone.now())  # fmt: skip

    assert unmet(payable) == ["holder"]


# The doors


def test_risk_lets_a_line_pass_in_the_back_office_and_finance_does_not(
    payable: User, client: Client
) -> None:
    at = timezone.now()
    eligibility.store(eligibility.gate(creator_ids=[payable.pk], at=at), at=at)
    here = f"/admin/payouts/eligibilityresult/{payable.pk}/"
    form = {
        "line": "tax", "reason": "The form is on its way",
        "until": (at + LATER).strftime("%Y-%m-%dT%H:%M"),
    }  # fmt: skip
    client.force_login(make_role("fred", "finance"))
    refused = client.post(f"{here}let/", form)
    client.force_login(make_role("rita", "risk"))

    shown = client.get(f"{here}change/").content.decode()
    done = client.post(f"{here}let/", form)
    never = client.post(f"{here}let/", form | {"line": "age"})

    assert (refused.status_code, done.status_code, never.status_code) == (403, 302, 200)
    assert "An account in your own name" in shown
    made = EligibilityOverride.objects.get()
    assert (made.line, made.by.handle) == ("tax", "rita")

    ask = {"action": "end", "_selected_action": made.pk}
    listed = "/admin/payouts/eligibilityoverride/"
    client.post(listed, ask)
    client.post(listed, ask | {"decide": "1", "why": "It has come"})
    made.refresh_from_db()
    assert made.state == "ended"


def test_services_read_the_checklist(payable: User) -> None:
    tipbot = services.service()

    answer = tipbot.get("/api/v1/creators/bob/eligibility").json()

    assert answer["eligible"] is True
    assert [line["key"] for line in answer["lines"]] == [
        "profile", "age", "country", "email", "second_factor", "identity", "tax", "account_age",
        "standing", "destination", "holder",
    ]  # fmt: skip
    assert answer["lines"][1] == {
        "key": "age", "title": "Age", "state": "done", "reason": "You are 18 or older.", "todo": "",
        "let_pass": False,
    }  # fmt: skip
    assert services.refused(tipbot.get("/api/v1/creators/nobody/eligibility"))[0] == 404


def test_every_line_of_a_new_creator_leads_to_where_it_is_put_right(
    bob: User, client: Client
) -> None:
    client.force_login(bob)

    page = client.get("/studio/").content.decode()

    for address in ("/me/identity/", "/studio/tax/", "/accounts/2fa/", "/studio/destination/"):
        assert f'href="{address}"' in page
    assert "We do not know yet who you are." in page


def test_nothing_is_paid_by_what_was_kept(payable: User) -> None:
    at = timezone.now()
    eligibility.store(eligibility.gate(creator_ids=[payable.pk], at=at), at=at)
    EligibilityResult.objects.update(is_eligible=True)
    Destination.objects.filter(creator=payable).update(blocked_why="Closed")

    assert not risk.is_eligible(eligibility.checklist(creator=payable, at=timezone.now()))
