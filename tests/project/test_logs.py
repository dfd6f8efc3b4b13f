"""What requests leave in the logs: what was asked for, and nothing of what was sent with it."""

import io
import json
import logging
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


def test_control_the_stock_middleware_logs_what_the_query_says(
    said: io.StringIO, client: Client, db: None, settings: LazySettings
) -> None:
    settings.MIDDLEWARE = [STOCK if name == OURS else name for name in settings.MIDDLEWARE]

    client.get("/livez?token=secret")

    assert "secret" in said.getvalue()
