"""What people hold: exact before and after folds, and never telling creators what fans paid."""

from dataclasses import asdict
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.models import User
from tests import cashing, factories
from wallet import books, ledger
from wallet.models import RateCard


def give(payer: User, creator: User, coins: int) -> ledger.Outcome:
    gift = ledger.Gift(
        ledger.new_operation_id(),
        payer.pk,
        creator.pk,
        coins,
        payer.pk,
        "room:1",
        {"gift": "Heart"},
    )
    return ledger.gift(gift).check()


def test_lots_say_what_was_paid_and_what_is_left(alice: User, bob: User) -> None:
    factories.give_coins(alice, 30)
    factories.give_coins(alice, 70)
    give(alice, bob, 50)

    (lot,) = books.lots(user_id=alice.pk)

    assert (lot.coins, lot.left, str(lot.price)) == (70, 50, "€1.40")
    assert books.lots(user_id=bob.pk) == []


def test_a_gift_just_sent_is_pending_without_a_date(alice: User, bob: User) -> None:
    factories.give_coins(alice, 30, hold_class=5)
    factories.give_coins(alice, 30, hold_class=1)
    give(alice, bob, 40)

    found = books.maturing(creator_id=bob.pk)

    assert [(m.release_at, m.diamonds_milli, m.hold, m.hold_days) for m in found] == [
        (None, 10_000, 1, 21),  # bob was never paid: at least as long as first payouts
        (None, 30_000, 5, 30),
    ]
    held = books.diamond_accounts(creator_id=bob.pk)
    assert (held.pending_milli, held.available_milli, held.debt_milli) == (40_000, 0, 0)
    assert [(c.card.name, c.pending_milli) for c in held.per_card] == [("v1", 40_000)]


def test_earned_gifts_are_one_entry_each_with_no_word_of_the_payer_s_money(
    alice: User, bob: User, mallory: User
) -> None:
    for user in (alice, mallory):
        factories.give_coins(user, 30)
        factories.give_coins(user, 30, hold_class=1)
    ids = [
        give(*sent).operation_id for sent in ((alice, bob, 40), (mallory, bob, 1), (alice, bob, 2))
    ]

    found = books.earned(creator_id=bob.pk)

    assert [(e.operation_id, e.coins, e.diamonds_milli) for e in found] == [
        (ids[2], 2, 2000),
        (ids[1], 1, 1000),
        (ids[0], 40, 40_000),
    ]
    told = asdict(found[0])
    assert not {"gross_minor", "price", "lot", "payer"} & set(told)
    assert books.earned(creator_id=alice.pk) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_earned_pages_repeat_nothing_and_lose_nothing(
    alice: User, bob: User, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "CHUNK", 3)
    for hold_class in (1, 5, 1, 5, 2):
        factories.give_coins(alice, 7, hold_class=hold_class)
    for coins in (9, 1, 10, 1, 8, 2):
        give(alice, bob, coins)

    seen: list[int] = []
    before: int | None = None
    for _ in range(20):
        page = books.earned(creator_id=bob.pk, before=before, limit=limit)
        if not page:
            break
        seen += [entry.coins for entry in page]
        before = page[-1].cursor

    assert seen == [2, 8, 1, 10, 1, 9]


def test_diamonds_pass_from_no_date_to_a_date_to_available_to_cash(committed: str) -> None:
    with transaction.atomic():
        alice, bob = factories.make_user("alice"), factories.make_creator("bob")
        factories.give_coins(alice, 1000, hold_class=1)
        give(alice, bob, 300)
    with transaction.atomic():
        ledger.fold()
    (folded,) = books.maturing(creator_id=bob.pk)
    with transaction.atomic():
        ledger.close_period()
    with transaction.atomic():
        give(alice, bob, 7)
    dated, tail = books.maturing(creator_id=bob.pk)

    assert (folded.release_at, folded.diamonds_milli) == (None, 300_000)
    assert dated.release_at is not None
    assert (dated.diamonds_milli, tail.release_at, tail.diamonds_milli) == (300_000, None, 7000)
    assert books.diamond_accounts(creator_id=bob.pk).pending_milli == 307_000


def test_cash_is_told_per_currency_through_a_payout_and_its_return(
    alice: User, bob: User, olga: User
) -> None:
    card_id = RateCard.objects.get().pk
    ledger.adjust_diamonds(
        operation_id=uuid4(),
        owner_id=bob.pk,
        card_id=card_id,
        diamonds_milli=1_000_000,
        proposer_id=olga.pk,
        approver_id=alice.pk,
        memo={},
    ).check()
    cashing.settle(
        operation_id=uuid4(),
        creator_id=bob.pk,
        card_id=card_id,
        currency="EUR",
        fx_per_usd=Decimal("0.9"),
        memo={},
        context="",
    ).check()
    step = {"creator_id": bob.pk, "currency": "EUR", "payout_id": uuid4()}
    seen = [_cash(bob)]
    for deed, amount in (
        (cashing.reserve_payout, 400),
        (cashing.post_payout, 400),
        (cashing.return_payout, 150),
    ):
        deed(operation_id=uuid4(), amount_minor=amount, **step).check()  # type: ignore[arg-type]
        seen.append(_cash(bob))

    assert seen == [(450, 0, 0), (50, 400, 0), (50, 0, 400), (200, 0, 250)]
    assert books.cash_accounts(creator_id=alice.pk) == []


def _cash(creator: User) -> tuple[int, int, int]:
    (cash,) = books.cash_accounts(creator_id=creator.pk)
    assert cash.currency == "EUR"
    return cash.payable_minor, cash.in_payout_minor, cash.paid_minor
