"""The API's frame: who is let in, how often, and how it says no."""

import importlib
import inspect
import pkgutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.core import context
from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.contrib.rest_framework.authentication import TokenAuthentication
from allauth.idp.oidc.models import Token
from django.db import connection
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework.test import APIClient

import accounts
import gifts
import payouts
import wallet
from accounts import valkey
from accounts.models import User
from config import api, api_urls
from config import refusals as listed
from tests import services

GIFTS = "/api/v1/gifts"
EXAMPLES = {"int": "1", "uuid": "01931f5e-1a2b-7c3d-8e4f-5a6b7c8d9e0f", "str": "alice"}


@pytest.fixture(autouse=True)
def _own_counts(settings: Any) -> Iterator[None]:
    valkey.client().flushdb()
    yield
    valkey.client.cache_clear()


def doors() -> list[tuple[str, str, Any]]:
    """Every method of every address under /api/v1/: method, path, door; the schema aside."""
    routes: list[Any] = api_urls.urlpatterns
    return [found for route in routes for found in _doors(route, "/api/v1/")]


def _doors(pattern: URLPattern | URLResolver, before: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(pattern, URLResolver):
        for inner in pattern.url_patterns:
            yield from _doors(inner, before + str(pattern.pattern))
        return
    if pattern.name == "api_schema":
        return
    path = before + str(pattern.pattern)
    for converter, example in EXAMPLES.items():
        while f"<{converter}:" in path:
            start = path.index(f"<{converter}:")
            path = path[:start] + example + path[path.index(">", start) + 1 :]
    door = pattern.callback.cls  # type: ignore[attr-defined]
    for method in ("get", "post", "put", "patch", "delete"):
        if hasattr(door, method):
            yield method, path, door


DOORS = [pytest.param(*found, id=f"{found[0]} {found[1]}") for found in doors()]


def allowed(rate: str, settings: Any) -> None:
    rates = {"DEFAULT_THROTTLE_RATES": {"service": rate}}
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | rates


# Who is let in


def test_a_service_signs_in_with_its_secret_and_reads(db: None) -> None:
    services.make_service()

    assert services.ask_token("tipbot", secret="a guess").status_code == 401
    assert services.caller(services.token()).get(GIFTS).status_code == 200


def test_a_service_gets_no_scope_that_it_was_not_given(db: None) -> None:
    services.make_service(scopes=("catalogue:read",))

    answer = services.ask_token("tipbot", ("catalogue:read", "gifts:send"))

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"


@pytest.mark.parametrize(("method", "path", "door"), DOORS)
def test_no_door_opens_without_a_token(db: None, method: str, path: str, door: Any) -> None:
    answer = getattr(APIClient(), method)(path)

    assert services.refused(answer) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "door"), DOORS)
def test_no_door_opens_without_its_scope(db: None, method: str, path: str, door: Any) -> None:
    needed = door.scopes[method.upper()]
    others = tuple(scope for scope in services.ALL if scope != needed)

    answer = getattr(services.service(scopes=others), method)(path)

    assert services.refused(answer) == (403, "scope_missing")
    assert needed in answer.json()["detail"]


def test_the_doors_name_scopes_that_services_can_have() -> None:
    named = {door.scopes[method.upper()] for method, _, door in doors()}

    assert named == set(get_adapter().scope_display) == set(services.ALL)


def test_a_door_that_names_no_scope_is_open_to_nobody(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = services.service()
    assert client.get(GIFTS).status_code == 200
    monkeypatch.setattr("gifts.api.Gifts.scopes", {})

    assert services.refused(client.get(GIFTS)) == (403, "scope_missing")


def test_a_signed_in_person_is_no_service(client: Browser, alice: User) -> None:
    client.force_login(alice)

    assert services.refused(client.get(GIFTS)) == (401, "not_authenticated")


def test_a_revoked_token_is_dead_at_once(db: None) -> None:
    client = services.service()
    assert client.get(GIFTS).status_code == 200
    Token.objects.all().delete()

    answer = client.get(GIFTS)

    assert services.refused(answer) == (401, "invalid_token")
    assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'


# The same tokens as allauth's own check


def make_token(value: str, **changes: Any) -> None:
    token = Token(type=Token.Type.ACCESS_TOKEN, client_id="tipbot", scopes="catalogue:read")
    for name, new in changes.items():
        setattr(token, name, new)
    token.set_value(value)
    token.save()


def ours(header: str) -> str | None:
    request = Request(RequestFactory().get(GIFTS, headers={"Authorization": header}))
    try:
        found = api.ServiceAuthentication().authenticate(request)
    except AuthenticationFailed:
        return None
    return found and found[1].client_id


def theirs(header: str) -> str | None:
    request = RequestFactory().get(GIFTS, headers={"Authorization": header})
    with context.request_context(request):
        try:
            found = TokenAuthentication().authenticate(request)
        except PermissionDenied:  # a token for another resource
            return None
        return found and found[1].client_id


NOW = timezone.now()
TOKENS: dict[str, tuple[dict[str, Any], bool]] = {
    "good": ({}, True),
    "not expired": ({"expires_at": NOW + timedelta(hours=1)}, True),
    "expired": ({"expires_at": NOW - timedelta(seconds=1)}, False),
    "refresh token": ({"type": Token.Type.REFRESH_TOKEN}, False),
    "initial token": ({"type": Token.Type.INITIAL_ACCESS_TOKEN}, False),
    "of no service": ({"client_id": None}, False),
    "for this site": ({"data": {"resources": ["http://testserver/api/"]}}, True),
    "for another": ({"data": {"resources": ["https://elsewhere.example/"]}}, False),
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_token_is_worth_what_allauth_says(db: None, case: str) -> None:
    changes, is_good = TOKENS[case]
    services.make_service()
    make_token("value", **changes)

    assert ours("Bearer value") == theirs("Bearer value") == ("tipbot" if is_good else None)


@pytest.mark.parametrize(
    ("header", "is_good"),
    [
        ("bearer value", True),
        ("Bearer  value", True),
        ("Bearer other", False),
        ("Bearer value more", False),
        ("Bearer", False),
        ("Basic value", False),
        ("value", False),
        ("", False),
    ],
)
def test_a_header_is_read_as_allauth_reads_it(db: None, header: str, is_good: bool) -> None:
    services.make_service()
    make_token("value")

    assert ours(header) == theirs(header) == ("tipbot" if is_good else None)


@pytest.mark.parametrize("is_active", [True, False])
def test_a_persons_token_lasts_as_long_as_the_person(alice: User, is_active: bool) -> None:
    services.make_service()
    make_token("value", user=alice)
    User.objects.update(is_active=is_active)

    assert ours("Bearer value") == theirs("Bearer value") == ("tipbot" if is_active else None)


def test_a_token_in_the_address_is_no_token(db: None) -> None:
    services.make_service()
    make_token("value")

    assert services.refused(APIClient().get(f"{GIFTS}?access_token=value"))[0] == 401


# How often


def knock_at_once(value: str, threads: int) -> list[int]:
    """Several connections ask at the same moment; the statuses, sorted."""
    start, answered = threading.Barrier(threads), []

    def knock() -> None:
        try:
            start.wait(timeout=10)
            answered.append(services.caller(value).get(GIFTS).status_code)
        finally:
            connection.close()

    knocking = [threading.Thread(target=knock) for _ in range(threads)]
    for thread in knocking:
        thread.start()
    for thread in knocking:
        thread.join(timeout=60)
    return sorted(answered)


def test_exactly_as_many_as_allowed_pass_at_once(committed: str, settings: Any) -> None:
    services.make_service()
    value = services.token()
    allowed("5/min", settings)

    assert knock_at_once(value, 12) == [200] * 5 + [429] * 7


def test_control_twelve_pass_when_twelve_may(committed: str, settings: Any) -> None:
    services.make_service()
    value = services.token()
    allowed("12/min", settings)

    assert knock_at_once(value, 12) == [200] * 12


def test_each_service_has_its_own_count_and_is_told_when_to_come_back(
    db: None, settings: Any
) -> None:
    tipbot, otherbot = services.service(), services.service("otherbot")
    allowed("1/min", settings)

    assert tipbot.get(GIFTS).status_code == 200
    answer = tipbot.get(GIFTS)
    assert services.refused(answer) == (429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert otherbot.get(GIFTS).status_code == 200


def test_without_valkey_everybody_passes(db: None, settings: Any) -> None:
    client = services.service()
    allowed("1/min", settings)
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    valkey.client.cache_clear()

    assert [client.get(GIFTS).status_code for _ in range(3)] == [200, 200, 200]


# How it says no


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/gifts", "/api/"])
def test_an_unknown_address_is_a_problem(db: None, path: str) -> None:
    assert services.refused(APIClient().get(path)) == (404, "not_found")


def test_a_pages_unknown_address_stays_a_page(client: Browser, db: None) -> None:
    answer = client.get("/nothing/")

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


def test_what_the_frame_refuses_is_a_problem(db: None) -> None:
    client = services.service()

    wrong_method = client.delete(GIFTS)
    assert services.refused(wrong_method) == (405, "method_not_allowed")
    assert wrong_method["Allow"] == "GET, HEAD, OPTIONS"
    assert services.refused(client.options(GIFTS)) == (405, "method_not_allowed")
    wrong_type = client.post("/api/v1/quotes", "coins=1", content_type="text/plain")
    assert services.refused(wrong_type) == (415, "unsupported_media_type")
    wrong_answer = client.get(GIFTS, headers={"Accept": "text/html"})
    assert services.refused(wrong_answer) == (406, "not_acceptable")
    assert client.head(GIFTS).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"coins": NaN}',
        b'{"coins": 1, "coins": 2}',
        b"\xff",
        b"[" * 60_000,
        b"1e999999",
    ],
)
def test_a_body_that_is_no_json_is_a_problem(db: None, body: bytes) -> None:
    answer = services.service().post("/api/v1/quotes", body, content_type="application/json")

    status, code = services.refused(answer)
    assert status == 400
    assert code in {"malformed", "invalid"}


@pytest.mark.parametrize("body", [[], 1, None, "x", True])
def test_a_body_that_is_no_object_is_a_problem(db: None, body: Any) -> None:
    answer = services.service().post("/api/v1/quotes", body)

    assert services.refused(answer)[0] == 400


def test_a_body_too_large_is_a_problem(db: None) -> None:
    answer = services.service().post("/api/v1/quotes", {"coins": "9" * 70_000})

    assert services.refused(answer) == (413, "body_too_large")


def test_an_unknown_field_is_named_even_when_it_cannot_be_printed(db: None) -> None:
    given = b'{"coins": 100, "region": "DE", "colour": 1, "\\ud800": 2}'

    answer = services.service().post("/api/v1/quotes", given, content_type="application/json")

    assert services.refused(answer) == (400, "invalid")
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [
        ("colour", "unknown_field"),
        ("?", "unknown_field"),
    ]


def test_an_unknown_query_is_refused(db: None) -> None:
    answer = services.service().get(f"{GIFTS}?colour=red")

    assert services.refused(answer) == (400, "invalid")


def test_a_failure_of_ours_tells_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the secret of the house")

    client = services.service()
    monkeypatch.setattr("gifts.queries.versions_in_force", fail)

    answer = client.get(GIFTS)

    assert services.refused(answer) == (500, "failed")
    assert "secret" not in answer.content.decode()


def refusals() -> Iterator[type[Exception]]:
    """Every refusal that a module of the domain defines, but the kinds of others and adapters'."""
    for package in (accounts, wallet, gifts, payouts):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if module.ispkg:
                continue
            loaded = importlib.import_module(module.name)
            found: Any
            for _, found in inspect.getmembers(loaded, inspect.isclass):
                is_own = issubclass(found, Exception) and found.__module__ == module.name
                if is_own and not found.__subclasses__() and not hasattr(found, "default_code"):
                    yield found


def test_every_refusal_of_the_domain_has_a_status_and_a_code_of_its_own() -> None:
    codes = [answer.code for answer in listed.REFUSALS.values()]

    assert set(refusals()) == set(listed.REFUSALS)
    assert len(codes) == len(set(codes))


def test_the_schema_is_served(db: None) -> None:
    answer = APIClient().get(
        "/api/v1/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}
    )

    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.1"
