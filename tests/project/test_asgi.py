"""One ASGI server for everything: what it hands to the WSGI side is what came."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from a2wsgi import WSGIMiddleware

from config import asgi

type StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@pytest.fixture
def came(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the WSGI side was given by the last request."""
    given: dict[str, Any] = {}

    def pages(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        given.update(environ, body=environ["wsgi.input"].read())
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"one ", b"two"]

    monkeypatch.setattr(asgi, "pages", WSGIMiddleware(cast("Any", pages), workers=1))
    return given


def ask(*headers: tuple[bytes, bytes], parts: tuple[bytes, ...] = (b"",)) -> list[dict[str, Any]]:
    """Send one request to the whole site, its body in parts; what was answered."""
    answered: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": "POST", "http_version": "1.1", "scheme": "http",
        "path": "/gr\u00fc\u00dfe/", "query_string": b"a=1", "headers": list(headers),
        "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 4321),
    }  # fmt: skip

    async def talk() -> None:
        loop = asyncio.get_running_loop()
        waiting = list(parts)

        def receive() -> asyncio.Future[Any]:  # as granian's: awaitable, and no coroutine
            future = loop.create_future()
            body = waiting.pop(0)
            future.set_result({"type": "http.request", "body": body, "more_body": bool(waiting)})
            return future

        async def send(message: dict[str, Any]) -> None:
            answered.append(message)

        await asgi.application(scope, receive, send)

    asyncio.run(talk())
    return answered


def test_a_request_comes_whole_and_its_answer_goes_whole(came: dict[str, Any]) -> None:
    answered = ask((b"content-type", b"text/plain"), parts=(b"ab", b"", b"cd"))

    assert came["body"] == b"abcd"
    assert came["PATH_INFO"].encode("latin1").decode() == "/gr\u00fc\u00dfe/"
    assert (came["QUERY_STRING"], came["REMOTE_ADDR"]) == ("a=1", "127.0.0.1")
    assert answered[0]["status"] == 200
    assert b"".join(message.get("body", b"") for message in answered) == b"one two"


def test_a_header_with_an_underscore_passes_for_no_other(came: dict[str, Any]) -> None:
    ask((b"x_forwarded_for", b"6.6.6.6"), (b"x-forwarded-for", b"1.2.3.4"))

    assert came["HTTP_X_FORWARDED_FOR"] == "1.2.3.4"


def test_control_without_the_guard_the_two_are_taken_for_one(
    came: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "_unambiguous", lambda scope: scope)

    ask((b"x_forwarded_for", b"6.6.6.6"), (b"x-forwarded-for", b"1.2.3.4"))

    assert came["HTTP_X_FORWARDED_FOR"] == "6.6.6.6,1.2.3.4"
