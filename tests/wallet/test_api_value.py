"""Services read prices, cards and seals, and a fan's coins only under that fan's consent."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import consents
from accounts.models import User
from tests import factories, services
from wallet import ledger
from wallet.models import CoinPackage, Price, RateCard, Region


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


def eur(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "EUR", "decimals": 2}


GERMANY = {
    "code": "DE",
    "name": "Germany",
    "currency": "EUR",
    "tax_bps": 1900,
    "tax_name": "MwSt.",
    "tax_is_included": True,
    "withdrawal_days": 14,
    "is_goodwill": False,
    "refund_days": 7,
    "age_min": 18,
}


def limits_of_cards() -> list[dict[str, Any]]:
    """What everybody may pay by card in Germany; of nobody in particular, nothing is used."""
    return [
        {
            "set_by": "region",
            "kind": "card",
            "tier": tier,
            "window": window,
            "is_first_day": False,
            "amount": eur(minor),
            "used": None,
            "left": None,
            "room_at": None,
            "resets_at": None,
        }
        for tier, amounts in (
            ("new", (100_00, 200_00, 800_00)),
            ("active", (250_00, 500_00, 2_000_00)),
            ("verified", (1_000_00, 2_000_00, 8_000_00)),
        )
        for window, minor in zip(("purchase", "day", "month"), amounts, strict=True)
    ]


def test_the_cards_are_exact(tipbot: APIClient) -> None:
    card = RateCard.objects.get()

    (line,) = tipbot.get("/api/v1/rate-cards").json()["results"]

    assert line["holds"][4] == {"payment": "card", "days": 30}
    assert {name: line[name] for name in ("id", "name", "state", "ends_at")} == {
        "id": card.pk,
        "name": "v1",
        "state": "in_force",
        "ends_at": None,
    }
    assert (line["diamonds_per_coin"], line["diamond_usd"]) == ("1.000", "0.005000")
    assert line["effective_at"] == "2026-01-01T00:00:00Z"
    assert tipbot.get("/api/v1/ledger/rate-cards").json()["results"] == [line]


def test_an_exact_number_of_coins_is_quoted_with_all_there_is_to_know(tipbot: APIClient) -> None:
    answer = tipbot.post("/api/v1/quotes", {"coins": 100, "region": "DE"})

    assert answer.status_code == 200
    assert answer.json() == {
        "coins": 100,
        "package": None,
        "price": eur(120),
        "creator": eur(45),
        "methods": [
            {
                "code": "card",
                "name": "Card",
                "is_offered": True,
                "why_not": "",
                "from_coins": 52,
                "gross": eur(120),
                "tax": eur(19),
            }
        ],
        "region": GERMANY,
        "limits": limits_of_cards(),
    }


def test_too_few_coins_for_a_method_are_quoted_with_its_minimum(tipbot: APIClient) -> None:
    (method,) = tipbot.post("/api/v1/quotes", {"coins": 30, "region": "DE"}).json()["methods"]

    assert (method["is_offered"], method["from_coins"]) == (False, 52)
    assert "52 coins" in method["why_not"]


def test_money_has_the_decimals_of_its_currency(tipbot: APIClient) -> None:
    dong, dinar = (
        tipbot.post("/api/v1/quotes", {"coins": 1000, "region": region}).json()["price"]
        for region in ("VN", "KW")
    )

    assert dong == {"amount_minor": 325_000, "currency": "VND", "decimals": 0}
    assert dinar == {"amount_minor": 3_500, "currency": "KWD", "decimals": 3}


def test_the_packages_of_a_region_are_listed_with_their_prices(tipbot: APIClient) -> None:
    answer = tipbot.get("/api/v1/packages?region=DE").json()

    assert answer["region"] == GERMANY
    assert [basket["coins"] for basket in answer["results"]] == [
        30, 70, 350, 700, 1400, 3500, 7000, 17500,
    ]  # fmt: skip
    assert answer["results"][3]["price"] == eur(840)
    package = CoinPackage.objects.get(coins=700).pk
    quoted = tipbot.post("/api/v1/quotes", {"package": package, "region": "DE"}).json()
    assert quoted == answer["results"][3] | {"region": GERMANY, "limits": limits_of_cards()}
    assert answer["changes"] == []


def test_a_price_that_will_change_is_told_with_its_date(tipbot: APIClient) -> None:
    start = (timezone.now() + timedelta(days=40)).replace(microsecond=0)
    package = CoinPackage.objects.get(coins=700)
    Price.objects.create(
        region_id="DE",
        package=package,
        coins=700,
        amount_minor=900,
        currency="EUR",
        valid_from=start,
    )

    answer = tipbot.get("/api/v1/packages?region=DE").json()

    assert answer["changes"] == [
        {
            "package": package.pk,
            "channel": "web",
            "coins": 700,
            "before": eur(840),
            "price": eur(900),
            "valid_from": start.isoformat().replace("+00:00", "Z"),
        }
    ]
    assert answer["results"][3]["price"] == eur(840)


@pytest.mark.parametrize("count", [1, 8])
def test_the_number_of_packages_costs_no_queries(
    tipbot: APIClient, django_assert_num_queries: Any, count: int
) -> None:
    offered = CoinPackage.objects.order_by("pk").values_list("pk", flat=True)[:count]
    CoinPackage.objects.exclude(pk__in=list(offered)).update(is_offered=False)

    with django_assert_num_queries(9):
        assert len(tipbot.get("/api/v1/packages?region=DE").json()["results"]) == count


def test_what_is_not_sold_has_its_code(tipbot: APIClient) -> None:
    Region.objects.filter(pk="FR").update(is_open=False)

    def code(**given: Any) -> tuple[int, str]:
        return services.refused(tipbot.post("/api/v1/quotes", given))

    assert code(coins=29, region="DE") == (409, "amount_not_sold")
    assert code(package=999_999, region="DE") == (409, "package_not_offered")
    assert code(coins=100, region="FR") == (404, "not_found")
    assert services.refused(tipbot.get("/api/v1/packages?region=FR")) == (404, "not_found")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"region": "DE"}, "one_amount"),
        ({"coins": 100, "package": 1, "region": "DE"}, "one_amount"),
        ({"coins": 100}, "one_place"),
        ({"coins": 100, "region": "DE", "fan": 1}, "one_place"),
        ({"coins": 0, "region": "DE"}, "min_value"),
        ({"coins": 100, "region": "de x"}, "invalid"),
    ],
)
def test_a_quote_that_makes_no_sense_says_why(
    tipbot: APIClient, given: dict[str, Any], code: str
) -> None:
    answer = tipbot.post("/api/v1/quotes", given)

    assert services.refused(answer) == (400, "invalid")
    assert answer.json()["errors"][0]["code"] == code


def test_a_fans_own_prices_are_quoted_under_consent(tipbot: APIClient, alice: User) -> None:
    asked = {"coins": 100, "fan": "@alice"}
    assert services.refused(tipbot.post("/api/v1/quotes", asked)) == (403, "consent_missing")
    services.consent(alice, scope="balance:read")

    assert tipbot.post("/api/v1/quotes", asked).json()["region"] == GERMANY


# A fan's coins


@pytest.mark.parametrize("named", ["alice", "@alice", "{id}"])
def test_a_balance_is_read_under_consent(tipbot: APIClient, alice: User, named: str) -> None:
    factories.give_coins(alice, 123)
    services.consent(alice, scope="balance:read")

    answer = tipbot.get(f"/api/v1/fans/{named.format(id=alice.pk)}/balance")

    assert answer.json() == {"fan": alice.pk, "coins": 123}
    assert answer["Cache-Control"] == "no-store"


def test_a_balance_is_nobodys_without_consent(
    tipbot: APIClient, alice: User, mallory: User
) -> None:
    factories.give_coins(alice, 123)
    services.consent(alice)  # to send is not to see
    services.make_service("otherbot")
    services.consent(mallory, client_id="otherbot", scope="balance:read")

    answers = [
        tipbot.get(f"/api/v1/fans/{fan}/balance")
        for fan in ("alice", "mallory", "nobody", "0", "%00", "9" * 40, "a b")
    ]

    assert {services.refused(answer) for answer in answers} == {(403, "consent_missing")}
    assert len({answer.content for answer in answers}) == 1


def test_a_revoked_or_ended_consent_shows_nothing(tipbot: APIClient, alice: User) -> None:
    path = "/api/v1/fans/alice/balance"
    given = services.consent(alice, scope="balance:read")
    assert tipbot.get(path).status_code == 200

    consents.revoke(fan_id=alice.pk, consent_id=given.pk, at=timezone.now())
    assert services.refused(tipbot.get(path)) == (403, "consent_missing")

    services.consent(alice, scope="balance:read")
    alice.consents.update(until=timezone.now() - timedelta(seconds=1))
    assert services.refused(tipbot.get(path)) == (403, "consent_missing")


# Seals


def test_the_seals_go_by_pages(committed: str) -> None:
    alice = factories.make_user("alice")
    for _ in range(3):
        with transaction.atomic():
            factories.give_coins(alice, 500)
        with transaction.atomic():
            assert ledger.close_period()
        with transaction.atomic():
            assert ledger.seal_period()
    tipbot = services.service()

    first = tipbot.get("/api/v1/ledger/seals?limit=2").json()
    rest = tipbot.get(f"/api/v1/ledger/seals?limit=2&after={first['next']}").json()

    assert len(first["results"]) == 2
    assert len(rest["results"]) == 1
    assert rest["next"] is None
    rows = first["results"] + rest["results"]
    assert [row["before"] for row in rows] == [rows[1]["seal"], rows[2]["seal"], ""]


@pytest.mark.parametrize("after", ["!", "bm90", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "MXwy", "LTE"])
def test_a_cursor_of_ones_own_is_refused(tipbot: APIClient, after: str) -> None:
    answer = tipbot.get(f"/api/v1/ledger/seals?after={after}")

    assert services.refused(answer) == (400, "invalid")
    assert answer.json()["errors"][0]["code"] == "bad_cursor"
