"""One answer per idempotency key, whatever happens in between."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from tests import standin as programs
from tests.standin_program.conftest import leave_unfinished, order


def create(client: stripe.StripeClient, key: str, **changes: Any) -> Any:
    return client.v1.checkout.sessions.create(
        order(**changes),  # type: ignore[arg-type]
        {"idempotency_key": key},
    )


def newest(client: stripe.StripeClient) -> list[str]:
    """Return the sessions last opened, so that one more would be seen."""
    return [row.id for row in client.v1.checkout.sessions.list({"limit": 3}).data]


def test_the_same_key_gives_the_same_session_and_says_that_it_is_a_replay(
    client: stripe.StripeClient,
) -> None:
    first = create(client, "same-key")
    again = create(client, "same-key")

    assert again.id == first.id
    assert again.to_dict() == first.to_dict()
    assert "idempotent-replayed" not in first.last_response.headers
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert again.last_response.headers["idempotency-key"] == "same-key"


def test_without_a_key_every_request_is_a_new_one(standin: programs.Standin) -> None:
    form = {
        "mode": "payment",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "740",
        "line_items[0][price_data][product_data][name]": "70 coins",
        "line_items[0][quantity]": "1",
        "success_url": "http://localhost:8000/",
    }
    headers = {"Authorization": f"Bearer {standin.api_key}"}

    made = [
        httpx.post(f"{standin.url}/v1/checkout/sessions", data=form, headers=headers).json()["id"]
        for _ in range(2)
    ]

    assert len(set(made)) == 2


def test_the_same_key_with_another_order_is_refused_and_opens_nothing(
    client: stripe.StripeClient,
) -> None:
    create(client, "key-of-740")
    before = newest(client)

    with pytest.raises(stripe.IdempotencyError) as refused:
        create(client, "key-of-740", amount_minor=741)

    assert refused.value.http_status == 400
    assert "key-of-740" in str(refused.value)
    assert newest(client) == before


def test_a_key_whose_first_request_still_runs_conflicts(
    standin: programs.Standin, client: stripe.StripeClient
) -> None:
    create(client, "finished")
    leave_unfinished(standin.book, "unfinished", like="finished")
    before = newest(client)

    with pytest.raises(stripe.APIError) as refused:
        create(client, "unfinished")

    assert refused.value.http_status == 409
    assert "idempotency_key_in_use" in str(refused.value.http_body)
    assert newest(client) == before


def test_many_at_once_with_one_key_open_one_session(
    standin: programs.Standin, client: stripe.StripeClient
) -> None:
    before = newest(client)

    def one(_: int) -> str:
        # A client keeps a connection for each thread and closes that of the thread that asks.
        http_client = stripe.RequestsClient()
        try:
            return str(create(standin.client(http_client=http_client), "crowd").id)
        except stripe.APIError as conflict:
            return str(conflict.http_status)
        finally:
            http_client.close()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(one, range(24)))

    assert len(answers - {"409"}) == 1
    assert newest(client)[1:] == before[:2]


def test_a_refused_order_leaves_its_key_free(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        create(client, "fixed-later", amount_minor="x")

    assert create(client, "fixed-later").amount_total == 740


def test_a_refusal_in_the_deed_itself_is_kept_and_given_again(
    standin: programs.Standin, client: stripe.StripeClient
) -> None:
    session = create(client, "to-be-paid")
    standin.pay(session.id)

    answers = [
        httpx.post(
            f"{standin.url}/v1/checkout/sessions/{session.id}/expire",
            headers={"Authorization": f"Bearer {standin.api_key}", "Idempotency-Key": "expire-it"},
        )
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].text == answers[1].text
    assert answers[1].headers["idempotent-replayed"] == "true"
