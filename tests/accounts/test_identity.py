"""Who people are: one check at a time, decided by others, kept encrypted, told in words."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import encryption, identity, papers, queries
from accounts.models import IdentityCheck, Notice, StateChange, User
from accounts.providers import base, sandbox
from tests import factories
from tests.accounts.papers import let_see, see_all, sent_papers
from tests.standin import running_standin
from wallet import ledger

BORN = date(1990, 5, 17)
VERIFIED = base.Answer(outcome=base.Outcome.VERIFIED, name="Alicia Example", birth_date=BORN)


def asked(person: User, adapter: str = "sandbox") -> IdentityCheck:
    return identity.ask(
        check_id=ledger.new_operation_id(),
        person_id=person.pk,
        adapter=adapter,
        at=timezone.now(),
    )


def states_of(check: IdentityCheck) -> list[str]:
    rows = StateChange.objects.filter(subject_id=str(check.pk)).order_by("pk")
    return [row.after for row in rows]


def test_a_provider_answers_and_the_name_is_kept_encrypted(alice: User) -> None:
    check = identity.take_answer(check_id=asked(alice).pk, answer=VERIFIED, at=timezone.now())

    assert states_of(check) == ["submitted", "approved"]
    assert (check.verified_name, check.birth_date) == ("Alicia Example", BORN)
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_identitycheck::text FROM accounts_identitycheck")
        row = cursor.fetchone()[0]
    assert "alicia" not in row.lower()
    assert b"Alicia".hex() not in row
    told = Notice.objects.get(user=alice)
    assert (told.title, told.email_due) == ("Your identity is verified", True)


def test_a_name_moved_to_another_check_does_not_open(alice: User, bob: User) -> None:
    mine = identity.take_answer(check_id=asked(alice).pk, answer=VERIFIED, at=timezone.now())
    other = identity.take_answer(check_id=asked(bob).pk, answer=VERIFIED, at=timezone.now())

    other.name_sealed = mine.name_sealed

    with pytest.raises(encryption.CannotDecrypt):
        _ = other.verified_name


def test_the_same_answer_again_is_no_change(alice: User) -> None:
    check = asked(alice)
    for _ in range(2):
        identity.take_answer(check_id=check.pk, answer=VERIFIED, at=timezone.now())

    assert states_of(check) == ["submitted", "approved"]
    assert Notice.objects.filter(user=alice).count() == 1


def test_another_birth_date_than_the_profiles_is_declined_with_words(alice: User) -> None:
    other = base.Answer(
        outcome=base.Outcome.VERIFIED, name="Alicia Example", birth_date=date(1990, 5, 18)
    )

    check = identity.take_answer(check_id=asked(alice).pk, answer=other, at=timezone.now())

    assert (check.state, check.why) == ("declined", identity.OTHER_BIRTH_DATE)
    assert (check.verified_name, check.name_mark, check.birth_date) == ("", "", None)
    assert not queries.is_identity_verified(user_id=alice.pk)
    assert identity.OTHER_BIRTH_DATE in Notice.objects.get(user=alice).body


def test_one_check_at_a_time_and_none_once_verified(alice: User) -> None:
    first = asked(alice)
    assert asked(alice).pk == first.pk

    answer = base.Answer(outcome=base.Outcome.CHECKING)
    identity.take_answer(check_id=first.pk, answer=answer, at=timezone.now())
    with pytest.raises(identity.CheckUnderWay):
        asked(alice)
    identity.take_answer(check_id=first.pk, answer=VERIFIED, at=timezone.now())
    with pytest.raises(identity.AlreadyVerified):
        asked(alice)

    assert IdentityCheck.objects.filter(person=alice).count() == 1


def test_the_database_too_knows_one_check_in_force(alice: User) -> None:
    asked(alice)

    with pytest.raises(IntegrityError, match="identity_one_in_force"), transaction.atomic():
        IdentityCheck.objects.create(
            id=ledger.new_operation_id(), person=alice, adapter="manual", asked_at=timezone.now()
        )


def test_another_way_may_be_chosen_before_anything_was_sent(alice: User) -> None:
    first = asked(alice)
    second = asked(alice, "manual")

    first.refresh_from_db()
    assert (first.state, second.state) == ("expired", "asked")


def test_after_five_declined_tries_a_person_is_asked(alice: User) -> None:
    no = base.Answer(outcome=base.Outcome.DECLINED, why="Too dark to be read.")
    for _ in range(identity.TRIES_MAX):
        identity.take_answer(check_id=asked(alice).pk, answer=no, at=timezone.now())

    with pytest.raises(identity.TooManyTries):
        asked(alice)


def test_without_a_birth_date_there_is_nothing_to_compare(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(birth_date=None)

    with pytest.raises(identity.ProfileFirst):
        asked(alice)

    assert not IdentityCheck.objects.exists()


def test_what_nobody_goes_on_with_ends_by_itself(alice: User, bob: User) -> None:
    left, other = asked(alice), asked(bob)
    IdentityCheck.objects.filter(pk=other.pk).update(expires_at=timezone.now() + timedelta(days=99))

    identity.sweep(at=timezone.now() + identity.ASKED_FOR)

    left.refresh_from_db()
    other.refresh_from_db()
    assert (left.state, other.state) == ("expired", "asked")


# By our own staff


def test_staff_verify_what_they_have_seen(alice: User, olga: User) -> None:
    check = sent_papers(alice)
    let_see(check, by=olga, colleague=factories.make_staff("fred"))
    see_all(check, by=olga)

    done = identity.approve(
        check_id=check.pk, by_id=olga.pk, name="Alicia Example", birth_date=BORN, at=timezone.now()
    )

    assert (done.state, done.decided_by_id, done.verified_name) == (
        "approved",
        olga.pk,
        "Alicia Example",
    )


def test_nobody_approves_papers_they_have_not_looked_at(alice: User, olga: User) -> None:
    check = sent_papers(alice)
    let_see(check, by=olga, colleague=factories.make_staff("fred"))
    papers.look(paper_id=check.papers.get(kind="front").pk, by_id=olga.pk, at=timezone.now())

    with pytest.raises(identity.PapersNotSeen):
        identity.approve(
            check_id=check.pk, by_id=olga.pk, name="Alice", birth_date=BORN, at=timezone.now()
        )

    check.refresh_from_db()
    assert (check.state, check.name_mark) == ("submitted", "")


def test_nobody_decides_about_themselves(olga: User) -> None:
    check = sent_papers(olga)
    at = timezone.now()

    with pytest.raises(identity.OwnIdentity):
        identity.approve(check_id=check.pk, by_id=olga.pk, name="Olga", birth_date=BORN, at=at)
    with pytest.raises(identity.OwnIdentity):
        identity.decline(check_id=check.pk, by_id=olga.pk, why="No", at=at)

    check.refresh_from_db()
    assert check.state == "submitted"
    with pytest.raises(IntegrityError, match="identity_not_by_oneself"), transaction.atomic():
        IdentityCheck.objects.filter(pk=check.pk).update(decided_by=olga)


def test_a_decision_needs_words(alice: User, olga: User) -> None:
    check = sent_papers(alice)

    with pytest.raises(identity.NoReason):
        identity.decline(check_id=check.pk, by_id=olga.pk, why="  ", at=timezone.now())
    identity.decline(check_id=check.pk, by_id=olga.pk, why="The corners.", at=timezone.now())

    assert "The corners." in Notice.objects.get(user=alice).body


def test_staff_decide_only_what_was_sent_to_staff(alice: User, olga: User) -> None:
    check = asked(alice)
    identity.take_answer(
        check_id=check.pk, answer=base.Answer(outcome=base.Outcome.CHECKING), at=timezone.now()
    )

    with pytest.raises(identity.NotWaiting):
        identity.decline(check_id=check.pk, by_id=olga.pk, why="No", at=timezone.now())


def test_a_verification_can_be_ended_and_the_person_is_asked_again(alice: User, olga: User) -> None:
    check = factories.verify_identity(alice)

    identity.end(check_id=check.pk, by_id=olga.pk, why="You married.", at=timezone.now())

    assert not queries.is_identity_verified(user_id=alice.pk)
    assert asked(alice).state == "asked"
    assert Notice.objects.filter(user=alice, title="Please verify your identity again").exists()


# By the sandbox, a program of its own


def test_the_whole_way_through_the_sandbox(
    alice: User, tmp_path: Path, settings: LazySettings
) -> None:
    settings.IDENTITY_ADAPTERS = ["accounts.providers.sandbox.Sandbox"]
    with running_standin(tmp_path) as outside:
        settings.STANDIN_IDENTITY_URL = f"{outside.url}/identity/"
        settings.STANDIN_IDENTITY_KEY = outside.identity_key
        check = asked(alice)
        begun = identity.begin(check_id=check.pk, at=timezone.now())
        again = sandbox.Sandbox().start(
            reference=check.pk, return_url=f"{settings.SITE_URL}/me/identity/{check.pk}/back/"
        )
        waiting = identity.look_up(check_id=check.pk, at=timezone.now())
        sheet = outside.http.get(begun.provider_url)
        outside.http.post(
            begun.provider_url,
            data={"outcome": "verify", "name": "Alicia Example", "birth_date": "1990-05-17"},
        ).raise_for_status()
        identity.sweep(at=timezone.now() + timedelta(hours=1))

    check.refresh_from_db()
    assert again.provider_ref == begun.provider_ref  # begun once, however often it is asked
    assert waiting.state == "asked"
    assert "Full name on the paper" in sheet.text
    assert (check.state, check.verified_name) == ("approved", "Alicia Example")


def test_the_sandbox_is_asked_only_where_a_stand_in_is_allowed(
    alice: User, settings: LazySettings
) -> None:
    settings.IDENTITY_ADAPTERS = ["accounts.providers.sandbox.Sandbox"]
    settings.STANDIN_IDENTITY_URL = "http://127.0.0.1:9/identity/"
    settings.ALLOW_STANDIN = False
    check = asked(alice)

    with pytest.raises(identity.NotReachable) as refused:
        identity.begin(check_id=check.pk, at=timezone.now())

    assert "allowed" in str(refused.value.__cause__)
    check.refresh_from_db()
    assert (check.state, check.provider_url) == ("asked", "")


def test_a_provider_that_is_away_delays_and_loses_nothing(
    alice: User, settings: LazySettings
) -> None:
    settings.IDENTITY_ADAPTERS = ["accounts.providers.sandbox.Sandbox"]
    settings.STANDIN_IDENTITY_URL = "http://127.0.0.1:9/identity/"
    at = timezone.now()
    check = asked(alice)
    IdentityCheck.objects.filter(pk=check.pk).update(provider_ref="idc_1", look_at=at)

    identity.sweep(at=at)

    check.refresh_from_db()
    assert (check.state, check.look_at) == ("asked", at + identity.LOOK_AGAIN_AFTER)
