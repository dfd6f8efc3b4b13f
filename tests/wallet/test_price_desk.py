"""The staff's price desk and books: deeds go through services, everything else is read-only."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import StateChange, User
from tests import factories
from wallet import adjustments, books, ledger, queries
from wallet.models import (
    Account,
    Adjustment,
    FxRate,
    Lot,
    MethodFee,
    Operation,
    Period,
    Price,
    RateCard,
    Region,
    Transfer,
)


@pytest.fixture
def desk(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def page(name: str, *arguments: object) -> str:
    return reverse(f"admin:wallet_{name}", args=arguments)


PRICE = {
    "region": "DE",
    "channel": "web",
    "package": "",
    "coins": "100",
    "amount": "1.10",
    "valid_from_0": "",
    "valid_from_1": "",
}


def test_a_price_is_previewed_with_its_margin_and_only_added_when_confirmed(desk: Client) -> None:
    before = Price.objects.count()

    shown = desk.post(page("price_add"), PRICE)

    assert "This price" in shown.content.decode()
    assert "United States" in shown.content.decode()
    assert "€1.20 (-8.3%)" in shown.content.decode()
    assert Price.objects.count() == before
    assert desk.post(page("price_add"), PRICE | {"confirm": "1"}).status_code == 302
    region = Region.objects.get(pk="DE")
    rate = queries.rate_for(region=region, channel="web", at=timezone.now())
    assert rate is not None
    assert (rate.amount_minor, rate.coins) == (110, 100)
    assert Price.objects.count() == before + 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"amount": "0.50"}, "Germany: at €0.50 for 100 coins a coin brings in US$0.004585"),
        ({"amount": "1.301"}, "EUR has 2 decimals"),
        ({"amount": "1.30"}, "30 days&#x27; notice of a higher price, and €1.20 becomes €1.30"),
        ({"valid_from_0": "2026-01-01", "valid_from_1": "00:00"}, "cannot begin in the past"),
        ({"coins": ""}, "Say how many coins"),
    ],
)
def test_a_price_that_cannot_be_is_refused_in_words_and_nothing_is_added(
    desk: Client, wrong: dict[str, str], words: str
) -> None:
    before = Price.objects.count()

    answer = desk.post(page("price_add"), PRICE | wrong | {"confirm": "1"})

    assert words in answer.content.decode()
    assert Price.objects.count() == before


def card_form(**changed: str) -> dict[str, str]:
    start = timezone.now() + timedelta(days=40)
    holds = {f"hold_{n}": str(days) for n, days in enumerate((3, 7, 7, 14, 30, 30, 45), start=1)}
    return (
        holds
        | {
            "name": "v2",
            "diamonds_per_coin": "1",
            "diamond_usd": "0.0045",
            "notice_days": "30",
            "first_days": "25",
            "effective_at_0": f"{start:%Y-%m-%d}",
            "effective_at_1": f"{start:%H:%M:%S}",
        }
        | changed
    )


def test_a_worse_card_is_announced_with_its_notice_and_refused_without(desk: Client) -> None:
    soon = timezone.now() + timedelta(days=10)
    early = card_form(effective_at_0=f"{soon:%Y-%m-%d}", confirm="1")

    refused = desk.post(page("ratecard_add"), early)

    assert "This one could start on" in refused.content.decode()
    assert RateCard.objects.count() == 1
    shown = desk.post(page("ratecard_add"), card_form())
    assert "Announce this card for good" in shown.content.decode()
    assert RateCard.objects.count() == 1
    assert desk.post(page("ratecard_add"), card_form(confirm="1")).status_code == 302
    made = RateCard.objects.latest("id")
    assert made.diamond_usd == Decimal("0.004500")
    assert made.hold_days == {
        "0": 25, "1": 3, "2": 7, "3": 7, "4": 14, "5": 30, "6": 30, "7": 45,
    }  # fmt: skip


def test_the_form_begins_with_the_latest_card_s_first_payouts(desk: Client) -> None:
    shown = desk.get(page("ratecard_add")).content.decode()

    assert 'name="first_days" value="21"' in shown
    assert "Bank or instant transfer 3," in desk.post(
        page("ratecard_add"), card_form()
    ).content.decode().replace("&#x27;", "'")


def test_a_card_above_the_margin_is_refused_with_numbers(desk: Client) -> None:
    answer = desk.post(page("ratecard_add"), card_form(diamond_usd="0.02", confirm="1"))

    assert "needs US$0.022000" in answer.content.decode()
    assert RateCard.objects.count() == 1


def test_a_fee_that_breaks_the_floor_is_told_at_once(desk: Client) -> None:
    method = page("paymentmethod_change", "card")
    fee = MethodFee.objects.get(method_id="card", currency="USD")
    form: dict[str, Any] = {
        "name": "Card", "hold_class": "5", "regions": ["US", "DE"], "is_offered": "on",
        "fees-TOTAL_FORMS": "1", "fees-INITIAL_FORMS": "1", "fees-0-id": str(fee.pk),
        "fees-0-method": "card", "fees-0-currency": "USD", "fees-0-fee_bps": "5000",
        "fees-0-fee_minor": "0", "why": "The bank raised it.",
    }  # fmt: skip

    answer = desk.post(method, form, follow=True)

    assert "Below the margin floor now. United States" in answer.content.decode()


def propose(alice: User, **changed: str) -> dict[str, str]:
    return {
        "adjustment_id": str(ledger.new_operation_id()),
        "owner": "@alice",
        "unit": "coin",
        "amount": "25",
        "card": "",
        "reason": "For the outage",
    } | changed


def test_coins_are_given_by_two_people_and_not_by_one(desk: Client, alice: User) -> None:
    form = propose(alice, confirm="1")
    assert desk.post(page("adjustment_add"), form).status_code == 302
    assert desk.post(page("adjustment_add"), form).status_code == 302
    adjustment = Adjustment.objects.get()
    decide = page("adjustment_decide", adjustment.pk)
    assert queries.coins(user_id=alice.pk) == 0

    own = desk.post(decide, {"decision": "approve", "confirm": "1"})
    assert "Somebody else has to decide" in own.content.decode()
    assert queries.coins(user_id=alice.pk) == 0

    desk.force_login(factories.make_staff("otto"))
    shown = desk.post(decide, {"decision": "approve"})
    assert "It is posted to the ledger." in shown.content.decode()
    assert queries.coins(user_id=alice.pk) == 0
    assert desk.post(decide, {"decision": "approve", "confirm": "1"}).status_code == 302
    assert queries.coins(user_id=alice.pk) == 25
    again = desk.post(decide, {"decision": "approve", "confirm": "1"})
    assert "was decided before" in again.content.decode()
    assert queries.coins(user_id=alice.pk) == 25
    assert StateChange.objects.filter(subject_id=str(adjustment.pk)).count() == 1


def test_a_rejected_proposal_posts_nothing(alice: User, olga: User) -> None:
    otto = factories.make_staff("otto")
    adjustment = adjustments.propose(
        adjustment_id=ledger.new_operation_id(),
        owner=alice,
        unit="coin",
        amount=5,
        card=None,
        reason="x",
        proposer_id=olga.pk,
    )

    adjustments.reject(adjustment_id=adjustment.pk, by_id=otto.pk, why="No.", at=timezone.now())

    adjustment.refresh_from_db()
    assert (adjustment.state, adjustment.approver) == ("rejected", otto)
    assert not Operation.objects.exists()
    with pytest.raises(adjustments.NotWaiting):
        adjustments.approve(adjustment_id=adjustment.pk, approver_id=otto.pk, at=timezone.now())


def test_more_than_there_is_cannot_be_taken_and_the_refusal_is_kept(
    alice: User, olga: User
) -> None:
    factories.give_coins(alice, 3)
    otto = factories.make_staff("otto")
    adjustment = adjustments.propose(
        adjustment_id=ledger.new_operation_id(),
        owner=alice,
        unit="coin",
        amount=-5,
        card=None,
        reason="x",
        proposer_id=olga.pk,
    )

    with pytest.raises(ledger.InsufficientCoins):
        adjustments.approve(adjustment_id=adjustment.pk, approver_id=otto.pk, at=timezone.now())

    adjustment.refresh_from_db()
    assert adjustment.state == "refused"
    assert queries.coins(user_id=alice.pk) == 3


def test_diamonds_are_given_under_a_card_to_creators_only(
    alice: User, bob: User, olga: User
) -> None:
    card = RateCard.objects.get()
    facts: dict[str, Any] = {
        "unit": "diamond",
        "amount": 1500,
        "reason": "x",
        "proposer_id": olga.pk,
    }

    adjustment = adjustments.propose(
        adjustment_id=ledger.new_operation_id(), owner=bob, card=card, **facts
    )
    adjustments.approve(
        adjustment_id=adjustment.pk,
        approver_id=factories.make_staff("otto").pk,
        at=timezone.now(),
    )

    assert books.diamond_accounts(creator_id=bob.pk).available_milli == 1500
    for wrong in ({"owner": alice, "card": card}, {"owner": bob, "card": None}):
        with pytest.raises(adjustments.NotAnAdjustment):
            adjustments.propose(adjustment_id=ledger.new_operation_id(), **(facts | wrong))


READ_ONLY: dict[str, Any] = {
    "account": Account, "operation": Operation, "lot": Lot, "period": Period,
    "price": Price, "fxrate": FxRate, "ratecard": RateCard, "adjustment": Adjustment,
}  # fmt: skip


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_forged_form_to_a_read_only_admin_writes_nothing(
    desk: Client, alice: User, bob: User, olga: User, name: str
) -> None:
    factories.give_coins(alice, 10)
    ledger.gift(
        ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 4, alice.pk, "room:1", {})
    ).check()
    adjustments.propose(
        adjustment_id=ledger.new_operation_id(),
        owner=alice,
        unit="coin",
        amount=5,
        card=None,
        reason="x",
        proposer_id=olga.pk,
    )
    model = READ_ONLY[name]
    before = list(model.objects.order_by("pk").values())
    row = model.objects.order_by("pk").first()
    assert row is not None
    forged = {
        "remaining": "999", "amount": "999", "amount_minor": "1", "per_usd": "9", "name": "mine",
        "state": "approved", "home_id": "1", "diamond_usd": "1", "owner_id": "1", "post": "yes",
    }  # fmt: skip

    answers = [
        desk.post(page(f"{name}_change", row.pk), forged).status_code,
        desk.post(page(f"{name}_delete", row.pk), {"post": "yes"}).status_code,
    ]
    deed = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    desk.post(page(f"{name}_changelist"), deed)

    assert answers == [403, 403]
    assert list(model.objects.order_by("pk").values()) == before
    assert desk.get(page(f"{name}_changelist")).status_code == 200
    assert desk.get(page(f"{name}_change", row.pk)).status_code == 200


@pytest.mark.parametrize("name", ["account", "operation", "lot", "period"])
def test_nothing_of_the_ledger_is_added_by_a_form(desk: Client, name: str) -> None:
    assert desk.post(page(f"{name}_add"), {"id": "1"}).status_code == 403


@pytest.mark.parametrize("name", ["region_delete", "coinpackage_delete", "paymentmethod_delete"])
def test_what_prices_hang_on_is_never_deleted(desk: Client, name: str) -> None:
    keys: dict[str, object] = {"region_delete": "DE", "paymentmethod_delete": "card"}
    key = keys.get(name) or 1

    assert desk.post(page(name, key), {"post": "yes"}).status_code == 403


def test_who_may_look_may_not_do_and_who_may_propose_may_not_decide(
    client: Client, alice: User
) -> None:
    auditor = factories.make_staff("aud")
    User.objects.filter(pk=auditor.pk).update(is_superuser=False)
    auditor.user_permissions.set(
        Permission.objects.filter(codename__startswith="view_", content_type__app_label="wallet")
    )
    client.force_login(auditor)

    assert client.get(page("price_changelist")).status_code == 200
    for name in ("price_add", "fxrate_add", "ratecard_add", "adjustment_add"):
        assert client.post(page(name), {"confirm": "1"}).status_code == 403
    adjustment = Adjustment.objects.create(
        id=ledger.new_operation_id(),
        owner=alice,
        unit="coin",
        amount=5,
        reason="x",
        proposer=factories.make_staff("ola"),
    )
    decide = page("adjustment_decide", adjustment.pk)
    assert client.post(decide, {"decision": "approve", "confirm": "1"}).status_code == 403
    assert not Operation.objects.exists()


def test_an_operation_is_shown_with_its_transfers(desk: Client, alice: User) -> None:
    outcome = factories.give_coins(alice, 10)

    shown = desk.get(page("operation_change", outcome.operation_id)).content.decode()

    assert "10 coins" in shown
    assert "€0.20" in shown
    assert Transfer.objects.filter(op=outcome.operation_id).count() == 2
