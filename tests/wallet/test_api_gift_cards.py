"""Services redeem gift cards for a fan, under that fan's consent, and once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Standing, User
from tests import services
from tests.wallet.test_gift_cards import coins, make_codes, redeem
from wallet import gift_cards, ledger, refunds
from wallet.models import GiftCard, GiftCardBatch, GiftCardTries, Purchase, Refund, Region

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


@pytest.fixture
def fan(alice: User) -> User:
    """Alice, who lets the service redeem cards for her."""
    services.consent(alice, scope="gift-cards:redeem")
    return alice


def post(client: APIClient, code: str, key: UUID | str | None = None, **asked: Any) -> Any:
    given = {} if key == "" else {"Idempotency-Key": str(key or ledger.new_operation_id())}
    body = {"fan": "@alice", "code": code}
    return client.post("/api/v1/gift-card-redemptions", body | asked, headers=given)


def test_a_code_becomes_coins_and_the_answer_does_not_repeat_it(
    tipbot: APIClient, fan: User
) -> None:
    [code] = make_codes()
    key = ledger.new_operation_id()

    answer = post(tipbot, code.lower(), key)

    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in ("id", "fan", "coins")} == {
        "id": str(key), "fan": fan.pk, "coins": 700,
    }  # fmt: skip
    assert made["gross"] == {"amount_minor": 840, "currency": "EUR", "decimals": 2}
    assert made["tax"]["amount_minor"] == 134
    assert code.replace("-", "").encode() not in answer.content.replace(b"-", b"")
    assert coins(fan) == 700
    assert GiftCardTries.objects.get().wrong == 0


def test_the_same_key_redeems_once_and_another_code_is_a_conflict(
    tipbot: APIClient, fan: User
) -> None:
    one, other = make_codes(2)
    key = ledger.new_operation_id()
    first = post(tipbot, one, key)
    User.objects.filter(pk=fan.pk).update(standing=Standing.RESTRICTED)

    again = post(tipbot, one, key)
    conflicts = [post(tipbot, typed, key) for typed in (other, "no code at all")]

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert [services.refused(answer) for answer in conflicts] == [(422, "redemption_conflict")] * 2
    assert coins(fan) == 700
    assert GiftCard.objects.filter(purchase=None).count() == 1


@pytest.mark.parametrize(
    ("case", "refused"),
    [
        ("mistyped", (400, "code_mistyped")),
        ("unknown", (404, "code_unknown")),
        ("used by mallory", (409, "code_used")),
        ("used by alice", (409, "code_used")),
        ("voided", (409, "code_voided")),
        ("expired", (409, "code_expired")),
        ("abroad", (409, "wrong_region")),
        ("suspended", (403, "not_in_good_standing")),
        ("over a limit", (409, "limit_reached")),
        ("empty", (400, "invalid")),
        ("endless", (400, "invalid")),
    ],
)
def test_a_refusal_has_a_stable_code_and_moves_nothing(
    tipbot: APIClient, fan: User, mallory: User, case: str, refused: tuple[int, str]
) -> None:
    facts: dict[str, dict[str, Any]] = {
        "abroad": {"region": Region.objects.get(pk="JP"), "gross_minor": 1225},
        "over a limit": {"coins": 500_000, "gross_minor": 600_000},
    }
    [code] = make_codes(**facts.get(case, {}))
    arrange: dict[str, Callable[[], object]] = {
        "used by mallory": lambda: redeem(mallory, code),
        "used by alice": lambda: redeem(fan, code),
        "voided": lambda: gift_cards.void_cards(card_ids=[GiftCard.objects.get().pk], at=AT),
        "expired": lambda: GiftCardBatch.objects.update(
            expires_at=datetime(2026, 1, 1, tzinfo=UTC)
        ),
        "suspended": lambda: User.objects.filter(pk=fan.pk).update(standing=Standing.RESTRICTED),
    }
    arrange.get(case, lambda: None)()
    typed = {
        "mistyped": code[:-1] + ("A" if code[-1] != "A" else "B"),
        "unknown": gift_cards.new_code(),
        "empty": "",
        "endless": code * 4,
    }.get(case, code)
    before = (coins(fan), coins(mallory), Purchase.objects.count())

    answer = post(tipbot, typed)

    assert services.refused(answer) == refused
    assert (coins(fan), coins(mallory), Purchase.objects.count()) == before


def test_wrong_codes_are_counted_over_the_page_and_the_api_alike(
    tipbot: APIClient, fan: User, client: Client
) -> None:
    [code] = make_codes()
    client.force_login(fan)
    for _ in range(5):
        wrong = {"code": gift_cards.new_code(), "purchase": str(ledger.new_operation_id())}
        client.post("/coins/gift-card/", wrong)
        post(tipbot, gift_cards.new_code())

    answer = post(tipbot, code)

    assert services.refused(answer) == (429, "too_many_codes")
    until = datetime.fromisoformat(answer.json()["until"])
    assert timedelta(minutes=50) < until - timezone.now() <= timedelta(hours=1)
    assert coins(fan) == 0
    assert redeem(fan, code, at=until).coins == 700


def test_without_consent_or_scope_no_code_is_even_tried(
    tipbot: APIClient, alice: User, mallory: User
) -> None:
    services.consent(alice, scope="balance:read")
    services.consent(mallory, scope="gift-cards:redeem")
    reader = services.service("reader", ("balance:read",))
    [code] = make_codes()

    answers = [post(tipbot, code), post(tipbot, code, fan="@nobody")]

    assert [services.refused(answer) for answer in answers] == [(403, "consent_missing")] * 2
    assert answers[0].content == answers[1].content
    assert services.refused(post(reader, code)) == (403, "scope_missing")
    assert (coins(alice), GiftCardTries.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "idempotency_key_missing"), ("x", "idempotency_key_malformed"),
     ("9b2c6f4e-1111-4222-8333-444455556666", "idempotency_key_malformed")],
)  # fmt: skip
def test_redeeming_needs_a_key(tipbot: APIClient, fan: User, key: str, code: str) -> None:
    [right] = make_codes()

    assert services.refused(post(tipbot, right, key)) == (400, code)
    assert coins(fan) == 0


# What a card's coins cannot become


def test_coins_of_a_card_are_not_refunded_and_every_door_says_why(
    tipbot: APIClient, fan: User, client: Client
) -> None:
    services.consent(fan, scope="balance:read")
    services.consent(fan, scope="refunds:ask")
    [code] = make_codes()
    purchase = redeem(fan, code)
    words = str(refunds.PaidByGiftCard())
    body = {"fan": "@alice", "purchase": str(purchase.pk), "coins": 100, "ground": "unused"}
    key = {"Idempotency-Key": str(ledger.new_operation_id())}
    client.force_login(fan)

    asked = tipbot.post("/api/v1/refunds", body, headers=key)
    (listed,) = tipbot.get("/api/v1/purchases?fan=@alice").json()["results"]
    pages = [
        client.get(path).content.decode()
        for path in (f"/coins/purchases/{purchase.pk}/refund/", "/balance/refunds/",
                     f"/coins/purchases/{purchase.pk}/")
    ]  # fmt: skip

    assert services.refused(asked) == (409, "paid_by_gift_card")
    assert asked.json()["detail"] == listed["refundable"]["why_not"] == words
    assert listed["refundable"]["coins"] == 0
    assert all(words in page for page in pages)
    assert "Gift card: not refundable" in client.get("/balance/lots/").content.decode()
    assert (coins(fan), Refund.objects.count()) == (700, 0)
