"""Runs over many creators: chunks for any number of workers, approvals, fees and the calendar."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from payouts import periods, runs, services, settlements, submissions, terms
from payouts.models import Payout, SettlementChunk, SettlementLine, SettlementRun
from payouts.rails import base
from tests import factories
from tests.payouts.books import Books, books, give_diamonds, set_account
from tests.payouts.memory_rail import MemoryRail
from wallet import ledger
from wallet.models import Account, FxRate
from wallet.money import CURRENCY_NUMBERS, decimals

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def start(key: str = "2026-W47", **facts: Any) -> SettlementRun:
    now = timezone.now()
    return settlements.start_settlement(period_key=key, cutoff_at=now, at=now, **facts)


def run_all(key: str = "2026-W47", **facts: Any) -> SettlementRun:
    run = start(key, **facts)
    settlements.continue_settlement(run_id=run.pk, at=timezone.now())
    run.refresh_from_db()
    return run


def paid(creator: User, milli: int, *, currency: str = "USD") -> None:
    set_account(creator, currency=currency)
    with transaction.atomic():
        give_diamonds(creator, milli)


def rate(currency: str = "USD", per_usd: str = "1") -> FxRate:
    return FxRate(currency=currency, per_usd=Decimal(per_usd), quoted_at=AT, source="Test")


# Chunks


def test_a_run_is_planned_in_chunks_of_creators_who_have_something(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlements, "CREATORS_A_CHUNK", 2)
    creators = [factories.make_creator(f"creator{number}") for number in range(5)]
    factories.make_creator("nothing")
    for creator in creators:
        paid(creator, 4_000_000)

    run = start()

    chunks = SettlementChunk.objects.filter(run=run).order_by("number")
    assert [
        (chunk.number, chunk.first_creator_id, chunk.last_creator_id, chunk.creators)
        for chunk in chunks
    ] == [
        (1, creators[0].pk, creators[1].pk, 2),
        (2, creators[2].pk, creators[3].pk, 2),
        (3, creators[4].pk, creators[4].pk, 1),
    ]
    assert runs.run_progress(run) == runs.RunProgress(
        planned=5, looked_at=0, settled=0, paid_out=0, not_eligible=0
    )


def test_who_comes_to_diamonds_after_the_plan_is_settled_by_the_next_run(bob: User) -> None:
    carol = factories.make_creator("carol")
    paid(carol, 4_000_000)
    run = start()
    paid(bob, 4_000_000)

    settlements.continue_settlement(run_id=run.pk, at=timezone.now())

    assert bob.pk < carol.pk
    assert books(bob, currency="USD") == Books(available=4_000_000)
    assert books(carol, currency="USD") == Books(in_payout=2000)


def test_two_workers_do_different_chunks_at_once_and_each_creator_once(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlements, "CREATORS_A_CHUNK", 1)
    creators = [factories.make_creator(f"creator{number}") for number in range(8)]
    for creator in creators:
        paid(creator, 4_000_000)
    run = start()
    gate = threading.Barrier(2)
    seen: Counter[str] = Counter()

    def work(name: str) -> None:
        gate.wait()
        try:
            while not settlements.continue_settlement(
                run_id=run.pk, at=timezone.now(), on_creators=lambda n: seen.update({name: n})
            ).is_done:
                pass
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=[name]) for name in ("one", "two")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(seen.values()) == 8
    assert SettlementLine.objects.count() == Payout.objects.count() == 8
    assert SettlementRun.objects.get().state == "done"
    assert all(books(creator, currency="USD") == Books(in_payout=2000) for creator in creators)
    assert ledger.audit() == []


def test_while_a_worker_holds_the_last_chunk_another_says_it_is_busy(
    committed: str,
) -> None:
    bob = factories.make_creator("bob")
    paid(bob, 4_000_000)
    run = start()
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(SettlementChunk.objects.select_for_update())
            held.set()
            over.wait()
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    busy = settlements.continue_settlement(run_id=run.pk, at=timezone.now())
    over.set()
    holder.join()

    assert (busy.creators, busy.is_busy, busy.is_done) == (0, True, False)
    assert settlements.continue_settlement(run_id=run.pk, at=timezone.now()).is_done
    assert books(bob, currency="USD") == Books(in_payout=2000)


def test_a_chunk_counts_who_was_settled_paid_and_not_eligible(bob: User) -> None:
    carol, dora = factories.make_creator("carol"), factories.make_creator("dora")
    paid(bob, 4_000_000)
    paid(carol, 1_000_000)  # 5.00, under the minimum of 10.00
    give_diamonds(dora, 4_000_000)  # no account

    run = run_all()

    assert runs.run_progress(run) == runs.RunProgress(
        planned=3, looked_at=3, settled=2, paid_out=1, not_eligible=1
    )


# Approvals


def test_a_large_run_waits_for_two_members_of_staff(
    bob: User, olga: User, settings: LazySettings
) -> None:
    settings.SETTLEMENT_SECOND_PERSON_USD_CENTS = 2000
    second = factories.make_user("petra")
    paid(bob, 4_000_000)
    now = timezone.now()

    run = run_all()
    assert (run.state, run.needs_approval) == ("planned", True)
    assert books(bob, currency="USD") == Books(available=4_000_000)
    assert settlements.sweep_settlements(at=now) is None, "nothing overtakes it"

    settlements.approve_settlement(run_id=run.pk, by=olga, at=now)
    with pytest.raises(settlements.SamePerson):
        settlements.approve_settlement(run_id=run.pk, by=olga, at=now)
    settlements.continue_settlement(run_id=run.pk, at=now)
    assert books(bob, currency="USD") == Books(available=4_000_000)

    settlements.approve_settlement(run_id=run.pk, by=second, at=now)
    settlements.continue_settlement(run_id=run.pk, at=now)
    run.refresh_from_db()
    assert (run.state, run.checked_by, run.approved_by) == ("done", olga, second)
    assert books(bob, currency="USD") == Books(in_payout=2000)
    with pytest.raises(settlements.NotWaiting):
        settlements.approve_settlement(run_id=run.pk, by=olga, at=now)


def test_a_run_under_the_amount_begins_at_once(bob: User, settings: LazySettings) -> None:
    settings.SETTLEMENT_SECOND_PERSON_USD_CENTS = 2001
    paid(bob, 4_000_000)

    assert (run_all().state, books(bob, currency="USD")) == ("done", Books(in_payout=2000))


def test_the_database_lets_no_large_run_begin_without_two_people(bob: User, olga: User) -> None:
    facts = {"cutoff_at": AT, "state": "running", "needs_approval": True}
    for people in ({}, {"checked_by": olga}, {"checked_by": olga, "approved_by": olga}):
        refused = pytest.raises(IntegrityError, match=r"settlement_(approved|two)")
        with refused, transaction.atomic():
            SettlementRun.objects.create(
                pk=ledger.new_operation_id(), period_key="x", **facts, **people
            )


def test_a_dry_run_says_what_it_could_come_to_and_moves_nothing(bob: User) -> None:
    carol, dora = factories.make_creator("carol"), factories.make_creator("dora")
    paid(bob, 2_469_135, currency="EUR")
    paid(carol, 4_000_000)
    give_diamonds(dora, 1_000_000)

    rows = settlements.preview(at=timezone.now())

    assert [
        (row["currency"], row["creators"], row["diamonds_milli"], row["amount_minor"])
        for row in rows
    ] == [("", 1, 1_000_000, 0), ("EUR", 1, 2_469_135, 1111), ("USD", 1, 4_000_000, 2000)]
    assert not SettlementRun.objects.exists()
    assert books(bob) == Books(available=2_469_135)
    run = run_all()
    assert run.expected == rows, "the plan keeps the same totals"
    assert {row.amount.amount for row in runs.run_totals(run)} == {Decimal("11.11"), 20}


# Fees and maxima


def test_a_fee_is_kept_from_what_the_bank_sends_and_booked(
    bob: User, rail: MemoryRail, settings: LazySettings
) -> None:
    settings.PAYOUT_FEES_USD_CENTS = {"bank": 25}
    paid(bob, 4_000_000)
    run_all()
    submissions.sweep_payouts(at=timezone.now())
    rail.move_row(rail.book[0].rail_ref, base.State.PAID)
    submissions.sweep_payouts(at=timezone.now() + timedelta(hours=1))

    payout = Payout.objects.get()
    assert (payout.amount_minor, payout.fee_minor, payout.sent_minor) == (2000, 25, 1975)
    assert rail.book[0].amount_minor == 1975
    assert books(bob, currency="USD") == Books(paid=1975)
    assert fee_income("USD") == 25
    assert ledger.audit() == []

    rail.move_row(rail.book[0].rail_ref, base.State.RETURNED, "AC04")
    submissions.sweep_payouts(at=timezone.now() + timedelta(hours=3))
    assert books(bob, currency="USD") == Books(payable=1975), "what the bank was given came back"
    assert fee_income("USD") == 25


def fee_income(currency: str) -> int:
    fees = Account.objects.get(owner_id=0, code=308, unit=CURRENCY_NUMBERS[currency])
    debits, credits_ = ledger.turnover(fees.pk)
    return credits_ - debits


def test_a_run_pays_up_to_the_maximum_and_the_next_days_pay_the_rest(
    bob: User, settings: LazySettings
) -> None:
    settings.PAYOUT_DAY_MAX_USD_CENTS, settings.PAYOUT_WEEK_MAX_USD_CENTS = 3000, 5000
    paid(bob, 20_000_000)
    run_all()
    assert books(bob, currency="USD") == Books(payable=7000, in_payout=3000)

    with pytest.raises(terms.TooMuch, match=r"\$30.00 a day and \$50.00 a week"):
        services.request_payout(
            payout_id=ledger.new_operation_id(), creator=bob, amount_minor=1000, at=timezone.now()
        )
    assert books(bob, currency="USD") == Books(payable=7000, in_payout=3000)

    for days, in_payout in ((1, 5000), (2, 5000), (8, 8000)):
        later = timezone.now() + timedelta(days=days)
        FxRate.objects.create(currency="EUR", per_usd=1, quoted_at=later, source="Test")
        run = settlements.start_settlement(
            period_key=f"day {days}", cutoff_at=later, at=later, kind="payouts"
        )
        settlements.continue_settlement(run_id=run.pk, at=later)
        assert books(bob, currency="USD").in_payout == in_payout
    assert SettlementLine.objects.count() == 1, "runs of payouts settle nothing"


def test_what_was_cancelled_does_not_count_towards_the_maximum(
    bob: User, settings: LazySettings
) -> None:
    settings.PAYOUT_DAY_MAX_USD_CENTS = 2000
    paid(bob, 4_000_000)
    run_all()
    now = timezone.now()
    services.cancel_payout(payout_id=Payout.objects.get().pk, by=bob, why="By you", at=now)

    again = services.request_payout(
        payout_id=ledger.new_operation_id(), creator=bob, amount_minor=2000, at=now
    )

    assert again.state == "reserved"
    assert books(bob, currency="USD") == Books(in_payout=2000)


def test_who_wants_to_ask_is_settled_but_not_paid_by_a_run(bob: User) -> None:
    paid(bob, 4_000_000)
    services.choose_automatic(creator=bob, is_automatic=False, at=timezone.now())

    run_all("2026-W46")
    assert books(bob, currency="USD") == Books(payable=2000)

    services.choose_automatic(creator=bob, is_automatic=True, at=timezone.now())
    run_all("2026-W47", kind="payouts")
    assert books(bob, currency="USD") == Books(in_payout=2000)


@pytest.mark.parametrize(
    ("currency", "per_usd", "minimum", "fee", "day"),
    [
        ("USD", "1", 1000, 25, 100_000),
        ("EUR", "0.9333", 934, 23, 93_330),
        ("JPY", "151.37", 1514, 37, 151_370),
        ("KWD", "0.30719", 3072, 76, 307_190),
    ],
)
def test_the_least_is_rounded_up_fee_and_most_down(
    currency: str, per_usd: str, minimum: int, fee: int, day: int, settings: LazySettings
) -> None:
    settings.PAYOUT_FEES_USD_CENTS = {"bank": 25}
    found = rate(currency, per_usd)

    assert terms.minimum_minor(found) == minimum
    assert terms.fee_minor(found, rail="bank") == fee
    assert terms.fee_minor(found, rail="another") == 0
    assert terms.left_minor(found, used=runs.Used()) == day
    assert terms.left_minor(found, used=runs.Used(day_minor=day + 1)) == 0


# Rounding and the calendar


@pytest.mark.parametrize("currency", sorted(CURRENCY_NUMBERS))
def test_every_currency_rounds_down_once_and_keeps_the_exact_rest(bob: User, currency: str) -> None:
    """The table of rounding: 12,345.678 diamonds at US$0.005 and an uneven rate, by hand."""
    now = timezone.now()
    per_usd = Decimal(1) if currency == "USD" else Decimal("1.23456789")
    if currency != "USD":
        FxRate.objects.create(currency=currency, per_usd=per_usd, quoted_at=now, source="Test")
    paid(bob, 12_345_678, currency=currency)

    run_all()

    exact = Fraction(12_345_678, 1000) * Fraction("0.005") * Fraction(per_usd)
    minor = exact * 10 ** decimals(currency)
    line = SettlementLine.objects.get()
    assert (line.amount_minor, line.currency) == (floor(minor), currency)
    assert Fraction(line.remainder_minor) == minor - floor(minor)
    assert ledger.audit() == []


def boundaries() -> list[tuple[str, datetime]]:
    """36 moments a period may be got wrong at: months, years, leap days, clocks that change."""
    months = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13)]
    years = [datetime(year, 1, 1, tzinfo=UTC) for year in (2024, 2025, 2027, 2028, 2032, 2100)]
    leaps = [
        datetime(year, month, day, tzinfo=UTC)
        for year in (2024, 2028, 2100)
        for month, day in ((2, 28), (3, 1))
    ]
    # Europe/Berlin and America/New_York put their clocks on and back on these days of 2026.
    clocks = [
        datetime(2026, month, day, hour, tzinfo=UTC)
        for month, day, hour in ((3, 29, 1), (10, 25, 1), (3, 8, 7), (11, 1, 6))
    ]
    mondays = [datetime(2026, 12, 28, tzinfo=UTC) + timedelta(days=7 * n) for n in range(8)]
    return [(f"{at:%Y-%m-%d %H:%M}", at) for at in (*months, *years, *leaps, *clocks, *mondays)]


def test_there_are_36_boundaries() -> None:
    assert len(boundaries()) == 36


@pytest.mark.parametrize("calendar", ["weekly", "monthly"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize(("_name", "boundary"), boundaries())
def test_the_moments_around_a_boundary_are_each_in_one_period(
    _name: str, boundary: datetime, calendar: str, zone: str, settings: LazySettings
) -> None:
    """Wherever the worker is: the moment before and the moment itself belong where UTC says."""
    settings.SETTLEMENT_INTERVAL_S, settings.SETTLEMENT_CALENDAR = 0, calendar
    before, after = boundary - timedelta(microseconds=1), boundary

    with time_machine.travel(boundary, tick=False), timezone.override(zone):
        found = [periods.settlement_at(at=timezone.localtime(at)) for at in (before, after)]

    for at, period in zip((before, after), found, strict=True):
        assert period.cutoff_at <= at < period.ends_at
        assert period.cutoff_at.utcoffset() == timedelta()
    is_start = boundary.hour == 0 and (
        boundary.weekday() == 0 if calendar == "weekly" else boundary.day == 1
    )
    assert (found[0].key != found[1].key) == is_start
    assert (found[0].ends_at == found[1].cutoff_at) == is_start


@pytest.mark.parametrize("calendar", ["weekly", "monthly"])
def test_periods_follow_each_other_without_a_gap_for_nine_years(
    calendar: str, settings: LazySettings
) -> None:
    settings.SETTLEMENT_INTERVAL_S, settings.SETTLEMENT_CALENDAR = 0, calendar
    period = periods.settlement_at(at=datetime(2023, 12, 31, tzinfo=UTC))
    keys = {period.key}

    while period.ends_at < datetime(2033, 1, 1, tzinfo=UTC):
        following = periods.settlement_at(at=period.ends_at)
        assert following.cutoff_at == period.ends_at
        assert following.key not in keys
        keys.add(following.key)
        period = following

    assert len(keys) == (471 if calendar == "weekly" else 109)


def test_a_day_of_payouts_ends_at_midnight_utc() -> None:
    period = periods.payouts_at(at=datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC))

    assert (period.key, period.ends_at) == (
        "2028-02-29 payouts",
        datetime(2028, 3, 1, tzinfo=UTC),
    )
