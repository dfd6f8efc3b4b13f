"""The official client buys at the stand-in: sessions, cards, charges, fees, time."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from tests import standin as programs

EVERYTHING = {"expand": ["payment_intent.latest_charge.balance_transaction"]}

type Open = Callable[..., Any]


def fetch(client: stripe.StripeClient, session_id: str) -> Any:
    return client.v1.checkout.sessions.retrieve(session_id, EVERYTHING)  # type: ignore[arg-type]


def events_of(client: stripe.StripeClient, session_id: str) -> list[Any]:
    """Return the events of a session and its payment, oldest first."""
    session = client.v1.checkout.sessions.retrieve(session_id)
    names = {session.id, session.payment_intent} - {None}
    events = client.v1.events.list({"limit": 20}).data
    return [
        event
        for event in reversed(events)
        if {event.data.object["id"], event.data.object.to_dict().get("payment_intent")} & names
    ]


def kinds_of(client: stripe.StripeClient, session_id: str) -> list[str]:
    """Return the types of the events of a session and its payment, oldest first."""
    return [event.type for event in events_of(client, session_id)]


def test_a_new_session_is_open_and_has_no_payment_yet(open_session: Open) -> None:
    before = int(datetime.now(UTC).timestamp())

    session = open_session()

    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.payment_intent is None
    assert (session.amount_total, session.currency) == (740, "usd")
    assert session.client_reference_id == "purchase-1"
    assert session.metadata.to_dict() == {"purchase": "purchase-1"}
    assert session.livemode is False
    assert session.url.endswith(f"/c/pay/{session.id}")
    assert session.expires_at - session.created == 86_400
    assert before <= session.created <= before + 5


def test_a_paid_session_leads_to_its_charge_and_the_fee(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    assert standin.pay(session.id)["outcome"] == "paid"

    paid = fetch(client, session.id)
    intent = paid.payment_intent
    charge = intent.latest_charge
    balance = charge.balance_transaction
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert (intent.status, intent.amount, intent.amount_received) == ("succeeded", 740, 740)
    assert intent.metadata.to_dict() == {"purchase": "purchase-1"}
    assert (charge.status, charge.paid, charge.amount, charge.currency) == (
        "succeeded",
        True,
        740,
        "usd",
    )
    assert charge.payment_intent == intent.id
    assert (balance.amount, balance.fee, balance.net) == (740, 51, 689)  # 21.46 and 30
    assert (balance.source, balance.type, balance.currency) == (charge.id, "charge", "usd")
    card = charge.payment_method_details.card
    assert (card.brand, card.last4, card.country) == ("visa", "4242", "US")
    assert card.three_d_secure is None
    assert charge.outcome.network_status == "approved_by_network"
    assert kinds_of(client, session.id) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_the_same_card_has_one_fingerprint_and_another_card_another(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    def fingerprint(card: str, holder: str = "") -> str:
        session = open_session()
        standin.pay(session.id, card, holder=holder)
        found = fetch(client, session.id).payment_intent.latest_charge.payment_method_details.card
        return str(found.fingerprint)

    assert fingerprint("visa") == fingerprint("4242424242424242")
    assert fingerprint("visa") != fingerprint("mastercard")
    assert fingerprint("visa", "ada") == fingerprint("visa", "ada")
    assert len({fingerprint("visa", holder) for holder in ("", "ada", "bea")}) == 3


@pytest.mark.parametrize(
    ("card", "code", "decline_code", "message"),
    [
        ("4000000000000002", "card_declined", "generic_decline", "Your card was declined."),
        (
            "4000000000009995",
            "card_declined",
            "insufficient_funds",
            "Your card has insufficient funds.",
        ),
        ("4000000000000069", "expired_card", "expired_card", "Your card has expired."),
    ],
)
def test_a_declined_card_leaves_the_session_open_and_takes_nothing(
    standin: programs.Standin,
    client: stripe.StripeClient,
    open_session: Open,
    card: str,
    code: str,
    decline_code: str,
    message: str,
) -> None:
    session = open_session()

    tried = standin.pay(session.id, card)

    assert (tried["outcome"], tried["message"]) == ("declined", message)
    found = fetch(client, session.id)
    intent = found.payment_intent
    charge = intent.latest_charge
    assert (found.status, found.payment_status) == ("open", "unpaid")
    assert (intent.status, intent.amount_received) == ("requires_payment_method", 0)
    assert (intent.last_payment_error.code, intent.last_payment_error.decline_code) == (
        code,
        decline_code,
    )
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)
    assert charge.balance_transaction is None
    assert kinds_of(client, session.id) == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
    ]


def test_after_a_decline_another_card_pays_the_same_payment(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()
    standin.pay(session.id, "declined")
    first = fetch(client, session.id).payment_intent

    standin.pay(session.id, "visa")

    second = fetch(client, session.id).payment_intent
    charges = client.v1.charges.list({"payment_intent": second.id}).data
    assert second.id == first.id
    assert second.last_payment_error is None
    assert [charge.status for charge in charges] == ["succeeded", "failed"]
    assert [charge.amount_captured for charge in charges] == [740, 0]


def test_a_challenge_that_is_approved_pays_and_proves_the_payer(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    asked = standin.pay(session.id, "4000000000003220")
    waiting = fetch(client, session.id)
    standin.pay(session.id, "challenge", challenge="approve")

    assert asked["outcome"] == "challenge"
    assert waiting.payment_intent.status == "requires_action"
    assert waiting.payment_intent.latest_charge is None
    paid = fetch(client, session.id)
    proof = paid.payment_intent.latest_charge.payment_method_details.card.three_d_secure
    assert paid.payment_status == "paid"
    assert (proof.result, proof.authentication_flow) == ("authenticated", "challenge")


def test_a_challenge_that_is_refused_charges_nothing_and_can_be_tried_again(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    refused = standin.pay(session.id, "challenge", challenge="fail")

    found = fetch(client, session.id)
    assert refused["outcome"] == "declined"
    assert (found.status, found.payment_status) == ("open", "unpaid")
    assert found.payment_intent.latest_charge is None
    error = found.payment_intent.last_payment_error
    assert error.code == "payment_intent_authentication_failure"
    assert standin.pay(session.id, "visa")["outcome"] == "paid"


def test_a_merchant_may_ask_that_every_card_proves_its_payer(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session(payment_method_options={"card": {"request_three_d_secure": "any"}})

    standin.pay(session.id, "visa")

    card = fetch(client, session.id).payment_intent.latest_charge.payment_method_details.card
    assert card.three_d_secure.result == "authenticated"
    assert card.three_d_secure.authentication_flow == "frictionless"


def test_a_slow_card_completes_the_session_unpaid_and_is_paid_later(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    tried = standin.pay(session.id, "slow")
    programs.eventually(lambda: fetch(client, session.id).payment_status == "paid")

    told = events_of(client, session.id)
    assert [event.type for event in told] == [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]
    _, pending, processing, completed, succeeded, *_ = [event.data.object for event in told]
    assert tried["outcome"] == "processing"
    assert (pending["status"], pending["paid"], pending["balance_transaction"]) == (
        "pending",
        False,
        None,
    )
    assert (processing["status"], processing["amount_received"]) == ("processing", 0)
    assert (completed["status"], completed["payment_status"]) == ("complete", "unpaid")
    assert succeeded["id"] == pending["id"]
    settled = fetch(client, session.id).payment_intent.latest_charge
    assert (settled.id, settled.balance_transaction.fee) == (pending["id"], 51)


def test_a_slow_card_may_fail_in_the_end_and_nothing_was_taken(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    standin.pay(session.id, "slow-fails")
    programs.eventually(
        lambda: (
            fetch(client, session.id).payment_intent.latest_charge.status == "failed"
            and kinds_of(client, session.id)[-1] == "checkout.session.async_payment_failed"
        )
    )

    found = fetch(client, session.id)
    assert (found.status, found.payment_status) == ("complete", "unpaid")
    assert found.payment_intent.status == "requires_payment_method"
    assert found.payment_intent.latest_charge.failure_code == "processing_error"
    assert found.payment_intent.latest_charge.balance_transaction is None


def test_a_card_whose_page_breaks_down_has_paid_all_the_same(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    tried = standin.pay(session.id, "4000000000000341")

    assert tried["outcome"] == "unanswered"
    assert fetch(client, session.id).payment_status == "paid"


def test_a_session_that_is_paid_cannot_be_paid_again(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()
    standin.pay(session.id)

    again = standin.pay(session.id, "mastercard")

    intent = fetch(client, session.id).payment_intent
    assert again["outcome"] == "paid"
    assert len(client.v1.charges.list({"payment_intent": intent.id}).data) == 1
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"


def test_an_expired_session_cannot_be_paid(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    expired = client.v1.checkout.sessions.expire(session.id)
    tried = standin.pay(session.id)

    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    assert tried["outcome"] == "closed"
    assert client.v1.checkout.sessions.retrieve(session.id).payment_intent is None
    assert kinds_of(client, session.id) == ["checkout.session.expired"]


def test_expiring_a_session_after_a_decline_cancels_its_payment(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()
    standin.pay(session.id, "declined")

    client.v1.checkout.sessions.expire(session.id)

    intent = fetch(client, session.id).payment_intent
    assert (intent.status, intent.amount_received) == ("canceled", 0)
    assert kinds_of(client, session.id)[-2:] == [
        "payment_intent.canceled",
        "checkout.session.expired",
    ]


def test_only_an_open_session_can_be_expired(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()
    standin.pay(session.id)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.expire(session.id)

    assert refused.value.http_status == 400
    assert 'Only Checkout Sessions with a status in ["open"]' in str(refused.value)
    assert fetch(client, session.id).payment_status == "paid"


def test_a_session_expires_by_itself_when_its_time_is_over(
    client: stripe.StripeClient, open_session: Open
) -> None:
    soon = int(datetime.now(UTC).timestamp()) + 1
    session = open_session(expires_at=soon)

    programs.eventually(
        lambda: client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    )

    assert kinds_of(client, session.id) == ["checkout.session.expired"]


@pytest.mark.parametrize(
    ("amount_minor", "currency", "fee_minor"),
    [
        (1225, "jpy", 66),  # no decimals: 35.525 and 30
        (740, "usd", 51),
        (3500, "kwd", 132),  # three decimals: 101.5 rounds up, and 30
        (50_000, "isk", 1480),  # written with two zeros: 1450 and 30
        (9_800, "vnd", 314),
    ],
)
def test_amounts_stay_as_they_were_sent_in_every_currency(
    standin: programs.Standin,
    client: stripe.StripeClient,
    open_session: Open,
    amount_minor: int,
    currency: str,
    fee_minor: int,
) -> None:
    session = open_session(amount_minor=amount_minor, currency=currency)

    standin.pay(session.id)

    charge = fetch(client, session.id).payment_intent.latest_charge
    assert (charge.amount, charge.currency) == (amount_minor, currency)
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (
        fee_minor,
        amount_minor - fee_minor,
    )
