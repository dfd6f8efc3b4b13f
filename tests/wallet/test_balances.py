"""Unused coins at a date: what was there then, whatever happened since."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from tests.project.test_desk import make_purchase
from wallet import balances, ledger


def moment() -> datetime:
    """The time by the clock that the ledger writes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
        return at


def buy(user: User, **fields: Any) -> None:
    purchase = make_purchase(user, state="credited", **fields)
    ledger.buy(
        operation_id=purchase.pk, buyer_id=user.pk, purchase_id=purchase.pk, coins=purchase.coins,
        hold_class=5, currency=purchase.currency, gross_minor=purchase.gross_minor,
        tax_minor=purchase.tax_minor, fee_minor=0, memo={},
    ).check()  # fmt: skip


def give(payer: User, creator: User, coins: int) -> None:
    ledger.gift(
        ledger.Gift(ledger.new_operation_id(), payer.pk, creator.pk, coins, payer.pk, "room:1", {})
    ).check()


def test_a_moment_is_told_the_same_after_the_coins_were_used(alice: User, bob: User) -> None:
    before = moment()
    buy(alice)
    buy(bob, currency="USD", region_id="US", gross_minor=500, tax_minor=0)
    bought = moment()
    give(alice, bob, 100)
    given = moment()
    give(alice, bob, 250)

    europe, america = balances.unused(at=bought)

    assert balances.unused(at=before) == []
    assert (europe.region, europe.currency, europe.fans, europe.lots) == ("DE", "EUR", 1, 1)
    assert (europe.coins, str(europe.value)) == (350, "€3.53")
    assert (america.coins, str(america.value)) == (350, "$5.00")
    # 353 x 250 / 350 = 252.14
    assert [(row.coins, row.net_minor) for row in balances.unused(at=given)] == [
        (250, 252),
        (350, 500),
    ]
    assert [row.region for row in balances.unused(at=moment())] == ["US"]


def test_coins_that_staff_gave_have_no_value(alice: User, bob: User, olga: User) -> None:
    ledger.adjust_coins(
        operation_id=ledger.new_operation_id(), owner_id=alice.pk, coins=7, hold_class=5,
        proposer_id=olga.pk, approver_id=bob.pk, memo={},
    ).check()  # fmt: skip

    (row,) = balances.unused(at=moment())

    assert (row.region, row.currency, row.coins, row.value) == ("", "", 7, None)


def test_the_command_prints_a_file_that_no_spreadsheet_computes(
    alice: User, capsys: pytest.CaptureFixture[str]
) -> None:
    buy(alice)
    out = StringIO()

    call_command("unused_balances", csv=True, stdout=out)

    head, line = csv.reader(StringIO(out.getvalue()))
    assert head == list(balances.HEAD)
    assert line == ["DE", "EUR", "1", "1", "350", "3.53"]
    odd = balances.Unused("=1+1", "EUR", 1, 1, 1, 1)
    assert '"\'=1+1"' in "".join(balances.csv_lines([odd]))


def test_a_day_is_told_at_its_end_and_only_once_it_is_over(alice: User) -> None:
    buy(alice)
    today = datetime.now(UTC).date()
    out = StringIO()

    call_command("unused_balances", at=str(today - timedelta(days=1)), csv=True, stdout=out)

    assert out.getvalue().count("\n") == 1  # only the head: nothing was bought by then
    with pytest.raises(CommandError, match="has not ended"):
        call_command("unused_balances", at=str(today))
    with pytest.raises(CommandError, match="is not a day"):
        call_command("unused_balances", at="31.3.2026")
