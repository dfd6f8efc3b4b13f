"""The one history: every entry once, in order, with its story, and only its owner's."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from djmoney.money import Money
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from tests import factories
from wallet import history, ledger, shares, stories
from wallet.models import FxRate, PaymentMethod, Purchase, Transfer


def give(payer: User, creator: User, coins: int, **memo: Any) -> UUID:
    words = {
        "gift": "Rosebud",
        "slug": "rosebud",
        "quantity": coins,
        "to": creator.display_name,
        "to_handle": creator.handle,
        "from": payer.display_name,
        "from_handle": payer.handle,
        "where": "Evening piano",
    }
    operation_id = ledger.new_operation_id()
    ledger.gift(
        ledger.Gift(operation_id, payer.pk, creator.pk, coins, payer.pk, "room:1", words | memo)
    ).check()
    return operation_id


def buy(buyer: User, coins: int, currency: str, gross: int, *, tax: int = 0, fee: int = 0) -> UUID:
    purchase_id = ledger.new_operation_id()
    ledger.buy(
        operation_id=purchase_id,
        buyer_id=buyer.pk,
        purchase_id=purchase_id,
        coins=coins,
        hold_class=5,
        currency=currency,
        gross_minor=gross,
        tax_minor=tax,
        fee_minor=fee,
        memo={"text": f"Bought {coins:,} coins", "method": "Card"},
    ).check()
    return purchase_id


def start_purchase(buyer: User, state: str = Purchase.State.FAILED, **fields: Any) -> Purchase:
    values: dict[str, Any] = {
        "id": ledger.new_operation_id(),
        "buyer": buyer,
        "region_id": "DE",
        "method": PaymentMethod.objects.get(pk="card"),
        "coins": 350,
        "gross_minor": 420,
        "tax_minor": 67,
        "tax_bps": 1900,
        "currency": "EUR",
        "state": state,
    }
    return Purchase.objects.create(**(values | fields))


def shown(user: User, **options: Any) -> list[tuple[str, int | None]]:
    return [(e.what, e.coins) for e in history.entries(user_id=user.pk, **options)]


def test_a_gift_paid_from_several_lots_is_one_entry_and_newest_is_first(
    alice: User, bob: User
) -> None:
    buy(alice, 30, "EUR", 36, tax=6, fee=26)
    buy(alice, 70, "EUR", 84)
    give(alice, bob, 45)

    assert shown(alice) == [
        ("Rosebud ×45 to Bob", -45),
        ("Bought 70 coins", 70),
        ("Bought 30 coins", 30),
    ]
    assert Transfer.objects.filter(code=Transfer.Code.GIFT_COINS).count() == 2
    gift = next(history.entries(user_id=alice.pk))
    assert gift.price == Money("0.54", "EUR")  # 30 at 1.2 cents and 15 at 1.2 cents
    assert gift.where == "Evening piano"


def test_coins_given_and_taken_by_staff_are_entries_too(alice: User, bob: User, olga: User) -> None:
    other = factories.make_staff("otto")
    for coins in (10, -4):
        ledger.adjust_coins(
            operation_id=ledger.new_operation_id(),
            owner_id=alice.pk,
            coins=coins,
            hold_class=1,
            proposer_id=olga.pk,
            approver_id=other.pk,
            memo={"text": "A gift of ours"},
        ).check()

    assert shown(alice) == [("A gift of ours", -4), ("A gift of ours", 10)]
    assert shown(alice, kinds=["adjustments"]) == shown(alice)
    assert next(history.entries(user_id=alice.pk)).price is None


def test_a_purchase_that_brought_no_coins_says_so_and_one_that_did_is_there_once(
    alice: User,
) -> None:
    start_purchase(alice, Purchase.State.FAILED)
    credited = start_purchase(alice, Purchase.State.CREDITED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    ledger.buy(
        operation_id=credited.pk,
        buyer_id=alice.pk,
        purchase_id=credited.pk,
        coins=350,
        hold_class=5,
        currency="EUR",
        gross_minor=420,
        tax_minor=67,
        fee_minor=31,
        memo={"text": "Bought 350 coins"},
    ).check()

    entries = list(history.entries(user_id=alice.pk))

    assert [(e.what, e.coins, e.state) for e in entries] == [
        ("Bought 350 coins", 350, ""),
        ("350 coins", None, "Payment failed"),
    ]
    assert [e.price for e in entries] == [Money("4.20", "EUR")] * 2


def test_each_kind_can_be_asked_for_alone(alice: User, bob: User) -> None:
    buy(alice, 30, "EUR", 36)
    give(alice, bob, 5)
    start_purchase(alice)

    assert shown(alice, kinds=["gifts"]) == [("Rosebud ×5 to Bob", -5)]
    assert {what for what, _ in shown(alice, kinds=["purchases"])} == {
        "Bought 30 coins",
        "350 coins",
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_repeat_nothing_and_lose_nothing_when_times_are_equal(
    alice: User, bob: User, limit: int
) -> None:
    same = datetime(2026, 11, 1, 12, tzinfo=UTC)
    factories.give_coins(alice, 100)
    for number in range(1, 8):
        give(alice, bob, number)
        start_purchase(alice, created_at=same)
    Purchase.objects.update(created_at=same)
    whole = [entry.id for entry in history.entries(user_id=alice.pk)]

    paged: list[UUID] = []
    after = None
    for _ in range(50):
        page = history.page(user_id=alice.pk, after=after, limit=limit)
        paged += [entry.id for entry in page.entries]
        if page.following is None:
            break
        after = history.Cursor.parse(str(page.following))

    assert paged == whole
    assert len(set(whole)) == 15


def test_what_comes_in_meanwhile_does_not_shift_the_next_page(alice: User, bob: User) -> None:
    factories.give_coins(alice, 100)
    for number in range(1, 6):
        give(alice, bob, number)
    first = history.page(user_id=alice.pk, limit=3)

    give(alice, bob, 50)
    start_purchase(alice)
    second = history.page(user_id=alice.pk, after=first.following, limit=3)

    assert [e.coins for e in first.entries] == [-5, -4, -3]
    assert [e.coins for e in second.entries] == [-2, -1, 100]


def test_a_first_purchase_or_a_first_gift_meanwhile_does_not_either(alice: User, bob: User) -> None:
    for hour in range(5):
        start_purchase(alice, created_at=datetime(2026, 11, 1, hour, tzinfo=UTC))
        Purchase.objects.filter(pk__in=[alice.purchases.latest("id").pk]).update(
            created_at=datetime(2026, 11, 1, hour, tzinfo=UTC)
        )
    first = history.page(user_id=alice.pk, limit=3)

    factories.give_coins(alice, 100)
    second = history.page(user_id=alice.pk, after=first.following, limit=3)

    assert [e.at.hour for e in first.entries] == [4, 3, 2]
    assert [(e.at.hour, e.coins) for e in second.entries] == [(1, None), (0, None)]


def test_entries_are_read_in_chunks_and_all_of_them(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "CHUNK", 2)
    for _ in range(5):
        factories.give_coins(alice, 2)
    give(alice, bob, 9)
    give(alice, bob, 1)

    assert [coins for _, coins in shown(alice)] == [-1, -9, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("text", ["", "x", "1~", "1~2~3", "~2026-01-01~", "~2026-01-01T00:00~x"])
def test_a_made_up_place_to_continue_from_is_not_found(
    client: Client, alice: User, text: str
) -> None:
    client.force_login(alice)

    assert client.get(reverse("wallet:history"), {"after": text}).status_code == 404


def test_the_page_shows_entries_filters_and_links_to_stories(
    client: Client, alice: User, bob: User
) -> None:
    buy(alice, 3000, "EUR", 3600)
    operation_id = give(alice, bob, 1234)
    client.force_login(alice)

    page = client.get(reverse("wallet:history"))
    gifts = client.get(reverse("wallet:history"), {"kind": "gifts"})

    assert reverse("wallet:operation", args=[operation_id]) in page.content.decode()
    assert "Rosebud ×1,234 to Bob" in page.content.decode()
    assert "Bought 3,000 coins" not in gifts.content.decode()
    assert client.get(reverse("wallet:history"), {"kind": "x"}).status_code == 404


def test_a_history_is_its_owner_s_alone(
    client: Client, alice: User, bob: User, mallory: User
) -> None:
    purchase_id = buy(alice, 100, "EUR", 120)
    operation_id = give(alice, bob, 5)
    failed = start_purchase(alice)
    client.force_login(mallory)

    for entry in (purchase_id, operation_id, failed.pk):
        assert client.get(reverse("wallet:operation", args=[entry])).status_code == 404
    assert b"Rosebud" not in client.get(reverse("wallet:history")).content
    assert b"Rosebud" not in b"".join(client.get(reverse("wallet:history_csv")))
    client.force_login(bob)
    assert client.get(reverse("wallet:operation", args=[operation_id])).status_code == 404
    client.logout()
    for name in ("history", "history_csv"):
        assert client.get(reverse(f"wallet:{name}")).status_code == 302


def test_nothing_is_written_by_these_addresses(client: Client, alice: User) -> None:
    client.force_login(alice)

    for address in (
        "/balance/history/",
        "/balance/history.csv",
        "/rates/",
        "/seals/",
        "/seals.json",
    ):
        assert client.post(address).status_code == 405


@pytest.mark.parametrize(
    ("currency", "gross", "tax", "fee", "per_usd", "amounts"),
    [
        # 100 coins; 50 of them given: half of each part; 0.25 dollars to the creator.
        ("USD", 106, 0, 33, "1", ["0", "0.165", "0.115", "0.25"]),
        ("EUR", 120, 19, 27, "0.9", ["0.095", "0.135", "0.145", "0.225"]),
        ("VND", 32_500, 2955, 5943, "25400", ["1477.5", "2971.5", "5451", "6350"]),
        ("KWD", 350, 0, 85, "0.307", ["0", "0.0425", "0.05575", "0.07675"]),
    ],
)
def test_where_the_money_of_a_gift_went_is_exact_and_adds_up(
    alice: User,
    bob: User,
    currency: str,
    gross: int,
    tax: int,
    fee: int,
    per_usd: str,
    amounts: list[str],
) -> None:
    buy(alice, 100, currency, gross, tax=tax, fee=fee)
    operation_id = give(alice, bob, 50)

    told = stories.story(user_id=alice.pk, operation_id=operation_id)

    assert told is not None
    (chain,) = told.chains
    assert [part.part for part in chain.parts] == ["tax", "fee", "operator", "creator"]
    assert [part.amount for part in chain.parts] == [Money(a, currency) for a in amounts]
    assert sum((p.amount for p in chain.parts), Money(0, currency)) == chain.paid
    assert chain.per_usd is not None
    assert chain.per_usd.per_usd == Decimal(per_usd)
    assert told.diamonds_milli == 50_000
    assert told.card is not None
    assert told.card.name == "v1"


def test_a_gift_from_two_currencies_tells_two_chains_and_from_which_lots(
    alice: User, bob: User
) -> None:
    first = buy(alice, 30, "EUR", 36)
    buy(alice, 70, "USD", 74)
    operation_id = give(alice, bob, 40)

    told = stories.story(user_id=alice.pk, operation_id=operation_id)

    assert told is not None
    assert [(c.coins, c.paid) for c in told.chains] == [
        (30, Money("0.36", "EUR")),
        (10, Money("0.105714", "USD")),
    ]
    assert [s.coins for s in told.slices] == [30, 10]
    assert told.slices[0].lot.purchase_id == first
    assert told.paid is None


def test_a_gift_from_coins_nobody_paid_for_says_so(alice: User, bob: User, olga: User) -> None:
    other = factories.make_staff("otto")
    ledger.adjust_coins(
        operation_id=ledger.new_operation_id(),
        owner_id=alice.pk,
        coins=10,
        hold_class=1,
        proposer_id=olga.pk,
        approver_id=other.pk,
        memo={"text": "A gift of ours"},
    ).check()
    operation_id = give(alice, bob, 10)

    told = stories.story(user_id=alice.pk, operation_id=operation_id)

    assert told is not None
    assert (told.chains, told.unpaid_coins, told.diamonds_milli) == ([], 10, 10_000)


def test_without_any_rate_the_creator_s_part_is_not_made_up(alice: User, bob: User) -> None:
    buy(alice, 100, "EUR", 120, tax=19, fee=27)
    operation_id = give(alice, bob, 50)
    FxRate.objects.filter(currency="EUR").delete()

    told = stories.story(user_id=alice.pk, operation_id=operation_id)

    assert told is not None
    assert [p.part for p in told.chains[0].parts] == ["tax", "fee", "operator"]
    assert told.chains[0].per_usd is None


@pytest.mark.parametrize("which", ["gift", "purchase", "failed"])
def test_a_story_is_shown_for_every_kind_of_entry(
    client: Client, alice: User, bob: User, which: str
) -> None:
    purchase_id = buy(alice, 100, "EUR", 120, tax=19, fee=27)
    ids = {
        "purchase": purchase_id,
        "gift": give(alice, bob, 5),
        "failed": start_purchase(alice, failure="Card was declined.").pk,
    }
    words = {"purchase": "Bought 100 coins", "gift": "Where the money went", "failed": "declined"}
    client.force_login(alice)

    page = client.get(reverse("wallet:operation", args=[ids[which]]))

    assert page.status_code == 200
    assert words[which] in page.content.decode()


def test_the_file_has_every_entry_with_numbers_as_numbers(
    client: Client, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "CHUNK", 3)
    buy(alice, 3000, "VND", 975_000)
    for number in range(1, 12):
        give(alice, bob, number)
    give(alice, bob, 1, gift="=HYPERLINK(1)", where="@SUM(A1)")
    client.force_login(alice)

    response = client.get(reverse("wallet:history_csv"))
    text = b"".join(response).decode()
    rows = list(csv.reader(io.StringIO(text)))

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response.streaming
    assert rows[0] == list(history.CSV_HEAD)
    assert len(rows) == 14
    assert rows[1][2:4] == ["'=HYPERLINK(1) to Bob", "'@SUM(A1)"]
    assert rows[-1][5:8] == ["3000", "975000", "VND"]
    assert [row[5] for row in rows[1:4]] == ["-1", "-11", "-10"]
    assert '"-1"' not in text


@given(
    blank=st.text(" \u00a0\u3000", max_size=3),
    start=st.sampled_from(sorted(history.FORMULA_STARTS)),
    rest=st.text(),
)
def test_no_words_begin_as_a_formula(blank: str, start: str, rest: str) -> None:
    cell = history.csv_cell(blank + start + rest)

    assert cell == "'" + blank + start + rest


@given(st.text())
def test_any_words_are_kept_behind_at_most_one_quote(text: str) -> None:
    cell = history.csv_cell(text)

    assert cell in {text, f"'{text}"}
    assert str(cell).strip(" \u00a0\u3000\ufeff")[:1] not in history.FORMULA_STARTS - {""}


@given(st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False)))
def test_numbers_stay_numbers(number: int | Decimal) -> None:
    assert history.csv_cell(number) is number


@given(
    gross=st.integers(1, 10**9),
    cuts=st.lists(st.fractions(0, 1), min_size=3, max_size=3),
    currency=st.sampled_from(["USD", "EUR", "VND", "KWD"]),
)
def test_parts_of_any_price_add_up_to_it(gross: int, cuts: list[Fraction], currency: str) -> None:
    names = ("tax", "fee", "creator")
    lines = [(name, name, gross * cut) for name, cut in zip(names, cuts, strict=True)]

    parts = shares.split(lines, gross=Fraction(gross), currency=currency)

    total = sum((part.amount for part in parts), Money(0, currency))
    assert total == shares.fine(Fraction(gross), currency=currency)
    assert len(parts) == 4


def test_the_place_of_an_entry_survives_its_address() -> None:
    at = datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(microseconds=123_456)
    cursor = history.Cursor(7, at, ledger.new_operation_id())

    assert history.Cursor.parse(str(cursor)) == cursor
    assert history.Cursor.parse(str(history.Cursor(7))) == history.Cursor(7)
