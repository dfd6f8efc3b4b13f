"""Money that goes back: refunds and disputes in the ledger, to coin, diamond and cent."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction

from tests import cashing
from tests.database import fold_everything
from wallet import ledger, recognition, returns
from wallet.models import Account, Lot, Transfer
from wallet.money import CURRENCY_NUMBERS
from wallet.returns import Recourse

PAYER, ANNA, BEN = 80_000_001, 80_000_002, 80_000_003
EUR = CURRENCY_NUMBERS["EUR"]
Code = Account.Code


@contextmanager
def owner(name: str) -> Iterator[psycopg.Connection[Any]]:
    login = settings.DATABASE_OWNER
    with psycopg.connect(
        host=login["HOST"], user=login["USER"], dbname=name, autocommit=True
    ) as session:
        yield session


def buy(coins: int, *, gross: int, tax: int = 0, payer: int = PAYER) -> UUID:
    purchase_id = ledger.new_operation_id()
    with transaction.atomic():
        ledger.buy(
            operation_id=purchase_id, buyer_id=payer, purchase_id=purchase_id, coins=coins,
            hold_class=5, currency="EUR", gross_minor=gross, tax_minor=tax, fee_minor=0, memo={},
        ).check()  # fmt: skip
    return purchase_id


def give(creator: int, coins: int, *, payer: int = PAYER) -> None:
    with transaction.atomic():
        ledger.gift(
            ledger.Gift(ledger.new_operation_id(), payer, creator, coins, payer, "room:x", {})
        ).check()


def close() -> None:
    fold_everything()
    with transaction.atomic():
        assert ledger.close_period() is not None


def mature(name: str) -> None:
    """Close the period and let every hold end."""
    close()
    with owner(name) as session:
        session.execute("UPDATE ledger.bucket SET release_at = clock_timestamp()")
    with transaction.atomic():
        ledger.release_due(debt_share_bps=5000, limit=100)


def held(person: int, code: int) -> int:
    """What somebody has on their accounts of a kind, as that kind counts."""
    total = 0
    for account in Account.objects.filter(owner_id=person, code=code):
        debits, credits_ = ledger.turnover(account.pk)
        total += account.sign * (credits_ - debits)
    return total


def book(code: int) -> int:
    account = Account.objects.get(owner_id=0, code=code, unit=EUR)
    debits, credits_ = ledger.turnover(account.pk)
    return account.sign * (credits_ - debits)


def hold(purchase_id: UUID, coins: int) -> ledger.Outcome:
    with transaction.atomic():
        return returns.hold_refund(
            operation_id=ledger.new_operation_id(), purchase_id=purchase_id, coins=coins,
            actor_id=PAYER, memo={},
        )  # fmt: skip


def resolve(held_by: ledger.Outcome, coins: int, op: UUID | None = None) -> ledger.Outcome:
    with transaction.atomic():
        return returns.resolve_refund(
            operation_id=op or ledger.new_operation_id(), hold_id=held_by.operation_id,
            coins=coins, actor_id=1, memo={},
        )  # fmt: skip


def come_back(paid: ledger.Outcome) -> ledger.Outcome:
    with transaction.atomic():
        return returns.return_refund(
            operation_id=ledger.new_operation_id(), end_id=paid.operation_id, memo={}
        )


def recognise() -> bool:
    """Recognise the next closed period, if there is one."""
    with transaction.atomic():
        return returns.recognise_revenue(operation_id=ledger.new_operation_id()).done


def dispute(purchase_id: UUID, amount: int) -> ledger.Outcome:
    with transaction.atomic():
        return returns.open_dispute(
            operation_id=ledger.new_operation_id(), purchase_id=purchase_id, amount_minor=amount,
            memo={},
        )  # fmt: skip


def end(
    purchase_id: UUID, lost: int, *, cover: bool = True, recourse: Recourse = Recourse.FULL,
    fee: int = 0,
) -> ledger.Outcome:  # fmt: skip
    with transaction.atomic():
        return returns.resolve_dispute(
            operation_id=ledger.new_operation_id(), purchase_id=purchase_id, lost_minor=lost,
            fee_minor=fee, takes_cover=cover, recourse=recourse, memo={},
        )  # fmt: skip


def findings() -> list[ledger.Finding]:
    return list(ledger.audit())


def test_the_worked_example_to_the_diamond(committed: str) -> None:
    """A lot of 1,000 coins at 1 coin = 1 diamond, of which 850 are traced, newest gift first."""
    lot = buy(1_000, gross=1_000)
    give(ANNA, 400)
    mature(committed)
    with transaction.atomic():
        card = Transfer.objects.filter(code=21).values_list("credit_account__card_id", flat=True)[0]
        cashing.settle(
            operation_id=ledger.new_operation_id(), creator_id=ANNA, card_id=card, currency="USD",
            fx_per_usd=Decimal(1), memo={}, context="x",
        ).check()  # fmt: skip
    give(ANNA, 200)
    mature(committed)
    give(BEN, 300)
    close()
    buy(50, gross=50)
    assert held(ANNA, Code.DIAMOND_AVAILABLE) == 200_000
    assert held(BEN, Code.DIAMOND_PENDING) == 300_000

    opened = dispute(lot, 1_000).check()

    assert (opened.result["coins"], opened.result["diamonds"]) == (100, 300_000)
    assert held(PAYER, Code.WALLET) == 50
    assert held(PAYER, Code.COIN_HOLD) == 100
    assert (held(BEN, Code.DIAMOND_PENDING), held(BEN, Code.DIAMOND_DISPUTED)) == (0, 300_000)
    assert findings() == []

    lost = end(lot, 1_000, fee=1_500).check().result

    assert {k: lost[k] for k in ("burned", "covered", "traced", "owed", "diamonds", "debt")} == {
        "burned": 100, "covered": 50, "traced": 850, "owed": 0,
        "diamonds": 850_000, "debt": 350_000,
    }  # fmt: skip
    assert lost["creators"] == {str(ANNA): 550_000, str(BEN): 300_000}
    people = {
        (who, code): held(who, code)
        for who in (PAYER, ANNA, BEN)
        for code in (110, 112, 113, 210, 211, 212, 213)
    }
    assert {key: value for key, value in people.items() if value} == {(ANNA, 213): 350_000}
    assert Lot.objects.get(purchase_id=lot).state == Lot.State.LOST
    assert book(Code.PROVIDER_CLEARING) == 1_050 - 1_000 - 1_500
    assert book(Code.CHARGEBACK_LOSS) == 900  # what was spent; the 100 unspent were never earned
    assert book(Code.PROVIDER_FEE) == 1_500
    assert findings() == []

    give_again = buy(1_000, gross=1_000)
    give(ANNA, 500)
    mature(committed)
    assert held(ANNA, Code.DIAMOND_DEBT) == 100_000  # half of 500 went to the debt
    assert held(ANNA, Code.DIAMOND_AVAILABLE) == 250_000
    assert Lot.objects.get(purchase_id=give_again).remaining == 500
    assert findings() == []


def test_a_refund_of_part_returns_that_part_and_nothing_else_moves(committed: str) -> None:
    lot, other = buy(1_000, gross=1_190, tax=190), buy(500, gross=500)
    give(ANNA, 300)

    asked = hold(lot, 600)

    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (600, 600)
    paid = resolve(asked, 400).check()
    assert (paid.result["amount_minor"], paid.result["tax_minor"]) == (476, 76)
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (800, 0)
    assert Lot.objects.get(purchase_id=lot).remaining == 300
    assert Lot.objects.get(purchase_id=other).remaining == 500
    assert book(Code.PROVIDER_CLEARING) == 1_690 - 476
    assert book(Code.TAX_PAYABLE) == 190 - 76
    assert book(Code.DEFERRED_REVENUE) == 1_500 - 400
    assert held(ANNA, Code.DIAMOND_PENDING) == 300_000
    assert findings() == []


def test_a_refund_is_resolved_once(committed: str) -> None:
    lot = buy(100, gross=100)
    asked = hold(lot, 100)
    op = ledger.new_operation_id()
    resolve(asked, 100, op).check()

    assert resolve(asked, 100, op).replayed
    assert resolve(asked, 100).refusal == "already_resolved"
    assert resolve(asked, 0).refusal == "already_resolved"
    assert book(Code.PROVIDER_CLEARING) == 0
    assert findings() == []


def test_spent_coins_are_never_refunded(committed: str) -> None:
    lot = buy(100, gross=100)
    give(ANNA, 60)

    assert hold(lot, 41).refusal == "coins_spent"
    assert hold(lot, 40).done
    assert held(PAYER, Code.WALLET) == 0
    assert findings() == []


def test_more_than_is_held_is_never_paid(committed: str) -> None:
    asked = hold(buy(100, gross=100), 40)
    with pytest.raises(IntegrityError, match="does not hold"):
        resolve(asked, 41)
    assert held(PAYER, Code.COIN_HOLD) == 40


def test_parts_of_a_refund_add_up_to_the_whole(committed: str) -> None:
    lot = buy(7, gross=100, tax=13)
    parts = [resolve(hold(lot, 1), 1).check().result["amount_minor"] for _ in range(7)]
    assert parts == [14, 14, 14, 15, 14, 14, 15]
    assert sum(parts) == 100
    assert (book(Code.DEFERRED_REVENUE), book(Code.TAX_PAYABLE)) == (0, 0)
    assert findings() == []


def test_a_dispute_won_puts_everything_back(committed: str) -> None:
    lot = buy(100, gross=100)
    give(ANNA, 60)
    close()
    dispute(lot, 100).check()
    assert (held(PAYER, Code.WALLET), held(ANNA, Code.DIAMOND_PENDING)) == (0, 0)

    end(lot, 0).check()

    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (40, 0)
    assert held(ANNA, Code.DIAMOND_AVAILABLE) == 60_000
    assert Lot.objects.get(purchase_id=lot).state == Lot.State.GOOD
    assert book(Code.PROVIDER_CLEARING) == 100
    assert findings() == []


def test_what_policy_leaves_with_creators_the_payer_owes(committed: str) -> None:
    lot = buy(100, gross=100)
    give(ANNA, 60)
    mature(committed)
    dispute(lot, 100).check()

    end(lot, 100, recourse=Recourse.UNRELEASED_ONLY).check()

    assert held(ANNA, Code.DIAMOND_AVAILABLE) == 60_000
    assert held(PAYER, Code.COIN_DEBT) == 60
    assert findings() == []
    buy(80, gross=80)
    with transaction.atomic():
        repaid = returns.repay_coins(
            operation_id=ledger.new_operation_id(), payer_id=PAYER, memo={}
        ).check()
    assert repaid.result == {"paid": 60, "owed": 0}
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_DEBT)) == (20, 0)
    assert findings() == []


def test_a_partial_loss_takes_its_part(committed: str) -> None:
    lot = buy(1_000, gross=1_000)
    give(ANNA, 900)
    close()
    dispute(lot, 300).check()

    lost = end(lot, 300).check().result

    assert (lost["burned"], lost["traced"], lost["owed"]) == (100, 200, 0)
    assert held(ANNA, Code.DIAMOND_PENDING) == 700_000
    assert Lot.objects.get(purchase_id=lot).state == Lot.State.GOOD
    assert book(Code.CHARGEBACK_LOSS) == 200
    assert findings() == []


def test_a_lost_cover_is_followed_to_the_gifts_it_stands_for(committed: str) -> None:
    first = buy(100, gross=100)
    give(ANNA, 100)
    cover = buy(100, gross=100)
    close()
    dispute(first, 100).check()
    assert end(first, 100).check().result["covered"] == 100
    assert held(ANNA, Code.DIAMOND_AVAILABLE) == 100_000

    dispute(cover, 100).check()
    lost = end(cover, 100).check().result

    assert (lost["burned"], lost["covered"], lost["traced"]) == (0, 0, 100)
    assert held(ANNA, Code.DIAMOND_AVAILABLE) == 0
    assert findings() == []


def test_a_refund_and_a_dispute_that_cross_take_once(committed: str) -> None:
    lot = buy(100, gross=100)
    asked = hold(lot, 40)
    dispute(lot, 100).check()
    resolve(asked, 30).check()  # 30 went back at the provider, 10 join what the dispute holds

    assert held(PAYER, Code.COIN_HOLD) == 70
    lost = end(lot, 100).check().result

    assert (lost["lost_minor"], lost["burned"], lost["owed"]) == (70, 70, 0)
    # The bank took 100 where 70 were left: the platform bears the difference, nobody else does.
    assert lost["beyond_minor"] == 30
    assert book(Code.PROVIDER_CLEARING) == -30
    assert book(Code.CHARGEBACK_LOSS) == 30
    assert held(PAYER, Code.COIN_HOLD) == 0
    assert findings() == []


def test_a_loss_of_everything_ends_a_refund_that_is_on_its_way(committed: str) -> None:
    """No money is left to pay it, so its coins are burned for the loss and for nothing else."""
    lot, other = buy(100, gross=119, tax=19), buy(50, gross=50)
    give(ANNA, 30)
    close()
    asked = hold(lot, 40)
    dispute(lot, 119).check()

    lost = end(lot, 119).check().result

    assert {k: lost[k] for k in ("burned", "given_back", "covered", "traced", "owed")} == {
        "burned": 70, "given_back": 0, "covered": 30, "traced": 0, "owed": 0,
    }  # fmt: skip
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (20, 0)
    assert book(Code.DEFERRED_REVENUE) == 30 + 50  # what was spent, and the other lot
    assert resolve(asked, 0).check().result == {"coins": 0, "amount_minor": 0, "tax_minor": 0}
    with pytest.raises(IntegrityError, match="does not hold"):
        resolve(asked, 1)
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_DEBT)) == (20, 0)
    assert Lot.objects.get(purchase_id=lot).state == Lot.State.LOST
    assert Lot.objects.get(purchase_id=other).remaining == 20
    assert findings() == []


def test_coins_that_come_back_after_a_loss_are_good_and_worth_what_is_left(committed: str) -> None:
    lot = buy(100, gross=100)
    asked = hold(lot, 60)
    dispute(lot, 70).check()
    assert end(lot, 70).check().result["owed"] == 30
    resolve(asked, 0).check()
    assert returns.refund_value(purchase_id=lot, coins=60).gross_minor == 30
    dispute(lot, 30).check()

    lost = end(lot, 30).check().result

    assert (lost["burned"], lost["given_back"], lost["owed"]) == (30, 30, 0)
    assert Lot.objects.get(purchase_id=lot).state == Lot.State.GOOD
    assert returns.refund_value(purchase_id=lot, coins=30).gross_minor == 0
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_DEBT)) == (30, 30)
    give(ANNA, 30)
    assert findings() == []


def test_two_lots_that_covered_each_other_are_still_followed_to_their_gifts(
    committed: str,
) -> None:
    first, second = buy(100, gross=100), buy(100, gross=100)
    asked = hold(first, 60)
    give(ANNA, 40)
    fold_everything()
    dispute(first, 70).check()
    assert end(first, 70).check().result["covered"] == 70
    resolve(asked, 0).check()
    dispute(second, 100).check()
    lost = end(second, 100).check().result
    assert (lost["burned"], lost["covered"]) == (30, 60)  # by the coins that came back
    with owner(committed) as session:
        session.execute("SET statement_timeout = '5s'")
        reached = session.execute(
            "SELECT l.purchase_id, sum(r.coins)::int FROM ledger.lot l, ledger.reach(l.id) r"
            " GROUP BY l.purchase_id"
        ).fetchall()

    assert (lost["traced"], lost["owed"]) == (10, 0)  # of the gift, through the first
    assert sorted(reached) == sorted([(first, 30), (second, 30)])
    assert held(ANNA, Code.DIAMOND_AVAILABLE) == 30_000
    assert findings() == []


def test_a_dispute_won_moves_no_money_whatever_was_rounded_before(committed: str) -> None:
    lot = buy(3, gross=100, tax=19)
    dispute(lot, 20).check()
    end(lot, 20).check()
    resolve(hold(lot, 1), 1).check()
    before = {code: book(code) for code in (300, 302, 305, 306, 307)}
    dispute(lot, 47).check()

    end(lot, 0).check()

    assert {code: book(code) for code in before} == before
    assert findings() == []


def test_coins_that_nobody_paid_money_for_go_back_for_none(committed: str) -> None:
    """As those of a gift card whose price was booked where it was sold."""
    lot = buy(100, gross=0)
    assert returns.refund_value(purchase_id=lot, coins=40).gross_minor == 0
    assert resolve(hold(lot, 40), 40).check().result["amount_minor"] == 0
    dispute(lot, 0).check()

    lost = end(lot, 0).check().result

    assert (lost["burned"], lost["given_back"]) == (0, 60)
    assert held(PAYER, Code.WALLET) == 60
    assert findings() == []


def test_only_creators_from_whom_something_was_taken_are_named(committed: str) -> None:
    lot = buy(100, gross=100)
    give(ANNA, 40)
    mature(committed)
    give(BEN, 50)
    close()
    dispute(lot, 100).check()

    lost = end(lot, 100, recourse=Recourse.UNRELEASED_ONLY).check().result

    assert (lost["creators"], lost["traced"], lost["owed"]) == ({str(BEN): 50_000}, 50, 40)
    assert findings() == []


def test_a_disputed_lot_can_be_neither_spent_nor_refunded_nor_disputed_again(
    committed: str,
) -> None:
    lot = buy(100, gross=100)
    dispute(lot, 50).check()

    assert hold(lot, 1).refusal == "lot_disputed"
    assert dispute(lot, 50).refusal == "lot_disputed"
    with pytest.raises(ledger.InsufficientCoins):
        give(ANNA, 1)
    end(lot, 0).check()
    assert end(lot, 50).refusal == "not_disputed"
    assert findings() == []


def test_a_gift_that_is_not_folded_makes_the_dispute_wait(committed: str) -> None:
    lot = buy(100, gross=100)
    give(ANNA, 60)
    with pytest.raises(OperationalError, match="not folded"):
        dispute(lot, 100)
    assert held(PAYER, Code.WALLET) == 40
    fold_everything()
    dispute(lot, 100).check()
    assert held(ANNA, Code.DIAMOND_DISPUTED) == 60_000
    assert findings() == []


def test_revenue_is_earned_when_coins_are_spent_and_whole_when_none_is_left(
    committed: str,
) -> None:
    lot = buy(3, gross=119, tax=19)
    earned = []
    for _ in range(3):
        give(ANNA, 1)
        close()
        with transaction.atomic():
            returns.recognise_revenue(operation_id=ledger.new_operation_id()).check()
        earned.append(book(Code.GIFT_REVENUE))
    assert earned == [33, 66, 100]
    assert book(Code.DEFERRED_REVENUE) == 0
    assert Lot.objects.get(purchase_id=lot).remaining == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT spent_coins, recognised_minor FROM ledger.lot_money")
        assert cursor.fetchall() == [(3, 100)]
    assert findings() == []


def wait(coins: int) -> ledger.Outcome:
    with transaction.atomic():
        return returns.hold_gift(
            operation_id=ledger.new_operation_id(), payer_id=PAYER, coins=coins,
            context="room:x", memo={},
        )  # fmt: skip


def free(held_by: ledger.Outcome) -> ledger.Outcome:
    with transaction.atomic():
        return returns.free_gift(
            operation_id=ledger.new_operation_id(), hold_id=held_by.operation_id, memo={}
        )


def test_the_coins_of_a_gift_that_waits_are_spent_on_nothing_else(committed: str) -> None:
    first, second = buy(100, gross=100), buy(50, gross=50)
    waiting = wait(120)
    assert waiting.check().result == {"balance": 30}
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (30, 120)
    with pytest.raises(ledger.InsufficientCoins, match="You have 30 coins"):
        give(ANNA, 31)
    assert wait(31).refusal == "insufficient_coins"
    assert hold(first, 1).refusal == "coins_spent"
    assert findings() == []

    assert free(waiting).check().result == {"coins": 120}
    lots = Lot.objects.order_by("id").values_list("purchase_id", "remaining")
    assert list(lots) == [(first, 100), (second, 50)]
    assert free(waiting).check().result == {"coins": 0}
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (150, 0)
    assert findings() == []


def test_a_dispute_overtakes_the_gifts_that_wait_on_its_payment(committed: str) -> None:
    first, _ = buy(100, gross=100), buy(50, gross=50)
    waiting = wait(120)

    assert dispute(first, 100).check().result["coins"] == 100
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (30, 120)
    assert free(waiting).check().result == {"coins": 20}
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (50, 100)
    assert end(first, 100).check().result["burned"] == 100
    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (50, 0)
    assert findings() == []


def test_what_staff_take_of_bought_coins_is_earned_too(committed: str) -> None:
    """Nobody is owed anything for them any more, so nothing of them stays deferred."""
    buy(100, gross=119, tax=19)
    with transaction.atomic():
        ledger.adjust_coins(
            operation_id=ledger.new_operation_id(), owner_id=PAYER, coins=-40, hold_class=5,
            proposer_id=1, approver_id=2, memo={},
        ).check()  # fmt: skip
    close()
    assert recognise()
    assert (book(Code.GIFT_REVENUE), book(Code.DEFERRED_REVENUE)) == (40, 60)
    give(ANNA, 60)
    close()
    assert recognise()
    assert (book(Code.GIFT_REVENUE), book(Code.DEFERRED_REVENUE)) == (100, 0)
    assert findings() == []


def test_each_closed_period_is_recognised_by_itself_and_once(committed: str) -> None:
    buy(100, gross=100)
    for coins in (10, 20, 30):
        give(ANNA, coins)
        close()

    earned = []
    while recognise():
        earned.append(book(Code.GIFT_REVENUE))

    assert earned[-3:] == [10, 30, 60]
    assert recognition.recognise_revenue() == {}
    assert findings() == []


def test_a_refund_that_came_back_is_as_if_it_had_never_been_paid(committed: str) -> None:
    lot = buy(100, gross=119, tax=19)
    paid = resolve(hold(lot, 30), 30)
    assert (held(PAYER, Code.WALLET), book(Code.PROVIDER_CLEARING)) == (70, 84)

    assert come_back(paid).check().result == {"coins": 30, "amount_minor": 35}

    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (100, 0)
    assert (book(Code.PROVIDER_CLEARING), book(Code.DEFERRED_REVENUE), book(Code.TAX_PAYABLE)) == (
        119,
        100,
        19,
    )
    assert come_back(paid).refusal == "already_returned"
    assert held(PAYER, Code.WALLET) == 100
    # All of it can be asked for again, and pays exactly what was paid.
    assert resolve(hold(lot, 100), 100).check().result["amount_minor"] == 119
    assert findings() == []


def test_a_refund_that_comes_back_during_a_dispute_joins_what_it_holds(committed: str) -> None:
    lot = buy(100, gross=100)
    paid = resolve(hold(lot, 30), 30)
    dispute(lot, 70).check()

    come_back(paid).check()

    assert (held(PAYER, Code.WALLET), held(PAYER, Code.COIN_HOLD)) == (0, 100)
    assert end(lot, 70).check().result["given_back"] == 30
    assert (held(PAYER, Code.WALLET), book(Code.PROVIDER_CLEARING)) == (30, 30)
    assert findings() == []


def test_a_refund_that_comes_back_after_the_rest_was_lost_frees_its_own_coins(
    committed: str,
) -> None:
    lot = buy(100, gross=100)
    paid = resolve(hold(lot, 30), 30)
    dispute(lot, 70).check()
    end(lot, 70).check()
    assert Lot.objects.get(purchase_id=lot).state == Lot.State.LOST

    come_back(paid).check()

    assert Lot.objects.get(purchase_id=lot).state == Lot.State.GOOD
    assert (held(PAYER, Code.WALLET), book(Code.PROVIDER_CLEARING)) == (30, 30)
    assert findings() == []


def test_a_lot_of_thousands_of_gifts_is_taken_back_to_the_diamond(committed: str) -> None:
    """Half of it held, some available, the rest debt: two creators, every gift reversed once."""
    gifts = 1_500
    lot = buy(2 * gifts, gross=2 * gifts)
    for creator in (ANNA, BEN):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FILTER (WHERE (g).done) FROM ("
                "  SELECT ledger.gift(gen_random_uuid(), %s, %s, 1, %s, 'room:x', '{}') AS g"
                "    FROM generate_series(1, %s)) AS sent",
                [PAYER, creator, PAYER, gifts],
            )
            assert cursor.fetchone() == (gifts,)
        if creator == ANNA:
            mature(committed)
    close()
    with transaction.atomic():
        card = Transfer.objects.filter(code=21).values_list("credit_account__card_id", flat=True)[0]
        ledger.adjust_diamonds(
            operation_id=ledger.new_operation_id(), owner_id=ANNA, card_id=card,
            diamonds_milli=-500_000, proposer_id=1, approver_id=2, memo={},
        ).check()  # fmt: skip

    dispute(lot, 2 * gifts).check()
    assert held(BEN, Code.DIAMOND_DISPUTED) == 1_500_000
    lost = end(lot, 2 * gifts - 100).check().result

    assert (lost["traced"], lost["diamonds"], lost["debt"]) == (2_900, 2_900_000, 400_000)
    assert lost["creators"] == {str(BEN): 1_500_000, str(ANNA): 1_400_000}
    assert Transfer.objects.filter(code=76).values("reverses").distinct().count() == 2_900
    assert (held(ANNA, Code.DIAMOND_AVAILABLE), held(ANNA, Code.DIAMOND_DEBT)) == (0, 400_000)
    assert (held(BEN, Code.DIAMOND_AVAILABLE), held(BEN, Code.DIAMOND_DISPUTED)) == (0, 0)
    assert findings() == []


def test_coins_that_staff_gave_earn_nothing_and_cannot_be_refunded(committed: str) -> None:
    with transaction.atomic():
        ledger.adjust_coins(
            operation_id=ledger.new_operation_id(), owner_id=PAYER, coins=10, hold_class=5,
            proposer_id=1, approver_id=2, memo={},
        ).check()  # fmt: skip
    give(ANNA, 10)
    close()
    with transaction.atomic():
        returns.recognise_revenue(operation_id=ledger.new_operation_id()).check()
    assert book(Code.GIFT_REVENUE) == 0
    assert findings() == []


def test_every_damage_to_what_goes_back_is_found(committed: str) -> None:
    lot = buy(100, gross=100)
    give(ANNA, 60)
    close()
    with transaction.atomic():
        returns.recognise_revenue(operation_id=ledger.new_operation_id()).check()
    resolve(hold(lot, 10), 10).check()
    dispute(lot, 90).check()
    damages = {
        "the money of a lot is the sum of its transfers": (
            "UPDATE ledger.lot_money SET returned_minor = returned_minor - 1"
        ),
        "a hold is the sum of what its lots hold": (
            "UPDATE ledger.balance SET debits = debits + 1 WHERE account_id IN"
            " (SELECT id FROM ledger.account WHERE code = 112)"
        ),
        "disputed diamonds are the sum of their disputes": (
            "UPDATE ledger.balance SET debits = debits + 1 WHERE account_id IN"
            " (SELECT id FROM ledger.account WHERE code = 212)"
        ),
        "a disputed lot has all its coins held": "UPDATE ledger.lot SET remaining = 1",
        "a lost lot has no coins left": "UPDATE ledger.lot SET state = 2, remaining = 1",
        "a cover burned what it says": (
            "INSERT INTO ledger.lot_cover SELECT id, id, 5, gen_random_uuid() FROM ledger.lot"
        ),
    }
    assert findings() == []
    for check, sql in damages.items():
        with owner(committed) as session:
            session.execute("BEGIN")
            session.execute(sql)
            found = session.execute("SELECT check_name FROM ledger.audit_returns()").fetchall()
            session.execute("ROLLBACK")
        assert (check,) in found, check
