"""Objects over HTTP: their fields, their lists, their errors, as the official client knows them."""

from collections.abc import Callable
from typing import Any, get_args

import httpx
import pytest
import stripe
from stripe import checkout

from config.standin.options import API_VERSION
from tests import standin as programs
from tests.standin_program.conftest import order

type Open = Callable[..., Any]

DEEP = ["payment_intent.latest_charge.balance_transaction", "line_items"]


def own_fields(shown: type) -> dict[str, Any]:
    """Return the fields of one of the client's classes, with their types."""
    fields = shown.__annotations__.items()
    return {name: kind for name, kind in fields if not name.startswith(("_", "OBJECT_"))}


def may_be_missing(kind: Any) -> bool:
    return type(None) in get_args(kind)


@pytest.fixture(scope="module")
def paid(standin: programs.Standin, client: stripe.StripeClient) -> dict[str, Any]:
    """A paid session, as it went over the wire, with all it leads to."""
    session = client.v1.checkout.sessions.create(order())  # type: ignore[arg-type]
    standin.pay(session.id, "challenge", challenge="approve")
    found = client.v1.checkout.sessions.retrieve(session.id, {"expand": DEEP})
    shown: dict[str, Any] = found.to_dict()
    return shown


def object_at(paid: dict[str, Any], *path: str) -> dict[str, Any]:
    found = paid
    for name in path:
        found = found[name]
    return found


@pytest.mark.parametrize(
    ("shown", "path"),
    [
        (checkout.Session, ()),
        (stripe.PaymentIntent, ("payment_intent",)),
        (stripe.Charge, ("payment_intent", "latest_charge")),
        (
            stripe.Charge.PaymentMethodDetails.Card,
            ("payment_intent", "latest_charge", "payment_method_details", "card"),
        ),
        (
            stripe.Charge.PaymentMethodDetails.Card.ThreeDSecure,
            (
                "payment_intent",
                "latest_charge",
                "payment_method_details",
                "card",
                "three_d_secure",
            ),
        ),
        (stripe.Charge.Outcome, ("payment_intent", "latest_charge", "outcome")),
        (stripe.Charge.BillingDetails, ("payment_intent", "latest_charge", "billing_details")),
        (
            stripe.BalanceTransaction,
            ("payment_intent", "latest_charge", "balance_transaction"),
        ),
    ],
)
def test_an_object_has_the_fields_of_the_real_one_and_no_others(
    paid: dict[str, Any], shown: type, path: tuple[str, ...]
) -> None:
    fields = own_fields(shown)

    found = object_at(paid, *path)

    assert set(found) <= set(fields)
    assert {name for name, kind in fields.items() if not may_be_missing(kind)} <= set(found)


def test_an_event_has_the_fields_of_the_real_one(client: stripe.StripeClient, paid: Any) -> None:
    event = client.v1.events.list({"limit": 1}).data[0].to_dict()

    fields = own_fields(stripe.Event)
    assert set(event) <= set(fields)
    assert event["api_version"] == API_VERSION == stripe.api_version
    assert event["type"] == "checkout.session.completed"
    assert event["data"]["object"]["id"] == paid["id"]
    assert event["data"]["object"]["payment_intent"] == paid["payment_intent"]["id"]


def test_an_event_keeps_its_object_as_it_stood(
    client: stripe.StripeClient, paid: dict[str, Any]
) -> None:
    intent = paid["payment_intent"]["id"]
    created = [
        event
        for event in client.v1.events.list({"limit": 100}).data
        if event.type == "payment_intent.created" and event.data.object["id"] == intent
    ]

    assert [event.data.object["status"] for event in created] == ["requires_payment_method"]
    assert paid["payment_intent"]["status"] == "succeeded"
    assert client.v1.events.retrieve(created[0].id).data.object["id"] == intent


def test_line_items_name_what_is_bought(client: stripe.StripeClient, paid: dict[str, Any]) -> None:
    lines = client.v1.checkout.sessions.line_items.list(paid["id"]).data

    assert [(line.description, line.quantity, line.amount_total) for line in lines] == [
        ("70 coins", 1, 740)
    ]
    assert paid["line_items"]["data"][0]["price"]["unit_amount"] == 740


def test_objects_are_found_by_their_own_ids(
    client: stripe.StripeClient, paid: dict[str, Any]
) -> None:
    intent = paid["payment_intent"]
    charge = intent["latest_charge"]

    assert client.v1.payment_intents.retrieve(intent["id"]).latest_charge == charge["id"]
    assert client.v1.charges.retrieve(charge["id"]).payment_intent == intent["id"]
    balance = client.v1.balance_transactions.retrieve(charge["balance_transaction"]["id"])
    assert (balance.fee, balance.net) == (51, 689)
    expanded = client.v1.balance_transactions.retrieve(balance.id, {"expand": ["source"]})
    assert expanded.source.id == charge["id"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("look", "message", "param"),
    [
        (lambda c: c.v1.checkout.sessions.retrieve("cs_x"), "checkout.session: 'cs_x'", "session"),
        (lambda c: c.v1.payment_intents.retrieve("pi_x"), "payment_intent: 'pi_x'", "intent"),
        (lambda c: c.v1.charges.retrieve("ch_x"), "charge: 'ch_x'", "id"),
        (
            lambda c: c.v1.balance_transactions.retrieve("txn_x"),
            "balance_transaction: 'txn_x'",
            "id",
        ),
        (lambda c: c.v1.events.retrieve("evt_x"), "event: 'evt_x'", "id"),
    ],
)
def test_what_does_not_exist_is_said_to_be_missing(
    client: stripe.StripeClient,
    look: Callable[[stripe.StripeClient], Any],
    message: str,
    param: str,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        look(client)

    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert (missing.value.user_message, missing.value.param) == (f"No such {message}", param)


def test_a_list_is_newest_first_and_goes_on_where_it_stopped(
    client: stripe.StripeClient, open_session: Open
) -> None:
    opened = [open_session().id for _ in range(5)]

    first = client.v1.checkout.sessions.list({"limit": 2})
    second = client.v1.checkout.sessions.list({"limit": 2, "starting_after": first.data[-1].id})
    back = client.v1.checkout.sessions.list({"limit": 2, "ending_before": second.data[0].id})

    assert [row.id for row in first.data] == [opened[4], opened[3]]
    assert [row.id for row in second.data] == [opened[2], opened[1]]
    assert [row.id for row in back.data] == [opened[4], opened[3]]
    assert first.has_more
    walked = [row.id for row in client.v1.checkout.sessions.list({"limit": 2}).auto_paging_iter()]
    assert walked[:5] == list(reversed(opened))
    assert len(walked) == len(set(walked))


def test_sessions_are_found_by_their_payment(
    client: stripe.StripeClient, paid: dict[str, Any]
) -> None:
    found = client.v1.checkout.sessions.list({"payment_intent": paid["payment_intent"]["id"]})

    assert [session.id for session in found.data] == [paid["id"]]
    assert client.v1.checkout.sessions.list({"payment_intent": "pi_x"}).data == []


def test_events_are_found_by_type_and_time(
    client: stripe.StripeClient, paid: dict[str, Any]
) -> None:
    types: list[Any] = ["charge.succeeded", "checkout.session.completed"]
    of_types = client.v1.events.list({"types": types, "limit": 100}).data
    newest = of_types[0].created

    assert {event.type for event in of_types} == set(types)
    at_newest = {"types": types, "created": {"gte": newest, "lte": newest}, "limit": 100}
    assert of_types[0].id in {e.id for e in client.v1.events.list(at_newest).data}  # type: ignore[arg-type]
    assert client.v1.events.list({"created": {"gt": newest + 5}}).data == []
    earlier = client.v1.events.list({"created": {"lt": paid["created"]}, "limit": 100}).data
    assert paid["id"] not in {event.data.object["id"] for event in earlier}
    refunds = client.v1.events.list({"type": "refund.created", "limit": 100}).data
    assert {event.type for event in refunds} <= {"refund.created"}


ITEM = "line_items[0]"
AMOUNT = "line_items[0][price_data][unit_amount]"
NO_NUMBER = "parameter_invalid_integer"


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"sucess_url": "http://localhost/"}, "sucess_url", "parameter_unknown"),
        ({"payment_intent_data": {"x": "y"}}, "payment_intent_data[x]", "parameter_unknown"),
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"success_url": None}, "success_url", "parameter_missing"),
        ({"success_url": "javascript:alert(1)"}, "success_url", "url_invalid"),
        ({"cancel_url": "/relative"}, "cancel_url", "url_invalid"),
        ({"mode": "subscription"}, "mode", None),
        ({"currency": "xxq"}, f"{ITEM}[price_data][currency]", None),
        ({"amount_minor": "7.40"}, AMOUNT, NO_NUMBER),
        ({"amount_minor": -740}, AMOUNT, NO_NUMBER),
        ({"quantity": 0}, f"{ITEM}[quantity]", NO_NUMBER),
        ({"amount_minor": 49}, None, "amount_too_small"),
        ({"amount_minor": 0}, None, "amount_too_small"),
        ({"amount_minor": 50_000_000, "quantity": 2}, AMOUNT, NO_NUMBER),
        ({"amount_minor": 3505, "currency": "kwd"}, AMOUNT, NO_NUMBER),
        ({"amount_minor": 50_050, "currency": "isk"}, AMOUNT, NO_NUMBER),
        ({"metadata": {"k" * 41: "v"}}, "metadata", None),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
        ({"customer_email": "alice"}, "customer_email", "email_invalid"),
        ({"payment_method_types": ["ideal"]}, "payment_method_types", None),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"expires_at": 4_000_000_000}, "expires_at", None),
        ({"expand": ["invoice"]}, "expand", None),
    ],
)
def test_an_order_that_the_real_company_would_refuse_is_refused_and_opens_nothing(
    client: stripe.StripeClient, changes: dict[str, Any], param: str | None, code: str | None
) -> None:
    before = client.v1.checkout.sessions.list({"limit": 1}).data

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.create(order(**changes))  # type: ignore[arg-type]

    assert (refused.value.http_status, refused.value.param, refused.value.code) == (
        400,
        param,
        code,
    )
    after = client.v1.checkout.sessions.list({"limit": 1}).data
    assert [row.id for row in after] == [row.id for row in before]


def test_no_key_and_a_wrong_key_are_both_turned_away(standin: programs.Standin) -> None:
    with pytest.raises(stripe.AuthenticationError) as wrong:
        standin.client(api_key="sk_test_mallory").v1.events.list()
    without = httpx.get(f"{standin.url}/v1/events")
    as_user_name = httpx.get(f"{standin.url}/v1/events", auth=(standin.api_key, ""))

    assert wrong.value.http_status == 401
    assert "mallory" not in str(wrong.value)
    assert (without.status_code, without.json()["error"]["type"]) == (401, "invalid_request_error")
    assert as_user_name.status_code == 200


def test_answers_carry_what_the_real_ones_carry(standin: programs.Standin) -> None:
    answer = httpx.get(
        f"{standin.url}/v1/events",
        headers={
            "Authorization": f"Bearer {standin.api_key}",
            "Stripe-Version": "2025-01-27.acacia",
        },
    )

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == "2025-01-27.acacia"
    assert answer.json().keys() == {"object", "data", "has_more", "url"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/subscriptions", 404),
        ("DELETE", "/v1/charges", 404),
        ("POST", "/v1/charges", 404),
        ("POST", "/v1/checkout/sessions/cs_x/expire", 404),
    ],
)
def test_what_the_stand_in_does_not_know_is_said_in_the_companys_words(
    standin: programs.Standin, method: str, path: str, status: int
) -> None:
    answer = httpx.request(
        method, f"{standin.url}{path}", headers={"Authorization": f"Bearer {standin.api_key}"}
    )

    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_body_that_is_not_a_form_is_refused(standin: programs.Standin) -> None:
    answer = httpx.post(
        f"{standin.url}/v1/checkout/sessions",
        json=order(),
        headers={"Authorization": f"Bearer {standin.api_key}"},
    )

    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]
