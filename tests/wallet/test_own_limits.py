"""What fans do about their own spending, and what buying does to it, with the real stand-in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction

from accounts import fingerprints, states
from accounts.models import Fingerprint, Notice, OutboxEvent, User
from tests import factories
from tests.standin import Standin
from tests.wallet.test_purchases import now, settle, start
from wallet import facts, ledger, limits, own_limits, purchases, queries
from wallet.models import (
    FxRate,
    OwnLimit,
    PaymentMethod,
    Purchase,
    PurchaseAttempt,
    PurchaseLimit,
    Refund,
    SpendingLimits,
    Window,
)
from wallet.providers.base import Checkout, Order
from wallet.providers.stripe import Stripe

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def set_limit(user: User, euros: int | None, **asked: Any) -> OwnLimit:
    facts_asked: dict[str, Any] = {"window": Window.DAY, "currency": "EUR", "at": AT}
    return own_limits.set_limit(
        user_id=user.pk,
        amount_minor=None if euros is None else euros * 100,
        **(facts_asked | asked),
    )


def in_force(user: User, at: datetime) -> int | None:
    row = facts.own_limits(user_id=user.pk, at=at).get(Window.DAY)
    return None if row is None else row.amount_minor


def bought(user: User, amount_minor: int, *, at: datetime, **fields: Any) -> Purchase:
    """A purchase that was paid then, without its way there."""
    values: dict[str, Any] = {
        "id": ledger.new_operation_id(), "buyer": user, "region_id": "DE",
        "method": PaymentMethod.objects.get(pk="card"), "coins": 100, "gross_minor": amount_minor,
        "tax_minor": 0, "tax_bps": 0, "currency": "EUR", "state": "credited", "paid_at": at,
    }  # fmt: skip
    return Purchase.objects.create(**(values | fields))


# Setting limits


def test_a_first_limit_and_a_lower_one_count_at_once(alice: User) -> None:
    set_limit(alice, 100)
    set_limit(alice, 40, at=AT + HOUR)

    assert in_force(alice, AT) == 100_00
    assert in_force(alice, AT + HOUR) == 40_00
    assert Notice.objects.filter(user=alice).order_by("pk").last().title == (  # type: ignore[union-attr]
        "Your own limit in any 24 hours: €40.00"
    )


@pytest.mark.parametrize(
    ("euros", "hours"),
    [
        (50, 24),
        (900, 24),  # US$1,000 at the opening rate
        (901, 72),
        (None, 72),
    ],
)
def test_a_raise_waits_a_day_and_a_large_one_three(
    alice: User, euros: int | None, hours: int
) -> None:
    FxRate.objects.filter(currency="EUR").update(quoted_at=AT)
    set_limit(alice, 40)

    set_limit(alice, euros, at=AT + HOUR)

    begins = AT + HOUR + timedelta(hours=hours)
    assert in_force(alice, begins - timedelta(seconds=1)) == 40_00
    assert in_force(alice, begins) == (None if euros is None else euros * 100)


def test_a_raise_of_which_nobody_can_say_how_large_it_is_waits_the_longer_time(
    alice: User,
) -> None:
    FxRate.objects.filter(currency="EUR").delete()
    set_limit(alice, 40)

    row = set_limit(alice, 50)

    assert row.effective_at == AT + timedelta(hours=72)


def test_another_raise_starts_the_wait_anew_and_a_lower_limit_ends_it(alice: User) -> None:
    set_limit(alice, 40)
    set_limit(alice, 50)
    set_limit(alice, 60, at=AT + 23 * HOUR)

    assert in_force(alice, AT + 46 * HOUR) == 40_00
    assert in_force(alice, AT + 47 * HOUR) == 60_00
    set_limit(alice, 30, at=AT + 30 * HOUR)
    assert in_force(alice, AT + timedelta(days=60)) == 30_00


def test_a_raise_can_be_withdrawn_while_it_waits(alice: User) -> None:
    set_limit(alice, 40)
    set_limit(alice, 50)

    assert own_limits.keep_limit(user_id=alice.pk, window=Window.DAY, at=AT + HOUR)

    assert in_force(alice, AT + timedelta(days=9)) == 40_00
    assert not own_limits.keep_limit(user_id=alice.pk, window=Window.DAY, at=AT + HOUR)


def test_setting_what_is_set_changes_nothing_but_withdraws_a_raise(alice: User) -> None:
    first = set_limit(alice, 40)
    set_limit(alice, 50)

    again = set_limit(alice, 40, at=AT + HOUR)

    assert again == first
    assert in_force(alice, AT + timedelta(days=9)) == 40_00
    assert OwnLimit.objects.count() == 2


@pytest.mark.parametrize("amount_minor", [0, -1, 10**13 + 1])
def test_an_amount_that_is_no_limit_is_refused_and_sets_nothing(
    alice: User, amount_minor: int
) -> None:
    with pytest.raises(own_limits.NotALimit, match="take a break"):
        own_limits.set_limit(
            user_id=alice.pk, window=Window.DAY, amount_minor=amount_minor, currency="EUR", at=AT
        )

    assert not OwnLimit.objects.exists()


# Breaks


def time_out(user: User, **length: float) -> datetime:
    return own_limits.take_time_out(user_id=user.pk, length=timedelta(**length), at=AT)


def test_a_break_begins_at_once_and_is_made_longer_never_shorter(alice: User) -> None:
    assert time_out(alice, days=7) == AT + timedelta(days=7)
    assert time_out(alice, weeks=6) == AT + timedelta(weeks=6)

    with pytest.raises(own_limits.NotATimeOut, match="can be made longer, not shorter"):
        time_out(alice, days=7)

    assert SpendingLimits.objects.get(pk=alice.pk).time_out_until == AT + timedelta(weeks=6)


@pytest.mark.parametrize("hours", [0, 23.9, 24 * 42 + 1])
def test_a_break_is_a_day_at_least_and_six_weeks_at_most(alice: User, hours: float) -> None:
    with pytest.raises(own_limits.NotATimeOut, match="from 24 hours to 6 weeks"):
        time_out(alice, hours=hours)

    assert not SpendingLimits.objects.filter(time_out_until__isnull=False).exists()


def test_a_break_refuses_to_buy_and_asks_no_provider(alice: User) -> None:
    own_limits.take_time_out(user_id=alice.pk, length=timedelta(days=1), at=now())

    with pytest.raises(limits.TimedOut, match="cannot be ended early"):
        start(alice)

    assert not Purchase.objects.exists()


# Buying


def test_a_purchase_over_ones_own_limit_is_refused_and_nothing_is_written(alice: User) -> None:
    set_limit(alice, 8, at=now() - HOUR)

    with pytest.raises(limits.LimitReached, match=r"Your own limit is €8\.00 in any 24 hours"):
        start(alice)  # 700 coins for €8.40

    assert not Purchase.objects.exists()
    assert not PurchaseAttempt.objects.exists()


def test_what_is_begun_counts_until_it_is_cancelled(standin: Standin, alice: User) -> None:
    set_limit(alice, 10, at=now() - HOUR)
    first = start(alice)

    with pytest.raises(limits.LimitReached, match=r"€8\.40 of that is not paid yet"):
        start(alice)

    purchases.cancel_purchase(purchase_id=first.pk, user_id=alice.pk, at=now())
    assert start(alice).state == "pending"


def test_the_same_purchase_again_is_not_counted_against_itself(
    standin: Standin, alice: User
) -> None:
    set_limit(alice, 10, at=now() - HOUR)
    first = start(alice)

    assert start(alice, purchase_id=first.pk).pk == first.pk


def test_what_was_paid_in_another_currency_counts_at_todays_rate(alice: User) -> None:
    bought(alice, 10_00, at=now() - HOUR, currency="USD", region_id="US")  # €9.00
    set_limit(alice, 17, at=now() - HOUR)

    with pytest.raises(limits.LimitReached, match=r"You have used €9\.00 of it"):
        start(alice)


def test_what_a_purchase_keeps_of_network_and_card_matches_what_is_kept_of_people(
    standin: Standin, alice: User
) -> None:
    purchase = start(alice, address="2001:db8:1:2:3::4")
    home = fingerprints.seen(address="2001:db8:1:2:aaaa::1", instrument="card-a")

    with transaction.atomic():
        own_limits.note_payment(purchase, instrument="card-a", was_closed=False, at=now())
        fingerprints.note(user_id=alice.pk, seen=home, at=now())

    kept = Fingerprint.objects.filter(user=alice).values_list("kind", "digest")
    attempt = PurchaseAttempt.objects.get(purchase=purchase)
    assert dict(kept) == {"network": attempt.network, "instrument": attempt.instrument}


def test_an_attempt_keeps_hashes_of_network_and_card_for_a_month(
    standin: Standin, alice: User
) -> None:
    purchase = start(alice, address="192.0.2.7")
    attempt = PurchaseAttempt.objects.get(purchase=purchase)
    assert attempt.network == fingerprints.digest("network", "192.0.2.7")

    with transaction.atomic():
        own_limits.note_payment(purchase, instrument="card-a", was_closed=False, at=now())

    attempt.refresh_from_db()
    assert attempt.network == fingerprints.digest("network", "192.0.2.7")
    assert attempt.instrument == fingerprints.digest("instrument", "card-a")
    assert "card-a" not in attempt.instrument
    assert own_limits.forget_attempts(at=attempt.at + timedelta(days=29)) == 0
    assert own_limits.forget_attempts(at=attempt.at + timedelta(days=30)) == 1
    assert Purchase.objects.count() == 1


def test_attempts_of_a_network_count_whoever_makes_them(
    standin: Standin, alice: User, mallory: User, settings: Any
) -> None:
    settings.NETWORK_ATTEMPTS_A_WEEK_MAX = 2
    start(alice, address="192.0.2.7")
    start(alice, address="192.0.2.7")

    with pytest.raises(limits.TooManyAttempts, match="The network you are on"):
        start(mallory, address="192.0.2.7")

    assert start(mallory, address="192.0.2.8").state == "pending"


# Being told


def titles(user: User) -> list[str]:
    rows = Notice.objects.filter(user=user, subject_key__startswith="own-limit-use")
    return list(rows.order_by("pk").values_list("title", flat=True))


def pay(user: User, amount_minor: int, at: datetime) -> None:
    purchase = bought(user, amount_minor, at=at)
    with transaction.atomic():
        own_limits.note_payment(purchase, instrument="", was_closed=False, at=at)
        own_limits.note_payment(purchase, instrument="", was_closed=False, at=at)


def test_half_four_fifths_and_all_of_a_limit_are_told_once_each(alice: User) -> None:
    set_limit(alice, 100)

    for minutes, amount_minor in enumerate((49_99, 1, 29_99, 1, 19_99, 1)):
        pay(alice, amount_minor, AT + timedelta(minutes=minutes))

    assert titles(alice) == [
        "You have used 50 % of your own limit",
        "You have used 80 % of your own limit",
        "You have reached your own limit",
    ]
    shares = OutboxEvent.objects.filter(name="limit.reached").order_by("pk")
    assert [event.payload["share"] for event in shares] == [50, 50, 80, 80, 100, 100]
    last = Notice.objects.filter(subject_key__startswith="own-limit-use").latest("pk")
    assert last.body.startswith("€100.00 of €100.00 in any 24 hours are spent.")


def test_one_payment_over_several_shares_is_told_of_the_highest(alice: User) -> None:
    set_limit(alice, 100)

    pay(alice, 85_00, AT)
    pay(alice, 85_00, AT + timedelta(days=2))  # the first has left the window

    assert titles(alice) == 2 * ["You have used 80 % of your own limit"]


def test_a_payment_that_came_late_and_over_a_limit_is_credited_and_said(
    standin: Standin, alice: User
) -> None:
    late = start(alice)
    with transaction.atomic():
        states.move(late, to="expired", why="For a test.", at=now())
    set_limit(alice, 10, at=now() - HOUR)
    in_time = start(alice)
    standin.pay(in_time.checkout_ref)
    assert settle(in_time).state == "credited"
    assert not OutboxEvent.objects.filter(name="limit.passed").exists()

    standin.pay(late.checkout_ref)
    assert settle(late).state == "credited"

    assert queries.coins(user_id=alice.pk) == 1_400
    event = OutboxEvent.objects.get(name="limit.passed")
    assert event.payload == {
        "purchase": str(late.pk),
        "user": alice.pk,
        "why": "Paid after it had ended; €16.80 of €10.00 in any 24 hours are used.",
    }


def test_a_payment_is_credited_though_no_rate_says_how_near_a_limit_it_is(
    standin: Standin, alice: User
) -> None:
    purchase = start(alice)
    OwnLimit.objects.create(
        user=alice, window=Window.DAY, amount_minor=100, currency="USD",
        asked_at=now() - HOUR, effective_at=now() - HOUR,
    )  # fmt: skip
    FxRate.objects.filter(currency="EUR").delete()
    standin.pay(purchase.checkout_ref)

    assert settle(purchase).state == "credited"
    assert "cannot be judged" in OutboxEvent.objects.get(name="limit.passed").payload["why"]


# Many at once


class NoPage(Stripe):
    """The real adapter but for its page: what is tried here is ours, before the provider."""

    def start_checkout(self, order: Order) -> Checkout:
        return Checkout(
            ref=f"page-{order.purchase_id}", url="https://pay.example/", expires_at=order.expires_at
        )


@pytest.fixture
def alone(committed: str, settings: Any) -> User:
    """A fan in a database where commits are real, with nothing else to stop them."""
    settings.PURCHASES_A_DAY_MAX = settings.PURCHASE_ATTEMPTS_A_WEEK_MAX = 1_000
    settings.NETWORK_ATTEMPTS_A_WEEK_MAX = 1_000
    PaymentMethod.objects.update(provider="tests.wallet.test_own_limits.NoPage")
    return factories.make_user("alice")


def buy_at_once(user: User, count: int, *, ready: Callable[[], Any] = lambda: None) -> list[str]:
    """Start so many purchases of €8.40 from as many connections; what became of each."""

    def buy(_number: int) -> str:
        purchase_id = ledger.new_operation_id()
        try:
            ready()
            while True:
                with suppress(own_limits.StillStarting):  # as a person would, the same form again
                    return start(user, purchase_id=purchase_id).state
        except limits.LimitReached:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(buy, range(count)))


def spent(user: User) -> int:
    return sum(Purchase.objects.filter(buyer=user).values_list("gross_minor", flat=True))


def test_of_64_purchases_at_once_as_many_begin_as_the_limit_holds(alone: User) -> None:
    set_limit(alone, 50, at=now() - HOUR)
    barrier = Barrier(64)

    outcomes = buy_at_once(alone, 64, ready=barrier.wait)

    assert outcomes.count("pending") == 5  # 5 times €8.40 is €42.00, 6 times €50.40
    assert outcomes.count("refused") == 59
    assert spent(alone) == 42_00


def test_of_64_purchases_at_once_as_many_begin_as_fit_beside_what_was_not_given_back(
    alone: User,
) -> None:
    set_limit(alone, 50, at=now() - HOUR)
    given_back(bought(alone, 42_00, at=now() - HOUR), 42_00)
    given_back(bought(alone, 16_80, at=now() - HOUR), 8_40)
    barrier = Barrier(64)

    outcomes = buy_at_once(alone, 64, ready=barrier.wait)

    assert outcomes.count("pending") == 4  # 8.40 and 4 times 8.40 are 42.00; another is over 50
    assert outcomes.count("refused") == 60


def test_of_64_purchases_at_once_none_passes_while_refunds_are_paid(alone: User) -> None:
    set_limit(alone, 50, at=now() - HOUR)
    paid = [bought(alone, 8_40, at=now() - HOUR) for _ in range(5)]

    def give_back() -> None:
        try:
            for purchase in paid[:3]:
                given_back(purchase, 8_40)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as refunding:
        done = refunding.submit(give_back)
        outcomes = buy_at_once(alone, 64)
        done.result(timeout=30)
    outcomes += buy_at_once(alone, 8)

    assert outcomes.count("pending") == 3  # the room that three refunds gave, and no more
    assert outcomes.count("refused") == 69


def given_back(purchase: Purchase, amount_minor: int) -> None:
    """A refund that was paid, without its way there."""
    Refund.objects.create(
        pk=ledger.new_operation_id(), purchase=purchase, hold_id=ledger.new_operation_id(),
        end_id=ledger.new_operation_id(), coins=1, approved_coins=1, amount_minor=amount_minor,
        ground="unused", state="paid", due_at=now(),
    )  # fmt: skip


def test_of_64_purchases_at_once_the_regions_limit_is_passed_by_none(alone: User) -> None:
    PurchaseLimit.objects.filter(region="DE", kind="card").update(day_minor=100_00, new_bps=10_000)

    outcomes = buy_at_once(alone, 64)

    assert outcomes.count("pending") == 11
    assert spent(alone) == 92_40


def test_control_without_the_buyers_lock_purchases_at_once_pass_the_limit(
    alone: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_limit(alone, 10, at=now() - HOUR)
    barrier = Barrier(8, timeout=30)
    check = limits.check

    def check_together(**asked: Any) -> None:
        barrier.wait()  # all have read before any writes
        check(**asked)

    monkeypatch.setattr(own_limits, "lock_buyer", lambda **_: "")
    monkeypatch.setattr(limits, "check", check_together)

    outcomes = buy_at_once(alone, 8)

    assert outcomes == 8 * ["pending"]
    assert spent(alone) == 67_20


def test_a_limit_being_lowered_waits_for_a_purchase_and_the_next_one_for_it(
    alone: User,
) -> None:
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            own_limits.lock(user_id=alone.pk)
            lowered = threads.submit(_lower, alone)
            with pytest.raises(TimeoutError):
                lowered.result(timeout=0.5)
        lowered.result(timeout=30)

    with pytest.raises(limits.LimitReached):
        start(alone)


def _lower(user: User) -> None:
    try:
        set_limit(user, 1, at=now())
    finally:
        connection.close()


def test_use_frees_itself_as_the_window_moves_on(standin: Standin, alice: User) -> None:
    set_limit(alice, 10, at=now() - HOUR)
    bought(alice, 8_40, at=now() - 23 * HOUR)

    with pytest.raises(limits.LimitReached) as refused:
        start(alice)

    assert refused.value.again_at is not None
    with time_machine.travel(refused.value.again_at + timedelta(seconds=1)):
        FxRate.objects.filter(currency="EUR").update(quoted_at=now())
        assert start(alice).state == "pending"


def test_who_waits_too_long_for_another_purchase_is_told_to_send_it_again(alone: User) -> None:
    def hurried() -> str:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '100ms'")
            with pytest.raises(own_limits.StillStarting, match="not been charged"):
                start(alone)
            return "told"
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        own_limits.lock(user_id=alone.pk)

        assert threads.submit(hurried).result(timeout=30) == "told"

    assert not Purchase.objects.exists()
