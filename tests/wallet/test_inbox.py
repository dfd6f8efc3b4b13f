"""Notices of what comes after a payment: each is stored, and asked about by its own object."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from tests import factories
from tests.standin import Standin, eventually, running_standin
from tests.wallet.test_webhooks import HOOK, now, ring, site, start
from wallet import inbox, ledger, payments, providers, purchases, queries
from wallet.models import ProviderEvent, Purchase

__all__ = ("site",)


@pytest.fixture
def credited(standin: Standin, alice: User) -> Purchase:
    """A purchase of 700 coins that was paid and credited."""
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)
    return payments.settle_purchase(purchase_id=purchase.pk, at=now())


def notice(standin: Standin, kind: str, payment_ref: str) -> str:
    """The body of the newest event of a kind about a payment, as the stand-in would post it."""
    for event in standin.client().v1.events.list({"limit": 100, "type": kind}).data:
        if event.data.object.to_dict().get("payment_intent") == payment_ref:
            return json.dumps(event.to_dict())
    raise AssertionError(kind)


def told(client: Client, body: str) -> ProviderEvent:
    """Ring with a body, act on it, and return the stored notice."""
    assert ring(client, body).status_code == 200
    inbox.handle_provider_events(at=now())
    return ProviderEvent.objects.get(event_id=json.loads(body)["id"])


@pytest.mark.parametrize("kind", ["refund.created", "refund.updated", "charge.refund.updated"])
def test_a_notice_of_a_refund_is_asked_about_as_a_refund(
    client: Client, standin: Standin, alice: User, kind: str
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "refund-slow")
    payment = payments.settle_purchase(purchase_id=purchase.pk, at=now()).payment_ref
    refund = standin.refund(payment, 100)
    api = standin.client().v1.refunds
    eventually(lambda: api.retrieve(refund["id"]).status == "succeeded")

    event = told(client, notice(standin, kind, payment))

    assert (event.object_kind, event.object_ref) == ("refund", refund["id"])
    assert event.outcome == f"Purchase {purchase.pk}: refund succeeded. Nothing to do yet"
    assert queries.coins(user_id=alice.pk) == 700


def test_a_notice_of_a_dispute_says_what_was_fetched_and_not_what_it_brought(
    client: Client, standin: Standin, credited: Purchase
) -> None:
    opened = standin.dispute(credited.payment_ref)
    body = notice(standin, "charge.dispute.created", credited.payment_ref)
    standin.decide(opened["id"], "lose")

    event = told(client, body)

    assert (event.object_kind, event.object_ref) == ("dispute", opened["id"])
    assert event.outcome == f"Purchase {credited.pk}: dispute lost. Nothing to do yet"


def test_a_fraud_warning_is_asked_about_as_a_warning(
    client: Client, standin: Standin, credited: Purchase
) -> None:
    warned = standin.warn(credited.payment_ref)

    event = told(client, notice(standin, "radar.early_fraud_warning.created", credited.payment_ref))

    assert (event.object_kind, event.object_ref) == ("warning", warned["id"])
    assert event.outcome.startswith(f"Purchase {credited.pk}: fraud warning, misc")


@pytest.mark.parametrize("kind", ["charge.refunded", "charge.succeeded"])
def test_notices_that_have_better_ones_beside_them_are_stored_and_left(
    client: Client, standin: Standin, credited: Purchase, kind: str
) -> None:
    standin.refund(credited.payment_ref, 100)

    event = told(client, notice(standin, kind, credited.payment_ref))

    assert (event.object_kind, event.object_ref, event.outcome) == ("none", "", "Nothing to do")


def test_claims_on_what_was_not_bought_here_are_nobodys(
    client: Client, standin: Standin, credited: Purchase, mallory: User
) -> None:
    opened = standin.dispute(credited.payment_ref)
    body = notice(standin, "charge.dispute.created", credited.payment_ref)
    Purchase.objects.filter(pk=credited.pk).update(payment_ref="pi_of_another_shop")

    assert told(client, body).outcome == "No purchase of ours"
    forged: dict[str, Any] = json.loads(body)
    forged["id"] = "evt_of_nothing"
    forged["data"]["object"]["id"] = opened["id"] + "x"
    assert "No such dispute" in told(client, json.dumps(forged)).outcome


def test_a_notice_of_a_dispute_waits_while_the_provider_is_away(
    client: Client, standin: Standin, credited: Purchase
) -> None:
    standin.dispute(credited.payment_ref)
    ring(client, notice(standin, "charge.dispute.created", credited.payment_ref))
    standin.faults(seed=1, error_500=1000)

    assert inbox.handle_provider_events(at=now()) == 0
    standin.faults()

    assert inbox.handle_provider_events(at=now()) == 1


def test_a_second_purchase_is_opened_for_the_customer_of_the_first(
    standin: Standin, alice: User
) -> None:
    first = start(alice)
    standin.pay(first.checkout_ref, "mastercard", save=True)
    known = payments.settle_purchase(purchase_id=first.pk, at=now()).customer_ref

    second = start(alice)

    assert known
    assert second.customer_ref == known
    assert "Mastercard •••• 4444" in standin.http.get(second.checkout_url).text


def test_another_person_is_not_offered_what_somebody_saved(
    standin: Standin, alice: User, mallory: User
) -> None:
    first = start(alice)
    standin.pay(first.checkout_ref, "mastercard", save=True)
    payments.settle_purchase(purchase_id=first.pk, at=now())

    other = start(mallory)

    assert other.customer_ref == ""
    assert "Mastercard •••• 4444" not in standin.http.get(other.checkout_url).text


def test_with_every_fault_at_once_each_payment_is_credited_once_and_nothing_forged_is_stored(
    site: str, tmp_path: Path, settings: LazySettings
) -> None:
    alice = factories.make_user("alice")
    with running_standin(tmp_path, webhook_url=f"{site}{HOOK}") as standin:
        settings.STRIPE_API_URL = standin.url
        settings.STRIPE_API_KEY = standin.api_key
        settings.STRIPE_WEBHOOK_SECRET = standin.webhook_secret
        providers.load.cache_clear()
        standin.faults(
            11,
            timeout_before=60,
            timeout_after=60,
            too_many=60,
            error_500=60,
            drop=300,
            duplicate=300,
            late=300,
            forge=300,
        )
        bought = [_start_stubbornly(alice, coins=700 + n) for n in range(3)]
        for purchase in bought:
            standin.pay(purchase.checkout_ref)
        eventually(lambda: standin.whole_book()["deliveries"]["waiting"] == 0, within_s=30)

        def all_credited() -> bool:
            inbox.handle_provider_events(at=now())
            Purchase.objects.update(checked_at=None)
            purchases.sweep_purchases(at=now())
            return not Purchase.objects.exclude(state="credited").exists()

        eventually(all_credited, within_s=60)
        done = standin.faults_done()
        told_of = standin.whole_book()["deliveries"]
        paid = {row["metadata"]["purchase"] for row in standin.whole_book()["payments"]}
        providers.load.cache_clear()

    assert queries.coins(user_id=alice.pk) == sum(700 + n for n in range(3))
    assert {str(purchase.pk) for purchase in bought} == paid
    assert not ProviderEvent.objects.filter(event_id__endswith="_forged").exists()
    assert told_of["refused"] == done["forge"] > 0
    assert ledger.audit() == []


def _start_stubbornly(user: User, *, coins: int) -> Purchase:
    """Buy as somebody who tries again when the payment company does not answer."""
    purchase_id = ledger.new_operation_id()

    def tried() -> Purchase | None:
        try:
            return start(user, coins=coins, purchase_id=purchase_id)
        except purchases.CheckoutUnavailable:
            return None

    found = eventually(tried, within_s=30)
    assert found is not None
    return found
