"""First payouts are held longer: by the ledger when a period closes, and told so line by line."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from payouts import earnings, forecasts
from tests import cashing, factories
from tests.payouts.books import give_diamonds
from tests.payouts.earned import close_period, give, settle_all
from wallet import books, cash, holds, ledger
from wallet.models import Bucket, HoldClass, Period

FIRST_DAYS = 21  # the opening card's
BANK_DAYS = 3
CARD_DAYS = 30


@pytest.fixture
def cast(committed: str) -> dict[str, User]:
    return {
        "alice": factories.make_user("alice"),
        "new": factories.make_creator("new"),
        "known": factories.make_creator("known"),
    }


def _coins(fan: User, coins: int, *, hold_class: HoldClass) -> None:
    with transaction.atomic():
        factories.give_coins(fan, coins, hold_class=hold_class)


def be_paid(creator: User, times: int, *, step: str = "post") -> None:
    """Payouts of a dollar each, reserved and then posted by a bank, or voided."""
    with transaction.atomic():
        give_diamonds(creator, 200_000 * times)
    settle_all(creator)
    for _ in range(times):
        payout_id = ledger.new_operation_id()
        with transaction.atomic():
            cashing.reserve_payout(
                operation_id=ledger.new_operation_id(), creator_id=creator.pk, currency="USD",
                amount_minor=100, payout_id=payout_id,
            ).check()  # fmt: skip
        facts: dict[str, Any] = {
            "operation_id": ledger.new_operation_id(), "creator_id": creator.pk,
            "currency": "USD", "amount_minor": 100, "payout_id": payout_id,
        }  # fmt: skip
        with transaction.atomic():
            if step == "post":
                cash.post_payout(**facts, fee_minor=0).check()
            else:
                cash.void_payout(**facts).check()


def waits(creator: User) -> dict[int, timedelta]:
    """How long each payment class waits from the close of its period."""
    closed = dict(Period.objects.values_list("pk", "closed_at"))
    found = {}
    for row in Bucket.objects.filter(account__owner_id=creator.pk).select_related("account"):
        closed_at = closed[row.period_id]
        assert row.account.hold_class is not None
        if row.release_at is not None and closed_at is not None:
            found[row.account.hold_class] = row.release_at - closed_at
    return found


def give_both(alice: User, creator: User) -> None:
    """Ten coins paid by a bank transfer, then ten by card."""
    for hold in (HoldClass.BANK, HoldClass.CARD):
        _coins(alice, 10, hold_class=hold)
        give(alice, creator, 10)


def test_a_new_creator_waits_longer_and_an_established_one_as_the_class_says(
    cast: dict[str, User],
) -> None:
    be_paid(cast["known"], 3)
    for name in ("new", "known"):
        give_both(cast["alice"], cast[name])

    close_period()

    assert waits(cast["new"]) == {
        HoldClass.BANK: timedelta(days=FIRST_DAYS),
        HoldClass.CARD: timedelta(days=CARD_DAYS),  # longer than first payouts by itself
    }
    assert waits(cast["known"]) == {
        HoldClass.BANK: timedelta(days=BANK_DAYS),
        HoldClass.CARD: timedelta(days=CARD_DAYS),
    }


@pytest.mark.parametrize(
    ("times", "step", "days"),
    [(0, "post", 21), (2, "post", 21), (3, "post", 3), (4, "post", 3), (3, "void", 21)],
)
def test_it_is_the_third_payout_that_a_bank_took_which_ends_it(
    cast: dict[str, User], times: int, step: str, days: int
) -> None:
    if times:
        be_paid(cast["new"], times, step=step)
    _coins(cast["alice"], 10, hold_class=HoldClass.BANK)
    give(cast["alice"], cast["new"], 10)
    before = [(m.hold_days, m.is_first) for m in books.maturing(creator_id=cast["new"].pk)]

    close_period()

    assert waits(cast["new"]) == {HoldClass.BANK: timedelta(days=days)}
    after = [(m.hold_days, m.is_first) for m in books.maturing(creator_id=cast["new"].pk)]
    assert before == after == [(days, days == FIRST_DAYS)]  # as the ledger decides


def test_what_was_decided_at_the_close_stays_when_the_third_payout_arrives(
    cast: dict[str, User],
) -> None:
    give_both(cast["alice"], cast["new"])
    close_period()

    be_paid(cast["new"], 3)

    found = books.maturing(creator_id=cast["new"].pk)
    assert [(m.hold, m.hold_days, m.is_first) for m in found] == [
        (HoldClass.BANK, FIRST_DAYS, True),
        (HoldClass.CARD, CARD_DAYS, False),
    ]


def test_each_line_says_its_date_and_that_it_is_a_first_payout(
    cast: dict[str, User], client: Client
) -> None:
    new = cast["new"]
    give_both(cast["alice"], new)
    close_period()
    _coins(cast["alice"], 10, hold_class=HoldClass.BANK)
    give(cast["alice"], new, 5)
    client.force_login(new)

    gifts = _words(client, "earnings")
    forecast = _words(client, "forecast")
    explained = _words(client, "explained")

    first = "paid by bank transfer before three payouts have reached you"
    assert gifts.count(f"{first}, which waits {FIRST_DAYS} days") == 2
    assert f"until {FIRST_DAYS} days after this period closes: {first}" in gifts
    assert f"paid by card, which waits {CARD_DAYS} days" in gifts
    assert f"10 {first}, {FIRST_DAYS} days" in forecast
    assert f"10 paid by card, {CARD_DAYS} days" in forecast
    assert f"Any payment, until three payouts have reached you at least {FIRST_DAYS}" in explained
    steps = forecasts.steps(earnings.known(creator=new, at=_now()))
    assert [[cause.words for cause in step.causes] for step in steps] == [
        [first], ["paid by card"], [first],
    ]  # fmt: skip


def test_a_gift_of_two_payments_names_the_longer_wait(cast: dict[str, User]) -> None:
    _coins(cast["alice"], 10, hold_class=HoldClass.BANK)
    _coins(cast["alice"], 10, hold_class=HoldClass.CARD)
    operation_id = give(cast["alice"], cast["new"], 20)
    (earned,) = books.earned(creator_id=cast["new"].pk, limit=1)

    found = holds.waiting(creator_id=cast["new"].pk, gifts=[earned])

    assert found == {operation_id: holds.Wait(None, HoldClass.CARD, CARD_DAYS, is_first=False)}


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def _words(client: Client, name: str) -> str:
    response = client.get(reverse(f"payouts:{name}"))
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<.+?>", " ", response.content.decode(), flags=re.DOTALL))
