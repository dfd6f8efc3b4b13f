"""What the database itself refuses: as the app role everything but its functions, as the owner
everything that would break a promise.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from tests import cashing, factories
from tests.database import connect, owner
from wallet import ledger
from wallet.models import Account, Operation, RateCard, Transfer
from wallet.money import CURRENCY_NUMBERS, decimals

LEDGER_TABLES = (
    "unit", "account_kind", "account", "balance", "rate_card", "operation", "transfer", "lot",
    "fold_state", "folded", "period", "bucket", "lot_money", "lot_cover", "recognition_state",
)  # fmt: skip


def gift_of(payer: int, creator: int, coins: int, operation_id: UUID | None = None) -> ledger.Gift:
    return ledger.Gift(
        operation_id or ledger.new_operation_id(), payer, creator, coins, payer, "room:x", {}
    )


@pytest.mark.parametrize("table", LEDGER_TABLES)
@pytest.mark.parametrize("verb", ["INSERT", "UPDATE", "DELETE", "TRUNCATE"])
def test_the_app_role_has_no_write_grant_on_any_ledger_table(
    db: None, table: str, verb: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege(current_user, %s, %s)", [f"ledger.{table}", verb]
        )
        assert cursor.fetchone() == (False,)


def test_no_ledger_table_was_forgotten_in_the_test_above(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p')"
        )
        assert {row[0] for row in cursor} == set(LEDGER_TABLES)


def test_the_app_role_calls_posting_functions_only(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege('ledger.open_account'::regproc, 'EXECUTE')")
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT has_function_privilege('ledger.refuse(uuid,text,jsonb)', 'EXECUTE')")
        assert cursor.fetchone() == (False,)


def statements(transfer: Transfer) -> list[tuple[str, str]]:
    """SQL that would break a promise, each with the words of its refusal."""
    wallet, spent = transfer.debit_account_id, transfer.credit_account_id
    row = (
        "INSERT INTO ledger.transfer"
        " (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount) VALUES"
    )
    op = f"'{transfer.op_id}'"
    return [
        ("UPDATE ledger.transfer SET amount = 1", "UPDATE on ledger.transfer is forbidden"),
        ("DELETE FROM ledger.transfer", "DELETE on ledger.transfer is forbidden"),
        ("TRUNCATE ledger.transfer", "TRUNCATE on ledger.transfer is forbidden"),
        ("UPDATE ledger.operation SET is_refused = true", "has its outcome"),
        ("DELETE FROM ledger.operation", "DELETE on ledger.operation is forbidden"),
        ("UPDATE ledger.account SET owner_id = 1", "is forbidden"),
        ("DELETE FROM ledger.account", "DELETE on ledger.account is forbidden"),
        ("DELETE FROM ledger.lot", "DELETE on ledger.lot is forbidden"),
        ("UPDATE ledger.rate_card SET diamond_usd = 1", "UPDATE on ledger.rate_card is forbidden"),
        ("INSERT INTO ledger.period (xid_from) VALUES ('9')", "period_one_open"),
        (f"{row} ({op}, 1, 20, 1, {wallet}, {spent}, 0)", "at least 1"),
        (f"{row} ({op}, 1, 20, 1, {wallet}, {wallet}, 5)", "two accounts"),
        (f"{row} ({op}, 1, 20, 2, {wallet}, {spent}, 5)", "not both of unit 2"),
        (f"{row} ({op}, 1, 20, 1, {wallet}, 8196, 5)", "not both of unit 1"),
        (f"{row} ({op}, 1, 20, 1, {wallet}, {spent}, 1000000)", "balance_floor"),
        (f"{row} ({op}, 1, 20, 1, 204797955, {spent}, 5)", "there is no account"),
        (f"{row} ({op}, 1, 21, 2, 8196, 204797956, 5)", "there is no account"),
    ]


def test_the_owner_cannot_break_a_promise_either(committed: str) -> None:
    with transaction.atomic():
        factories.give_coins_to(30_000_001, 100)
        ledger.gift(gift_of(30_000_001, 30_000_002, 40))
    transfer = Transfer.objects.get(home_id=30_000_001, code=20)

    with owner(committed) as session:
        for sql, words in statements(transfer):
            with pytest.raises(psycopg.Error, match=words):
                session.execute(sql)

    assert Transfer.objects.filter(home_id=30_000_001).count() == 4
    assert list(ledger.audit()) == []


def test_a_forged_transaction_number_is_overwritten(committed: str) -> None:
    with transaction.atomic():
        factories.give_coins_to(30_000_003, 100)
    bought = Transfer.objects.get(home_id=30_000_003, code=10)

    with owner(committed) as session:
        session.execute(
            "INSERT INTO ledger.transfer (op_id, home_id, code, unit,"
            " debit_account_id, credit_account_id, amount, lot_id, xid)"
            " VALUES (%s, 1, 91, 1, %s, %s, 5, %s, '3')",
            [bought.op_id, bought.credit_account_id, bought.debit_account_id, bought.lot_id],
        )
        (forged,) = session.execute(
            "SELECT count(*) FROM ledger.transfer WHERE xid = '3'"
        ).fetchone() or (None,)

    assert forged == 0


def test_the_same_id_with_other_contents_is_a_conflict_and_moves_nothing(db: None) -> None:
    factories.give_coins_to(1, 100)
    first = ledger.gift(gift_of(1, 2, 40))

    again = ledger.gift(gift_of(1, 2, 41, first.operation_id))

    assert again.refusal == "conflict"
    assert Transfer.objects.filter(home_id=1, code=20).count() == 1
    with pytest.raises(ledger.OperationConflict):
        again.check()


def test_a_refusal_is_stored_and_stays_after_coins_arrive(db: None) -> None:
    posting = gift_of(1, 2, 40)
    assert ledger.gift(posting).refusal == "insufficient_coins"
    factories.give_coins_to(1, 100)

    again = ledger.gift(posting)

    assert (again.refusal, again.replayed, again.result["balance"]) == (
        "insufficient_coins",
        True,
        0,
    )
    assert Transfer.objects.filter(op_id=posting.operation_id).count() == 0


def test_a_gift_across_lots_names_each_lot_on_both_legs(db: None) -> None:
    first = factories.give_coins_to(1, 30, hold_class=4).result["lot"]
    second = factories.give_coins_to(1, 30, hold_class=1).result["lot"]

    outcome = ledger.gift(gift_of(1, 2, 50))

    legs = list(
        Transfer.objects.filter(op_id=outcome.operation_id)
        .order_by("id")
        .values_list("code", "lot_id", "amount")
    )
    assert legs == [(20, first, 30), (21, first, 30_000), (20, second, 20), (21, second, 20_000)]
    pending = Account.objects.filter(owner_id=2, code=Account.Code.DIAMOND_PENDING)
    assert {a.hold_class: ledger.turnover(a.pk) for a in pending} == {
        4: (0, 30_000),
        1: (0, 20_000),
    }


def test_buying_books_price_tax_and_fee(db: None) -> None:
    ledger.buy(
        operation_id=ledger.new_operation_id(),
        buyer_id=1,
        purchase_id=ledger.new_operation_id(),
        coins=70,
        hold_class=5,
        currency="EUR",
        gross_minor=840,
        tax_minor=134,
        fee_minor=38,
        memo={},
    )

    legs = Transfer.objects.filter(home_id=1).order_by("id")
    assert [
        (t.code, t.unit, t.amount, t.debit_account.code, t.credit_account.code) for t in legs
    ] == [
        (10, 1, 70, Account.Code.COIN_ISSUED, Account.Code.WALLET),
        (11, 978, 840, Account.Code.PROVIDER_CLEARING, Account.Code.DEFERRED_REVENUE),
        (12, 978, 134, Account.Code.DEFERRED_REVENUE, Account.Code.TAX_PAYABLE),
        (13, 978, 38, Account.Code.PROVIDER_FEE, Account.Code.PROVIDER_CLEARING),
    ]


def test_one_purchase_cannot_be_credited_under_two_operations(db: None) -> None:
    purchase = ledger.new_operation_id()
    facts: dict[str, Any] = {
        "buyer_id": 1,
        "purchase_id": purchase,
        "coins": 70,
        "hold_class": 5,
        "currency": "EUR",
    }
    money: dict[str, Any] = {"gross_minor": 840, "tax_minor": 134, "fee_minor": 38, "memo": {}}
    ledger.buy(operation_id=ledger.new_operation_id(), **facts, **money)

    with pytest.raises(IntegrityError, match="lot_purchase_id_key"), transaction.atomic():
        ledger.buy(operation_id=ledger.new_operation_id(), **facts, **money)

    assert Transfer.objects.filter(home_id=1, code=10).count() == 1


def test_post_and_void_of_one_payout_exclude_each_other(db: None) -> None:
    with_cash(1, minor=500)
    payout, resolve = ledger.new_operation_id(), ledger.new_operation_id()
    step: dict[str, Any] = {
        "creator_id": 1,
        "currency": "USD",
        "amount_minor": 300,
        "payout_id": payout,
    }
    assert cashing.reserve_payout(operation_id=ledger.new_operation_id(), **step).done
    assert cashing.post_payout(operation_id=resolve, **step).done

    voided = cashing.void_payout(operation_id=resolve, **step)

    assert voided.refusal == "conflict"
    assert cash(1) == {Account.Code.CASH_PAYABLE: 200, Account.Code.CASH_IN_PAYOUT: 0}


def with_cash(creator: int, *, minor: int) -> None:
    card = RateCard.objects.earliest("effective_at")
    ledger.adjust_diamonds(
        operation_id=ledger.new_operation_id(),
        owner_id=creator,
        card_id=card.pk,
        diamonds_milli=minor * 2000,
        proposer_id=8,
        approver_id=9,
        memo={},
    ).check()
    cashing.settle(
        operation_id=ledger.new_operation_id(),
        creator_id=creator,
        card_id=card.pk,
        currency="USD",
        fx_per_usd=Decimal(1),
        memo={},
        context="run",
    ).check()


def cash(creator: int) -> dict[int, int]:
    accounts = Account.objects.filter(owner_id=creator, unit=CURRENCY_NUMBERS["USD"])
    return {a.code: ledger.turnover(a.pk)[1] - ledger.turnover(a.pk)[0] for a in accounts}


def test_one_person_cannot_adjust_alone(db: None) -> None:
    with pytest.raises(IntegrityError, match="two people"), transaction.atomic():
        ledger.adjust_coins(
            operation_id=ledger.new_operation_id(),
            owner_id=1,
            coins=50,
            hold_class=5,
            proposer_id=8,
            approver_id=8,
            memo={},
        )

    assert not Operation.objects.filter(home_id=1).exists()


def announce(
    name: str, *, in_days: float, usd: str = "0.005", hold: int = 3, notice: int = 30
) -> int:
    return ledger.announce_card(
        name=name,
        diamonds_per_coin_milli=1000,
        diamond_usd=Decimal(usd),
        hold_days={1: 3, 2: 7, 3: 7, 4: 14, 5: 30, 6: 30, 7: 45} | {1: hold},
        notice_days=notice,
        effective_at=datetime.now(UTC) + timedelta(days=in_days),
        announced_by_id=0,
    )


@pytest.mark.parametrize(
    ("worse", "in_days"),
    [
        ({"usd": "0.004999"}, 29.9),
        ({"hold": 4}, 29.9),
        ({"notice": 29}, 29.9),
        ({"usd": "0.006", "hold": 4}, 29.9),
        ({"usd": "0.006"}, -0.1),
    ],
)
def test_a_worse_card_inside_its_notice_and_any_card_in_the_past_are_refused(
    db: None, worse: dict[str, object], in_days: float
) -> None:
    before = RateCard.objects.count()

    with pytest.raises(IntegrityError, match="inside the notice"), transaction.atomic():
        announce("v2", in_days=in_days, **worse)  # type: ignore[arg-type]

    assert RateCard.objects.count() == before


def test_a_worse_card_after_its_notice_and_a_better_one_soon_are_announced(db: None) -> None:
    worse = announce("worse", in_days=30.1, usd="0.0049")
    better = announce("better", in_days=0.1, usd="0.0051")

    assert RateCard.objects.filter(pk__in=[worse, better]).count() == 2


def test_a_better_card_cannot_be_slipped_before_an_announced_one_to_make_that_a_worse_one(
    db: None,
) -> None:
    announce("v2", in_days=10, usd="0.0055")

    with pytest.raises(IntegrityError, match="would follow"), transaction.atomic():
        announce("v1.5", in_days=5, usd="0.0060")


def test_units_of_the_ledger_are_those_of_the_code(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, id, scale FROM ledger.unit WHERE id > 2")
        assert {row[0]: (row[1], row[2]) for row in cursor} == {
            code: (number, decimals(code)) for code, number in CURRENCY_NUMBERS.items()
        }


def test_folding_at_any_moment_changes_no_balance(committed: str) -> None:
    with transaction.atomic():
        factories.give_coins_to(40_000_001, 100)
        ledger.gift(gift_of(40_000_001, 40_000_002, 30))
    pending = Account.objects.get(owner_id=40_000_002, code=Account.Code.DIAMOND_PENDING)
    before = ledger.turnover(pending.pk)

    with connect(committed) as straggler:
        straggler.autocommit = False
        straggler.execute(
            "SELECT ledger.gift(%s, 40000001, 40000002, 5, 40000001, 'room:x', '{}')",
            [ledger.new_operation_id()],
        )
        with transaction.atomic():
            ledger.fold()
        assert ledger.turnover(pending.pk) == before
        straggler.commit()

    assert ledger.turnover(pending.pk) == (0, before[1] + 5_000)
    with transaction.atomic():
        ledger.fold()
    assert ledger.turnover(pending.pk) == (0, before[1] + 5_000)
    assert list(ledger.audit()) == []


def test_a_fold_by_an_ordinary_watermark_loses_the_straggler(committed: str) -> None:
    """The control: the horizon taken as "all that exist", which is how such folds usually break."""
    with owner(committed) as session:
        (fold,) = session.execute(
            "SELECT pg_get_functiondef('ledger.fold()'::regprocedure)"
        ).fetchone() or ("",)
        assert "pg_snapshot_xmin(pg_current_snapshot())" in fold
        session.execute(
            fold.replace(
                "pg_snapshot_xmin(pg_current_snapshot())", "pg_snapshot_xmax(pg_current_snapshot())"
            )
        )
    with transaction.atomic():
        factories.give_coins_to(40_000_003, 100)

    with connect(committed) as straggler:
        straggler.autocommit = False
        straggler.execute(
            "SELECT ledger.gift(%s, 40000003, 40000004, 5, 40000003, 'room:x', '{}')",
            [ledger.new_operation_id()],
        )
        with transaction.atomic():
            factories.give_coins_to(
                40_000_005, 100
            )  # younger than the straggler, and done before it
        with transaction.atomic():
            ledger.fold()
        straggler.commit()

    assert {finding.check for finding in ledger.audit()} >= {
        "folded total is the sum of its transfers below the horizon"
    }


def test_a_seal_breaks_when_one_row_is_changed_behind_the_triggers(committed: str) -> None:
    with transaction.atomic():
        factories.give_coins_to(50_000_001, 100)
        outcome = ledger.gift(gift_of(50_000_001, 50_000_002, 30))
    close_and_seal()
    assert list(ledger.audit()) == []

    with owner(committed) as session:
        session.execute("ALTER TABLE ledger.transfer DISABLE TRIGGER ALL")
        session.execute(
            "UPDATE ledger.transfer SET home_id = home_id + 1 WHERE op_id = %s",
            [outcome.operation_id],
        )

    assert [finding.check for finding in ledger.audit()] == ["the seals hold"]


def close_and_seal() -> None:
    with transaction.atomic():
        assert ledger.close_period() is not None
    with transaction.atomic():
        assert ledger.seal_period() is not None


def test_a_ledger_from_another_cluster_refuses_to_post_before_it_is_rebased(
    committed: str,
) -> None:
    alice_id = 60_000_001
    with transaction.atomic():
        factories.give_coins_to(alice_id, 100)
    with owner(committed) as session:
        session.execute("UPDATE ledger.fold_state SET horizon = '99999999999'")

    with pytest.raises(Exception, match="rebase"), transaction.atomic():
        ledger.gift(gift_of(alice_id, 2, 5))

    assert Transfer.objects.filter(home_id=alice_id, code=20).count() == 0


def test_debt_is_repaid_from_half_of_a_release(committed: str) -> None:
    creator = 70_000_002
    with transaction.atomic():
        factories.give_coins_to(70_000_001, 1_000)
        ledger.gift(gift_of(70_000_001, creator, 101))
    with owner(committed) as session:  # debt comes with disputes; here it is written by hand
        session.execute("SELECT ledger.open_account(%s, 213, 2)", [creator])
        session.execute(
            "WITH op AS (INSERT INTO ledger.operation (id, home_id, actor_id, kind, request)"
            " VALUES (gen_random_uuid(), %(c)s, 0, 92, '{}') RETURNING id)"
            " INSERT INTO ledger.transfer"
            " (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)"
            " SELECT op.id, %(c)s, 92, 2, a.id, 8196, 80000 FROM op, ledger.account a"
            " WHERE a.owner_id = %(c)s AND a.code = 213",
            {"c": creator},
        )
    with transaction.atomic():
        assert ledger.close_period() is not None
    with owner(committed) as session:  # the hold has ended
        session.execute("UPDATE ledger.bucket SET release_at = clock_timestamp()")

    with transaction.atomic():
        released = ledger.release_due(debt_share_bps=5000, limit=10)

    assert released == 1
    held = {
        a.code: abs(ledger.turnover(a.pk)[1] - ledger.turnover(a.pk)[0])
        for a in Account.objects.filter(owner_id=creator)
    }
    assert held == {
        Account.Code.DIAMOND_PENDING: 0,
        Account.Code.DIAMOND_AVAILABLE: 50_500,
        Account.Code.DIAMOND_DEBT: 29_500,
    }
    with transaction.atomic():
        assert ledger.release_due(debt_share_bps=5000, limit=10) == 0
    assert list(ledger.audit()) == []


def test_a_hold_that_has_not_ended_is_not_released(committed: str) -> None:
    with transaction.atomic():
        factories.give_coins_to(80_000_001, 1_000)
        ledger.gift(gift_of(80_000_001, 80_000_002, 100))
    with transaction.atomic():
        ledger.close_period()

    with transaction.atomic():
        assert ledger.release_due(debt_share_bps=5000, limit=10) == 0

    assert not Account.objects.filter(
        owner_id=80_000_002, code=Account.Code.DIAMOND_AVAILABLE
    ).exists()


def test_settling_floors_once_and_says_what_is_left(db: None, bob: User) -> None:
    card = RateCard.objects.earliest("effective_at")
    ledger.adjust_diamonds(
        operation_id=ledger.new_operation_id(),
        owner_id=bob.pk,
        card_id=card.pk,
        diamonds_milli=1_234_567,
        proposer_id=8,
        approver_id=9,
        memo={},
    )

    outcome = cashing.settle(
        operation_id=ledger.new_operation_id(),
        creator_id=bob.pk,
        card_id=card.pk,
        currency="EUR",
        fx_per_usd=Decimal("0.9137"),
        memo={},
        context="run",
    )

    # 1,234.567 diamonds x US$0.005 x 0.9137 = 5.640119... euro
    assert outcome.result["amount_minor"] == 564
    assert outcome.result["diamonds"] == 1_234_567
    assert (
        Decimal(outcome.result["remainder"])
        == Decimal("1234.567") * Decimal("0.5") * Decimal("0.9137") - 564
    )
