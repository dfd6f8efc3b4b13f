"""A stand-in to ask, and a merchant that hears its events."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests import standin as programs

ORDER: Mapping[str, Any] = {
    "mode": "payment",
    "client_reference_id": "purchase-1",
    "customer_email": "alice@example.com",
    "metadata": {"purchase": "purchase-1"},
    "payment_intent_data": {"metadata": {"purchase": "purchase-1"}},
    "payment_method_types": ["card"],
    "success_url": "http://localhost:8000/back?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "http://localhost:8000/cancelled",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """One event as it came in."""

    body: bytes
    headers: Mapping[str, str]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(slots=True)
class Merchant:
    """A merchant's endpoint that writes down what it hears and answers as it was told."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def answer_next(self, *statuses: int) -> None:
        """Answer the next events with these; afterwards with 200."""
        self.answers[:] = statuses

    def kinds(self) -> list[str]:
        return [heard.event["type"] for heard in self.heard]


@contextmanager
def open_merchant(port: int = 0) -> Iterator[Merchant]:
    """Listen on loopback until the block ends."""
    merchant = Merchant()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            merchant.heard.append(Heard(body=body, headers=dict(self.headers)))
            self.send_response(merchant.answers.pop(0) if merchant.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    merchant.url = f"http://127.0.0.1:{server.server_port}/hooks/stripe/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield merchant
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    with open_merchant() as opened:
        yield opened


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[programs.Standin]:
    """A stand-in without a merchant's endpoint, shared by all tests that leave it as it was."""
    folder: Path = tmp_path_factory.mktemp("standin")
    with programs.running_standin(folder) as running:
        yield running


@pytest.fixture(scope="session")
def client(standin: programs.Standin) -> stripe.StripeClient:
    return standin.client()


@pytest.fixture(scope="session")
def open_session(client: stripe.StripeClient) -> Callable[..., Any]:
    """Open a session for 70 coins at US$7.40, or for what is asked."""

    def opener(**changes: Any) -> Any:
        return client.v1.checkout.sessions.create(order(**changes))  # type: ignore[arg-type]

    return opener


def order(
    *,
    amount_minor: int = 740,
    currency: str = "usd",
    name: str = "70 coins",
    quantity: int = 1,
    **changes: Any,
) -> dict[str, Any]:
    """Return the parameters of an order."""
    item = {
        "price_data": {
            "currency": currency,
            "unit_amount": amount_minor,
            "product_data": {"name": name},
        },
        "quantity": quantity,
    }
    return {**ORDER, "line_items": [item], **changes}


def leave_unfinished(book: Path, key: str, *, like: str) -> None:
    """Write the row of a request like another one's, begun and not answered."""
    with sqlite3.connect(book, timeout=10) as connection:
        connection.execute(
            "INSERT INTO standin_storedanswer (key, fingerprint, created_at, request_id, body)"
            " SELECT ?, fingerprint, created_at, 'req_first', ''"
            " FROM standin_storedanswer WHERE key = ?",
            (key, like),
        )
    connection.close()
