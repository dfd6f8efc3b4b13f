"""What every answer tells the browser: run our code alone, keep nothing private, frame us never."""

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from tests import factories

PAGES = ["/", "/help/", "/rates/", "/accounts/login/", "/accounts/signup/"]
PRIVATE = ["/me/", "/balance/", "/balance/history/", "/studio/", "/me/notifications/"]


def policy(header: str) -> dict[str, set[str]]:
    words = [part.split() for part in header.split(";") if part.strip()]
    return {name: set(sources) for name, *sources in words}


@pytest.mark.parametrize("path", [*PAGES, "/no/such/page/", "/livez"])
def test_pages_run_no_code_but_ours(path: str, db: None) -> None:
    found = policy(Client().get(path)["Content-Security-Policy"])

    assert found["default-src"] == {"'self'"}
    assert found["style-src"] == {"'self'"}
    assert found["object-src"] == found["base-uri"] == found["frame-ancestors"] == {"'none'"}
    assert found["form-action"] == {
        "'self'",
        settings.STRIPE_CHECKOUT_ORIGIN,
        settings.STRIPE_CONNECT_ORIGIN,
    }
    assert {s for s in found["script-src"] if not s.startswith("'nonce-")} == {"'self'"}
    assert "unsafe" not in str(found)


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/"])
def test_the_admin_has_the_same_policy(path: str, olga: User) -> None:
    client = Client()
    client.force_login(olga)

    response = client.get(path)

    assert response.status_code == 200
    assert "unsafe" not in response["Content-Security-Policy"]


@pytest.mark.parametrize("path", [*PRIVATE, "/"])
def test_pages_of_a_signed_in_person_are_kept_nowhere(path: str, alice: User) -> None:
    client = Client()
    client.force_login(alice)

    response = client.get(path)

    assert response.status_code == 200
    assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_framed_by_none_and_read_as_what_they_are(path: str, db: None) -> None:
    response = Client().get(path)

    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_cookies_stay_away_from_scripts_and_other_sites(alice: User) -> None:
    client = Client()
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})

    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
    assert client.cookies[settings.CSRF_COOKIE_NAME]["path"] == "/"


def test_a_form_without_its_token_is_refused(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    assert client.post("/me/").status_code == 403
