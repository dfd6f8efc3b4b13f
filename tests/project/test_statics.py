"""Static files come with their headers, and nothing starts an event loop for a page."""

import asyncio
from typing import Any

import pytest
from django.test import Client

PATH = "/static/carat/base.css"


def test_a_file_is_answered_with_what_it_is(client: Client) -> None:
    answer = client.get(PATH)

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/css")
    assert answer["Cache-Control"]
    assert int(answer["Content-Length"]) == len(answer.getvalue())


def test_a_file_the_browser_has_is_not_sent_again(client: Client) -> None:
    seen = client.get(PATH)["Last-Modified"]

    answer = client.get(PATH, headers={"If-Modified-Since": seen})

    assert (answer.status_code, answer.content) == (304, b"")


def test_a_part_of_a_file_can_be_asked_for(client: Client) -> None:
    answer = client.get(PATH, headers={"Range": "bytes=0-9"})

    assert answer.status_code == 206
    assert len(answer.getvalue()) == 10
    answer.close()


def test_a_file_that_is_not_there_is_not_found(client: Client) -> None:
    assert client.get("/static/carat/nothing.css").status_code == 404
    assert client.get("/static/../config/settings.py").status_code == 404


def test_no_request_starts_an_event_loop(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def loop(*_: Any, **__: Any) -> Any:
        raise AssertionError("an event loop was started")

    monkeypatch.setattr(asyncio, "new_event_loop", loop)
    monkeypatch.setattr(asyncio.Runner, "run", loop)

    assert client.get("/livez").status_code == 200
    assert client.get(PATH).status_code == 200
