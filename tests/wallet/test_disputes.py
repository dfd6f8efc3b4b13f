"""Disputes through the real stand-in: what a bank takes back, from whom, and how it is told."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test import Client

from accounts.models import Notice, Review, User
from gifts import clubs, memberships
from tests import cashing, factories
from tests.gifts import world
from tests.standin import Standin, running_standin
from tests.wallet.test_purchases import start
from tests.wallet.test_refunds import ask, bought, now
from tests.wallet.test_returns import close, findings, held, mature
from wallet import (
    disputes,
    inbox,
    ledger,
    proofs,
    providers,
    queries,
    refunds,
    reversals,
    services,
    submissions,
)
from wallet.models import (
    Account,
    Dispute,
    Lot,
    Operation,
    PaymentMethod,
    ProviderEvent,
    Purchase,
    Refund,
    Transfer,
)
from wallet.providers import base
from wallet.providers.stripe import Stripe

Code = Account.Code
STRIPE = "wallet.providers.stripe.Stripe"


@pytest.fixture
def cast(committed: str) -> dict[str, User]:
    """The cast in a database where commits are real: disputes wait for folds."""
    return {
        "alice": factories.make_user("alice"),
        "bob": factories.make_creator("bob"),
        "olga": factories.make_staff("olga"),
    }


@pytest.fixture
def patient(tmp_path: Path, settings: LazySettings) -> Iterator[Standin]:
    """A stand-in where what is pending stays pending for an hour."""
    with running_standin(tmp_path, slow_s="3600") as running:
        settings.STRIPE_API_URL = running.url
        settings.STRIPE_API_KEY = running.api_key
        providers.load.cache_clear()
        yield running
    providers.load.cache_clear()


def give(sender: User, creator: User, coins: int) -> ledger.Outcome:
    words = {"gift": "Rosebud", "slug": "rosebud", "quantity": 1, "to": creator.display_name,
             "from": sender.display_name, "where": "Evening piano"}  # fmt: skip
    with transaction.atomic():
        return ledger.gift(
            ledger.Gift(
                ledger.new_operation_id(), sender.pk, creator.pk, coins, sender.pk, "room:1", words
            )
        ).check()


def contest(standin: Standin, purchase: Purchase, **asked: Any) -> str:
    """Let the payer's bank dispute the payment, and hear of it. Returns the dispute's name."""
    opened = standin.ask(
        "POST", "/standin/disputes", {"payment_intent": purchase.payment_ref, **asked}
    )
    hear(opened["id"])
    return str(opened["id"])


def decide(standin: Standin, ref: str, **deed: Any) -> Dispute:
    standin.ask("POST", "/standin/disputes", {"dispute": ref, **deed})
    hear(ref)
    return Dispute.objects.get(provider_ref=ref)


def hear(ref: str) -> None:
    disputes.learn(provider=STRIPE, ref=ref, at=now())


def dashboard_refund(standin: Standin, purchase: Purchase, **asked: Any) -> str:
    made = standin.ask(
        "POST", "/standin/refunds", {"payment_intent": purchase.payment_ref, **asked}
    )
    return str(made["id"])


def coins(user: User) -> tuple[int, int, int]:
    """In the wallet, in the hold, owed."""
    return (
        held(user.pk, Code.WALLET), held(user.pk, Code.COIN_HOLD), held(user.pk, Code.COIN_DEBT),
    )  # fmt: skip


def diamonds(user: User) -> tuple[int, int, int, int]:
    """Pending, available, disputed, owed."""
    kinds = (
        Code.DIAMOND_PENDING, Code.DIAMOND_AVAILABLE, Code.DIAMOND_DISPUTED, Code.DIAMOND_DEBT,
    )  # fmt: skip
    pending, available, disputed, owed = (held(user.pk, kind) for kind in kinds)
    return pending, available, disputed, owed


def cleared(purchase: Purchase) -> int:
    """What the books say went back of a payment."""
    moved = Transfer.objects.filter(lot__purchase=purchase, code__in=(63, 64, 87))
    return sum(moved.values_list("amount", flat=True))


def test_an_open_dispute_holds_coins_and_pending_diamonds_and_says_so(
    standin: Standin, cast: dict[str, User], client: Client
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    purchase = bought(standin, alice)
    give(alice, bob, 500)

    ref = contest(standin, purchase)

    assert Dispute.objects.get(provider_ref=ref).state == "open"
    assert coins(alice) == (0, 200, 0)
    assert diamonds(bob) == (0, 0, 500_000, 0)
    assert findings() == []
    client.force_login(alice)
    page = client.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    assert "Your bank is looking into this payment" in page
    assert "Give coins back" not in page
    client.force_login(bob)
    for path in ("/studio/", "/studio/gifts/"):
        shown = client.get(path, follow=True).content.decode()
        assert "wait for a bank’s decision" in shown, path
    assert Notice.objects.filter(user=bob, title="500 diamonds wait for a bank's decision").exists()


def test_a_dispute_won_frees_everything(standin: Standin, cast: dict[str, User]) -> None:
    alice, bob = cast["alice"], cast["bob"]
    purchase = bought(standin, alice)
    give(alice, bob, 500)
    ref = contest(standin, purchase)

    dispute = decide(standin, ref, do="win")

    assert (dispute.state, dispute.lost_minor) == ("won", 0)
    assert coins(alice) == (200, 0, 0)
    assert diamonds(bob) == (0, 500_000, 0, 0)
    assert cleared(purchase) == 0
    assert Lot.objects.get(purchase=purchase).state == Lot.State.GOOD
    assert findings() == []


def test_a_dispute_lost_takes_coins_then_diamonds_and_marks_the_gift_reversed(
    standin: Standin, cast: dict[str, User], client: Client
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    room = world.make_room(bob)
    purchase = bought(standin, alice)
    gift_id = ledger.new_operation_id()
    world.send(alice, room, "rosebud", operation_id=gift_id)
    price = 700 - queries.coins(user_id=alice.pk)
    assert price > 0
    ref = contest(standin, purchase)

    dispute = decide(standin, ref, do="lose")

    assert (dispute.state, dispute.lost_minor, dispute.recourse) == ("lost", 840, "full")
    assert dispute.outcome["burned"] == 700 - price
    assert dispute.outcome["creators"] == {str(bob.pk): price * 1_000}
    assert coins(alice) == (0, 0, 0)
    assert diamonds(bob) == (0, 0, 0, 0)
    assert cleared(purchase) == 840
    assert findings() == []
    assert reversals.reversed_gifts(operation_ids=[gift_id]) == {gift_id: price * 1_000}
    assert reversals.gifts_taken_back() == [gift_id]
    client.force_login(alice)
    assert (
        "Your bank took the payment back"
        in client.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    )
    assert "reversed" in client.get(f"/live/{room.pk}/").content.decode()
    assert "reversed" in client.get("/balance/history/?kind=gifts").content.decode()
    story = client.get(f"/balance/operations/{gift_id}/").content.decode()
    assert "This gift was reversed" in story
    client.force_login(bob)
    shown = client.get("/studio/gifts/", follow=True).content.decode()
    assert "diamonds taken back" in shown
    assert "Taken back with payments: 1" in shown


def test_a_dispute_lost_ends_the_membership_its_coins_paid(
    standin: Standin, cast: dict[str, User]
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    purchase = bought(standin, alice)
    facts: dict[str, Any] = {"creator_id": bob.pk, "price_coins": 300, "at": now()}
    memberships.set_offer(is_on=True, words="", **facts)
    month = memberships.buy(
        operation_id=ledger.new_operation_id(), fan_id=alice.pk, **facts
    ).entitlement
    assert clubs.paid_until(fan_id=alice.pk, creator_id=bob.pk, at=now()) == month.ends_at
    ref = contest(standin, purchase)
    assert memberships.revoke_taken_back(at=now()) == 0  # the bank has not decided

    decide(standin, ref, do="lose")

    assert memberships.revoke_taken_back(at=now()) == 1
    assert clubs.paid_until(fan_id=alice.pk, creator_id=bob.pk, at=now()) is None
    assert Notice.objects.filter(subject_key=f"membership:{month.pk}:revoked").count() == 1


def test_control_a_gift_of_a_good_payment_is_not_marked(
    standin: Standin, cast: dict[str, User], client: Client
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    room = world.make_room(bob)
    bought(standin, alice)
    gift_id = ledger.new_operation_id()
    world.send(alice, room, "rosebud", operation_id=gift_id)
    client.force_login(alice)

    assert reversals.reversed_gifts(operation_ids=[gift_id]) == {}
    assert reversals.gifts_taken_back() == []
    assert "reversed" not in client.get(f"/live/{room.pk}/").content.decode()
    assert "reversed" not in client.get("/balance/history/").content.decode()


def test_diamonds_that_were_paid_out_become_debt_that_is_shown(
    standin: Standin, cast: dict[str, User], client: Client, committed: str
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    purchase = bought(standin, alice)
    give(alice, bob, 500)
    mature(committed)
    settle_all(bob)
    assert diamonds(bob) == (0, 0, 0, 0)

    dispute = decide(standin, contest(standin, purchase), do="lose")

    assert dispute.outcome["debt"] == 500_000
    assert diamonds(bob) == (0, 0, 0, 500_000)
    assert findings() == []
    client.force_login(bob)
    page = client.get("/studio/").content.decode()
    assert "500</span>" in page or "500<" in page
    assert "are owed" in page
    assert "of them 500 owed" in client.get("/studio/gifts/", follow=True).content.decode()


def settle_all(creator: User) -> None:
    with transaction.atomic():
        for account in Account.objects.filter(
            owner_id=creator.pk, code=Code.DIAMOND_AVAILABLE, balance__credits__gt=0
        ):
            cashing.settle(
                operation_id=ledger.new_operation_id(), creator_id=creator.pk,
                card_id=account.card_id, currency="EUR", fx_per_usd=Decimal("0.9"),
                memo={}, context="x",
            ).check()  # fmt: skip


def test_a_part_lost_takes_that_part(standin: Standin, cast: dict[str, User]) -> None:
    alice, bob = cast["alice"], cast["bob"]
    purchase = bought(standin, alice)
    give(alice, bob, 600)
    close()
    ref = contest(standin, purchase)

    dispute = decide(standin, ref, do="win", amount=600)  # of 840: 240 stay away, 200 coins

    assert (dispute.state, dispute.lost_minor) == ("lost", 240)
    assert dispute.outcome["burned"] == 100
    assert dispute.outcome["traced"] == 100
    assert coins(alice) == (0, 0, 0)
    assert sum(diamonds(bob)) == 500_000
    assert cleared(purchase) == 240
    assert Lot.objects.get(purchase=purchase).state == Lot.State.GOOD
    assert findings() == []


def test_an_inquiry_holds_nothing_until_it_takes_money(
    standin: Standin, cast: dict[str, User]
) -> None:
    alice = cast["alice"]
    purchase = bought(standin, alice)
    ref = contest(standin, purchase, inquiry=True)
    assert Dispute.objects.get().state == "learnt"
    assert coins(alice) == (700, 0, 0)

    decide(standin, ref, do="escalate")
    assert coins(alice) == (0, 700, 0)

    assert decide(standin, ref, do="win").state == "won"
    assert coins(alice) == (700, 0, 0)


def test_an_inquiry_that_is_closed_leaves_no_trace(standin: Standin, cast: dict[str, User]) -> None:
    alice = cast["alice"]
    ref = contest(standin, bought(standin, alice), inquiry=True)

    assert decide(standin, ref, do="close").state == "won"

    assert coins(alice) == (700, 0, 0)
    assert findings() == []


def test_hearing_the_same_again_and_again_changes_nothing(
    standin: Standin, cast: dict[str, User]
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    purchase = bought(standin, alice)
    give(alice, bob, 500)
    ref = contest(standin, purchase)
    decide(standin, ref, do="lose")
    before = (coins(alice), diamonds(bob), cleared(purchase), Notice.objects.count())

    for _ in range(3):
        hear(ref)

    assert (coins(alice), diamonds(bob), cleared(purchase), Notice.objects.count()) == before
    assert Dispute.objects.count() == 1


def test_a_dispute_whose_beginning_was_never_heard_of_ends_all_the_same(
    standin: Standin, cast: dict[str, User]
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    purchase = bought(standin, alice)
    give(alice, bob, 500)
    opened = standin.ask("POST", "/standin/disputes", {"payment_intent": purchase.payment_ref})
    standin.ask("POST", "/standin/disputes", {"dispute": opened["id"], "do": "lose"})

    hear(opened["id"])

    assert Dispute.objects.get().state == "lost"
    assert cleared(purchase) == 840
    assert findings() == []


def test_a_notice_leads_to_the_dispute_and_the_sweep_ends_what_no_notice_told(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase = bought(standin, cast["alice"])
    opened = standin.ask("POST", "/standin/disputes", {"payment_intent": purchase.payment_ref})
    ProviderEvent.objects.create(
        provider=STRIPE, event_id="evt_1", kind="charge.dispute.created", object_ref=opened["id"],
        object_kind="dispute", body="{}",
    )  # fmt: skip
    assert inbox.handle_provider_events(at=now()) == 1
    assert Dispute.objects.get().state == "open"
    standin.ask("POST", "/standin/disputes", {"dispute": opened["id"], "do": "lose"})

    assert disputes.sweep(at=now()) == 0  # looked at just now
    assert disputes.sweep(at=now() + disputes.LOOK_PAUSE * 2) == 1

    assert Dispute.objects.get().state == "lost"


# Refunds made at the payment company


def test_a_refund_made_there_burns_the_coins_that_are_left(
    standin: Standin, cast: dict[str, User], client: Client
) -> None:
    alice = cast["alice"]
    purchase = bought(standin, alice)

    disputes.mirror_refund(provider=STRIPE, ref=dashboard_refund(standin, purchase), at=now())

    assert coins(alice) == (0, 0, 0)
    assert cleared(purchase) == 840
    assert findings() == []
    client.force_login(alice)
    page = client.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    assert "€8.40 went back to you from the payment company" in page


def test_a_refund_made_there_of_spent_coins_is_owed_where_diamonds_are_released(
    standin: Standin, cast: dict[str, User], committed: str, client: Client
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    purchase = bought(standin, alice)
    give(alice, bob, 500)
    mature(committed)

    disputes.mirror_refund(provider=STRIPE, ref=dashboard_refund(standin, purchase), at=now())

    assert coins(alice) == (0, 0, 500)
    assert diamonds(bob) == (0, 500_000, 0, 0)
    assert cleared(purchase) == 840
    client.force_login(alice)
    assert (
        "500 used coins are owed" in client.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    )
    bought(standin, alice)  # 700 more: 500 of them pay
    assert coins(alice) == (200, 0, 0)
    assert (
        "Coins for a payment that your bank took back"
        in client.get("/balance/history/?kind=returns").content.decode()
    )
    assert findings() == []


def test_a_refund_made_there_again_and_again_is_booked_once(
    standin: Standin, cast: dict[str, User]
) -> None:
    alice = cast["alice"]
    purchase = bought(standin, alice)
    first = dashboard_refund(standin, purchase, amount=120)
    for _ in range(3):
        disputes.mirror_refund(provider=STRIPE, ref=first, at=now())
    assert coins(alice) == (600, 0, 0)

    second = dashboard_refund(standin, purchase, amount=240)
    disputes.mirror_refund(provider=STRIPE, ref=second, at=now())

    assert coins(alice) == (400, 0, 0)
    assert cleared(purchase) == 360
    assert findings() == []


# A refund and a dispute of one payment


def approve(refund: Refund, by: User) -> None:
    refunds.decide(refund_id=refund.pk, coins=refund.coins, reason="Yes.", by=by, at=now())


@pytest.mark.parametrize("is_approved", [False, True])
def test_a_dispute_ends_a_request_that_was_not_sent(
    standin: Standin, cast: dict[str, User], is_approved: bool
) -> None:
    alice = cast["alice"]
    purchase = bought(standin, alice)
    refund = ask(purchase, 300)
    if is_approved:
        approve(refund, cast["olga"])

    ref = contest(standin, purchase)

    refund.refresh_from_db()
    assert refund.state == "cancelled"
    assert coins(alice) == (0, 700, 0)
    assert submissions.sweep(at=now()) == 0
    decide(standin, ref, do="lose")
    assert cleared(purchase) == 840
    assert len(standin.client().v1.refunds.list({"payment_intent": purchase.payment_ref}).data) == 0
    assert findings() == []


def test_a_refund_that_was_paid_leaves_the_dispute_the_rest(
    standin: Standin, cast: dict[str, User]
) -> None:
    alice = cast["alice"]
    purchase = bought(standin, alice)
    refund = ask(purchase, 300)
    approve(refund, cast["olga"])
    submissions.submit(refund_id=refund.pk, at=now())

    dispute = decide(standin, contest(standin, purchase), do="lose")

    assert dispute.lost_minor == 840 - 360
    assert coins(alice) == (0, 0, 0)
    assert cleared(purchase) == 840
    assert findings() == []


@pytest.mark.parametrize(("amount", "left"), [(840, 0), (480, 300)])
def test_a_dispute_that_comes_while_the_money_is_on_its_way_takes_its_amount_once(
    patient: Standin, cast: dict[str, User], amount: int, left: int
) -> None:
    standin = patient
    alice = cast["alice"]
    purchase = bought(standin, alice, "refund-slow")
    refund = ask(purchase, 300)
    approve(refund, cast["olga"])
    assert submissions.submit(refund_id=refund.pk, at=now()).state == "submitted"

    # The company fails what is pending of a disputed payment.
    ref = contest(standin, purchase, amount=amount)
    assert coins(alice) == (0, 700, 0)
    assert submissions.submit(refund_id=refund.pk, at=now()).state == "failed"

    assert coins(alice) == (0, 700, 0)
    decide(standin, ref, do="lose")
    assert coins(alice) == (left, 0, 0)
    assert cleared(purchase) == amount
    assert findings() == []


def test_a_refund_after_a_dispute_was_heard_of_is_refused_and_after_it_was_won_is_not(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase = bought(standin, cast["alice"])
    ref = contest(standin, purchase)
    with pytest.raises(refunds.NotRefundable, match="Your bank is looking"):
        ask(purchase, 1)
    decide(standin, ref, do="win")

    refund = ask(purchase, 700)
    approve(refund, cast["olga"])

    assert submissions.submit(refund_id=refund.pk, at=now()).state == "paid"
    assert cleared(purchase) == 840
    assert findings() == []


def test_what_the_provider_says_it_lost_is_what_the_books_say(
    standin: Standin, cast: dict[str, User]
) -> None:
    """The clearing account is the stand-in's balance of the payments here, to the cent."""
    alice, bob = cast["alice"], cast["bob"]
    first, second, third = (bought(standin, alice) for _ in range(3))
    give(alice, bob, 900)
    services.fold_ledger()
    decide(standin, contest(standin, first), do="lose")
    decide(standin, contest(standin, second), do="win", amount=600)
    disputes.mirror_refund(
        provider=STRIPE, ref=dashboard_refund(standin, third, amount=120), at=now()
    )

    refs = {purchase.payment_ref for purchase in (first, second, third)}
    balance = provider_balance(standin, refs)

    clearing = Account.objects.get(owner_id=0, code=Code.PROVIDER_CLEARING, unit=978)
    debits, credits_ = ledger.turnover(clearing.pk)
    assert debits - credits_ == balance
    assert findings() == []


def provider_balance(standin: Standin, refs: set[str]) -> int:
    """What the payment company's own book keeps for us of these payments."""
    v1, total = standin.client().v1, 0
    for ref in refs:
        intent = v1.payment_intents.retrieve(ref, {"expand": ["latest_charge.balance_transaction"]})
        total += intent.to_dict()["latest_charge"]["balance_transaction"]["net"]
        refunded = v1.refunds.list({"payment_intent": ref}).to_dict()["data"]
        total -= sum(one["amount"] for one in refunded if one["status"] != "failed")
        for dispute in v1.disputes.list({"payment_intent": ref}).to_dict()["data"]:
            total += sum(one["net"] for one in dispute["balance_transactions"])
    return total


# What cannot be booked


class SaysDollars(Stripe):
    """The real adapter, at a company that says every amount is of dollars."""

    def fetch_dispute(self, ref: str) -> base.Dispute:
        return replace(super().fetch_dispute(ref), currency="USD")

    def fetch_refund(self, ref: str) -> base.Refund:
        return replace(super().fetch_refund(ref), currency="USD")


DOLLARS = "tests.wallet.test_disputes.SaysDollars"


def told(ref: str, kind: str, *, provider: str = STRIPE) -> str:
    """Act on a notice of it; what came of it."""
    event = ProviderEvent.objects.create(
        provider=provider, event_id=f"evt_{ledger.new_operation_id()}", kind=f"a {kind}",
        object_ref=ref, object_kind=kind, body="{}",
    )  # fmt: skip
    inbox.handle_provider_events(at=now())
    event.refresh_from_db()
    return event.outcome


def everything(cast: dict[str, User]) -> tuple[object, ...]:
    """What everybody holds, and every row of the ledger."""
    alice, bob = coins(cast["alice"]), diamonds(cast["bob"])
    return alice, bob, list(Transfer.objects.order_by("pk").values()), Lot.objects.get().state


@pytest.mark.parametrize("kind", ["dispute", "refund"])
def test_what_is_in_another_currency_than_its_payment_moves_nothing_and_staff_see_why(
    standin: Standin, cast: dict[str, User], client: Client, kind: str
) -> None:
    purchase = bought(standin, cast["alice"])
    give(cast["alice"], cast["bob"], 500)
    services.fold_ledger()
    before = everything(cast)
    PaymentMethod.objects.update(provider=DOLLARS)
    path = {"dispute": "/standin/disputes", "refund": "/standin/refunds"}[kind]
    ref = standin.ask("POST", path, {"payment_intent": purchase.payment_ref})["id"]

    outcomes = [told(ref, kind, provider=DOLLARS) for _ in range(2)]

    assert outcomes == 2 * [
        {
            "dispute": f"Purchase {purchase.pk}: dispute unbooked",
            "refund": f"Purchase {purchase.pk}: refund made there, unbooked",
        }[kind]
    ]
    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.amount_minor, dispute.lost_minor) == ("unbooked", 0, 0)
    assert dispute.ended_at is not None
    assert everything(cast) == before
    assert disputes.sweep(at=now() + disputes.LOOK_PAUSE * 2) == 0
    assert [*findings(), *proofs.disputes_are_booked()] == []
    assert not Review.objects.exists()
    (notice,) = Notice.objects.filter(user=cast["olga"])
    words = "It is in USD (840 of its smallest unit), and the payment was in EUR"
    assert words in notice.body
    client.force_login(cast["olga"])
    shown = client.get(f"/admin/wallet/dispute/{dispute.pk}/change/").content.decode()
    assert words in shown
    assert "Not booked: staff look at it" in shown
    assert (
        dispute.provider_ref in client.get("/admin/wallet/dispute/?state=unbooked").content.decode()
    )
    client.force_login(cast["alice"])
    page = client.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    assert "disputed" not in page
    assert "went back to you" not in page


def test_control_the_same_dispute_in_the_payments_own_currency_holds_the_coins(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase = bought(standin, cast["alice"])

    outcome = told(standin.dispute(purchase.payment_ref)["id"], "dispute")

    assert outcome == f"Purchase {purchase.pk}: dispute open"
    assert coins(cast["alice"]) == (0, 700, 0)


def test_a_dispute_that_is_open_stays_so_when_it_is_told_in_another_currency(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase = bought(standin, cast["alice"])
    ref = contest(standin, purchase)
    before = everything(cast)
    standin.decide(ref, "lose")
    PaymentMethod.objects.update(provider=DOLLARS)

    assert told(ref, "dispute", provider=DOLLARS) == f"Purchase {purchase.pk}: dispute open"

    assert everything(cast) == before
    assert Dispute.objects.get().amount_minor == 840
    PaymentMethod.objects.update(provider=STRIPE)
    assert told(ref, "dispute") == f"Purchase {purchase.pk}: dispute lost"
    assert cleared(purchase) == 840


def taken_whole(standin: Standin, cast: dict[str, User]) -> Purchase:
    """A purchase of which 300 coins were paid back, and a bank took the rest."""
    purchase = bought(standin, cast["alice"])
    refund = ask(purchase, 300)
    approve(refund, cast["olga"])
    submissions.submit(refund_id=refund.pk, at=now())
    assert decide(standin, contest(standin, purchase, amount=480), do="lose").lost_minor == 480
    assert Lot.objects.get().state == Lot.State.LOST
    return purchase


def test_a_dispute_of_a_payment_that_is_gone_already_ends_and_says_so(
    standin: Standin, cast: dict[str, User], client: Client
) -> None:
    purchase = taken_whole(standin, cast)
    before = everything(cast)

    outcome = told(standin.dispute(purchase.payment_ref, amount=360)["id"], "dispute")

    assert outcome == f"Purchase {purchase.pk}: dispute unbooked"
    second = Dispute.objects.get(state="unbooked")
    assert (second.amount_minor, second.lost_minor) == (360, 0)
    assert everything(cast) == before
    assert cleared(purchase) == 840
    assert disputes.sweep(at=now() + disputes.LOOK_PAUSE * 2) == 0
    assert not queries.has_money_coming_back(user_id=cast["alice"].pk)
    assert [*findings(), *proofs.disputes_are_booked()] == []
    words = "All of the payment of €8.40 was taken back before, so nothing is left to take"
    told_olga = Notice.objects.filter(user=cast["olga"], body__contains=words)
    assert told_olga.count() == 1
    client.force_login(cast["olga"])
    assert words in client.get(f"/admin/wallet/dispute/{second.pk}/change/").content.decode()


def test_one_that_was_not_booked_and_is_won_says_that_it_was_won(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase = taken_whole(standin, cast)
    ref = standin.dispute(purchase.payment_ref, amount=360)["id"]
    told(ref, "dispute")
    before = everything(cast)
    standin.decide(ref, "win")

    assert [told(ref, "dispute") for _ in range(2)] == 2 * [f"Purchase {purchase.pk}: dispute won"]

    assert everything(cast) == before
    assert [*findings(), *proofs.disputes_are_booked()] == []


def test_one_that_waits_for_another_is_not_booked_once_that_took_everything(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase = bought(standin, cast["alice"])
    contest(standin, purchase)
    waiting = Dispute.objects.create(
        pk=ledger.new_operation_id(), open_id=ledger.new_operation_id(), purchase=purchase,
        kind="dispute", provider_ref="du_second", amount_minor=840,
    )  # fmt: skip
    first = Dispute.objects.exclude(pk=waiting.pk).get()
    found = replace(STANDING, ref="du_second", payment_ref=purchase.payment_ref)
    assert disputes._follow(waiting, found=found, at=now()).state == "learnt"
    decide(standin, first.provider_ref, do="lose")

    assert disputes._follow(waiting, found=found, at=now()).state == "unbooked"


STANDING = base.Dispute(
    ref="", payment_ref="", state=base.DisputeState.OPEN, amount_minor=840, currency="EUR",
    reason="fraudulent", withdrawn_minor=840, fee_minor=0, due_at=None, created_at=now(),
)  # fmt: skip


# A refund at the company that is heard of before the payment itself


def unheard(standin: Standin, alice: User) -> tuple[Purchase, str]:
    """A purchase that was paid there, of which nobody told us; and the name of its payment."""
    purchase = start(alice)
    standin.pay(purchase.checkout_ref)
    session = standin.client().v1.checkout.sessions.retrieve(purchase.checkout_ref)
    return purchase, str(session.payment_intent)


def test_a_refund_made_there_that_is_heard_of_before_its_payment_takes_the_coins_back(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase, payment_ref = unheard(standin, cast["alice"])
    ref = standin.refund(payment_ref, 240)["id"]

    outcome = told(ref, "refund")

    assert outcome == f"Purchase {purchase.pk}: refund made there, lost"
    assert Purchase.objects.get().state == "credited"
    assert coins(cast["alice"]) == (500, 0, 0)
    assert cleared(purchase) == 240
    assert findings() == []


def test_a_dispute_that_is_heard_of_before_its_payment_holds_the_coins(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase, payment_ref = unheard(standin, cast["alice"])

    outcome = told(standin.dispute(payment_ref)["id"], "dispute")

    assert outcome == f"Purchase {purchase.pk}: dispute open"
    assert coins(cast["alice"]) == (0, 700, 0)
    assert findings() == []


def test_the_notices_and_the_return_page_and_a_refund_made_there_race_and_each_counts_once(
    standin: Standin, cast: dict[str, User]
) -> None:
    purchase, payment_ref = unheard(standin, cast["alice"])
    ref = standin.refund(payment_ref, 240)["id"]
    barrier = Barrier(6)
    pages = [Client() for _ in range(2)]
    for page in pages:
        page.force_login(cast["alice"])

    def at_once(deed: Callable[[], object]) -> None:
        try:
            barrier.wait()
            deed()
        finally:
            connection.close()

    deeds: list[Callable[[], object]] = [
        *(partial(told, purchase.checkout_ref, "checkout") for _ in range(2)),
        *(partial(told, ref, "refund") for _ in range(2)),
        *(partial(page.get, f"/coins/purchases/{purchase.pk}/") for page in pages),
    ]
    with ThreadPoolExecutor(len(deeds)) as threads:
        list(threads.map(at_once, deeds))

    assert Purchase.objects.get().state == "credited"
    assert Operation.objects.filter(pk=purchase.pk).count() == 1
    assert Dispute.objects.get().state == "lost"
    assert coins(cast["alice"]) == (500, 0, 0)
    assert cleared(purchase) == 240
    assert [*findings(), *proofs.disputes_are_booked(), *proofs.purchases_have_lots()] == []
