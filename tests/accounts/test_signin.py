"""Signing up, in and out: one page, a code by email, nobody learns who has an account."""

import re
import threading
from datetime import date
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.core import mail
from django.db import IntegrityError, connection
from django.test import Client
from django.utils import timezone

from accounts.models import OutboxEvent, Terms, TermsAcceptance, User
from tests import factories

CARA = {
    "email": "Cara@Example.org",
    "password1": "fourteen green frogs",
    "display_name": "Cara",
    "handle": "@Cara_1",
    "country": "KR",
    "birth_date": "1999-02-03",
    "accept_terms": "on",
}


def sign_up(client: Client, **changes: Any) -> Any:
    facts = CARA | {"terms_id": Terms.objects.latest("effective_at").pk} | changes
    return client.post("/accounts/signup/", {k: v for k, v in facts.items() if v is not None})


def code_in_mail() -> str:
    [code] = re.findall(r"^([A-Z0-9]{4}-[A-Z0-9]{4})$", str(mail.outbox[-1].body), re.MULTILINE)
    return str(code)


def sign_in_freshly(client: Client, person: User) -> None:
    client.post("/accounts/login/", {"login": person.email, "password": factories.PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})


def errors(answer: Any) -> dict[str, list[str]]:
    return {name: list(words) for name, words in answer.context["form"].errors.items()}


def test_signing_up_takes_one_page_and_a_code(db: None, client: Client) -> None:
    answer = sign_up(client)
    assert answer.headers["Location"] == "/accounts/confirm-email/"
    assert client.get("/me/").status_code == 302

    client.post("/accounts/confirm-email/", {"code": code_in_mail()})

    cara = User.objects.get()
    assert client.get("/me/").status_code == 200
    assert (cara.email, cara.handle, cara.display_name) == ("cara@example.org", "cara_1", "Cara")
    assert (cara.country.code, cara.birth_date) == ("KR", date(1999, 2, 3))
    assert (cara.language, cara.time_zone, cara.terms_due_at) == ("en", "Asia/Seoul", None)
    assert TermsAcceptance.objects.get().user == cara
    assert EmailAddress.objects.get().verified
    assert OutboxEvent.objects.get().name == "user.joined"


def test_the_browsers_language_and_time_zone_are_taken(db: None, client: Client) -> None:
    sign_up(client, time_zone="America/Lima")

    assert User.objects.get().time_zone == "America/Lima"


def test_a_time_zone_that_does_not_exist_is_not_taken(db: None, client: Client) -> None:
    sign_up(client, time_zone="Mars/Olympus")

    assert User.objects.get().time_zone == "Asia/Seoul"


def test_a_wrong_code_verifies_nothing(db: None, client: Client) -> None:
    sign_up(client)

    client.post("/accounts/confirm-email/", {"code": "AAA-AAA"})

    assert not EmailAddress.objects.get().verified
    assert client.get("/me/").status_code == 302


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"handle": "alice"}, "handle", "@alice is taken. Choose another handle."),
        ({"handle": "ALICE"}, "handle", "@alice is taken. Choose another handle."),
        ({"handle": "support"}, "handle", "@support is taken. Choose another handle."),
        ({"handle": "a b"}, "handle", "Use 3 to 24 small letters, digits or underscores."),
        ({"accept_terms": None}, "accept_terms", "An account needs your word"),
        ({"terms_id": 0}, "terms_id", "The terms have changed meanwhile."),
        ({"birth_date": "2020-01-01"}, "birth_date", "Carat is for people of 13 and over."),
        ({"birth_date": "2999-01-01"}, "birth_date", "This cannot be a date of birth."),
        ({"birth_date": "1800-01-01"}, "birth_date", "This cannot be a date of birth."),
        ({"country": "XX"}, "country", "XX"),
        ({"password1": "short"}, "password1", "at least 10 characters"),
        ({"password1": "cara@example.org"}, "password1", "too similar to the email"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(
    alice: User, client: Client, changes: Any, field: Any, words: Any
) -> None:
    answer = sign_up(client, **changes)

    assert words in " ".join(errors(answer)[field])
    assert User.objects.count() == 1
    assert mail.outbox == []


def test_signing_up_with_a_known_address_looks_the_same_and_tells_its_owner(
    alice: User, client: Client
) -> None:
    fresh = sign_up(Client())
    known = sign_up(client, email="ALICE@example.org", handle="somebody")

    assert (known.status_code, known.headers["Location"]) == (
        fresh.status_code,
        fresh.headers["Location"],
    )
    pages = [c.get("/accounts/confirm-email/").content.decode() for c in (client,)]
    assert "alice@example.org" in pages[0].lower()
    assert mail.outbox[-1].to == ["alice@example.org"]
    assert "You have an account already" in mail.outbox[-1].subject
    assert not User.objects.filter(handle="somebody").exists()


def test_a_wrong_password_and_an_unknown_address_are_told_alike(
    alice: User, client: Client
) -> None:
    known = client.post("/accounts/login/", {"login": alice.email, "password": "wrong"})
    unknown = client.post("/accounts/login/", {"login": "who@example.org", "password": "wrong"})

    assert errors(known) == errors(unknown)
    assert known.status_code == unknown.status_code == 200


def test_a_password_reset_looks_the_same_for_an_unknown_address(
    alice: User, client: Client
) -> None:
    known = client.post("/accounts/password/reset/", {"email": alice.email})
    unknown = client.post("/accounts/password/reset/", {"email": "who@example.org"})

    assert known.headers["Location"] == unknown.headers["Location"]
    assert [email.to for email in mail.outbox] == [["alice@example.org"], ["who@example.org"]]
    assert "no account" in mail.outbox[1].subject


def test_a_password_is_reset_by_a_link_that_works_once(alice: User, client: Client) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email})
    [link] = re.findall(r"http://testserver(\S+)", str(mail.outbox[0].body))

    form = client.get(link, follow=True)
    client.post(
        form.request["PATH_INFO"],
        {"password1": "a new long secret", "password2": "a new long secret"},
    )

    alice.refresh_from_db()
    assert alice.check_password("a new long secret")
    assert "Bad Token" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize("email", ["alice@example.org", "ALICE@Example.org", " alice@example.org "])
def test_people_sign_in_whatever_case_they_write_their_address_in(
    alice: User, client: Client, email: str
) -> None:
    client.post("/accounts/login/", {"login": email, "password": factories.PASSWORD})

    assert client.get("/me/").status_code == 200


def test_an_address_and_a_handle_are_unique_whatever_their_case(alice: User) -> None:
    with pytest.raises(IntegrityError, match="user_email_key"):
        User.objects.bulk_create([User(email="ALICE@example.org", handle="other")])


def test_a_handle_is_unique_whatever_its_case(alice: User) -> None:
    with pytest.raises(IntegrityError, match="user_handle_key"):
        User.objects.bulk_create([User(email="other@example.org", handle="ALICE")])


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/help/", "/help/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("http://localhost/", "/"),
    ],
)
def test_signing_in_leads_to_this_site_only(
    alice: User, client: Client, wanted: Any, reached: Any
) -> None:
    answer = client.post(
        "/accounts/login/",
        {"login": alice.email, "password": factories.PASSWORD, "next": wanted},
    )

    assert answer.headers["Location"] == reached


def test_five_wrong_passwords_close_the_door_for_a_while(alice: User, client: Client) -> None:
    for _ in range(5):
        client.post("/accounts/login/", {"login": alice.email, "password": "wrong"})

    answer = client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})

    assert "Too many tries" in answer.content.decode()
    assert client.get("/me/").status_code == 302


def test_the_second_factor_is_asked_for(alice: User, client: Client) -> None:
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})
    assert client.get("/me/").status_code == 302

    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert client.get("/me/").status_code == 302
    code = hotp_value(secret, next(iter(yield_hotp_counters_from_time())))
    client.post("/accounts/2fa/authenticate/", {"code": f"{code:06d}"})

    assert client.get("/me/").status_code == 200


def test_a_second_factor_is_set_up_with_recovery_codes(alice: User, client: Client) -> None:
    sign_in_freshly(client, alice)
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    code = hotp_value(secret, next(iter(yield_hotp_counters_from_time())))

    client.post("/accounts/2fa/totp/activate/", {"code": f"{code:06d}"})

    kinds = set(Authenticator.objects.filter(user=alice).values_list("type", flat=True))
    assert kinds == {"totp", "recovery_codes"}
    assert b"<svg" in page.content or b"data:image/svg+xml" in page.content


def test_other_sessions_are_listed_and_ended(alice: User, client: Client) -> None:
    phone = Client(headers={"user-agent": "A phone"})
    for browser in (client, phone):
        browser.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})
    assert b"A phone" in client.get("/accounts/sessions/").content

    client.post("/accounts/sessions/")

    assert UserSession.objects.count() == 1
    assert phone.get("/me/").status_code == 302
    assert client.get("/me/").status_code == 200


def test_one_other_session_is_ended_and_nobody_elses(
    alice: User, mallory: User, client: Client
) -> None:
    phone, tablet, attacker = Client(), Client(), Client()
    for browser in (client, phone, tablet):
        browser.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})
    attacker.force_login(mallory)
    ended = UserSession.objects.get(session_key=phone.session.session_key)

    assert attacker.post(f"/me/sessions/{ended.pk}/end/").status_code == 404
    assert Client().post(f"/me/sessions/{ended.pk}/end/").status_code == 302
    assert phone.get("/me/").status_code == 200
    client.post(f"/me/sessions/{ended.pk}/end/")

    assert [browser.get("/me/").status_code for browser in (client, phone, tablet)] == [
        200,
        302,
        200,
    ]


def test_two_who_want_the_same_handle_at_once_get_one_account_and_one_answer(
    committed: str,
) -> None:
    start, answers = threading.Barrier(2), []
    terms = Terms.objects.latest("effective_at").pk

    def join(email: str) -> None:
        try:
            browser = Client()
            start.wait(timeout=10)
            answers.append(
                browser.post("/accounts/signup/", CARA | {"email": email, "terms_id": terms})
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=join, args=(f"{name}@example.org",)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(answer.status_code for answer in answers) in ([200, 302], [302, 302])
    assert User.objects.count() == 1
    assert User.objects.get().joined_at <= timezone.now()


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/",
        "/accounts/password/reset/done/",
    ],
)  # fmt: skip
def test_the_entrance_pages_show_without_an_account(db: None, client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/email/", "/accounts/password/change/", "/accounts/2fa/",
        "/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/add/",
        "/accounts/sessions/", "/accounts/logout/", "/accounts/reauthenticate/",
    ],
)  # fmt: skip
def test_the_settings_pages_are_for_the_signed_in(alice: User, client: Client, path: str) -> None:
    assert client.get(path).status_code == 302

    sign_in_freshly(client, alice)
    answer = client.get(path)

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
