"""Services read what a fan bought and ask for refunds, under that fan's consent alone."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from tests import factories, services
from tests.database import owner
from tests.proof.interleaving import await_that
from tests.standin import Standin
from tests.wallet.test_refunds import approve, ask, bought, form_of, held, now, submit
from wallet import ledger, refunds
from wallet.models import Account, Purchase, Refund, Transfer


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


# Two devices at once


@pytest.fixture
def two(standin: Standin, committed: str) -> tuple[User, Purchase, Purchase]:
    """A fan with two purchases, in a database where commits are real."""
    alice = factories.make_user("alice")
    return alice, bought(standin, alice), bought(standin, alice)


def together(database: str, user: User, deeds: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do deeds at once: all have begun, and wait for each other or for the wallet, before it is
    free for any. What each came to; a failure of the database as it was."""

    def run(deed: Callable[[], Any]) -> Any:
        try:
            return deed()
        except IntegrityError as error:
            return error
        finally:
            connection.close()

    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    wallet = Account.objects.get(owner_id=user.pk, code=Account.Code.WALLET).pk
    with (
        ThreadPoolExecutor(len(deeds)) as threads,
        owner(database) as holder,
        owner(database) as watch,
    ):
        holder.execute("BEGIN")
        holder.execute("SELECT 1 FROM ledger.balance WHERE account_id = %s FOR UPDATE", [wallet])
        running = [threads.submit(run, deed) for deed in deeds]
        await_that(lambda: watch.execute(waiting).fetchone() == (len(deeds),))
        holder.execute("COMMIT")
        return [one.result() for one in running]


def holds() -> int:
    return Transfer.objects.filter(code=60).count()


def test_two_devices_that_ask_at_once_get_one_refund_and_one_clear_no(
    two: tuple[User, Purchase, Purchase], committed: str
) -> None:
    alice, purchase, _ = two
    clients = [services.service("tipbot"), services.service("otherbot")]
    for client_id in ("tipbot", "otherbot"):
        services.consent(alice, client_id=client_id, scope="refunds:ask")

    answers = together(committed, alice, [partial(post, client, purchase) for client in clients])

    first, second = sorted(answers, key=lambda answer: answer.status_code)
    assert first.status_code == 201
    assert services.refused(second) == (409, "not_refundable")
    assert second.json()["detail"] == "A refund of this purchase is under way."
    assert (Refund.objects.count(), holds(), held(alice)) == (1, 1, (1_300, 100))
    assert ledger.audit() == []


def test_one_number_for_two_purchases_at_once_asks_for_one_and_is_a_conflict_for_the_other(
    two: tuple[User, Purchase, Purchase], committed: str
) -> None:
    alice, *purchases = two
    tipbot, key = services.service(), ledger.new_operation_id()
    other = services.caller(services.token())
    services.consent(alice, scope="refunds:ask")
    deeds = [
        partial(post, client, row, key)
        for client, row in zip((tipbot, other), purchases, strict=True)
    ]

    answers = together(committed, alice, deeds)

    first, second = sorted(answers, key=lambda answer: answer.status_code)
    assert first.status_code == 201
    assert services.refused(second) == (422, "refund_conflict")
    assert (Refund.objects.count(), holds(), held(alice)) == (1, 1, (1_300, 100))
    assert ledger.audit() == []


def test_control_without_a_second_look_one_number_at_once_is_a_failure(
    two: tuple[User, Purchase, Purchase], committed: str
) -> None:
    alice, *purchases = two
    key = ledger.new_operation_id()

    def bare(row: Purchase) -> Refund:
        return refunds._request(
            refund_id=key, user=alice, purchase=row, at=now(),
            asked={"purchase_id": row.pk, "coins": 100, "ground": "unused", "words": ""},
        )  # fmt: skip

    done = together(committed, alice, [partial(bare, row) for row in purchases])

    assert {type(one) for one in done} == {Refund, IntegrityError}
    assert (Refund.objects.count(), holds(), held(alice)) == (1, 1, (1_300, 100))


def test_two_pages_that_ask_at_once_are_answered_with_the_refund_and_with_words(
    two: tuple[User, Purchase, Purchase], committed: str
) -> None:
    alice, purchase, _ = two
    pages = [Client(), Client()]
    for page in pages:
        page.force_login(alice)
    forms = [form_of(page, purchase) | {"coins": "100"} for page in pages]
    deeds = [
        partial(page.post, f"/coins/purchases/{purchase.pk}/refund/", form)
        for page, form in zip(pages, forms, strict=True)
    ]

    answers = together(committed, alice, deeds)

    assert sorted(answer.status_code for answer in answers) == [302, 409]
    (refused,) = (answer for answer in answers if answer.status_code == 409)
    assert "A refund of this purchase is under way." in refused.content.decode()
    assert (Refund.objects.count(), holds(), held(alice)) == (1, 1, (1_300, 100))


def test_who_waits_too_long_for_another_request_is_told_to_send_it_again(
    two: tuple[User, Purchase, Purchase], committed: str
) -> None:
    alice, purchase, _ = two
    page, tipbot = Client(), services.service()
    page.force_login(alice)
    services.consent(alice, scope="refunds:ask")
    form = form_of(page, purchase) | {"coins": "100"}
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")

    with owner(committed) as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT 1 FROM wallet_purchase WHERE id = %s FOR UPDATE", [purchase.pk])
        shown = page.post(f"/coins/purchases/{purchase.pk}/refund/", form)
        answered = post(tipbot, purchase)
        holder.execute("ROLLBACK")

    assert shown.status_code == 409
    assert "Nothing was asked for now: send this one again" in shown.content.decode()
    assert services.refused(answered) == (409, "still_running")
    assert (Refund.objects.count(), holds(), held(alice)) == (0, 0, (1_400, 0))
