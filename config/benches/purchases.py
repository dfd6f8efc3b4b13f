"""From a webhook to coins: how many purchases a second, and how fast the door takes webhooks.

The payment company is the stand-in, a program of its own on the same machine, so what is measured
is all of it: its answers, our web server, two workers and the database. The workers do what the
task does, without the queue between.
"""

import contextlib
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import stripe
from django.conf import settings

from accounts.models import User
from config.benches import knocks, scratch
from config.benches.crediting import PROCESSES
from wallet.models import Purchase

PURCHASES_A_SECOND: Final = 40
FIRST_BUYER: Final = scratch.FIRST_PAYER
HOOK: Final = "/hooks/stripe/"
FLOOR: Final = "/bench/webhook/"

type Keys = dict[str, str]


def rates(name: str, seconds: int, progress: Callable[[str], None]) -> dict[str, float]:
    """Every figure of purchases, on a database that is migrated and seeded."""
    scratch.make_floor(name)
    keys = {
        "STRIPE_API_KEY": f"sk_test_{secrets.token_hex(16)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
        "ALLOW_STANDIN": "true",
    }
    with _standin(keys) as url:
        keys["STRIPE_API_URL"] = url
        progress("Buying and paying")
        count = PURCHASES_A_SECOND * seconds
        _make_buyers(count)
        _run(name, keys, "buy", count=count)
        with knocks.server(name, **keys) as port:
            progress("webhooks_per_s")
            figures = _doors(port, keys, seconds=seconds)
            progress("credited_per_s")
            return figures | _credited(name, port, keys, count=count)


def _doors(port: int, keys: Keys, *, seconds: int) -> dict[str, float]:
    """Webhooks a second that the door takes, each new, and that the floor takes."""
    event = next(one for one in _events(keys) if one["type"] == "checkout.session.completed")

    def asks(path: str) -> knocks.Asks:
        def ask() -> bytes:
            # Nothing of ours, so that what is stored here costs the workers nothing later.
            new = {"id": f"evt_{uuid.uuid4().hex}", "type": "customer.updated"}
            return _request(path, event | new, keys)

        return ask

    doors = {"webhooks_per_s": asks(HOOK), "webhook_floor_per_s": asks(FLOOR)}
    return knocks.rates(port, doors, seconds=seconds)


def _credited(name: str, port: int, keys: Keys, *, count: int) -> dict[str, float]:
    """Purchases a second from the first webhook until the last has its coins."""
    bodies = [_request(HOOK, event, keys) for event in _events(keys)]
    with contextlib.ExitStack() as running:
        workers = [running.enter_context(_worker(name, keys, count)) for _ in range(PROCESSES)]
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()  # it is ready
        began = time.monotonic()
        knocks.answer_all(port, bodies)
        said = [json.loads(worker.communicate()[0]) for worker in workers]
        took = time.monotonic() - began
    credited = Purchase.objects.filter(state=Purchase.State.CREDITED).count()
    if credited != count:
        raise knocks.Refused(f"{credited} of {count} purchases were credited.")
    spent = {key: 1000 * sum(one[key] for one in said) / count for key in said[0]}
    return {"credited_per_s": count / took} | spent


def _request(path: str, event: dict[str, Any], keys: Keys) -> bytes:
    """Write the POST of an event as the company would sign it now."""
    body, stamp = json.dumps(event), int(time.time())
    secret = keys["STRIPE_WEBHOOK_SECRET"].encode()
    signature = hmac.new(secret, f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={stamp},v1={signature}",
    }
    return knocks.request(path, headers=headers, content=body.encode())


def _events(keys: Keys) -> list[dict[str, Any]]:
    """All events of the company, oldest first."""
    client = stripe.StripeClient(
        keys["STRIPE_API_KEY"], base_addresses={"api": keys["STRIPE_API_URL"]}
    )
    found = client.v1.events.list({"limit": 100}).auto_paging_iter()
    return [event.to_dict() for event in found][::-1]


def _make_buyers(count: int) -> None:
    """One fan for each purchase: nobody's limit is met."""
    User.objects.bulk_create(
        User(
            pk=FIRST_BUYER + number,
            email=f"p{number}@bench.invalid",
            handle=f"p{number}",
            display_name=f"Person {number}",
            country="DE",
            birth_date=datetime(1990, 1, 1, tzinfo=UTC).date(),
            password="!",  # noqa: S106 - no password at all
        )
        for number in range(count)
    )


def _run(name: str, keys: Keys, deed: str, *, count: int) -> None:
    """Let the worker program do a deed, and wait for it."""
    subprocess.run(  # noqa: S603 - our own command
        _command(deed, count), env=scratch.environment(name) | keys, check=True
    )


@contextlib.contextmanager
def _worker(name: str, keys: Keys, count: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603 - our own command
        _command("credit", count),
        env=scratch.environment(name) | keys,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            yield worker
        finally:
            worker.terminate()


def _command(deed: str, count: int) -> list[str]:
    program = [sys.executable, "-m", "config.benches.crediting", deed]
    return [*program, "--first", str(FIRST_BUYER), "--count", str(count)]


@contextlib.contextmanager
def _standin(keys: Keys) -> Iterator[str]:
    """Run the stand-in with a book of its own; where it is asked. It delivers nothing itself."""
    with tempfile.TemporaryDirectory() as directory:
        given = {
            "STANDIN_BOOK": str(Path(directory) / "standin.sqlite3"),
            "STANDIN_WEBHOOK_URL": "",
            "STANDIN_API_KEY": keys["STRIPE_API_KEY"],
            "STANDIN_WEBHOOK_SECRET": keys["STRIPE_WEBHOOK_SECRET"],
            "STANDIN_BANK_KEY": secrets.token_hex(16),
            "STANDIN_WITH_PARENT": "1",
        }
        with subprocess.Popen(
            [sys.executable, "-m", "config.standin", "--port", "0"],
            env=scratch.environment("") | given,
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as program:
            try:
                assert program.stdout is not None
                said = program.stdout.readline()
                if not said:
                    raise knocks.Refused("The stand-in did not start.")
                yield str(json.loads(said)["url"])
            finally:
                program.terminate()
