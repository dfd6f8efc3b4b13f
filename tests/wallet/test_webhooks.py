"""What a payment company tells us: true, repeated, shuffled, lost, late or forged."""

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest
import stripe
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.db import connection, connections, transaction
from django.test import Client
from django.test.testcases import LiveServerThread, _MediaFilesHandler

from accounts.models import Notice, OutboxEvent, User
from tests import factories
from tests.standin import WEBHOOK_SECRET, Standin, eventually, running_standin
from wallet import inbox, ledger, payments, providers, purchases, queries
from wallet.models import Lot, Operation, PaymentMethod, ProviderEvent, Purchase
from wallet.providers.base import Checkout, Order, Unavailable
from wallet.providers.stripe import Stripe

HOOK = "/hooks/stripe/"


def now() -> datetime:
    return datetime.now(UTC)


def start(user: User, **asked: Any) -> Purchase:
    facts: dict[str, Any] = {
        "coins": 700,
        "purchase_id": ledger.new_operation_id(),
        "evidence": {"address": str(user.country)},
    }
    return purchases.start_purchase(user=user, method_code="card", at=now(), **(facts | asked))


def notices(standin: Standin, purchase: Purchase) -> list[str]:
    """The bodies of all events of a purchase, first to last, as the stand-in would post them."""
    events = standin.client().v1.events.list({"limit": 100}).data
    ours = [
        event.to_dict()
        for event in reversed(events)
        if (event.data.object.to_dict().get("metadata") or {}).get("purchase") == str(purchase.pk)
    ]
    return [json.dumps(event) for event in ours]


def ring(
    client: Client,
    body: str,
    *,
    secret: str = WEBHOOK_SECRET,
    ahead_s: int = 0,
    **extra: Any,
) -> Any:
    stamp = int(time.time()) + ahead_s
    header = stripe.WebhookSignature.generate_signature_header(body, secret, stamp)
    return client.post(
        HOOK, body, content_type="application/json", headers={"Stripe-Signature": header}, **extra
    )


@pytest.fixture
def paid(standin: Standin, alice: User) -> Purchase:
    """A purchase that is paid at the provider; nobody has told us yet."""
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)
    return purchase


def test_a_notice_is_stored_answered_and_acted_on_later(
    client: Client, standin: Standin, paid: Purchase
) -> None:
    body = notices(standin, paid)[-1]

    answer = ring(client, body)

    assert answer.status_code == 200
    event = ProviderEvent.objects.get()
    assert (event.kind, event.object_ref) == ("checkout.session.completed", paid.checkout_ref)
    assert event.body == body
    assert OutboxEvent.objects.filter(name="provider.notified").count() == 1
    assert Purchase.objects.get().state == "pending"  # nothing is believed at the door
    assert inbox.handle_provider_events(at=now()) == 1
    event.refresh_from_db()
    assert event.outcome == f"Purchase {paid.pk}: credited"
    assert queries.coins(user_id=paid.buyer_id) == 700


def test_a_notice_that_comes_five_times_is_stored_and_acted_on_once(
    client: Client, standin: Standin, paid: Purchase
) -> None:
    body = notices(standin, paid)[-1]

    for _ in range(5):
        assert ring(client, body).status_code == 200
        inbox.handle_provider_events(at=now())

    assert ProviderEvent.objects.count() == 1
    assert queries.coins(user_id=paid.buyer_id) == 700
    assert Notice.objects.filter(user=paid.buyer).count() == 1


@pytest.mark.parametrize("seed", range(6))
def test_the_events_of_one_payment_end_the_same_in_any_order(
    client: Client, standin: Standin, paid: Purchase, seed: int
) -> None:
    bodies = notices(standin, paid)
    assert len(bodies) == 4  # the intent twice, the charge, the session
    random.Random(seed).shuffle(bodies)

    for body in bodies:
        ring(client, body)
        inbox.handle_provider_events(at=now())

    assert queries.coins(user_id=paid.buyer_id) == 700
    assert Lot.objects.count() == 1
    assert not ProviderEvent.objects.filter(handled_at=None).exists()


def test_a_notice_that_tells_of_money_that_is_not_there_credits_nothing(
    client: Client, standin: Standin, alice: User, mallory: User
) -> None:
    """Even a rightly signed body is only a doorbell: what counts is what is fetched."""
    unpaid, paid = start(alice), start(mallory)
    standin.pay(paid.checkout_ref)
    event = json.loads(notices(standin, paid)[-1])
    event["data"]["object"]["id"] = unpaid.checkout_ref

    ring(client, json.dumps(event))
    inbox.handle_provider_events(at=now())

    assert queries.coins(user_id=alice.pk) == 0
    assert Purchase.objects.get(pk=unpaid.pk).state == "pending"


@pytest.mark.parametrize(
    ("forgery", "status"),
    [
        ({"secret": "whsec_of_somebody_else_0123456789"}, 400),
        ({"ahead_s": -301}, 400),
        ({"ahead_s": 600}, 400),
        ({"ahead_s": 10 * 365 * 86400}, 400),
    ],
)
def test_a_forged_old_or_future_notice_is_refused_and_not_stored(
    client: Client, standin: Standin, paid: Purchase, forgery: dict[str, Any], status: int
) -> None:
    assert ring(client, notices(standin, paid)[-1], **forgery).status_code == status

    assert not ProviderEvent.objects.exists()
    assert Purchase.objects.get().state == "pending"


def test_the_library_alone_would_take_a_signature_from_the_future() -> None:
    """The control of the test above: without our own look at the date it would pass."""
    header = stripe.WebhookSignature.generate_signature_header("{}", WEBHOOK_SECRET, 4_000_000_000)

    assert stripe.WebhookSignature.verify_header("{}", header, WEBHOOK_SECRET, 300)


@pytest.mark.parametrize(
    "header", ["", "t=1", "v1=abc", "t=x,v1=abc", "t=,v1=", "t=1=2,v1=a,v1=b", "\x00"]
)
def test_a_malformed_signature_is_refused(client: Client, standin: Standin, header: str) -> None:
    answer = client.post(
        HOOK, "{}", content_type="application/json", headers={"Stripe-Signature": header}
    )

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{}",
        "not json",
        '{"id": "evt_1"}',
        '{"id":1,"type":2,"data":3,"livemode":false}',
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(
    client: Client, standin: Standin, db: None, body: str
) -> None:
    assert ring(client, body).status_code == 400
    assert not ProviderEvent.objects.exists()


def test_a_body_that_is_not_text_is_refused(client: Client, standin: Standin) -> None:
    answer = client.post(
        HOOK, b"\xff\xfe", content_type="application/json", headers={"Stripe-Signature": "t=1,v1=a"}
    )

    assert answer.status_code == 400


def test_a_notice_of_the_other_mode_is_refused(
    client: Client, standin: Standin, paid: Purchase
) -> None:
    event = json.loads(notices(standin, paid)[-1]) | {"livemode": True}

    assert ring(client, json.dumps(event)).status_code == 400
    assert not ProviderEvent.objects.exists()


def test_a_body_past_the_limit_is_refused_unread(client: Client, standin: Standin) -> None:
    assert ring(client, " " * (256 * 1024 + 1)).status_code == 413


def test_an_empty_secret_verifies_nothing(
    client: Client, standin: Standin, paid: Purchase, settings: LazySettings
) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""

    assert ring(client, notices(standin, paid)[-1], secret="").status_code == 400


def test_only_posts_are_taken(client: Client, db: None) -> None:
    assert client.get(HOOK).status_code == 405


def test_notices_wait_while_the_provider_is_away(
    client: Client, standin: Standin, paid: Purchase, settings: LazySettings
) -> None:
    ring(client, notices(standin, paid)[-1])
    settings.STRIPE_API_URL = "http://127.0.0.1:9"
    providers.load.cache_clear()
    assert inbox.handle_provider_events(at=now()) == 0
    assert ProviderEvent.objects.filter(handled_at=None).count() == 1

    settings.STRIPE_API_URL = standin.url
    providers.load.cache_clear()
    assert inbox.handle_provider_events(at=now()) == 1

    assert queries.coins(user_id=paid.buyer_id) == 700


class LosesEveryAnswer(Stripe):
    """The real adapter, whose pages open without us ever hearing of them."""

    def start_checkout(self, order: Order) -> Checkout:
        super().start_checkout(order)
        raise Unavailable("The line was lost.")


def test_a_payment_on_a_page_we_never_heard_of_is_credited_by_its_notice(
    client: Client, standin: Standin, alice: User
) -> None:
    purchase_id = ledger.new_operation_id()
    PaymentMethod.objects.update(provider="tests.wallet.test_webhooks.LosesEveryAnswer")
    with pytest.raises(purchases.CheckoutUnavailable):
        start(alice, purchase_id=purchase_id)
    PaymentMethod.objects.update(provider="wallet.providers.stripe.Stripe")
    session = standin.client().v1.checkout.sessions.list({"limit": 1}).data[0]
    assert session.to_dict()["metadata"] == {"purchase": str(purchase_id)}
    standin.pay(session.id)

    ring(client, notices(standin, Purchase.objects.get())[-1])
    inbox.handle_provider_events(at=now())

    assert Purchase.objects.get().state == "credited"
    assert queries.coins(user_id=alice.pk) == 700


# What only real commits show.


def everybody(deed: Any, *, times: int) -> list[Any]:
    """Run a deed in so many threads that start at once, each with connections of its own."""
    together = Barrier(times)

    def one(_: int) -> Any:
        together.wait()
        try:
            return deed()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_webhook_return_page_and_sweep_at_once_credit_once(
    committed: str, standin: Standin
) -> None:
    alice = factories.make_user("alice")
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)
    body = notices(standin, purchase)[-1]

    def deed() -> None:
        assert ring(Client(), body).status_code == 200
        inbox.handle_provider_events(at=now())
        payments.settle_purchase(purchase_id=purchase.pk, at=now())

    everybody(deed, times=8)

    assert queries.coins(user_id=alice.pk) == 700
    assert (ProviderEvent.objects.count(), Lot.objects.count(), Operation.objects.count()) == (
        1,
        1,
        1,
    )
    assert Notice.objects.filter(user=alice).count() == 1
    assert OutboxEvent.objects.filter(name="purchase.credited").count() == 1
    assert ledger.audit() == []


def test_a_form_sent_by_many_fingers_makes_one_purchase(committed: str, standin: Standin) -> None:
    alice = factories.make_user("alice")
    purchase_id = ledger.new_operation_id()

    started = everybody(lambda: start(alice, purchase_id=purchase_id), times=6)

    assert Purchase.objects.count() == 1
    assert {purchase.checkout_ref for purchase in started} == {Purchase.objects.get().checkout_ref}


def test_two_purchases_cannot_be_credited_by_one_payment(committed: str, standin: Standin) -> None:
    """Control: with the constraint dropped in this scratch database, the payment credits twice."""
    alice = factories.make_user("alice")
    first, second = start(alice), start(alice)
    standin.pay(first.checkout_ref)
    payments.settle_purchase(purchase_id=first.pk, at=now())
    payment = providers.load("wallet.providers.stripe.Stripe").fetch(first.checkout_ref)

    with pytest.raises(payments.PaymentDiffers, match="paid another purchase"):
        payments._record_payment(purchase_id=second.pk, payment=payment, at=now())
    assert Purchase.objects.get(pk=second.pk).state == "pending"
    with owner(committed) as server:
        server.execute("DROP INDEX purchase_payment_key")
    payments._record_payment(purchase_id=second.pk, payment=payment, at=now())
    payments._credit(purchase_id=second.pk, at=now())

    assert queries.coins(user_id=alice.pk) == 1400


def test_a_lot_keeps_a_purchase_from_being_credited_under_another_operation(committed: str) -> None:
    """Control: with the lot's constraint dropped in this scratch database, coins double."""
    alice = factories.make_user("alice")
    purchase_id = ledger.new_operation_id()
    facts: dict[str, Any] = {
        "buyer_id": alice.pk, "purchase_id": purchase_id, "coins": 700, "hold_class": 5,
        "currency": "EUR", "gross_minor": 840, "tax_minor": 134, "fee_minor": 54, "memo": {},
    }  # fmt: skip
    with transaction.atomic():
        ledger.buy(operation_id=purchase_id, **facts)

    with pytest.raises(Exception, match="lot_purchase_id_key"), transaction.atomic():
        ledger.buy(operation_id=ledger.new_operation_id(), **facts)
    with owner(committed) as server:
        server.execute("ALTER TABLE ledger.lot DROP CONSTRAINT lot_purchase_id_key")
    with transaction.atomic():
        ledger.buy(operation_id=ledger.new_operation_id(), **facts)

    assert queries.coins(user_id=alice.pk) == 1400


@contextmanager
def owner(database: str) -> Iterator[psycopg.Connection[Any]]:
    """The scratch database as the owner of its tables."""
    connection.close()
    login = django_settings.DATABASE_OWNER
    with psycopg.connect(
        host=login["HOST"],
        port=login["PORT"] or None,
        user=login["USER"],
        dbname=database,
        autocommit=True,
    ) as server:
        yield server


@pytest.fixture
def site(committed: str) -> Iterator[str]:
    """Carat behind a real socket, on the scratch database."""
    thread = LiveServerThread("127.0.0.1", _MediaFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    assert thread.error is None
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()


def test_deliveries_of_the_real_program_doubled_and_shuffled_credit_each_payment_once(
    site: str, tmp_path: Path, settings: LazySettings
) -> None:
    alice = factories.make_user("alice")
    with running_standin(tmp_path, webhook_url=f"{site}{HOOK}") as standin:
        settings.STRIPE_API_URL = standin.url
        settings.STRIPE_API_KEY = standin.api_key
        settings.STRIPE_WEBHOOK_SECRET = standin.webhook_secret
        providers.load.cache_clear()
        standin.deliver(mode="hold", copies=5)
        bought = [start(alice, coins=700 + n) for n in range(3)]
        for purchase, card in zip(bought, ("visa", "challenge", "declined"), strict=True):
            standin.pay(purchase.checkout_ref, card, challenge="approve")

        tries = standin.flush(reorder_seed=7)
        handled = eventually(lambda: inbox.handle_provider_events(at=now()))
        providers.load.cache_clear()

    assert {tried["status"] for tried in tries} == {200}
    assert len(tries) == 5 * handled
    states = [Purchase.objects.get(pk=purchase.pk).state for purchase in bought]
    assert states == ["credited", "credited", "pending"]
    assert queries.coins(user_id=alice.pk) == 700 + 701
    assert ledger.audit() == []
