"""The public pages: the chain in exact numbers for each region, and seals anyone can check."""

import hashlib
import json
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from djmoney.money import Money

from accounts.models import User
from tests import factories
from wallet import ledger, rates, seals
from wallet.models import FxRate, Region


@pytest.mark.parametrize(
    ("code", "paid", "tax", "fee", "creator", "operator", "from_coins"),
    [
        ("US", "1.06", "0", "0.33074", "0.5", "0.22926", 64),
        ("DE", "1.2", "0.191597", "0.268", "0.45", "0.290403", 52),
        ("VN", "32500", "2954.5455", "5942.5", "12700", "10902.9545", 35),
        ("KW", "0.35", "0", "0.08515", "0.1535", "0.11135", 45),
    ],
)
def test_where_the_price_of_100_coins_goes_is_exact_in_each_currency(
    db: None,
    code: str,
    paid: str,
    tax: str,
    fee: str,
    creator: str,
    operator: str,
    from_coins: int,
) -> None:
    region = Region.objects.get(pk=code)

    (example,) = rates.examples(region=region, coins=100, at=timezone.now())

    currency = region.currency
    assert example.paid == Money(paid, currency)
    assert {p.part: p.amount for p in example.parts} == {
        "tax": Money(tax, currency),
        "fee": Money(fee, currency),
        "operator": Money(operator, currency),
        "creator": Money(creator, currency),
    }
    assert sum((p.amount for p in example.parts), Money(0, currency)) == example.paid
    assert (example.from_coins, example.is_offered) == (from_coins, True)


def test_the_rates_page_shows_the_viewer_s_own_region_and_the_card_in_force(
    client: Client, alice: User
) -> None:
    client.force_login(alice)

    page = client.get(reverse("wallet:rates")).content.decode()

    assert "100 coins in Germany" in page
    assert "€1.20" in page
    assert "In force" in page


def test_the_calculator_works_by_its_address_alone(client: Client, db: None) -> None:
    page = client.get(reverse("wallet:rates"), {"coins": "1", "region": "VN"}).content.decode()

    assert "1 coin in Vietnam" in page
    assert "Card is offered from 35 coins: below that its fixed fee takes too much." in page
    for wrong in ({"coins": "0", "region": "VN"}, {"coins": "x"}, {"region": "XX", "coins": "5"}):
        answer = client.get(reverse("wallet:rates"), wrong)
        assert answer.status_code == 200
        assert "field-error" in answer.content.decode()


def test_without_a_rate_the_page_says_so_and_shows_the_rest(client: Client, db: None) -> None:
    FxRate.objects.filter(currency="EUR").delete()

    page = client.get(reverse("wallet:rates"), {"coins": "100", "region": "DE"}).content.decode()

    assert "No figures here just now" in page
    assert "United States" in page


def test_public_pages_are_kept_by_no_cache(client: Client, db: None) -> None:
    for name in ("rates", "seals", "seals_json"):
        assert "no-store" in client.get(reverse(f"wallet:{name}"))["Cache-Control"]


def test_no_seals_yet_is_said_and_a_made_up_page_is_not_found(client: Client, db: None) -> None:
    assert "Nothing is sealed yet" in client.get(reverse("wallet:seals")).content.decode()
    assert client.get(reverse("wallet:seals_json")).json()["periods"] == []
    for wrong in ("x", "-1", "1" * 12, "²"):
        assert client.get(reverse("wallet:seals"), {"before": wrong}).status_code == 404
        assert client.get(reverse("wallet:seals_json"), {"after": wrong}).status_code == 404


def lines_of(period: int) -> list[str]:
    """The period's transfers as the page says to write them, read by the owner's own hand."""
    owner = settings.DATABASE_OWNER
    with psycopg.connect(
        host=owner["HOST"],
        port=owner["PORT"] or None,
        user=owner["USER"],
        password=owner["PASSWORD"] or None,
        dbname=connection.settings_dict["NAME"],
    ) as hand:
        rows = hand.execute(
            "SELECT t.id, op_id, code, unit, debit_account_id, credit_account_id, amount, lot_id,"
            " reverses_id, home_id FROM ledger.transfer t JOIN ledger.period p ON p.id = %s"
            " WHERE t.xid >= p.xid_from AND t.xid < p.xid_to ORDER BY t.id",
            [period],
        )
        return ["|".join("-" if v is None else str(v) for v in row) + "\n" for row in rows]


def test_seals_can_be_made_again_from_the_transfers_as_the_page_tells(
    committed: str, client: Client
) -> None:
    with transaction.atomic():
        alice, bob = factories.make_user("alice"), factories.make_creator("bob")
    for _ in range(3):
        with transaction.atomic():
            factories.give_coins(alice, 500)
            ledger.gift(
                ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 9, alice.pk, "room:1", {})
            ).check()
        with transaction.atomic():
            assert ledger.close_period()
        with transaction.atomic():
            assert ledger.seal_period()

    told = client.get(reverse("wallet:seals_json")).json()
    shown = client.get(reverse("wallet:seals")).content.decode()

    seal = b""
    for period in told["periods"]:
        assert period["before"] == seal.hex()
        seal = hashlib.sha256(seal + period["header"].encode()).digest()
        seal = hashlib.sha256(seal + "".join(lines_of(period["period"])).encode()).digest()
        assert period["seal"] == seal.hex()
        assert period["seal"] in shown
    assert len(told["periods"]) == 3
    assert told["next"] is None
    assert [s.period for s in seals.latest(limit=2)] == [3, 2]
    assert [s.period for s in seals.latest(before=2)] == [1]
    assert [(s.period, bool(s.before)) for s in seals.following(after=1)] == [(2, True), (3, True)]
    assert json.dumps(told)


def test_the_list_of_regions_gives_the_creator_s_part_of_each(db: None) -> None:
    lines = {line.region.code: line for line in rates.region_lines(at=timezone.now())}

    assert len(lines) == 15
    assert lines["US"].creator == Money("0.5", "USD")
    assert lines["US"].creator_share is not None
    assert round(lines["US"].creator_share, 4) == Decimal("0.4717")
    assert lines["DE"].tax_share == Decimal("0.19")


@pytest.mark.parametrize("name", ["wallet:rates", "wallet:seals", "payouts:verify", "help"])
def test_seals_and_the_check_of_statements_lead_to_each_other(
    db: None, client: Client, name: str
) -> None:
    page = client.get(reverse(name)).content.decode()
    body = page[page.index("<main") : page.index("</main>")]

    links = {"wallet:seals": reverse("payouts:verify"), "payouts:verify": reverse("wallet:seals")}
    for link in [links[name]] if name in links else links.values():
        assert f'href="{link}"' in body
    assert f'href="{reverse("payouts:verify")}">Check a statement' in page[page.index("</main>") :]
