"""Services read what a fan bought and ask for refunds, under that fan's consent alone."""

from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests import services
from tests.standin import Standin
from tests.wallet.test_refunds import approve, ask, bought, held, submit
from wallet import ledger
from wallet.models import Purchase, Refund


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


@pytest.fixture
def purchase(standin: Standin, alice: User) -> Purchase:
    return bought(standin, alice)


def post(client: APIClient, row: Purchase, key: UUID | str | None = None, **asked: Any) -> Any:
    body = {"fan": "@alice", "purchase": str(row.pk), "coins": 100, "ground": "unused"}
    given = {} if key == "" else {"Idempotency-Key": str(key or ledger.new_operation_id())}
    return client.post("/api/v1/refunds", body | asked, headers=given)


def eur(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "EUR", "decimals": 2}


def test_a_refund_is_asked_for_and_read(
    tipbot: APIClient, purchase: Purchase, alice: User, olga: User
) -> None:
    services.consent(alice, scope="refunds:ask")
    services.consent(alice, scope="balance:read")
    key = ledger.new_operation_id()

    answer = post(tipbot, purchase, key, words="Too many.")

    assert answer.status_code == 201
    made = answer.json()
    facts = ("id", "fan", "purchase", "coins", "amount", "state", "words", "approved_coins")
    assert {name: made[name] for name in facts} == {
        "id": str(key), "fan": alice.pk, "purchase": str(purchase.pk), "coins": 100,
        "amount": eur(120), "state": "requested", "words": "Too many.", "approved_coins": None,
    }  # fmt: skip
    assert held(alice) == (600, 100)
    approve(Refund.objects.get(), olga, coins=50)
    submit(Refund.objects.get())
    read = tipbot.get(f"/api/v1/refunds/{key}").json()
    assert (read["state"], read["approved_coins"], read["amount"]) == ("paid", 50, eur(60))
    assert tipbot.get("/api/v1/refunds?fan=@alice").json() == {"results": [read], "next": None}


def test_the_same_key_asks_once_and_another_body_is_a_conflict(
    tipbot: APIClient, purchase: Purchase, alice: User
) -> None:
    services.consent(alice, scope="refunds:ask")
    key = ledger.new_operation_id()
    first = post(tipbot, purchase, key)

    again = post(tipbot, purchase, key)
    other = post(tipbot, purchase, key, coins=101)

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert services.refused(other) == (422, "refund_conflict")
    assert held(alice) == (600, 100)


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "idempotency_key_missing"), ("x", "idempotency_key_malformed"),
     ("9b2c6f4e-1111-4222-8333-444455556666", "idempotency_key_malformed")],
)  # fmt: skip
def test_a_refund_needs_a_key(
    tipbot: APIClient, purchase: Purchase, alice: User, key: str, code: str
) -> None:
    services.consent(alice, scope="refunds:ask")

    assert services.refused(post(tipbot, purchase, key)) == (400, code)
    assert held(alice) == (700, 0)


def test_without_consent_nothing_is_asked_or_read(
    tipbot: APIClient, purchase: Purchase, alice: User, mallory: User
) -> None:
    refund = ask(purchase, 10)
    services.consent(mallory, scope="balance:read")

    answers = [
        tipbot.get(path)
        for path in (
            "/api/v1/purchases?fan=@alice",
            "/api/v1/lots?fan=@alice",
            "/api/v1/refunds?fan=@alice",
            "/api/v1/refunds?fan=@nobody",
            f"/api/v1/refunds/{refund.pk}",
            f"/api/v1/refunds/{ledger.new_operation_id()}",
        )
    ]
    services.consent(alice, scope="balance:read")  # to read is not to ask
    asked = post(tipbot, purchase)

    assert {services.refused(answer) for answer in answers} == {(403, "consent_missing")}
    assert len({answer.content for answer in answers}) == 1
    assert services.refused(asked) == (403, "consent_missing")
    assert "ask for refunds for" in asked.json()["detail"]
    assert held(alice) == (690, 10)


def test_a_purchase_of_somebody_else_is_not_there(
    tipbot: APIClient, standin: Standin, purchase: Purchase, alice: User, mallory: User
) -> None:
    services.consent(mallory, scope="refunds:ask")

    answer = post(tipbot, purchase, fan="@mallory")

    assert services.refused(answer) == (404, "not_found")
    assert held(alice) == (700, 0)


def test_a_token_without_the_scope_asks_for_nothing(purchase: Purchase, alice: User) -> None:
    reader = services.service("reader", ("balance:read",))

    answer = post(reader, purchase)

    assert answer.status_code == 403
    assert held(alice) == (700, 0)


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"coins": 701}, (409, "not_refundable")),
        ({"coins": 0}, (400, "invalid")),
        ({"coins": "10**9"}, (400, "invalid")),
        ({"ground": "greed"}, (400, "invalid")),
        ({"words": "x" * 501}, (400, "invalid")),
        ({"amount_minor": 840}, (400, "invalid")),
        ({"purchase": "x"}, (400, "invalid")),
    ],
)
def test_what_makes_no_sense_freezes_nothing(
    tipbot: APIClient,
    purchase: Purchase,
    alice: User,
    asked: dict[str, Any],
    refused: tuple[int, str],
) -> None:
    services.consent(alice, scope="refunds:ask")

    assert services.refused(post(tipbot, purchase, **asked)) == refused
    assert held(alice) == (700, 0)
    assert not Refund.objects.exists()


def test_purchases_say_what_can_be_given_back_page_by_page(
    tipbot: APIClient, standin: Standin, purchase: Purchase, alice: User
) -> None:
    services.consent(alice, scope="balance:read")
    newer = bought(standin, alice)
    ask(newer, 10)

    first = tipbot.get("/api/v1/purchases?fan=@alice&limit=1").json()
    second = tipbot.get(f"/api/v1/purchases?fan=@alice&limit=1&after={first['next']}").json()

    (shown,) = first["results"]
    assert (shown["id"], shown["gross"], shown["tax"]) == (str(newer.pk), eur(840), eur(134))
    assert shown["refundable"]["coins"] == 0
    assert shown["refundable"]["why_not"] == "A refund of this purchase is under way."
    (shown,) = second["results"]
    assert shown["id"] == str(purchase.pk)
    assert (shown["refundable"]["coins"], shown["refundable"]["amount"]) == (700, eur(840))
    assert second["next"] is None


def test_lots_say_what_is_left(tipbot: APIClient, purchase: Purchase, alice: User) -> None:
    services.consent(alice, scope="balance:read")
    ask(purchase, 10)

    (lot,) = tipbot.get("/api/v1/lots?fan=@alice").json()["results"]

    assert {name: lot[name] for name in ("purchase", "coins", "left", "price")} == {
        "purchase": str(purchase.pk), "coins": 700, "left": 690, "price": eur(840),
    }  # fmt: skip
