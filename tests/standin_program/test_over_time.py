"""The stand-in over time: a crash and a restart, keys that are forgotten, sessions that live."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import stripe

from tests import standin as programs
from tests.standin_program.conftest import leave_unfinished, open_merchant, order

CHECKS = ("integrity_check", "foreign_key_check")


@pytest.fixture(scope="module")
def unhurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[programs.Standin]:
    """A stand-in whose sessions live as long as real ones, and whose keys are soon forgotten."""
    folder = tmp_path_factory.mktemp("unhurried")
    with programs.running_standin(folder, session_min_s="1800", key_life_s="0.3") as running:
        yield running


def create(client: stripe.StripeClient, key: str, **changes: Any) -> Any:
    return client.v1.checkout.sessions.create(
        order(**changes),  # type: ignore[arg-type]
        {"idempotency_key": key},
    )


def send(standin: programs.Standin, reference: str) -> None:
    httpx.post(
        f"{standin.url}/bank/transfers",
        json={
            "reference": reference,
            "amount_minor": 12_345,
            "currency": "EUR",
            "account": "DE0012345678",
            "name": "Bob Creator",
        },
        headers={"Authorization": f"Bearer {standin.bank_key}"},
    ).raise_for_status()


def test_a_crash_loses_nothing_and_what_it_interrupted_goes_on(tmp_path: Path) -> None:
    with open_merchant() as merchant:
        url = merchant.url  # and nobody listens there from now on
    start = partial(
        programs.running_standin, tmp_path, webhook_url=url, slow_s="2", bank_delay_s="2"
    )
    with start() as standin:
        client = standin.client()
        paid = create(client, "answered")
        slow = create(client, "slow")
        standin.pay(paid.id)
        standin.pay(slow.id, "slow")
        send(standin, "payout-1")
        leave_unfinished(standin.book, "unanswered", like="answered")
        before = standin.whole_book()
        standin.kill()
    with closing(sqlite3.connect(standin.book)) as book:
        verdicts = [book.execute(f"PRAGMA {check}").fetchall() for check in CHECKS]

    with open_merchant(urlsplit(url).port or 0) as merchant, start() as standin:
        client = standin.client()
        kept = create(client, "answered")
        free = create(client, "unanswered")
        programs.eventually(lambda: standin.whole_book()["transfers"][0]["state"] == "paid")
        programs.eventually(lambda: len(merchant.heard) == 11)
        after = standin.whole_book()
        idle = httpx.Client(base_url=standin.url)
        idle.get("/")
        status = standin.stop()
        idle.close()
        with pytest.raises(httpx.ConnectError):
            httpx.get(standin.url)

    assert verdicts == [[("ok",)], []]
    assert (kept.id, kept.last_response.headers["idempotent-replayed"]) == (paid.id, "true")
    assert free.id not in {paid.id, slow.id}
    assert "idempotent-replayed" not in free.last_response.headers
    assert [row["status"] for row in before["payments"]] == ["succeeded", "processing"]
    assert after["payments"][0] == before["payments"][0]
    assert [row["status"] for row in after["payments"]] == ["succeeded", "succeeded"]
    assert len({heard.event["id"] for heard in merchant.heard}) == 11
    assert merchant.kinds().count("checkout.session.async_payment_succeeded") == 1
    assert status == 0
    assert (tmp_path / "standin.log").read_text() == ""


def test_a_session_lives_at_least_half_an_hour_as_at_the_real_company(
    unhurried: programs.Standin,
) -> None:
    client = unhurried.client()
    opened = create(client, "now")
    soon = opened.created + 1700

    with pytest.raises(stripe.InvalidRequestError) as refused:
        create(client, "too-soon", expires_at=soon)
    late = create(client, "late-enough", expires_at=soon + 200)

    assert refused.value.param == "expires_at"
    assert "at least 30 minutes" in str(refused.value)
    assert late.expires_at == soon + 200


def test_a_key_is_forgotten_after_its_life_and_then_opens_another_session(
    unhurried: programs.Standin,
) -> None:
    client = unhurried.client()
    first = create(client, "short-lived").id

    second = programs.eventually(
        lambda: (found := create(client, "short-lived").id) != first and found
    )

    assert client.v1.checkout.sessions.retrieve(first).status == "open"
    assert client.v1.checkout.sessions.retrieve(str(second)).status == "open"
