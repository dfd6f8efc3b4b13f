"""The back office of people: a second factor, deeds with reasons, no way around them."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts import roles, services
from accounts.models import Notice, Standing, StateChange, Terms, User
from config import middleware
from tests.accounts.test_roles import make_role

CHANGE = {
    "handle": "alice",
    "display_name": "Alice",
    "country": "DE",
    "birth_date": "1990-05-17",
    "language": "en",
    "time_zone": "UTC",
    "kind": "personal",
    "why": "They sent us their passport.",
}


def without_second_factor(person: User) -> User:
    Authenticator.objects.filter(user=person).delete()
    return person


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/", "/admin/anything/"])
def test_staff_without_a_second_factor_get_no_admin(olga: User, client: Client, path: Any) -> None:
    client.force_login(without_second_factor(olga))

    answer = client.get(path)

    assert answer.headers["Location"] == "/accounts/2fa/"
    assert client.get("/me/").status_code == 200


def test_recovery_codes_alone_are_no_second_factor(olga: User, client: Client) -> None:
    Authenticator.objects.filter(user=olga).update(type=Authenticator.Type.RECOVERY_CODES)
    client.force_login(olga)

    assert client.get("/admin/").headers["Location"] == "/accounts/2fa/"


def test_staff_with_a_second_factor_get_the_admin(olga: User, client: Client) -> None:
    client.force_login(olga)

    assert client.get("/admin/").status_code == 200


def test_control_without_the_middleware_the_admin_opens(
    olga: User, client: Client, settings: Any
) -> None:
    ours = f"{middleware.__name__}.{middleware.StaffSecondFactorMiddleware.__name__}"
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != ours]
    assert ours not in settings.MIDDLEWARE

    client.force_login(without_second_factor(olga))

    assert client.get("/admin/").status_code == 200


def test_the_admin_is_not_for_fans(alice: User, client: Client) -> None:
    assert client.get("/admin/").status_code == 302
    client.force_login(alice)

    answer = client.get("/admin/accounts/user/")

    assert answer.status_code in (302, 403)


@pytest.mark.parametrize(
    "path",
    [
        "user", "creatorprofile", "statechange", "terms", "termsacceptance", "consent", "notice",
        "outboxevent",
    ],
)  # fmt: skip
def test_every_list_shows_with_rows_in_it(olga: User, bob: User, client: Client, path: Any) -> None:
    services.set_standing(
        user_id=bob.pk,
        to=Standing.RESTRICTED,
        why="A test",
        by_id=olga.pk,
        until=None,
        at=timezone.now(),
    )
    client.force_login(olga)

    assert client.get(f"/admin/accounts/{path}/").status_code == 200


def test_a_persons_page_shows_no_password_and_no_way_to_delete(
    olga: User, alice: User, client: Client
) -> None:
    client.force_login(olga)

    page = client.get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()

    assert alice.password not in page
    assert (
        "password"
        not in re.sub(r"<(nav|header).*?</\1>", "", page, flags=re.DOTALL)
        .replace("account_change_password", "")
        .replace("/password/change/", "")
        .lower()
        .split("<form", 2)[-1]
    )
    assert "deletelink" not in page
    assert (
        client.post(f"/admin/accounts/user/{alice.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    assert User.objects.filter(pk=alice.pk).exists()


def test_staff_correct_country_and_birth_date_and_the_edit_is_kept(
    alice: User, client: Client
) -> None:
    sam = make_role("sam", "support")
    client.force_login(sam)

    client.post(
        f"/admin/accounts/user/{alice.pk}/change/",
        CHANGE | {"country": "KR", "birth_date": "1991-01-01"},
    )

    alice.refresh_from_db()
    edit = (
        apps.get_model("accounts", "UserEdit").objects.filter(pgh_obj=alice).order_by("-pgh_id")[0]
    )
    assert (alice.country.code, alice.birth_date) == ("KR", date(1991, 1, 1))
    assert edit.country == "KR"
    assert edit.pgh_context.metadata == {"user": sam.pk, "why": "They sent us their passport."}
    assert not hasattr(edit, "password")


def test_standing_staff_and_roles_cannot_be_edited_as_fields(alice: User, client: Client) -> None:
    client.force_login(make_role("sam", "support"))
    risk = Group.objects.get(name="risk")

    client.post(
        f"/admin/accounts/user/{alice.pk}/change/",
        CHANGE
        | {
            "standing": "suspended", "is_staff": "on", "is_superuser": "on", "groups": [risk.pk],
            "email": "stolen@example.org", "is_creator": "on",
        },
    )  # fmt: skip

    alice.refresh_from_db()
    assert (alice.standing, alice.is_staff, alice.is_superuser) == ("good", False, False)
    assert (alice.email, alice.is_creator, alice.groups.count()) == ("alice@example.org", False, 0)


def test_support_cannot_edit_staff(olga: User, client: Client) -> None:
    sam = make_role("sam", "support")
    client.force_login(sam)

    for person in (sam, olga):
        answer = client.post(
            f"/admin/accounts/user/{person.pk}/change/",
            CHANGE | {"handle": person.handle, "display_name": "Boss", "is_superuser": "on"},
        )
        assert answer.status_code == 403

    sam.refresh_from_db()
    assert (sam.display_name, sam.is_superuser) == ("Sam", False)


def test_an_administrator_gives_a_role(olga: User, alice: User, client: Client) -> None:
    roles.sync()
    client.force_login(olga)

    client.post(
        f"/admin/accounts/user/{alice.pk}/change/",
        CHANGE | {"is_staff": "on", "groups": [Group.objects.get(name="auditor").pk]},
    )

    alice.refresh_from_db()
    assert (alice.is_staff, [group.name for group in alice.groups.all()]) == (True, ["auditor"])


def decide(client: Client, to: str, people: list[User], **form: str) -> Any:
    return client.post(
        "/admin/accounts/user/",
        {"action": f"make_{to}", "_selected_action": [person.pk for person in people], **form},
        follow=True,
    )


def test_a_suspension_shows_what_it_does_and_asks_for_the_reason_first(
    olga: User, alice: User, client: Client
) -> None:
    client.force_login(olga)

    page = decide(client, "suspended", [alice]).content.decode()
    empty = decide(client, "suspended", [alice], decide="1", reason="").content.decode()

    alice.refresh_from_db()
    assert "alice@example.org" in page
    assert "The person reads this" in page
    assert "This field is required" in empty
    assert alice.standing == Standing.GOOD


def test_a_suspension_is_done_for_each_person_with_reason_and_end(
    alice: User, bob: User, client: Client
) -> None:
    rita = make_role("rita", "risk")
    client.force_login(rita)

    page = decide(
        client,
        "suspended",
        [alice, bob, rita],
        decide="1",
        reason="Fraud ring",
        until="2099-01-01T00:00",
    )

    for person in (alice, bob, rita):
        person.refresh_from_db()
    change = StateChange.objects.get(subject_id=str(alice.pk))
    assert (alice.standing, bob.standing, rita.standing) == ("suspended", "suspended", "good")
    assert (change.by, change.why) == (rita, "Fraud ring")
    assert change.until == datetime(2099, 1, 1, tzinfo=UTC)
    assert Notice.objects.filter(body="Reason: Fraud ring").count() == 2
    assert "Nobody changes their own standing" in page.content.decode()


def test_an_end_that_has_passed_is_refused(olga: User, alice: User, client: Client) -> None:
    client.force_login(olga)

    page = decide(client, "restricted", [alice], decide="1", reason="x", until="2001-01-01T00:00")

    alice.refresh_from_db()
    assert "This moment has passed" in page.content.decode()
    assert alice.standing == Standing.GOOD


def test_terms_are_announced_and_never_edited(olga: User, alice: User, client: Client) -> None:
    client.force_login(olga)
    first = Terms.objects.get()

    client.post(
        "/admin/accounts/terms/add/",
        {"version": "2", "text": "New words", "effective_at": "2099-01-01 00:00"},
    )
    client.post(f"/admin/accounts/terms/{first.pk}/change/", {"text": "Rewritten"})

    alice.refresh_from_db()
    first.refresh_from_db()
    assert Terms.objects.get(version="2").text == "New words"
    assert alice.terms_due_at == datetime(2099, 1, 1, tzinfo=UTC)
    assert first.text != "Rewritten"


def test_terms_are_not_announced_by_who_may_not(db: None, client: Client) -> None:
    client.force_login(make_role("sam", "support"))

    answer = client.post(
        "/admin/accounts/terms/add/",
        {"version": "2", "text": "New", "effective_at": "2099-01-01 00:00"},
    )

    assert answer.status_code == 403
    assert Terms.objects.count() == 1


@pytest.mark.parametrize(
    "model", ["statechange", "consent", "notice", "outboxevent", "termsacceptance"]
)
def test_records_are_read_only_even_for_administrators(
    olga: User, client: Client, model: Any
) -> None:
    client.force_login(olga)

    assert client.get(f"/admin/accounts/{model}/add/").status_code == 403
    assert client.post(f"/admin/accounts/{model}/add/", {}).status_code == 403
