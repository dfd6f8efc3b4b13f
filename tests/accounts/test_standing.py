"""Standing: with reason, by whom, until when; each change a row; the suspended are out at once."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import events, services, states, tasks
from accounts.models import Notice, OutboxEvent, Standing, StateChange, User
from tests import factories
from tests.accounts.conftest import AT


def set_standing(person: User, to: str, by: User, until: Any = None) -> User:
    return services.set_standing(
        user_id=person.pk, to=to, why="Stolen card", by_id=by.pk, until=until, at=AT
    )


def test_a_change_of_standing_is_kept_told_and_published(alice: User, olga: User) -> None:
    until = AT + timedelta(days=3)

    changed = set_standing(alice, Standing.RESTRICTED, olga, until)

    alice.refresh_from_db()
    change = StateChange.objects.get()
    notice = Notice.objects.get()
    event = OutboxEvent.objects.get(name=events.STANDING_CHANGED)
    assert (alice.standing, alice.standing_until) == (Standing.RESTRICTED, until)
    assert changed.standing_until == until
    assert (change.why, change.by, change.until) == ("Stolen card", olga, until)
    assert (notice.user, notice.body, notice.email_due) == (alice, "Reason: Stolen card", True)
    assert event.payload == {"user_id": alice.pk, "before": "good", "after": "restricted"}


def test_the_same_standing_with_a_new_date_is_a_change_too(alice: User, olga: User) -> None:
    set_standing(alice, Standing.RESTRICTED, olga, AT + timedelta(days=3))
    set_standing(alice, Standing.RESTRICTED, olga, AT + timedelta(days=9))

    alice.refresh_from_db()
    assert alice.standing_until == AT + timedelta(days=9)
    assert StateChange.objects.count() == Notice.objects.count() == 2


def test_who_is_in_good_standing_cannot_be_returned_to_it(alice: User, olga: User) -> None:
    with pytest.raises(states.Refused):
        set_standing(alice, Standing.GOOD, olga)

    assert StateChange.objects.count() == OutboxEvent.objects.count() == 0


def test_nobody_changes_their_own_standing(olga: User) -> None:
    with pytest.raises(services.OwnStanding):
        set_standing(olga, Standing.RESTRICTED, olga)

    assert StateChange.objects.count() == 0


def test_staff_are_judged_by_administrators_only(olga: User) -> None:
    rita = factories.make_staff("rita", is_superuser=False)

    with pytest.raises(services.StaffStanding):
        set_standing(olga, Standing.SUSPENDED, rita)

    assert StateChange.objects.count() == 0
    assert set_standing(rita, Standing.SUSPENDED, olga).standing == Standing.SUSPENDED


def test_a_suspension_ends_every_session(alice: User, olga: User, client: Client) -> None:
    client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})
    phone = Client()
    phone.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})
    assert client.get("/me/").status_code == phone.get("/me/").status_code == 200
    assert UserSession.objects.filter(user=alice).count() == 2

    set_standing(alice, Standing.SUSPENDED, olga)

    assert UserSession.objects.filter(user=alice).count() == 0
    assert Session.objects.filter(pk=phone.session.session_key or "gone").count() == 0
    assert client.get("/me/").headers["Location"] == "/accounts/login/?next=/me/"
    assert phone.get("/me/").headers["Location"] == "/accounts/login/?next=/me/"


def test_a_session_that_was_not_ended_is_nobodys_either(alice: User, client: Client) -> None:
    client.force_login(alice)
    assert client.get("/me/").status_code == 200

    User.objects.filter(pk=alice.pk).update(standing=Standing.SUSPENDED)

    assert client.get("/me/").status_code == 302


def test_control_with_allauths_own_backend_the_session_goes_on(
    alice: User, client: Client, settings: Any
) -> None:
    theirs = "allauth.account.auth_backends.AuthenticationBackend"
    settings.AUTHENTICATION_BACKENDS = [theirs]
    client.force_login(alice, backend=theirs)

    User.objects.filter(pk=alice.pk).update(standing=Standing.SUSPENDED)

    assert client.get("/me/").status_code == 200


def test_the_suspended_read_why_when_they_sign_in(alice: User, olga: User, client: Client) -> None:
    set_standing(alice, Standing.SUSPENDED, olga, AT + timedelta(days=400))

    answer = client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})

    assert answer.status_code == 403
    assert "Reason: Stolen card" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_wrong_password_does_not_tell_that_the_account_is_suspended(
    alice: User, olga: User, client: Client
) -> None:
    set_standing(alice, Standing.SUSPENDED, olga)

    answer = client.post("/accounts/login/", {"login": alice.email, "password": "wrong password"})

    assert answer.status_code == 200
    assert "Stolen card" not in answer.content.decode()
    assert "Email or password is not right" in answer.content.decode()


def test_the_restricted_sign_in(alice: User, olga: User, client: Client) -> None:
    set_standing(alice, Standing.RESTRICTED, olga)

    answer = client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})

    assert answer.status_code == 302
    assert client.get("/me/").status_code == 200


def test_standings_end_at_their_time_and_not_before(alice: User, bob: User, olga: User) -> None:
    set_standing(alice, Standing.SUSPENDED, olga, AT + timedelta(days=1))
    set_standing(bob, Standing.RESTRICTED, olga)

    assert services.end_standings(at=AT + timedelta(hours=23)) == 0
    assert services.end_standings(at=AT + timedelta(days=1)) == 1
    assert services.end_standings(at=AT + timedelta(days=1)) == 0

    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.standing, alice.standing_until) == (Standing.GOOD, None)
    assert bob.standing == Standing.RESTRICTED
    assert StateChange.objects.latest("pk").why == services.STANDING_ENDED
    assert StateChange.objects.latest("pk").by is None


def test_the_task_ends_standings(alice: User, olga: User) -> None:
    set_standing(alice, Standing.RESTRICTED, olga, AT)

    tasks.end_standings.apply().get()

    alice.refresh_from_db()
    assert alice.standing == Standing.GOOD
