"""Buyers whom payment companies are to forget: through the erasure, and the real stand-in."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client

from accounts.models import Closure, OutboxEvent, User
from config import leaving, queues, relay
from tests import factories
from tests.accounts.test_roles import make_role
from tests.project.test_leaving import closed_long_ago
from tests.standin import Standin
from tests.wallet.test_purchases import STRIPE, now, settle, start
from wallet import customers, providers, queries
from wallet.models import CustomerToForget, Lot, PaymentMethod, Purchase, Transfer
from wallet.providers.stripe import Stripe

LATER = customers.ASK_PAUSE + timedelta(seconds=1)


class NoTransaction(Stripe):
    """The real adapter, which is asked while no transaction is open."""

    def forget(self, customer_ref: str) -> None:
        assert not connection.in_atomic_block
        super().forget(customer_ref)


@pytest.fixture
def fan(standin: Standin, committed: str) -> User:
    """A fan whom the company knows, with their card, by one purchase of two."""
    alice = factories.make_user("alice")
    for saves in (True, False):
        purchase = start(alice)
        standin.pay(purchase.checkout_ref, "mastercard", save=saves)
        settle(purchase)
    return alice


def known_as(user: User) -> str:
    found = queries.customer_ref(user_id=user.pk, provider=STRIPE)
    assert found
    return found


def is_known(standin: Standin, customer_ref: str) -> bool:
    shown = standin.client().v1.customers.retrieve(customer_ref).to_dict()
    return not shown.get("deleted", False)


def erase(user: User) -> None:
    closed_long_ago(user)
    assert leaving.erase_due(at=now()) == 1


def test_who_is_erased_is_forgotten_by_the_company_too_and_the_books_stay(
    standin: Standin, fan: User
) -> None:
    customer_ref = known_as(fan)
    other = factories.make_user("mallory")
    purchase = start(other)
    standin.pay(purchase.checkout_ref, "mastercard", save=True)
    settle(purchase)
    books = list(Transfer.objects.order_by("pk").values()), list(Lot.objects.values())

    erase(fan)

    row = CustomerToForget.objects.get()
    assert (row.provider, row.customer_ref) == (STRIPE, customer_ref)
    assert is_known(standin, customer_ref)  # the erasure itself asks nobody
    assert set(Purchase.objects.filter(buyer=fan).values_list("customer_ref", flat=True)) == {""}
    PaymentMethod.objects.update(provider="tests.wallet.test_customers.NoTransaction")
    CustomerToForget.objects.update(provider="tests.wallet.test_customers.NoTransaction")
    assert customers.sweep(at=now()) == 1
    assert not is_known(standin, customer_ref)
    assert not CustomerToForget.objects.exists()
    assert customers.sweep(at=now()) == 0
    assert (list(Transfer.objects.order_by("pk").values()), list(Lot.objects.values())) == books
    kept = Purchase.objects.get(buyer=other).customer_ref
    assert is_known(standin, kept)


def test_the_erasure_rings_for_it_and_a_lost_ring_is_swept(
    standin: Standin, fan: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[OutboxEvent] = []
    monkeypatch.setitem(relay.SUBSCRIBERS, "customers.left", (rung.append,))
    customer_ref = known_as(fan)

    erase(fan)
    relay.relay(at=now())

    (event,) = rung
    assert event.payload == {"provider": STRIPE}
    assert is_known(standin, customer_ref)
    assert customers.sweep(at=now()) == 1
    assert not is_known(standin, customer_ref)


def test_a_company_that_is_away_is_asked_again_until_it_has_forgotten(
    standin: Standin, fan: User, settings: LazySettings, client: Client
) -> None:
    customer_ref = known_as(fan)
    erase(fan)
    settings.STRIPE_API_URL = "http://127.0.0.1:9"
    providers.load.cache_clear()

    assert customers.sweep(at=now()) == 0

    row = CustomerToForget.objects.get()
    assert row.problem.startswith("APIConnectionError")
    assert customers.sweep(at=now() + timedelta(minutes=1)) == 0
    late = now() + timedelta(days=2)
    (waiting,) = [
        queues.look(queue, at=late)
        for queue in queues.all_queues(at=late)
        if queue.model is CustomerToForget
    ]
    assert (waiting.count, waiting.is_late) == (1, True)
    client.force_login(make_role("sam", "support"))
    shown = client.get(waiting.address).content.decode()
    assert customer_ref in shown
    assert "APIConnectionError" in shown
    settings.STRIPE_API_URL = standin.url
    providers.load.cache_clear()
    assert customers.sweep(at=now() + LATER) == 1
    assert not is_known(standin, customer_ref)
    assert not CustomerToForget.objects.exists()


def test_one_that_was_forgotten_already_is_forgotten_again(standin: Standin, fan: User) -> None:
    providers.load(STRIPE).forget(known_as(fan))

    erase(fan)

    assert customers.sweep(at=now()) == 1
    assert not CustomerToForget.objects.exists()


def test_a_payment_that_comes_after_the_erasure_does_not_bring_the_customer_back(
    standin: Standin, fan: User
) -> None:
    customer_ref = known_as(fan)
    late = Purchase.objects.filter(buyer=fan).earliest("created_at")
    erase(fan)
    customers.sweep(at=now())
    Purchase.objects.filter(pk=late.pk).update(customer_ref="cus_late")

    assert customers.sweep(at=now()) == 1

    assert Purchase.objects.get(pk=late.pk).customer_ref == ""
    assert not CustomerToForget.objects.exists()
    assert not is_known(standin, customer_ref)


def test_control_who_only_closed_their_account_is_not_forgotten(
    standin: Standin, fan: User
) -> None:
    closed_long_ago(fan)
    Closure.objects.update(erase_at=now() + timedelta(days=1))

    assert leaving.erase_due(at=now()) == 0
    assert customers.sweep(at=now()) == 0

    assert is_known(standin, known_as(fan))
