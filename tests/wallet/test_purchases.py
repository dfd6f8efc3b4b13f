"""Buying, through the real Stripe client against the real stand-in."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction

from accounts import risk as people_risk
from accounts import states
from accounts.models import Notice, OutboxEvent, Standing, StateChange, User
from tests import factories
from tests.standin import Standin, eventually
from wallet import alerts, ledger, payments, providers, purchases, queries, quotes
from wallet.models import CoinPackage, HoldClass, Lot, Operation, PaymentMethod, Price, Purchase
from wallet.providers.base import Checkout, Order, Unavailable
from wallet.providers.stripe import Stripe

STRIPE = "wallet.providers.stripe.Stripe"


def now() -> datetime:
    return datetime.now(UTC)


def start(user: User, **asked: Any) -> Purchase:
    """Start a purchase of 700 coins by card, at home, unless asked otherwise."""
    facts: dict[str, Any] = {
        "purchase_id": ledger.new_operation_id(),
        "user": user,
        "coins": None if "package_id" in asked else 700,
        "method_code": "card",
        "evidence": {"address": str(user.country)},
        "at": now(),
    }
    return purchases.start_purchase(**(facts | asked))


def settle(purchase: Purchase) -> Purchase:
    return payments.settle_purchase(purchase_id=purchase.pk, at=now())


def test_a_paid_purchase_is_credited_with_its_price_tax_and_fee(
    standin: Standin, alice: User
) -> None:
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
    assert purchase.evidence == {
        "country": "DE",
        "address": "DE",
        "card_country": "US",
        "charged": "DE",
        "verdict": "agreed",
        "right_region": "DE",
        "agreeing": ["declared", "address"],
        "contrary": ["card"],
    }
    moves = StateChange.objects.filter(subject_id=str(purchase.pk)).order_by("id")
    assert [(m.before, m.after) for m in moves] == [
        ("created", "pending"),
        ("pending", "paid"),
        ("paid", "credited"),
    ]
    assert (
        OutboxEvent.objects.filter(name="purchase.credited", subject=str(purchase.pk)).count() == 1
    )
    notice = Notice.objects.get(user=alice)
    assert notice.title == "700 coins arrived"
    assert notice.path == f"/coins/purchases/{purchase.pk}/"


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


def close(purchase: Purchase, state: str) -> None:
    with transaction.atomic():
        states.move(purchase, to=state, why="For a test.", at=now())


@pytest.mark.parametrize("state", ["expired", "failed", "cancelled"])
def test_money_that_arrives_after_a_purchase_was_closed_is_credited(
    standin: Standin, alice: User, state: str
) -> None:
    purchase = start(alice)
    close(purchase, state)
    standin.pay(purchase.checkout_ref)

    assert settle(purchase).state == "credited"
    assert queries.coins(user_id=alice.pk) == 700


def test_a_double_submit_makes_one_purchase_and_one_page(standin: Standin, alice: User) -> None:
    purchase_id = ledger.new_operation_id()

    first = start(alice, purchase_id=purchase_id)
    second = start(alice, purchase_id=purchase_id)

    assert first.checkout_ref == second.checkout_ref != ""
    assert Purchase.objects.count() == 1


@pytest.mark.parametrize("other", [{"coins": 701}, {"shown_minor": 1}])
def test_an_id_cannot_be_used_again_for_something_else(
    standin: Standin, alice: User, other: dict[str, Any]
) -> None:
    first = start(alice)

    with pytest.raises(purchases.PurchaseConflict):
        start(alice, purchase_id=first.pk, **other)

    assert Purchase.objects.get().coins == 700


def test_an_id_of_somebody_else_is_refused(standin: Standin, alice: User, mallory: User) -> None:
    first = start(alice)

    with pytest.raises(purchases.PurchaseConflict):
        start(mallory, purchase_id=first.pk)

    assert Purchase.objects.get().buyer == alice


class LosesAnswers(Stripe):
    """The real adapter, on a line that drops the first answer after the effect."""

    lost = 0

    def start_checkout(self, order: Order) -> Checkout:
        checkout = super().start_checkout(order)
        if not self.lost:
            self.lost += 1
            raise Unavailable("The line was lost.")
        return checkout


def sessions_of(standin: Standin) -> int:
    """How many sessions of checkout the company has, over all tests of this run."""
    listed = standin.client().v1.checkout.sessions.list({"limit": 100})
    return sum(1 for _ in listed.auto_paging_iter())


def test_an_answer_lost_after_the_effect_is_given_again_to_the_retry(
    standin: Standin, alice: User
) -> None:
    PaymentMethod.objects.update(provider="tests.wallet.test_purchases.LosesAnswers")
    purchase_id = ledger.new_operation_id()
    before = sessions_of(standin)

    with pytest.raises(purchases.CheckoutUnavailable):
        start(alice, purchase_id=purchase_id)
    assert Purchase.objects.get().state == "created"
    purchase = start(alice, purchase_id=purchase_id)

    assert purchase.state == "pending"
    assert sessions_of(standin) == before + 1


def test_a_provider_that_cannot_be_reached_moves_nothing_and_the_retry_works(
    standin: Standin, alice: User, settings: LazySettings
) -> None:
    purchase_id = ledger.new_operation_id()
    settings.STRIPE_API_URL = "http://127.0.0.1:9"  # nobody listens on the discard port
    providers.load.cache_clear()

    with pytest.raises(purchases.CheckoutUnavailable, match="You have not been charged"):
        start(alice, purchase_id=purchase_id)

    assert Purchase.objects.get().state == "created"
    settings.STRIPE_API_URL = standin.url
    providers.load.cache_clear()
    assert start(alice, purchase_id=purchase_id).state == "pending"


def test_a_purchase_the_provider_refuses_fails_with_words(standin: Standin, alice: User) -> None:
    alice.email = "not an address"

    with pytest.raises(purchases.CheckoutDeclined, match="You have not been charged"):
        start(alice)

    assert Purchase.objects.get().state == "failed"
    assert queries.coins(user_id=alice.pk) == 0


def test_a_lost_webhook_only_delays_the_sweep_credits(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)

    assert purchases.sweep_purchases(at=now()) == 0  # it is too young
    assert purchases.sweep_purchases(at=now() + timedelta(seconds=30)) == 1

    assert queries.coins(user_id=alice.pk) == 700
    assert purchases.sweep_purchases(at=now() + timedelta(hours=1)) == 0


def test_the_sweep_looks_up_ever_less_often(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    at = purchase.created_at

    looked = [
        second
        for second in range(0, 400, 5)
        if purchases.sweep_purchases(at=at + timedelta(seconds=second))
    ]

    assert looked == [20, 35, 55, 85, 130, 195, 295]


def test_a_page_nobody_paid_expires(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    standin.client().v1.checkout.sessions.expire(purchase.checkout_ref)

    assert settle(purchase).state == "expired"
    assert queries.coins(user_id=alice.pk) == 0


def test_a_purchase_whose_page_was_never_opened_expires_after_its_life(alice: User) -> None:
    purchase = Purchase.objects.create(
        pk=ledger.new_operation_id(),
        buyer=alice,
        region_id="DE",
        method_id="card",
        coins=700,
        gross_minor=840,
        tax_minor=134,
        tax_bps=1900,
        currency="EUR",
    )
    purchase.refresh_from_db()

    purchases.sweep_purchases(at=purchase.created_at + timedelta(minutes=59))
    assert Purchase.objects.get().state == "created"
    purchases.sweep_purchases(at=purchase.created_at + timedelta(minutes=90))

    assert Purchase.objects.get().state == "expired"


def test_the_buyer_can_cancel_and_the_page_is_closed(standin: Standin, alice: User) -> None:
    purchase = start(alice)

    cancelled = purchases.cancel_purchase(purchase_id=purchase.pk, user_id=alice.pk, at=now())

    assert cancelled.state == "cancelled"
    session = standin.client().v1.checkout.sessions.retrieve(purchase.checkout_ref)
    assert session.status == "expired"


def test_cancelling_what_was_paid_meanwhile_credits_it(standin: Standin, alice: User) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)

    kept = purchases.cancel_purchase(purchase_id=purchase.pk, user_id=alice.pk, at=now())

    assert kept.state == "credited"
    assert queries.coins(user_id=alice.pk) == 700


def test_a_purchase_stays_open_while_its_page_cannot_be_closed(
    standin: Standin, alice: User, settings: LazySettings
) -> None:
    purchase = start(alice)
    settings.STRIPE_API_URL = "http://127.0.0.1:9"
    providers.load.cache_clear()

    with pytest.raises(purchases.CannotCancelNow):
        purchases.cancel_purchase(purchase_id=purchase.pk, user_id=alice.pk, at=now())

    assert Purchase.objects.get().state == "pending"


def test_nobody_cancels_what_another_person_buys(
    standin: Standin, alice: User, mallory: User
) -> None:
    purchase = start(alice)

    with pytest.raises(Purchase.DoesNotExist):
        purchases.cancel_purchase(purchase_id=purchase.pk, user_id=mallory.pk, at=now())

    assert Purchase.objects.get().state == "pending"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gross_minor": 841}, "its amount"),
        ({"currency": "USD"}, "its currency"),
    ],
)
def test_a_payment_that_differs_credits_nothing_and_staff_are_told(
    standin: Standin, alice: User, olga: User, change: dict[str, Any], words: str
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)
    Purchase.objects.filter(pk=purchase.pk).update(**change)

    with pytest.raises(payments.PaymentDiffers, match=words):
        settle(purchase)

    assert Purchase.objects.get().state == "pending"
    assert queries.coins(user_id=alice.pk) == 0
    assert Notice.objects.get(user=olga).title == "Purchase of 700 coins needs you"


def test_the_payment_of_another_purchase_credits_nothing(
    standin: Standin, alice: User, mallory: User
) -> None:
    paid = start(alice)
    standin.pay(paid.checkout_ref)
    Purchase.objects.filter(pk=paid.pk).update(checkout_ref="cs_test_moved")
    attack = start(mallory)
    Purchase.objects.filter(pk=attack.pk).update(checkout_ref=paid.checkout_ref)

    with pytest.raises(payments.PaymentDiffers, match="its purchase"):
        settle(attack)

    assert queries.coins(user_id=mallory.pk) == 0


def test_a_payment_of_the_other_mode_credits_nothing(
    standin: Standin, alice: User, settings: LazySettings
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)
    settings.STRIPE_API_KEY = "sk_live_set_while_the_client_keeps_its_test_key"

    with pytest.raises(payments.PaymentDiffers, match="its mode"):
        settle(purchase)

    assert queries.coins(user_id=alice.pk) == 0


def test_staff_hear_once_of_coins_that_did_not_arrive(
    alice: User,
    olga: User,
    settings: LazySettings,
    mailoutbox: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.OPERATOR_EMAIL = "operator@example.org"
    paid_at = now()
    Purchase.objects.create(
        pk=ledger.new_operation_id(), buyer=alice, region_id="DE", method_id="card", coins=700,
        gross_minor=840, tax_minor=134, tax_bps=1900, currency="EUR", state="paid",
        payment_ref="pi_1", hold_class=5, fee_minor=54, paid_at=paid_at,
    )  # fmt: skip

    with django_capture_on_commit_callbacks(execute=True):
        assert alerts.tell_of_uncredited(at=paid_at + timedelta(seconds=299)) == 0
        assert alerts.tell_of_uncredited(at=paid_at + timedelta(seconds=301)) == 1
        assert alerts.tell_of_uncredited(at=paid_at + timedelta(seconds=999)) == 0

    assert Notice.objects.get(user=olga).body == "It is paid, but the coins have not arrived."
    assert [mail.to for mail in mailoutbox] == [["operator@example.org"]]


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"standing": Standing.SUSPENDED}, people_risk.NotInGoodStanding),
        ({"standing": Standing.RESTRICTED}, people_risk.NotInGoodStanding),
        ({"birth_date": date(2015, 1, 1)}, people_risk.TooYoung),
        ({"birth_date": None}, people_risk.ProfileIncomplete),
        ({"country": "NO"}, quotes.NotSoldHere),
    ],
)
def test_who_may_not_buy_is_told_why_and_nothing_is_written(
    alice: User, fields: dict[str, Any], refusal: type[Exception]
) -> None:
    for name, value in fields.items():
        setattr(alice, name, value)

    with pytest.raises(refusal, match=r"\w+ .*\."):
        start(alice)

    assert not Purchase.objects.exists()


def test_a_price_that_changed_since_it_was_shown_is_shown_again(alice: User) -> None:
    package = CoinPackage.objects.get(coins=700)
    shown = quotes.quote(user=alice, package_id=package.pk, method_code="card", at=now())
    Price.objects.create(
        region_id="DE", package=package, coins=700, amount_minor=900, currency="EUR",
        valid_from=now() - timedelta(seconds=1),
    )  # fmt: skip

    with pytest.raises(purchases.PriceChanged) as caught:
        start(alice, package_id=package.pk, shown_minor=shown.gross_minor)

    assert (shown.gross_minor, caught.value.quote.gross_minor) == (840, 900)
    assert not Purchase.objects.exists()


@pytest.mark.parametrize(
    ("country", "coins", "gross", "tax", "currency"),
    [
        ("JP", 1000, 1750, 159, "JPY"),
        ("KW", 1001, 3500, 0, "KWD"),  # 3,503.5 fils, charged in tens
        ("US", 700, 740, 0, "USD"),
        ("VN", 700, 227_500, 20_682, "VND"),
    ],
)
def test_amounts_of_any_decimals_arrive_as_they_were_quoted(
    standin: Standin, country: str, coins: int, gross: int, tax: int, currency: str, db: None
) -> None:
    fan = factories.make_user("fan", country=country)
    purchase = start(fan, coins=coins)
    assert (purchase.gross_minor, purchase.tax_minor, purchase.currency) == (gross, tax, currency)

    standin.pay(purchase.checkout_ref)
    settle(purchase)

    lot = Lot.objects.get(purchase=purchase)
    assert (lot.gross_minor, lot.tax_minor) == (gross, tax)
    assert (
        standin.client().v1.checkout.sessions.retrieve(purchase.checkout_ref).amount_total == gross
    )
