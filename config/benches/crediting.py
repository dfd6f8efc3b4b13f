"""The programs of the purchase bench: ``buy`` opens purchases and pays, ``credit`` is a worker.

A worker says when it is ready, acts on notices until every purchase has its coins, and prints the
seconds it spent waiting for the company's answers, in statements of the database, and on the rest.
"""

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import django

PROCESSES: Final = 2
BUYING: Final = 4
COINS: Final = 700
STRIPE: Final = "wallet.providers.stripe.Stripe"
GIVE_UP_S: Final = 120.0


def buy(first: int, count: int) -> None:
    """Open a purchase for each buyer, and pay it at the stand-in."""
    import httpx  # noqa: PLC0415 - Django is set up only now
    from django.conf import settings  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from wallet import ledger, purchases  # noqa: PLC0415

    key = {"Authorization": f"Bearer {settings.STRIPE_API_KEY}"}

    def one(user: User) -> None:
        purchase = purchases.start_purchase(
            purchase_id=ledger.new_operation_id(),
            user=user,
            coins=COINS,
            method_code="card",
            evidence={"address": "DE"},
            at=datetime.now(UTC),
        )
        asked = {"session": purchase.checkout_ref, "card": "visa"}
        company.post("/standin/pay", json=asked).raise_for_status()
        connection.close()

    with (
        httpx.Client(base_url=settings.STRIPE_API_URL, headers=key, timeout=60) as company,
        ThreadPoolExecutor(BUYING) as threads,
    ):
        list(threads.map(one, User.objects.filter(pk__gte=first, pk__lt=first + count)))


def credit(_first: int, count: int) -> None:
    """Act on notices as the task does, until that many purchases have their coins."""
    from django.db import connection  # noqa: PLC0415

    from wallet import inbox, providers  # noqa: PLC0415
    from wallet.models import Purchase  # noqa: PLC0415

    spent = {"fetch_ms": 0.0, "statements_ms": 0.0}
    adapter = providers.load(STRIPE)
    fetch = adapter.fetch

    def clocked(checkout_ref: str) -> Any:
        began = time.perf_counter()
        try:
            return fetch(checkout_ref)
        finally:
            spent["fetch_ms"] += time.perf_counter() - began

    def statement(execute: Any, *asked: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*asked)
        finally:
            spent["statements_ms"] += time.perf_counter() - began

    adapter.fetch = clocked  # type: ignore[method-assign]
    credited = Purchase.objects.filter(state=Purchase.State.CREDITED)
    credited.count()
    print("ready", flush=True)  # noqa: T201 - the bench waits for it
    worked, gives_up = 0.0, time.monotonic() + GIVE_UP_S
    while time.monotonic() < gives_up:
        began = time.perf_counter()
        with connection.execute_wrapper(statement):
            handled = inbox.handle_provider_events(at=datetime.now(UTC))
        worked += time.perf_counter() - began
        if not handled:
            if credited.count() == count:
                break
            time.sleep(0.005)
    rest = worked - spent["fetch_ms"] - spent["statements_ms"]
    print(json.dumps({**spent, "rest_ms": rest}))  # noqa: T201 - its answer, in seconds


def main() -> None:
    deeds = {"buy": buy, "credit": credit}
    parser = argparse.ArgumentParser()
    parser.add_argument("deed", choices=deeds)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    deeds[options.deed](options.first, options.count)


if __name__ == "__main__":
    main()
