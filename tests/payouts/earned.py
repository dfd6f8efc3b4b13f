"""Gifts, losses and what matures, for the tests of what a creator sees of them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.models import User
from payouts import months, sheets, tallies
from payouts.models import Statement, StatementMonth
from tests import cashing, database
from wallet import ledger, receipts, returns
from wallet.models import Account, Seller
from wallet.returns import Recourse


def buy(payer: User, coins: int) -> UUID:
    """Coins as one paid lot: a cent each."""
    purchase_id = ledger.new_operation_id()
    with transaction.atomic():
        ledger.buy(
            operation_id=purchase_id, buyer_id=payer.pk, purchase_id=purchase_id, coins=coins,
            hold_class=5, currency="EUR", gross_minor=coins, tax_minor=0, fee_minor=0, memo={},
        ).check()  # fmt: skip
    return purchase_id


def give(
    sender: User, creator: User, coins: int, *, slug: str = "rosebud", where: str = "room:1",
    **memo: Any,
) -> UUID:  # fmt: skip
    """Give as ``gifts`` does, with the words it freezes."""
    words = {
        "gift": slug.capitalize(), "slug": slug, "quantity": 1, "from": sender.display_name,
        "where": f"Evening in {where}", "to": creator.display_name, **memo,
    }  # fmt: skip
    with transaction.atomic():
        return (
            ledger.gift(
                ledger.Gift(
                    ledger.new_operation_id(), sender.pk, creator.pk, coins, sender.pk, where, words
                )
            )
            .check()
            .operation_id
        )


def lose(purchase_id: UUID, amount_minor: int) -> None:
    """The payer's bank takes back so much of a payment."""
    database.fold_everything()
    with transaction.atomic():
        returns.open_dispute(
            operation_id=ledger.new_operation_id(), purchase_id=purchase_id,
            amount_minor=amount_minor, memo={},
        ).check()  # fmt: skip
    with transaction.atomic():
        returns.resolve_dispute(
            operation_id=ledger.new_operation_id(), purchase_id=purchase_id,
            lost_minor=amount_minor, fee_minor=0, takes_cover=False, recourse=Recourse.FULL,
            memo={},
        ).check()  # fmt: skip


def close_period() -> None:
    database.fold_everything()
    with transaction.atomic():
        assert ledger.close_period() is not None


def mature() -> None:
    """Close the period and let every hold end; half of each release repays debt."""
    close_period()
    with database.owner(connection.settings_dict["NAME"]) as session:
        session.execute("UPDATE ledger.bucket SET release_at = clock_timestamp() WHERE NOT done")
    with transaction.atomic():
        ledger.release_due(debt_share_bps=5000, limit=100)


def count() -> None:
    """Let all that was posted be folded and counted."""
    database.fold_everything()
    tallies.count_earnings()


def settle_all(creator: User, *, currency: str = "USD") -> None:
    """Turn what is available into cash, under each card."""
    cards = Account.objects.filter(owner_id=creator.pk, code=Account.Code.DIAMOND_AVAILABLE)
    with transaction.atomic():
        for card_id in cards.values_list("card_id", flat=True):
            cashing.settle(
                operation_id=ledger.new_operation_id(),
                creator_id=creator.pk,
                card_id=card_id,
                currency=currency,
                fx_per_usd=Decimal(1),
                memo={},
                context="settlement:test",
            ).check()


def make_statement(creator: User) -> Statement:
    """The row alone: the statement of a month in which nothing happened."""
    on = date(2026, 10, 1)
    month, _ = StatementMonth.objects.get_or_create(
        month=on, defaults={"mark": 1, "state": StatementMonth.State.DONE}
    )
    seller = Seller.objects.get(is_default=True)
    facts = sheets.facts_of(
        months.Month(), account=creator.pk, on=on, settled={},
        periods={"first": 1, "last": 1, "seal": "0" * 64},
    ) | {
        "number": "CARAT-S0000001", "issued": "2026-11-01", "region": "Germany",
        "seller": receipts.seller_facts(seller),
    }  # fmt: skip
    return Statement.objects.create(
        creator=creator, month=month, seller=seller, number=1, code="0123456789ABCDEF",
        issued_at=datetime(2026, 11, 1, tzinfo=UTC), facts=facts, digest=sheets.digest(facts),
    )  # fmt: skip
