"""Settlement runs: exact sums, once each, whatever is run twice or killed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import reviewing
from accounts.models import Notice, OutboxEvent, Review, ReviewReason, Standing, StateChange, User
from payouts import periods, risk, services, settlements
from payouts.models import Payout, SettlementLine, SettlementRun
from tests import factories
from tests.payouts.books import Books, books, give_diamonds, new_card, set_account
from wallet import ledger
from wallet import queries as wallets
from wallet.models import FxRate


def start(key: str = "2026-W47") -> SettlementRun:
    now = timezone.now()
    return settlements.start_settlement(period_key=key, cutoff_at=now, at=now)


def run_all(key: str = "2026-W47") -> settlements.Progress:
    return settlements.continue_settlement(run_id=start(key).pk, at=timezone.now())


@pytest.mark.parametrize(
    ("currency", "amount_minor", "remainder"),
    [
        ("USD", 1234, "0.5675"),
        ("EUR", 1111, "0.11075"),
        ("JPY", 1851, "0.85125"),
        ("KWD", 3790, "0.122225"),
    ],
)
def test_diamonds_become_cash_of_the_creators_currency_rounded_down_once(
    bob: User, currency: str, amount_minor: int, remainder: str
) -> None:
    set_account(bob, currency=currency)
    give_diamonds(bob, 2_469_135)

    progress = run_all()

    line = SettlementLine.objects.get()
    rate = wallets.fx(currency, line.settled_at)
    assert (progress.creators, progress.is_done) == (1, True)
    assert (line.amount_minor, line.currency) == (amount_minor, currency)
    assert line.remainder_minor == Decimal(remainder)
    assert line.diamonds_milli == 2_469_135
    assert line.diamond_usd == Decimal("0.005")
    assert (line.fx_per_usd, line.fx_source, line.fx_quoted_at) == (
        rate.per_usd,
        rate.source,
        rate.quoted_at,
    )
    assert books(bob, currency=currency) == Books(in_payout=amount_minor)
    assert ledger.audit() == []


def test_two_cards_are_settled_each_at_its_own_value(bob: User) -> None:
    set_account(bob, currency="USD")
    better = new_card("v2", diamond_usd="0.0075")
    give_diamonds(bob, 1_000_000)
    give_diamonds(bob, 1_000_000, card_id=better)

    run_all()

    lines = SettlementLine.objects.order_by("card_id")
    assert [(line.amount_minor, line.diamond_usd) for line in lines] == [
        (500, Decimal("0.005")),
        (750, Decimal("0.0075")),
    ]
    assert books(bob, currency="USD") == Books(in_payout=1250)


def test_a_run_started_and_continued_twice_settles_once(bob: User) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)

    first = start()
    again = start()
    run_all()
    after = run_all()

    assert first.pk == again.pk
    assert (after.creators, after.is_done) == (0, True)
    assert SettlementLine.objects.count() == 1
    assert books(bob) == Books(in_payout=1800)


def test_a_second_run_waits_for_the_first_to_end(bob: User) -> None:
    start("2026-W46")

    with pytest.raises(settlements.AnotherRunning):
        start("2026-W47")

    assert SettlementRun.objects.count() == 1


def test_the_database_keeps_one_run_running_even_without_the_service(db: None) -> None:
    start("2026-W46")

    with pytest.raises(IntegrityError, match="settlement_one_open"), transaction.atomic():
        SettlementRun.objects.create(
            pk=ledger.new_operation_id(), period_key="other", cutoff_at=timezone.now()
        )


def test_a_run_stops_after_its_share_and_goes_on_at_the_next_call(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlements, "CREATORS_A_CHUNK", 2)
    creators = [factories.make_creator(f"creator{number}") for number in range(3)]
    for creator in creators:
        set_account(creator)
        give_diamonds(creator, 4_000_000)
    run = start()

    first = settlements.continue_settlement(run_id=run.pk, at=timezone.now(), chunks_max=1)
    assert (first.creators, first.is_done) == (2, False)
    assert books(creators[2]).available == 4_000_000

    second = settlements.continue_settlement(run_id=run.pk, at=timezone.now(), chunks_max=1)
    assert (second.creators, second.is_done) == (1, False)
    third = settlements.continue_settlement(run_id=run.pk, at=timezone.now())
    assert (third.creators, third.is_done) == (0, True)
    assert SettlementLine.objects.count() == 3


def test_a_creator_who_does_not_meet_the_gate_keeps_their_diamonds(bob: User) -> None:
    give_diamonds(bob, 4_000_000)

    progress = run_all()

    assert progress.is_done
    assert not SettlementLine.objects.exists()
    assert not Payout.objects.exists()
    assert books(bob) == Books(available=4_000_000)


def test_a_restricted_creator_keeps_their_diamonds_until_the_next_run(bob: User) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)
    type(bob).objects.filter(pk=bob.pk).update(standing=Standing.RESTRICTED)
    run_all("2026-W46")
    assert books(bob) == Books(available=4_000_000)

    type(bob).objects.filter(pk=bob.pk).update(standing=Standing.GOOD)
    run_all("2026-W47")
    assert books(bob) == Books(in_payout=1800)


def test_too_few_diamonds_for_one_cent_wait(bob: User) -> None:
    set_account(bob, currency="USD")
    give_diamonds(bob, 1_999)

    progress = run_all()

    assert progress.is_done
    assert not SettlementLine.objects.exists()
    assert books(bob, currency="USD") == Books(available=1_999)
    assert ledger.audit() == []


def test_cash_under_the_minimum_waits_and_joins_the_next_payout(bob: User) -> None:
    set_account(bob, currency="USD")
    give_diamonds(bob, 1_999_000)
    run_all("2026-W46")
    assert books(bob, currency="USD") == Books(payable=999)
    assert not Payout.objects.exists()

    give_diamonds(bob, 2_000)
    run_all("2026-W47")

    payout = Payout.objects.get()
    assert (payout.amount_minor, payout.state) == (1000, "reserved")
    assert books(bob, currency="USD") == Books(in_payout=1000)


def test_a_stale_rate_stops_the_run_which_says_so_and_goes_on_with_a_fresh_one(bob: User) -> None:
    carol = factories.make_creator("carol")
    set_account(bob, currency="EUR")
    set_account(carol, currency="USD")
    for creator in (bob, carol):
        give_diamonds(creator, 4_000_000)
    run = start()
    late = timezone.now() + timedelta(days=30)
    FxRate.objects.create(currency="USD", per_usd=1, quoted_at=late, source="Test")

    progress = settlements.continue_settlement(run_id=run.pk, at=late)

    run.refresh_from_db()
    assert (progress.creators, progress.is_done) == (0, False)
    assert progress.stopped_why == run.stopped_why
    assert "EUR" in run.stopped_why
    assert (run.state, run.chunks.get().done_at) == ("running", None)
    assert not SettlementLine.objects.exists()
    assert books(bob) == Books(available=4_000_000)

    FxRate.objects.create(currency="EUR", per_usd=Decimal("0.8"), quoted_at=late, source="Test")
    progress = settlements.continue_settlement(run_id=run.pk, at=late)

    run.refresh_from_db()
    assert (progress.creators, progress.is_done, run.stopped_why) == (2, True, "")
    assert books(bob) == Books(in_payout=1600)


def test_the_creator_is_told_and_the_end_of_the_run_is_published_once(bob: User) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)

    run_all()
    run_all()

    notice = Notice.objects.get(user=bob, kind="earnings")
    assert notice.title == "Your diamonds were settled: €18.00"
    assert notice.body.startswith(
        "4,000 diamonds at the value of their rate cards. 1 USD = 0.9 EUR"
    )
    assert OutboxEvent.objects.filter(name="settlement.done").count() == 1
    change = StateChange.objects.get(subject_type="payouts.settlementrun")
    assert (change.before, change.after) == ("running", "done")


def test_the_weekly_period_begins_on_monday_midnight_utc(settings: LazySettings) -> None:
    settings.SETTLEMENT_INTERVAL_S = 0

    sunday = periods.settlement_at(at=datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))
    monday = periods.settlement_at(at=datetime(2026, 11, 23, 0, 0, tzinfo=UTC))

    assert (sunday.key, sunday.cutoff_at) == ("2026-W47", datetime(2026, 11, 16, tzinfo=UTC))
    assert (monday.key, monday.cutoff_at) == ("2026-W48", datetime(2026, 11, 23, tzinfo=UTC))
    assert sunday.ends_at == monday.cutoff_at


def test_the_week_of_new_year_belongs_to_one_year(settings: LazySettings) -> None:
    settings.SETTLEMENT_INTERVAL_S = 0

    keys = {
        periods.settlement_at(at=datetime(2026, 12, 28, tzinfo=UTC) + timedelta(days=day)).key
        for day in range(7)
    }

    assert keys == {"2026-W53"}


def test_the_demos_interval_numbers_its_periods(settings: LazySettings) -> None:
    settings.SETTLEMENT_INTERVAL_S = 180

    first = periods.settlement_at(at=datetime(2026, 11, 22, 10, 2, 59, tzinfo=UTC))
    second = periods.settlement_at(at=datetime(2026, 11, 22, 10, 3, 0, tzinfo=UTC))

    assert first.cutoff_at == datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    assert second.cutoff_at == first.ends_at == datetime(2026, 11, 22, 10, 3, tzinfo=UTC)
    assert first.key != second.key


def test_a_sweep_opens_the_run_whose_message_was_lost(bob: User) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)

    settlements.sweep_settlements(at=timezone.now())
    settlements.sweep_settlements(at=timezone.now())

    assert SettlementRun.objects.get(kind="settlement").state == "done"
    assert books(bob) == Books(in_payout=1800)


def test_diamonds_under_an_open_case_stay_until_the_case_is_lifted(bob: User) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)
    now = timezone.now()
    case = reviewing.open_review(
        subject_id=bob.pk,
        reason=ReviewReason.CONCENTRATION,
        subject_key=f"creator:{bob.pk}",
        grounds=reviewing.Grounds(reasons=["Nearly all came from one person."]),
        restricts=Review.Restriction.PAYOUTS,
        at=now,
    )

    run_all("2026-W46")

    assert books(bob) == Books(available=4_000_000)
    with pytest.raises(risk.NotEligible, match="Nearly all earnings from one or two people"):
        services.request_payout(
            payout_id=ledger.new_operation_id(), creator=bob, amount_minor=1000, at=now
        )

    Review.objects.filter(pk=case.pk).update(lifted_at=now)
    run_all("2026-W47")

    assert books(bob) == Books(in_payout=1800)
