"""The official client after a payment: capture, refund, dispute, warning, and the exact book."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from tests import standin as programs
from tests.standin_program.conftest import order
from tests.standin_program.test_objects import may_be_missing, own_fields

type Open = Callable[..., Any]

CHARGE_FEE = 51  # of US$7.40: 2.9 % half up and 30
DISPUTE_FEE = 1500


@pytest.fixture
def buy(standin: programs.Standin, client: stripe.StripeClient) -> Callable[..., str]:
    """Buy 70 coins for US$7.40, and return the payment intent's name."""

    def buyer(card: str = "visa", **changes: Any) -> str:
        session = client.v1.checkout.sessions.create(order(**changes))  # type: ignore[arg-type]
        assert standin.pay(session.id, card, "approve")["outcome"] == "paid"
        return str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)

    return buyer


def refund(client: stripe.StripeClient, intent: str, key: str = "", **asked: Any) -> Any:
    options: Any = {"idempotency_key": key} if key else {}
    wished: Any = {"payment_intent": intent, **asked}
    return client.v1.refunds.create(wished, options)


def movements(standin: programs.Standin, intent: str) -> list[tuple[str, int, int]]:
    """Return what a payment moved on the merchant's balance: kind, amount and fee, in order."""
    return [
        (row["kind"], row["amount"], row["fee"])
        for row in standin.whole_book()["movements"]
        if row["payment_intent"] == intent
    ]


def kinds_of(client: stripe.StripeClient, intent: str, *starts: str) -> list[str]:
    """Return the types of a payment's events that begin as asked, oldest first."""
    events = client.v1.events.list({"limit": 100}).data
    return [
        event.type
        for event in reversed(events)
        if event.type.startswith(starts)
        and event.data.object.to_dict().get("payment_intent") == intent
    ]


def test_the_client_buys_refunds_in_part_and_loses_the_dispute_of_the_rest(
    standin: programs.Standin, client: stripe.StripeClient, buy: Callable[..., str]
) -> None:
    intent = buy()

    part = refund(client, intent, amount=240, metadata={"refund": "refund-1"})
    disputed = standin.dispute(intent)
    lost = standin.decide(disputed["id"], "lose")

    assert (part.status, part.amount, part.currency) == ("succeeded", 240, "usd")
    assert part.payment_intent == intent
    found = client.v1.disputes.retrieve(disputed["id"])
    assert (found.status, found.amount, found.reason) == ("lost", 500, "fraudulent")
    assert found.to_dict() == lost
    assert [row.amount for row in found.balance_transactions] == [-500]
    charge = client.v1.charges.list({"payment_intent": intent}).data[0]
    assert (charge.amount_refunded, charge.refunded, charge.disputed) == (240, False, True)
    assert movements(standin, intent) == [
        ("charge", 740, CHARGE_FEE),
        ("refund", -240, 0),
        ("dispute", -500, DISPUTE_FEE),
    ]
    assert kinds_of(client, intent, "refund.", "charge.") == [
        "charge.succeeded",
        "refund.created",
        "charge.refunded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]


@pytest.fixture(scope="module")
def shown(standin: programs.Standin, client: stripe.StripeClient) -> dict[str, dict[str, Any]]:
    """One object of each kind, as it went over the wire."""
    saving: dict[str, Any] = {"customer_creation": "always"}
    session = client.v1.checkout.sessions.create(order(**saving))  # type: ignore[arg-type]
    standin.pay(session.id)
    found = client.v1.checkout.sessions.retrieve(session.id)
    intent = str(found.payment_intent)
    made = refund(client, intent, amount=100)
    dispute = standin.dispute(intent)
    return {
        "refund": made.to_dict(),
        "dispute": client.v1.disputes.retrieve(dispute["id"]).to_dict(),
        "warning": standin.warn(intent),
        "customer": client.v1.customers.retrieve(str(found.customer)).to_dict(),
        "withdrawal": dispute["balance_transactions"][0],
        "evidence": dispute["evidence_details"],
        "card": dispute["payment_method_details"]["card"],
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("refund", stripe.Refund),
        ("dispute", stripe.Dispute),
        ("warning", stripe.radar.EarlyFraudWarning),
        ("customer", stripe.Customer),
        ("withdrawal", stripe.BalanceTransaction),
        ("evidence", stripe.Dispute.EvidenceDetails),
        ("card", stripe.Dispute.PaymentMethodDetails.Card),
    ],
)
def test_an_object_has_the_fields_of_the_real_one_and_no_others(
    shown: dict[str, dict[str, Any]], name: str, kind: type
) -> None:
    fields = own_fields(kind)

    assert set(shown[name]) <= set(fields)
    assert {one for one, type_ in fields.items() if not may_be_missing(type_)} <= set(shown[name])


def test_the_balance_is_what_all_movements_come_to(
    standin: programs.Standin, client: stripe.StripeClient, buy: Callable[..., str]
) -> None:
    before = standin.whole_book()["balances"].get("usd", 0)
    first, second = buy(), buy()

    refund(client, first)
    won = standin.dispute(second)
    standin.decide(won["id"], "win")

    after = standin.whole_book()["balances"]["usd"]
    assert after - before == (740 - CHARGE_FEE - 740) + (740 - CHARGE_FEE - 740 - DISPUTE_FEE + 740)
    listed = client.v1.balance_transactions.list({"limit": 100, "currency": "usd"})
    rows = list(listed.auto_paging_iter())
    assert sum(row.net for row in rows) == after


def test_the_same_key_refunds_once(
    standin: programs.Standin, client: stripe.StripeClient, buy: Callable[..., str]
) -> None:
    intent = buy()

    made = [refund(client, intent, key=f"once-{intent}", amount=100) for _ in range(3)]

    assert len({one.id for one in made}) == 1
    assert movements(standin, intent) == [("charge", 740, CHARGE_FEE), ("refund", -100, 0)]


@pytest.mark.parametrize(
    ("amounts", "code"),
    [((741,), None), ((700, 41), None), ((740, 1), "charge_already_refunded")],
)
def test_a_payment_never_gives_back_more_than_it_took(
    standin: programs.Standin,
    client: stripe.StripeClient,
    buy: Callable[..., str],
    amounts: tuple[int, ...],
    code: str | None,
) -> None:
    intent = buy()
    for amount in amounts[:-1]:
        refund(client, intent, amount=amount)
    before = movements(standin, intent)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(client, intent, amount=amounts[-1])

    assert refused.value.code == code
    assert movements(standin, intent) == before


def test_a_slow_refund_is_pending_and_then_arrives(
    standin: programs.Standin, client: stripe.StripeClient, buy: Callable[..., str]
) -> None:
    intent = buy("refund-slow")

    made = refund(client, intent)

    assert (made.status, made.pending_reason) == ("pending", "processing")
    programs.eventually(lambda: client.v1.refunds.retrieve(made.id).status == "succeeded")
    assert movements(standin, intent) == [("charge", 740, CHARGE_FEE), ("refund", -740, 0)]
    assert kinds_of(client, intent, "refund.", "charge.refund.") == [
        "refund.created",
        "refund.updated",
        "charge.refund.updated",
    ]


@pytest.mark.parametrize(
    ("card", "first", "reason"),
    [
        ("refund-fails", "succeeded", "expired_or_canceled_card"),
        ("refund-pends-fails", "pending", "declined"),
    ],
)
def test_a_refund_that_fails_comes_back_to_the_balance_once(
    standin: programs.Standin,
    client: stripe.StripeClient,
    buy: Callable[..., str],
    card: str,
    first: str,
    reason: str,
) -> None:
    intent = buy(card)

    made = refund(client, intent, amount=300)

    assert made.status == first
    programs.eventually(lambda: client.v1.refunds.retrieve(made.id).status == "failed")
    found = client.v1.refunds.retrieve(made.id, {"expand": ["failure_balance_transaction"]})
    assert found.failure_reason == reason
    assert found.failure_balance_transaction.amount == 300  # type: ignore[union-attr]
    assert movements(standin, intent) == [
        ("charge", 740, CHARGE_FEE),
        ("refund", -300, 0),
        ("refund_failure", 300, 0),
    ]
    charge = client.v1.charges.list({"payment_intent": intent}).data[0]
    assert charge.amount_refunded == 0


def test_a_dispute_fails_the_refund_that_is_still_pending(
    client: stripe.StripeClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with programs.running_standin(tmp_path_factory.mktemp("patient"), slow_s="3600") as standin:
        own = standin.client()
        session = own.v1.checkout.sessions.create(order())  # type: ignore[arg-type]
        standin.pay(session.id, "refund-slow")
        intent = str(own.v1.checkout.sessions.retrieve(session.id).payment_intent)
        made = refund(own, intent, amount=200)

        standin.dispute(intent, amount=740)

        found = own.v1.refunds.retrieve(made.id)
        assert found.failure_reason == "charge_for_pending_refund_disputed"
        assert movements(standin, intent) == [
            ("charge", 740, CHARGE_FEE),
            ("refund", -200, 0),
            ("refund_failure", 200, 0),
            ("dispute", -740, DISPUTE_FEE),
        ]


@pytest.mark.parametrize("decision", ["", "lose"])
def test_a_payment_that_is_charged_back_cannot_be_refunded(
    standin: programs.Standin,
    client: stripe.StripeClient,
    buy: Callable[..., str],
    decision: str,
) -> None:
    intent = buy()
    opened = standin.dispute(intent, amount=100)
    if decision:
        standin.decide(opened["id"], decision)
    before = movements(standin, intent)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(client, intent, amount=100)

    assert refused.value.code == "charge_disputed"
    assert movements(standin, intent) == before


def test_a_dispute_is_reviewed_and_won_and_keeps_its_fee(
    standin: programs.Standin, client: stripe.StripeClient, buy: Callable[..., str]
) -> None:
    intent = buy()
    opened = standin.dispute(intent, reason="product_not_received")

    evidence: Any = {"evidence": {"uncategorized_text": "They were sent."}}
    reviewed = client.v1.disputes.update(opened["id"], evidence)
    standin.decide(opened["id"], "win")

    assert (opened["status"], reviewed.status) == ("needs_response", "under_review")
    assert reviewed.evidence_details.submission_count == 1
    found = client.v1.disputes.retrieve(opened["id"])
    assert (found.status, found.is_charge_refundable) == ("won", False)
    assert found.evidence_details.due_by is None
    assert movements(standin, intent) == [
        ("charge", 740, CHARGE_FEE),
        ("dispute", -740, DISPUTE_FEE),
        ("dispute_reversal", 740, 0),
    ]


def test_a_dispute_can_be_won_in_part(standin: programs.Standin, buy: Callable[..., str]) -> None:
    intent = buy()
    opened = standin.dispute(intent)

    found = standin.decide(opened["id"], "win", amount=500)

    assert found["status"] == "won"
    assert [row["amount"] for row in found["balance_transactions"]] == [-740, 500]


def test_an_inquiry_moves_nothing_until_it_is_escalated(
    standin: programs.Standin, client: stripe.StripeClient, buy: Callable[..., str]
) -> None:
    intent = buy()

    asked = standin.dispute(intent, inquiry=True, reason="general")
    before = movements(standin, intent)
    standin.decide(asked["id"], "escalate")

    assert (asked["status"], asked["is_charge_refundable"]) == ("warning_needs_response", True)
    assert before == [("charge", 740, CHARGE_FEE)]
    assert movements(standin, intent)[1:] == [("dispute", -740, DISPUTE_FEE)]
    assert client.v1.disputes.retrieve(asked["id"]).status == "needs_response"


def test_a_full_refund_ends_an_inquiry_and_keeps_the_payment_from_being_disputed(
    standin: programs.Standin, client: stripe.StripeClient, buy: Callable[..., str]
) -> None:
    intent = buy()
    asked = standin.dispute(intent, inquiry=True)

    refund(client, intent)

    assert client.v1.disputes.retrieve(asked["id"]).status == "warning_closed"
    with pytest.raises(httpx.HTTPStatusError):
        standin.dispute(intent)
    assert movements(standin, intent) == [("charge", 740, CHARGE_FEE), ("refund", -740, 0)]


@pytest.mark.parametrize(
    ("card", "reason", "status"),
    [
        ("disputed", "fraudulent", "needs_response"),
        ("not-received", "product_not_received", "needs_response"),
        ("inquiry", "general", "warning_needs_response"),
    ],
)
def test_some_cards_are_disputed_by_themselves_a_while_later(
    client: stripe.StripeClient, buy: Callable[..., str], card: str, reason: str, status: str
) -> None:
    intent = buy(card)

    found = programs.eventually(lambda: client.v1.disputes.list({"payment_intent": intent}).data)

    assert [(one.reason, one.status, one.amount) for one in found] == [(reason, status, 740)]


def test_a_warning_is_actionable_until_the_payment_goes_back(
    standin: programs.Standin, client: stripe.StripeClient, buy: Callable[..., str]
) -> None:
    intent = buy("warned")
    listing = client.v1.radar.early_fraud_warnings.list
    warned = programs.eventually(lambda: listing({"payment_intent": intent}).data)[0]

    refund(client, intent)

    assert (warned.fraud_type, warned.actionable) == ("unauthorized_use_of_card", True)
    found = client.v1.radar.early_fraud_warnings.retrieve(warned.id)
    assert found.actionable is False
    assert kinds_of(client, intent, "radar.") == ["radar.early_fraud_warning.created"]


LATER = {
    "payment_intent_data": {"capture_method": "manual", "metadata": {"purchase": "purchase-1"}}
}


@pytest.fixture
def held(standin: programs.Standin, client: stripe.StripeClient) -> Any:
    """A session whose money is set aside on a German card."""
    session = client.v1.checkout.sessions.create(order(**LATER))  # type: ignore[arg-type]
    standin.pay(session.id, "germany")
    return client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )


def test_money_set_aside_is_nobodys_until_it_is_captured(
    standin: programs.Standin, client: stripe.StripeClient, held: Any
) -> None:
    intent = held.payment_intent

    captured = client.v1.payment_intents.capture(intent.id)

    assert (held.status, held.payment_status) == ("complete", "unpaid")
    assert (intent.status, intent.amount_capturable, intent.amount_received) == (
        "requires_capture",
        740,
        0,
    )
    assert intent.latest_charge.captured is False
    assert intent.latest_charge.balance_transaction is None
    assert intent.latest_charge.payment_method_details.card.country == "DE"
    assert (captured.status, captured.amount_received) == ("succeeded", 740)
    assert movements(standin, intent.id) == [("charge", 740, CHARGE_FEE)]
    assert client.v1.checkout.sessions.retrieve(held.id).payment_status == "paid"


def test_money_set_aside_can_be_let_go_and_then_not_be_taken(
    standin: programs.Standin, client: stripe.StripeClient, held: Any
) -> None:
    intent = held.payment_intent

    canceled = client.v1.payment_intents.cancel(intent.id)

    assert canceled.status == "canceled"
    assert movements(standin, intent.id) == []
    charge = client.v1.charges.retrieve(intent.latest_charge.id)
    assert (charge.captured, charge.refunded, charge.amount_refunded) == (False, True, 740)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    with pytest.raises(httpx.HTTPStatusError):
        standin.dispute(intent.id)


def test_a_customer_saves_a_card_and_is_offered_it_again(
    standin: programs.Standin, client: stripe.StripeClient
) -> None:
    saving: dict[str, Any] = {
        "customer_creation": "always",
        "saved_payment_method_options": {"payment_method_save": "enabled"},
    }
    first = client.v1.checkout.sessions.create(order(**saving))  # type: ignore[arg-type]
    standin.pay(first.id, "mastercard", save=True)
    customer = str(client.v1.checkout.sessions.retrieve(first.id).customer)

    again = dict(saving, customer=customer)
    del again["customer_creation"]
    asked = order(**again)
    del asked["customer_email"]
    second = client.v1.checkout.sessions.create(asked)  # type: ignore[arg-type]

    saved = client.v1.customers.payment_methods.list(customer).data
    assert [(one.type, one.card.last4) for one in saved] == [("card", "4444")]  # type: ignore[union-attr]
    page = httpx.get(str(second.url)).text
    assert "Mastercard •••• 4444" in page
    assert "alice@example.com" in page

    assert client.v1.customers.delete(customer).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.create(asked)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")


@pytest.mark.parametrize(("rail", "currency"), [("ideal", "eur"), ("pix", "brl"), ("link", "usd")])
def test_a_rail_pays_after_the_payers_own_page_said_yes(
    standin: programs.Standin,
    client: stripe.StripeClient,
    buy: Callable[..., str],
    rail: str,
    currency: str,
) -> None:
    intent = buy(rail, currency=currency, payment_method_types=[rail])

    charge = client.v1.charges.list({"payment_intent": intent}).data[0]
    assert charge.payment_method_details.type == rail  # type: ignore[union-attr]
    assert charge.paid is True
    assert refund(client, intent).status == "pending"  # as bank transfers back are


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_method_types": ["pix"]},  # not in US dollars
        {"payment_method_types": ["cheque"]},
        {"payment_method_types": ["link"], **LATER},
        {"customer": "cus_of_nobody"},
        {"customer_creation": "sometimes"},
    ],
)
def test_an_order_that_cannot_be_paid_so_is_refused(
    client: stripe.StripeClient, changes: dict[str, Any]
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(order(**changes))  # type: ignore[arg-type]
