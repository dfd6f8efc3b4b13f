"""Reviews about buying, through the real deeds: what is paused, what is kept, what goes through."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client

from accounts import fingerprints, reviews
from accounts.models import Fingerprint, Notice, Review, ReviewReason, User, Verdict
from tests import factories
from tests.standin import Standin
from wallet import inbox, ledger, own_limits, payments, purchases, queries, reviewing
from wallet.models import PaymentMethod, Purchase
from wallet.providers.base import NoticeObject, ProviderNotice

FINE = "We looked at your payments of that week. They are yours, and nothing is wrong with them."
NOT_FINE = "The cards were reported stolen by their holders. That breaks our terms, part 4."
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


def start(user: User, **asked: Any) -> Purchase:
    facts: dict[str, Any] = {
        "purchase_id": ledger.new_operation_id(),
        "user": user,
        "coins": 700,
        "method_code": "card",
        "evidence": {"address": "DE"},
        "at": now(),
    }
    return purchases.start_purchase(**(facts | asked))


def bought(user: User, euro_cents: int, *, ago: timedelta = timedelta(0), **more: Any) -> Purchase:
    """A purchase of some time ago, as a row."""
    purchase = Purchase.objects.create(
        id=ledger.new_operation_id(),
        buyer=user,
        region_id="DE",
        method=PaymentMethod.objects.get(pk="card"),
        coins=euro_cents,
        gross_minor=euro_cents,
        tax_minor=0,
        tax_bps=0,
        currency="EUR",
        **(more or {"state": Purchase.State.CREDITED, "paid_at": now() - ago}),
    )
    Purchase.objects.filter(pk=purchase.pk).update(created_at=now() - ago)
    purchase.refresh_from_db()
    return purchase


def joined_long_ago(user: User) -> None:
    user.joined_at = now() - 90 * DAY
    user.save(update_fields=["joined_at"])


def test_a_small_first_purchase_passes_and_every_verdict_is_kept(
    standin: Standin, alice: User
) -> None:
    purchase = start(alice)

    assert purchase.state == "pending"
    verdicts = Verdict.objects.filter(subject=alice).order_by("pk")
    assert [(v.rule, v.is_hit, v.review_id) for v in verdicts] == [
        ("spend_spike", False, None),
        ("spend_abs", False, None),
        ("multi_card", False, None),
    ]
    assert verdicts[0].subject_key == f"purchase:{purchase.pk}"
    assert verdicts[0].facts["tier"] == "new"
    assert verdicts[0].facts["spent_24h_usd_cents"] > 840, "8.40 euro are more in dollars"
    assert not Review.objects.exists()


def test_spending_above_the_trigger_is_paused_with_words_and_smaller_goes_through(
    standin: Standin, alice: User
) -> None:
    bought(alice, 120_00, ago=timedelta(hours=3))
    asked = ledger.new_operation_id()

    with pytest.raises(reviewing.PurchasesPaused) as refusal:
        start(alice, purchase_id=asked, coins=5_000)

    review = Review.objects.get()
    assert (review.reason, review.restricts, review.state) == (
        "spend_abs",
        "large_purchases",
        "opened",
    )
    words = str(refusal.value)
    assert "This purchase is paused; smaller ones go through." in words
    assert f"We decide by {review.decide_by_at:%-d %B %Y}" in words
    assert "Nothing was charged" in words
    assert not Purchase.objects.filter(pk=asked).exists()
    hit = Verdict.objects.get(subject=alice, rule="spend_abs")
    assert (hit.is_hit, hit.review_id) == (True, review.pk)
    assert start(alice, coins=350).state == "pending", "a small one stays below the trigger"


def test_a_cleared_review_lets_the_same_purchase_pass_and_the_verdict_is_kept_still(
    standin: Standin, alice: User, olga: User
) -> None:
    bought(alice, 120_00, ago=timedelta(hours=3))
    with pytest.raises(reviewing.PurchasesPaused):
        start(alice, coins=5_000)
    review = Review.objects.get()
    reviews.take(review_id=review.pk, by_id=olga.pk, at=now())
    reviews.decide(review_id=review.pk, by_id=olga.pk, outcome="cleared", statement=FINE, at=now())

    assert start(alice, coins=5_000).state == "pending"

    assert Review.objects.count() == 1
    assert Verdict.objects.filter(rule="spend_abs", is_hit=True).count() == 2


def test_an_upheld_review_says_until_when_and_how_to_appeal(
    standin: Standin, alice: User, olga: User
) -> None:
    for number in range(4):
        bought(alice, 100, state="failed", failure=f"Your card was declined {number}.")
    with pytest.raises(reviewing.PurchasesPaused, match="We decide by"):
        start(alice)
    review = Review.objects.get()
    assert (review.reason, review.restricts) == ("multi_card", "purchases")
    reviews.take(review_id=review.pk, by_id=olga.pk, at=now())
    until = now() + 20 * DAY
    reviews.decide(
        review_id=review.pk,
        by_id=olga.pk,
        outcome="upheld",
        statement=NOT_FINE,
        restricts="purchases",
        until=until,
        at=now(),
    )

    with pytest.raises(reviewing.PurchasesPaused) as refusal:
        start(alice)

    review.refresh_from_db()
    assert f"That holds until {until:%-d %B %Y at %H:%M} UTC." in str(refusal.value)
    assert f"You can appeal until {review.appeal_until_at:%-d %B %Y}." in str(refusal.value)
    assert Purchase.objects.exclude(state="failed").count() == 0


def test_a_spike_opens_a_case_and_holds_nothing_back(standin: Standin, alice: User) -> None:
    joined_long_ago(alice)
    bought(alice, 10_00, ago=20 * DAY)
    bought(alice, 190_00, ago=timedelta(hours=2))

    purchase = start(alice, coins=3_500)

    assert purchase.state == "pending"
    review = Review.objects.get()
    assert (review.reason, review.restricts) == ("spend_spike", "nothing")
    assert Notice.objects.get(user=alice).title == (
        "We are looking into something in your account. Nothing is held back"
    )


def test_pending_purchases_count_and_those_that_were_left_do_not(alice: User) -> None:
    bought(alice, 50_00, state="pending")
    bought(alice, 70_00, state="cancelled")
    bought(alice, 30_00, state="expired")
    bought(alice, 20_00, ago=2 * DAY)

    facts = reviewing.buyer_facts(user_id=alice.pk, at=now())

    rate = queries.latest_per_usd("EUR", at=now())
    assert rate is not None
    assert facts.spent_24h_usd_cents == round(50_00 / rate)
    assert facts.spent_30d_usd_cents == round(70_00 / rate)
    assert facts.before_30d_usd_cents == round(20_00 / rate)


def test_the_third_card_in_a_week_pauses_what_comes_next_and_its_coins_arrive(
    standin: Standin, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for card in ("card-1", "card-2"):
        seen = fingerprints.seen(instrument=card)
        fingerprints.record(user_id=alice.pk, seen=seen, at=now())
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)
    with transaction.atomic():
        reviewing.payment_seen(purchase=purchase, instrument="card-3", at=now())

    settled = payments.settle_purchase(purchase_id=purchase.pk, at=now())

    assert settled.state == "credited"
    assert queries.coins(user_id=alice.pk) == 700
    assert Review.objects.get().reason == "multi_card"
    with pytest.raises(reviewing.PurchasesPaused, match="Buying coins is paused"):
        start(alice)
    digests = Fingerprint.objects.filter(user=alice, kind="instrument")
    assert digests.count() >= 3
    assert not digests.filter(digest__contains="card").exists()


def test_a_spike_that_staff_looked_at_is_not_opened_again(
    standin: Standin, alice: User, olga: User
) -> None:
    joined_long_ago(alice)
    bought(alice, 10_00, ago=20 * DAY)
    bought(alice, 190_00, ago=timedelta(hours=2))
    start(alice, coins=3_500)
    review = Review.objects.get()
    reviews.take(review_id=review.pk, by_id=olga.pk, at=now())
    reviews.decide(
        review_id=review.pk, by_id=olga.pk, outcome="upheld", statement=NOT_FINE, at=now()
    )

    assert start(alice, coins=350).state == "pending"

    assert Review.objects.count() == 1
    assert Verdict.objects.filter(rule="spend_spike", is_hit=True).count() == 2


def test_a_payment_that_comes_after_the_decision_joins_the_case_that_holds(
    standin: Standin, alice: User, olga: User
) -> None:
    purchase = start(alice)
    for number in range(4):
        bought(alice, 100, state="failed", failure=f"Your card was declined {number}.")
    with pytest.raises(reviewing.PurchasesPaused):
        start(alice)
    review = Review.objects.get()
    reviews.take(review_id=review.pk, by_id=olga.pk, at=now())
    reviews.decide(
        review_id=review.pk,
        by_id=olga.pk,
        outcome="upheld",
        statement=NOT_FINE,
        restricts="purchases",
        at=now(),
    )
    standin.pay(purchase.checkout_ref)

    settled = payments.settle_purchase(purchase_id=purchase.pk, at=now())

    assert settled.state == "credited"
    assert Review.objects.count() == 1
    assert Verdict.objects.filter(is_hit=True).latest("pk").review_id == review.pk


def test_a_fraud_warning_opens_one_case_however_often_it_is_told(
    standin: Standin, alice: User
) -> None:
    purchase = bought(alice, 10_00)

    for _ in range(2):
        with transaction.atomic():
            reviewing.early_fraud_warning(purchase=purchase, kind="made_with_lost_card", at=now())

    review = Review.objects.get()
    assert (review.reason, review.restricts) == ("efw", "purchases")
    assert review.subject_key == f"purchase:{purchase.pk}"
    with pytest.raises(reviewing.PurchasesPaused):
        start(alice)


def test_a_fraud_warning_from_the_payment_company_pauses_buying_and_keeps_the_coins(
    standin: Standin, alice: User
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)
    purchase = payments.settle_purchase(purchase_id=purchase.pk, at=now())
    warning = standin.ask(
        "POST", "/standin/warnings", {"payment_intent": purchase.payment_ref, "fraud_type": "misc"}
    )
    notice = ProviderNotice(
        event_id="evt_1",
        kind="radar.early_fraud_warning.created",
        object_ref=warning["id"],
        object_kind=NoticeObject.WARNING,
    )
    inbox.record_event(provider=purchase.method.provider, notice=notice, body=b"{}")

    assert inbox.handle_provider_events(at=now()) == 1

    review = Review.objects.get()
    assert (review.reason, review.subject_key) == ("efw", f"purchase:{purchase.pk}")
    assert review.signals == [["Kind of warning", "misc"]]
    assert queries.coins(user_id=alice.pk) == 700
    with pytest.raises(reviewing.PurchasesPaused):
        start(alice)


def test_a_late_payment_over_a_limit_opens_a_case_and_pauses_nothing(
    standin: Standin, alice: User
) -> None:
    purchase = bought(alice, 10_00)

    with transaction.atomic():
        reviewing.late_over_limit(purchase=purchase, limit="250 EUR a day", at=now())

    assert Review.objects.get().signals == [["Limit", "250 EUR a day"]]
    assert start(alice).state == "pending"


def test_a_new_accounts_big_gift_is_to_be_held_and_a_small_one_leaves_no_trace(
    alice: User, bob: User
) -> None:
    joined_long_ago(bob)

    with transaction.atomic():
        small = reviewing.screen_gift(sender=alice, gift_key="gift:1", coins=9_999, at=now())
        kept = Verdict.objects.count()
        big = reviewing.screen_gift(sender=alice, gift_key="gift:2", coins=10_000, at=now())
        bob.refresh_from_db()
        old = reviewing.screen_gift(sender=bob, gift_key="gift:3", coins=10_000, at=now())

    assert (small, old, kept) == (None, None, 0)
    assert big is not None
    assert (big.restricts, big.subject_key) == ("gift", "gift:2")
    assert [v.is_hit for v in Verdict.objects.order_by("pk")] == [True, False]


def test_the_checkout_says_that_buying_is_paused_before_anything_is_agreed(
    client: Client, alice: User
) -> None:
    with transaction.atomic():
        reviewing.early_fraud_warning(purchase=bought(alice, 100), kind="x", at=now())
    client.force_login(alice)

    page = client.get("/coins/checkout/", {"coins": 700})

    assert page.status_code == 403
    assert "Buying coins is paused." in page.content.decode()
    assert 'href="/me/reviews/"' in page.content.decode()


def test_agreeing_leaves_the_devices_fingerprint_and_a_refusal_is_told_on_the_page(
    standin: Standin, client: Client, alice: User
) -> None:
    bought(alice, 120_00, ago=timedelta(hours=3))
    client.force_login(alice)
    client.cookies["carat_device"] = "d" * 32
    quote = 6000
    form = {
        "purchase": ledger.new_operation_id(),
        "coins": 5_000,
        "method": "card",
        "shown": quote,
    }

    answer = client.post("/coins/checkout/", form)

    assert answer.status_code == 409
    assert "This purchase is paused" in answer.content.decode()
    kinds = Fingerprint.objects.filter(user=alice).order_by("kind").values_list("kind", flat=True)
    assert list(kinds) == ["device", "network"]


def buy_at_once(user: User, count: int) -> list[str]:
    """Start so many purchases of 7,000 coins together; one alone stays below the trigger."""
    outcomes: list[str] = []

    def buy() -> None:
        try:
            outcomes.append(start(user, coins=7_000).state)
        except reviewing.PurchasesPaused:
            outcomes.append("paused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=buy) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_purchases_at_once_count_each_other(committed: str, standin: Standin) -> None:
    alice = factories.make_user("alice")

    outcomes = buy_at_once(alice, 4)

    assert outcomes == ["paused", "paused", "paused", "pending"]
    assert Purchase.objects.filter(buyer=alice).count() == 1
    assert Review.objects.filter(reason=ReviewReason.SPEND_ABS).count() == 1


def test_control_without_the_lock_purchases_at_once_do_not_see_each_other(
    committed: str, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = factories.make_user("alice")
    barrier = threading.Barrier(4, timeout=30)
    gather = reviewing.buyer_facts

    def gather_together(**asked: Any) -> Any:
        found = gather(**asked)
        barrier.wait()
        return found

    monkeypatch.setattr(own_limits, "lock_buyer", lambda **_who: "")
    monkeypatch.setattr(reviewing, "buyer_facts", gather_together)

    assert buy_at_once(alice, 4) == ["pending"] * 4
