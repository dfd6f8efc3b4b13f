"""What requests leave in the logs: what was asked for, and nothing of what was sent with it."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.test import Client

from config import logs

OURS = "config.middleware.RequestLogMiddleware"
STOCK = "django_structlog.middlewares.RequestMiddleware"


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """Every line that any logger writes meanwhile, as the site writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.formatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.mark.parametrize("path", ["/livez", "/rates/", "/there-is-no-such-page/"])
def test_a_request_is_logged_without_its_query_string(
    path: str, said: io.StringIO, client: Client, db: None
) -> None:
    client.get(f"{path}?token=secret")

    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    asked = [(line["event"], line["request"]) for line in lines if "request" in line]
    assert asked == [("request_started", f"GET {path}"), ("request_finished", f"GET {path}")]
    assert "secret" not in said.getvalue()


@pytest.mark.parametrize(
    "path",
    ["/overlay/secret/", "/overlay/secret/now/", "/guardians/secret/"],
)
def test_a_key_in_an_address_is_left_out_whoever_logs_it(
    path: str, said: io.StringIO, client: Client, db: None
) -> None:
    client.get(path)

    masked = path.replace("secret", "[left out]")
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    requests = [line["request"] for line in lines if "request" in line]
    assert requests == [f"GET {masked}", f"GET {masked}"]
    assert f"Not Found: {masked}" in [line["event"] for line in lines]  # by Django itself
    assert "secret" not in said.getvalue()


def test_the_key_of_a_password_reset_is_left_out(
    said: io.StringIO, client: Client, db: None
) -> None:
    client.get("/accounts/password/reset/key/1-secret/")

    assert "GET /accounts/password/reset/key/[left out]/" in said.getvalue()
    assert "secret" not in said.getvalue()


def test_control_without_the_mask_the_key_is_in_the_log(
    said: io.StringIO, client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "KEYED_PATHS", re.compile("(nothing like it)"))

    client.get("/accounts/password/reset/key/1-secret/")

    assert "1-secret" in said.getvalue()


def test_control_the_stock_middleware_logs_what_the_query_says(
    said: io.StringIO, client: Client, db: None, settings: LazySettings
) -> None:
    settings.MIDDLEWARE = [STOCK if name == OURS else name for name in settings.MIDDLEWARE]

    client.get("/livez?token=secret")

    assert "secret" in said.getvalue()
