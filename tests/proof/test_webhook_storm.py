"""Webhooks permuted, tripled, lost, forged and mixed up: the two books end equal, by id.

The controls show that the comparison can fail: believing what a notice says credits what nobody
paid; crediting under anything but the purchase's own id credits twice.

In full: ``uv run pytest tests/proof/test_webhook_storm.py --full -s``.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connections, transaction

from tests.database import owner
from tests.proof import storm
from tests.standin import Standin, running_standin
from wallet import disputes, inbox, ledger, payments, providers, purchases, reconciliations
from wallet.models import Difference, Lot, ProviderEvent, Purchase
from wallet.providers.base import Payment, PaymentState

STRIPE = "wallet.providers.stripe.Stripe"


@pytest.fixture
def standin(committed: str, tmp_path: Path, settings: LazySettings) -> Iterator[Standin]:
    """A stand-in with a book of its own: the books are compared whole."""
    with running_standin(tmp_path) as running:
        settings.STRIPE_API_URL = running.url
        settings.STRIPE_API_KEY = running.api_key
        settings.STRIPE_WEBHOOK_SECRET = running.webhook_secret
        providers.load.cache_clear()
        yield running
        providers.load.cache_clear()


@contextmanager
def worker() -> Iterator[None]:
    """Act on what came in while more comes in, as the task does; then on all that is left."""
    over = threading.Event()
    problems: list[Exception] = []

    def work() -> None:
        try:
            while not over.wait(0.05):
                inbox.handle_provider_events(at=storm.now())
        except Exception as problem:  # noqa: BLE001 - raised again by the test's own thread
            problems.append(problem)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert problems == []
    while inbox.handle_provider_events(at=storm.now()):
        pass


def heal() -> int:
    """Sweep until every purchase was looked at, then reconcile; how many the sweep credited."""
    before = Lot.objects.count()
    later = storm.now() + timedelta(hours=1)
    while purchases.sweep_purchases(at=later):
        pass
    healed = Lot.objects.count() - before
    reconciliations.reconcile(provider=STRIPE, since=later - timedelta(days=1), until=later)
    return healed


@pytest.mark.proof
def test_after_a_storm_of_webhooks_the_books_are_equal_by_id(
    standin: Standin, proof_size: int
) -> None:
    began = time.monotonic()
    weather = storm.Storm(standin, count=20 if proof_size == 1 else 1_450)
    weather.happen()
    delivered_at = time.monotonic()

    with worker():
        answers = weather.deliver()
    told = time.monotonic()
    by_notice = Lot.objects.count()
    by_sweep = heal()

    paid = len(weather.bought) - len(weather.unpaid)
    print(  # noqa: T201 - the figure of a proof
        f"\nFIGURE storm purchases={len(weather.bought)} paid={paid} {dict(weather.made)}"
        f" stored={ProviderEvent.objects.count()} credited_by_notice={by_notice}"
        f" credited_by_sweep={by_sweep} made_s={delivered_at - began:.0f}"
        f" delivered_s={told - delivered_at:.0f} all_s={time.monotonic() - began:.0f}"
    )
    assert answers == {
        (False, 200): weather.made["deliveries"] - weather.made["forged"],
        (True, 400): weather.made["forged"],
    }
    assert storm.differences(standin) == []
    assert [str(one) for one in Difference.objects.all()] == []
    assert list(ledger.audit()) == []
    assert (by_notice + by_sweep, by_sweep > 0) == (paid, True)
    assert not ProviderEvent.objects.filter(handled_at=None).exists()
    assert ProviderEvent.objects.count() <= weather.made["events"] - weather.made["lost"]


@pytest.mark.proof
def test_believing_what_notices_say_credits_what_nobody_paid(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of asking the provider: the body of a notice is taken for the payment."""

    def believe(event: ProviderEvent, *, at: datetime) -> str:
        told = json.loads(event.body)["data"]["object"]
        purchase = Purchase.objects.get(checkout_ref=told["id"])
        payment = Payment(
            state=PaymentState.PAID,
            checkout_ref=told["id"],
            purchase_id=str(purchase.pk),
            amount_minor=told["amount_total"],
            currency=told["currency"].upper(),
            is_ours=True,
            payment_ref=told["payment_intent"],
        )
        payments._record_payment(purchase_id=purchase.pk, payment=payment, at=at)
        return payments._credit(purchase_id=purchase.pk, at=at).state

    monkeypatch.setattr(inbox, "_on_checkout", believe)
    weather = storm.Storm(standin, count=10)
    weather.happen()

    weather.deliver()
    while inbox.handle_provider_events(at=storm.now()):
        pass

    unpaid = {purchase.pk for purchase in weather.unpaid}
    assert Lot.objects.filter(purchase__in=unpaid).exists()
    assert storm.differences(standin) != []


@pytest.mark.proof
def test_crediting_a_notice_and_not_a_purchase_credits_twice(
    committed: str, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of once per payment: every notice credits under a new id, and no lot objects."""
    with owner(committed) as session:
        session.execute("ALTER TABLE ledger.lot DROP CONSTRAINT lot_purchase_id_key")

    def credit_anew(event: ProviderEvent, *, at: datetime) -> str:
        purchase = Purchase.objects.get(checkout_ref=event.object_ref)
        if providers.load(STRIPE).fetch(event.object_ref).state != PaymentState.PAID:
            return "Not paid"
        with transaction.atomic():
            ledger.buy(
                operation_id=ledger.new_operation_id(),
                buyer_id=purchase.buyer_id,
                purchase_id=purchase.pk,
                coins=purchase.coins,
                hold_class=5,
                currency=purchase.currency,
                gross_minor=purchase.gross_minor,
                tax_minor=purchase.tax_minor,
                fee_minor=0,
                memo={},
            ).check()
        return "Credited"

    monkeypatch.setattr(inbox, "_on_checkout", credit_anew)
    monkeypatch.setattr(inbox, "_on_refund", lambda event, *, at: "Not looked at")
    monkeypatch.setattr(disputes, "learn", lambda **_: "Not looked at")
    weather = storm.Storm(standin, count=10)
    weather.happen()

    weather.deliver()
    while inbox.handle_provider_events(at=storm.now()):
        pass
    for purchase in weather.bought:
        payments.settle_purchase(purchase_id=purchase.pk, at=storm.now())

    twice = Counter(Lot.objects.values_list("purchase", flat=True))
    assert max(twice.values()) > 1
    assert any(told.startswith("coins of") for told in storm.differences(standin))
