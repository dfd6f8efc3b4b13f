"""Buying, through the real Stripe client against the real stand-in."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from accounts import risk as people_risk
from accounts import states
from accounts.models import Notice, OutboxEvent, Standing, StateChange, User
from tests import factories
from tests.standin import Standin, eventually
from wallet import ledger, providers, purchases, queries, quotes
from wallet.models import CoinPackage, HoldClass, Lot, Operation, PaymentMethod, Price, ProviderEvent, Purchase
from wallet.providers.base import Declined, Unavailable

STRIPE = "wallet.providers.stripe.Stripe"


def now() -> datetime:
    return datetime.now(UTC)


def start(user: User, **asked: Any) -> Purchase:
    """Start a purchase of 700 coins by card, unless asked otherwise."""
    facts: dict[str, Any] = {
        "purchase_id": ledger.new_operation_id(),
        "user": user,
        "coins": None if "package_id" in asked else 700,
        "method_code": "card",
        "at": now(),
    }
    return purchases.start_purchase(**(facts | asked))


def settle(purchase: Purchase) -> Purchase:
    return purchases.settle_purchase(purchase_id=purchase.pk, at=now())


def test_a_paid_purchase_is_credited_with_its_price_tax_and_fee(standin: Standin, alice: User) -> None:
    purchase = start(alice)

    assert purchase.state == "pending"
    assert purchase.checkout_url.startswith(standin.url)
    assert (purchase.gross_minor, purchase.tax_minor, purchase.currency) == (840, 134, "EUR")
    standin.pay(purchase.checkout_ref)
    purchase = settle(purchase)

    assert purchase.state == "credited"
    assert queries.coins(user_id=alice.pk) == 700
    lot = Lot.objects.get(purchase=purchase)
    assert (lot.amount, lot.remaining, lot.gross_minor, lot.tax_minor) == (700, 700, 840, 134)
    assert lot.fee_minor == 54  # the stand-in's 2.9 % and 30 cents
    assert lot.hold_class == HoldClass.CARD
    assert purchase.evidence == {"country": "DE", "card_country": "US"}
    moves = StateChange.objects.filter(subject_id=str(purchase.pk)).order_by("id")
    assert [(m.before, m.after) for m in moves] == [
        ("created", "pending"),
        ("pending", "paid"),
        ("paid", "credited"),
    ]
    assert OutboxEvent.objects.filter(name="purchase.credited", subject=str(purchase.pk)).count() == 1
    notice = Notice.objects.get(user=alice)
    assert notice.title == "700 coins arrived"
    assert notice.path == f"/coins/purchases/{purchase.pk}/"
    assert ledger.audit() == []


def test_settling_again_and_again_credits_once(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)

    for _ in range(5):
        settle(purchase)

    assert queries.coins(user_id=alice.pk) == 700
    assert Operation.objects.filter(pk=purchase.pk).count() == 1
    assert Notice.objects.filter(user=alice).count() == 1


def test_a_declined_card_leaves_the_page_open_and_says_why(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "declined")

    purchase = settle(purchase)

    assert purchase.state == "pending"
    assert purchase.failure == "Your card was declined."
    assert queries.coins(user_id=alice.pk) == 0
    assert not Operation.objects.exists()
    standin.pay(purchase.checkout_ref)
    assert settle(purchase).state == "credited"
    assert Purchase.objects.get().failure == ""


def test_a_card_its_bank_authenticated_waits_less(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "challenge", challenge="approve")

    settle(purchase)

    assert Lot.objects.get(purchase=purchase).hold_class == HoldClass.CARD_3DS


def test_a_challenge_that_fails_credits_nothing(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "challenge", challenge="refuse")

    assert settle(purchase).state == "pending"
    assert queries.coins(user_id=alice.pk) == 0


def test_a_slow_payment_is_waited_for_and_then_credited(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "slow")

    assert settle(purchase).state == "pending"
    eventually(lambda: settle(purchase).state == "credited")
    assert queries.coins(user_id=alice.pk) == 700


def test_a_slow_payment_that_fails_fails_the_purchase_and_tells_the_buyer(
    standin: Standin, alice: User
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "slow-fails")

    eventually(lambda: settle(purchase).state == "failed")

    assert Notice.objects.get(user=alice).title == "Your payment for 700 coins failed"
    assert queries.coins(user_id=alice.pk) == 0
