"""The audit finds every kind of damage and names it, and is silent when there is none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from tests import factories
from wallet import ledger
from wallet.models import Adjustment, Lot, Operation, PaymentMethod, Purchase


@pytest.fixture
def world(committed: str) -> Iterator[psycopg.Connection[Any]]:
    """A bought lot, gifts, a closed and sealed period with a release, and gifts after it.

    Yields the owner's own connection, with triggers off: what a hand in the database could do.
    """
    with transaction.atomic():
        alice, bob = factories.make_user("alice"), factories.make_creator("bob")
        olga, otto = factories.make_staff("olga"), factories.make_staff("otto")
        purchase = _bought(alice)
        _given(alice, bob, 30)
        _adjusted(alice, olga, otto)
    with transaction.atomic():
        ledger.fold()
    with transaction.atomic():
        ledger.close_period()
    with transaction.atomic():
        ledger.seal_period()
    with transaction.atomic():
        _given(alice, bob, 20)
        Purchase.objects.filter(pk=purchase.pk).update(checked_at=timezone.now())
    owner = settings.DATABASE_OWNER
    with psycopg.connect(
        host=owner["HOST"],
        port=owner["PORT"] or None,
        user=owner["USER"],
        password=owner["PASSWORD"] or None,
        dbname=committed,
        autocommit=True,
    ) as hand:
        hand.execute("SET session_replication_role = replica")
        yield hand


def _bought(alice: User) -> Purchase:
    purchase = Purchase.objects.create(
        id=ledger.new_operation_id(),
        buyer=alice,
        region_id="DE",
        method=PaymentMethod.objects.get(pk="card"),
        coins=100,
        gross_minor=120,
        tax_minor=19,
        tax_bps=1900,
        currency="EUR",
        fee_minor=27,
        hold_class=5,
        state=Purchase.State.CREDITED,
        paid_at=timezone.now(),
    )
    ledger.buy(
        operation_id=purchase.pk,
        buyer_id=alice.pk,
        purchase_id=purchase.pk,
        coins=100,
        hold_class=5,
        currency="EUR",
        gross_minor=120,
        tax_minor=19,
        fee_minor=27,
        memo={},
    ).check()
    return purchase


def _given(alice: User, bob: User, coins: int) -> None:
    gift = ledger.Gift(
        ledger.new_operation_id(), alice.pk, bob.pk, coins, alice.pk, "room:1", {"gift": "Heart"}
    )
    ledger.gift(gift).check()


def _adjusted(alice: User, olga: User, otto: User) -> None:
    adjustment = Adjustment.objects.create(
        id=ledger.new_operation_id(),
        owner=alice,
        unit=Adjustment.Unit.COIN,
        amount=7,
        reason="Sorry",
        proposer=olga,
        approver=otto,
        state=Adjustment.State.APPROVED,
    )
    ledger.adjust_coins(
        operation_id=adjustment.pk,
        owner_id=alice.pk,
        coins=7,
        hold_class=1,
        proposer_id=olga.pk,
        approver_id=otto.pk,
        memo={},
    ).check()


def audit() -> tuple[int, str]:
    out, code = StringIO(), 0
    with suppress(SystemExit):
        code = 1
        call_command("audit_ledger", stdout=out)
        code = 0
    return code, out.getvalue()


def test_books_that_nobody_touched_are_proven_also_with_a_purchase_just_paid(
    world: psycopg.Connection[Any],
) -> None:
    Purchase.objects.create(
        id=ledger.new_operation_id(),
        buyer=User.objects.get(handle="alice"),
        region_id="DE",
        method_id="card",
        coins=30,
        gross_minor=36,
        tax_minor=6,
        tax_bps=1900,
        currency="EUR",
        state=Purchase.State.PAID,
        paid_at=timezone.now() - timedelta(seconds=10),
    )

    code, words = audit()

    assert (code, words) == (0, "The books are proven: nothing differs.\n")


WALLET = "(SELECT id FROM ledger.account WHERE code = 110)"
PENDING = "(SELECT id FROM ledger.account WHERE code = 210)"
FIRST_GIFT = "(SELECT id FROM ledger.operation WHERE kind = 20 ORDER BY recorded_at LIMIT 1)"
DAMAGE = {
    "balance is the sum of its transfers: account": (
        f"UPDATE ledger.balance SET credits = credits + 1 WHERE account_id = {WALLET}"
    ),
    "folded total is the sum of its transfers below the horizon: account": (
        f"UPDATE ledger.folded SET credits = credits + 1 WHERE account_id = {PENDING}"
    ),
    "no balance is below its floor: account": (
        f"UPDATE ledger.balance SET debits = credits + 1 WHERE account_id = {WALLET}"
    ),
    "every locked account has a balance row, no folded one has: account": (
        f"DELETE FROM ledger.balance WHERE account_id = {WALLET}"
    ),
    "both accounts of a transfer have its unit: transfer": (
        f"UPDATE ledger.transfer SET unit = 840 WHERE code = 20 AND op_id = {FIRST_GIFT}"
    ),
    "what is left of a lot is the sum of its transfers: lot": (
        "UPDATE ledger.lot SET remaining = remaining - 1 WHERE gross_minor > 0"
    ),
    "a wallet is the sum of what is left of its lots: account": (
        "UPDATE ledger.lot SET remaining = remaining - 1 WHERE gross_minor > 0"
    ),
    "a bucket is what its period brought: period": "UPDATE ledger.bucket SET amount = amount + 1",
    "pending is its buckets and its tail: account": "UPDATE ledger.bucket SET clawed = 1",
    "a done operation has transfers, a refused one none: operation": (
        f"UPDATE ledger.operation SET is_refused = true WHERE id = {FIRST_GIFT}"
    ),
    "every transfer belongs to an operation: operation": (
        f"DELETE FROM ledger.operation WHERE id = {FIRST_GIFT}"
    ),
    "a gift moved the coins it asked for: operation": (
        "UPDATE ledger.operation SET request = request || '{\"coins\": 31}' "
        f"WHERE id = {FIRST_GIFT}"
    ),
    "a gift earned its card's diamonds: operation": (
        f"UPDATE ledger.transfer SET amount = amount + 1 WHERE code = 21 AND op_id = {FIRST_GIFT}"
    ),
    "nothing is reversed beyond its amount: transfer": (
        "UPDATE ledger.transfer SET reverses_id = (SELECT id FROM ledger.transfer WHERE code = 20 "
        "AND amount = 20) WHERE code = 20 AND amount = 30"
    ),
    "periods follow each other without a gap: period": (
        "UPDATE ledger.period SET xid_from = (xid_from::text::bigint + 1)::text::xid8 "
        "WHERE xid_to IS NULL"
    ),
    "the seals hold: period": (
        f"UPDATE ledger.transfer SET lot_id = lot_id + 1 WHERE op_id = {FIRST_GIFT} AND code = 21"
    ),
    "a credited purchase has its lot and operation, with its amounts: purchase": (
        "UPDATE wallet_purchase SET tax_minor = 18"
    ),
    "a bought lot has its credited purchase: lot": "UPDATE wallet_purchase SET state = 'pending'",
    "an approved adjustment was posted, and no other: adjustment": (
        "UPDATE wallet_adjustment SET amount = 8"
    ),
    "a paid purchase is credited: purchase": (
        "UPDATE wallet_purchase SET state = 'paid', paid_at = now() - interval '6 minutes'"
    ),
}


KEPT = (
    "ledger.balance", "ledger.folded", "ledger.transfer", "ledger.lot", "ledger.bucket",
    "ledger.operation", "ledger.period", "wallet_purchase", "wallet_adjustment",
)  # fmt: skip


@contextmanager
def damaged(hand: psycopg.Connection[Any], sql: str) -> Iterator[None]:
    """The books with the damage done, put back as they were afterwards."""
    for table in KEPT:
        hand.execute(f"CREATE TEMP TABLE kept_{table.replace('.', '_')} AS TABLE {table}")
    hand.execute(sql)
    yield
    for table in KEPT:
        kept = f"kept_{table.replace('.', '_')}"
        hand.execute(
            f"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE {kept};"
            f"DROP TABLE {kept}"
        )


def findings_after(hand: psycopg.Connection[Any], sql: str) -> list[str]:
    with damaged(hand, sql):
        code, words = audit()
    assert code == (len(words.splitlines()) > 1)
    return words.splitlines()[:-1]


def test_damage_of_every_kind_by_hand_is_found_and_named(world: psycopg.Connection[Any]) -> None:
    found = {finding: findings_after(world, sql) for finding, sql in DAMAGE.items()}

    missed = [
        finding
        for finding, lines in found.items()
        if not any(line.startswith(finding) for line in lines)
    ]
    assert missed == []
    assert audit()[0] == 0


def test_a_transaction_from_the_future_is_found(world: psycopg.Connection[Any]) -> None:
    found = findings_after(
        world, f"UPDATE ledger.transfer SET xid = '999999999999' WHERE op_id = {FIRST_GIFT}"
    )

    assert any(line.startswith("no transaction is from the future: transfer") for line in found)


def test_any_amount_of_a_purchase_that_differs_is_found_and_told_as_json(
    world: psycopg.Connection[Any],
) -> None:
    purchase = Purchase.objects.get()
    words = (
        f"a credited purchase has its lot and operation, with its amounts: purchase {purchase.pk}"
    )

    found = [
        findings_after(world, f"UPDATE wallet_purchase SET {wrong}")
        for wrong in ("gross_minor = 121", "coins = 99", "currency = 'USD'", "fee_minor = 1")
    ]

    assert found == [[words]] * 4
    world.execute("UPDATE wallet_purchase SET state = 'pending'")
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("audit_ledger", "--json", stdout=out)
    (finding,) = json.loads(out.getvalue())["findings"]
    assert end.value.code == 1
    assert finding["check"] == "a bought lot has its credited purchase"


def trace(*arguments: str) -> Any:
    out = StringIO()
    call_command("trace", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_purchase_is_followed_to_the_gifts_and_where_their_diamonds_are(
    world: psycopg.Connection[Any],
) -> None:
    purchase, bob = Purchase.objects.get(), User.objects.get(handle="bob")

    told = trace("purchase", str(purchase.pk))

    (lot,) = told["children"]
    assert (told["gross_minor"], lot["coins"], lot["left"]) == (120, 100, 50)
    assert [(g["coins"], g["diamonds_milli"], g["creator"]) for g in lot["children"]] == [
        (30, 30_000, bob.pk),
        (20, 20_000, bob.pk),
    ]
    assert [g["children"][0]["kind"] for g in lot["children"]] == ["pending", "pending"]
    assert lot["children"][0]["children"][0]["release_at"] is not None
    assert lot["children"][1]["children"][0]["release_at"] is None


def test_released_diamonds_name_the_operation_and_lead_back_to_the_payment(
    world: psycopg.Connection[Any],
) -> None:
    world.execute("UPDATE ledger.bucket SET release_at = now()")
    with transaction.atomic():
        assert ledger.release_due(debt_share_bps=5000, limit=10) == 1
    purchase = Purchase.objects.get()

    forward = trace("purchase", str(purchase.pk))
    place = forward["children"][0]["children"][0]["children"][0]
    back = trace("operation", place["released_by"])

    assert place["kind"] == "release"
    (gift,) = [child for child in back["children"] if child["kind"] == "gift"]
    (lot,) = [child for child in gift["children"] if child["kind"] == "lot"]
    assert lot["children"][0]["id"] == str(purchase.pk)


def test_a_gift_and_a_creator_s_diamonds_lead_back_to_their_payment(
    world: psycopg.Connection[Any],
) -> None:
    gift = Operation.objects.filter(kind=Operation.Kind.GIFT).earliest("recorded_at")
    bob = User.objects.get(handle="bob")

    told = trace("operation", str(gift.pk))
    periods, payments = trace("creator", str(bob.pk))["children"]

    assert told["memo"] == {"gift": "Heart"}
    assert [child["kind"] for child in told["children"][0]["children"]] == ["lot", "pending"]
    assert [child["kind"] for child in told["children"]] == ["gift", "transfer", "transfer"]
    assert [p["amount_milli"] for p in periods["children"]] == [30_000]
    assert [(p["diamonds_milli"], p["coins"]) for p in payments["children"]] == [(50_000, 100)]
    assert payments["children"][0]["children"][0]["gross_minor"] == 120


def test_the_tree_can_be_read_and_what_is_not_there_is_said(
    world: psycopg.Connection[Any],
) -> None:
    keys = {
        "purchase": str(Purchase.objects.get().pk),
        "operation": str(Operation.objects.earliest("recorded_at").pk),
        "creator": str(User.objects.get(handle="bob").pk),
    }
    out = StringIO()

    for kind, key in keys.items():
        call_command("trace", kind, key, stdout=out)

    lot = Lot.objects.get(purchase=Purchase.objects.get())
    assert out.getvalue().count(f"lot {lot.pk}: 50 of 100 coins left") == 3
    missing = {kind: str(ledger.new_operation_id()) for kind in keys} | {"creator": "0"}
    for kind, key in missing.items():
        with pytest.raises(CommandError, match="There is no"):
            call_command("trace", kind, key, stdout=out)
        with pytest.raises(CommandError):
            call_command("trace", kind, "nonsense", stdout=out)
