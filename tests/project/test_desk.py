"""The back office's first page: exact counts and ages, only what one may see, few queries."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import papers
from accounts.models import Notice, OutboxEvent, Review, User
from config import desk
from payouts.models import BankFile, BankFileLine, Payout, SepaBatch, SettlementRun
from tests import factories
from tests.accounts.papers import sent_papers
from tests.accounts.test_roles import make_role
from tests.gifts import world
from tests.payouts.books import bare_destination
from wallet import adjustments, ledger
from wallet.models import (
    Dispute,
    PaymentMethod,
    ProviderEvent,
    Purchase,
    Refund,
    WaitingRate,
)
from wallet.money import money

QUERIES_MAX = 37


def make_purchase(buyer: User, **fields: Any) -> Purchase:
    values: dict[str, Any] = {
        "id": ledger.new_operation_id(), "buyer": buyer, "region_id": "DE",
        "method": PaymentMethod.objects.get(pk="card"), "coins": 350, "gross_minor": 420,
        "tax_minor": 67, "tax_bps": 1900, "currency": "EUR",
    }  # fmt: skip
    return Purchase.objects.create(**(values | fields))


def make_refund(purchase: Purchase, **fields: Any) -> None:
    at = fields.pop("requested_at", timezone.now())
    refund = Refund.objects.create(
        id=ledger.new_operation_id(), purchase=purchase, hold_id=ledger.new_operation_id(),
        end_id=ledger.new_operation_id(), coins=10, amount_minor=12, ground="other",
        due_at=timezone.now(), **fields,
    )  # fmt: skip
    Refund.objects.filter(pk=refund.pk).update(requested_at=at)


def make_payout(creator: User, **fields: Any) -> Payout:
    values: dict[str, Any] = {
        "id": ledger.new_operation_id(), "creator": creator,
        "destination": bare_destination(creator), "amount_minor": 1000, "currency": "EUR",
        "reserve_op": ledger.new_operation_id(),
        "resolve_op": ledger.new_operation_id(), "return_op": ledger.new_operation_id(),
    }  # fmt: skip
    return Payout.objects.create(**(values | fields))


def make_sepa_batch(**fields: Any) -> None:
    values: dict[str, Any] = {
        "id": ledger.new_operation_id(), "transactions": 1, "control_sum_minor": 1000,
        "execution_date": timezone.now().date(), "file_sealed": b"x",
        "sha256": ledger.new_operation_id().hex, "needs_two": False,
    }  # fmt: skip
    SepaBatch.objects.create(**(values | fields))


@pytest.fixture
def busy(alice: User, bob: User, olga: User) -> None:
    """One thing late or waiting of every kind, and settled ones beside them."""
    now = timezone.now()
    long_ago = now - timedelta(days=3)
    make_purchase(alice, state="paid", paid_at=now - timedelta(hours=1))
    make_purchase(alice, state="paid", paid_at=now)
    make_purchase(alice, state="pending")
    two = {"needs_approval": True}
    SettlementRun.objects.create(
        id=ledger.new_operation_id(), period_key="2026-W40", cutoff_at=long_ago, state="planned",
        started_at=long_ago, **two,
    )  # fmt: skip
    make_payout(bob, state="requested", **two)
    checked = make_payout(bob, state="checked", checked_by=olga, **two)
    Payout.objects.filter(pk=checked.pk).update(requested_at=long_ago)
    make_payout(bob, state="unknown", sent_at=now, due_at=now + timedelta(minutes=5))
    make_payout(bob, state="submitted", sent_at=now, due_at=now - timedelta(hours=2))
    make_payout(bob, state="paid", resolved_at=long_ago)
    make_sepa_batch(closed_at=long_ago)
    make_sepa_batch(state="exported", approved_by=olga, exported_at=now)
    file = BankFile.objects.create(sha256="0" * 64, content_sealed=b"x", message_id="S1")
    BankFileLine.objects.create(file=file, number=1, outcome="unknown", handled_at=now)
    BankFileLine.objects.create(file=file, number=2, outcome="done", handled_at=now)
    refunded, disputed = make_purchase(alice), make_purchase(alice)
    make_refund(refunded, requested_at=long_ago)
    make_refund(make_purchase(alice), state="approved", decided_at=now)
    make_refund(disputed, state="paid")
    Dispute.objects.create(
        id=ledger.new_operation_id(), open_id=ledger.new_operation_id(), purchase=disputed,
        kind="dispute", provider_ref="dp_1", amount_minor=420, state="open",
    )  # fmt: skip
    adjustments.propose(
        adjustment_id=ledger.new_operation_id(), owner=alice, unit="coin", amount=5, card=None,
        reason="Goodwill", proposer_id=olga.pk,
    )  # fmt: skip
    WaitingRate.objects.create(
        currency="EUR", per_usd=9, before_per_usd="0.9", quoted_at=now, source="Typed",
        proposed_by=olga,
    )  # fmt: skip
    ProviderEvent.objects.create(provider="stripe", event_id="1", kind="x", object_ref="y", body="")
    ProviderEvent.objects.create(
        provider="stripe", event_id="2", kind="x", object_ref="y", body="", handled_at=now
    )
    clocks = {"opened_at": now, "decide_by_at": now}
    Review.objects.create(
        subject=alice, reason="efw", subject_key="a", due_at=now + timedelta(days=1), **clocks
    )
    Review.objects.create(
        subject=alice, reason="efw", subject_key="b", state="appealed", outcome="upheld",
        statement="Why.", due_at=now - timedelta(hours=1), **clocks,
    )  # fmt: skip
    check = sent_papers(alice)
    papers.ask_access(check_id=check.pk, by_id=olga.pk, reason="To compare the face", at=now)
    OutboxEvent.objects.all().delete()
    OutboxEvent.objects.create(name="room.started", subject="1", payload={})
    OutboxEvent.objects.create(name="room.started", subject="2", payload={}, relayed_at=now)
    Notice.objects.all().delete()
    for key, due in (("a", True), ("b", False)):
        Notice.objects.create(user=alice, kind="account", subject_key=key, title="T", email_due=due)


def counts(shown: desk.Desk) -> dict[str, tuple[int, bool]]:
    return {row.label: (row.count, row.is_late) for row in [*shown.waiting, *shown.quiet]}


def test_every_queue_says_how_many_wait_and_whether_the_oldest_is_late(
    busy: None, olga: User
) -> None:
    shown = desk.desk_of(olga, at=timezone.now())

    assert counts(shown) == {
        "Purchases paid without coins": (2, True),
        "Settlement runs for two people": (1, True),
        "Payouts for two people": (2, True),
        "Payouts unknown at the bank": (1, False),
        "Payouts behind their time": (1, True),
        "SEPA files to hand to the bank": (1, True),
        "SEPA files without an answer": (1, False),
        "Lines of bank files for a person": (1, False),
        "Refunds to decide": (1, True),
        "Refunds on their way": (1, False),
        "Disputes under way": (1, False),
        "Adjustments for a second person": (1, False),
        "Exchange rates for a second person": (1, False),
        "Differences with payment companies": (0, False),
        "Sums of top gifters that were wrong": (0, False),
        "Reviews to look at": (2, False),
        "Reviews past their time": (1, True),
        "Identity papers to look at": (1, False),
        "Colleagues who ask to see papers": (1, False),
        "Provider notices not handled": (1, False),
        "Customers payment companies are to forget": (0, False),
        "Events not handed on": (1, False),
        "Emails not sent": (1, False),
    }
    assert [row.is_late for row in shown.waiting] == [True] * 7 + [False] * 13


def test_every_number_leads_to_the_rows_it_counts(busy: None, olga: User, client: Client) -> None:
    client.force_login(olga)

    for row in desk.desk_of(olga, at=timezone.now()).waiting:
        answer = client.get(row.address)
        assert answer.status_code == 200, row.address
        assert answer.context["cl"].result_count == row.count, row.label


def test_the_page_shows_what_waits_above_the_list_of_tables(
    busy: None, olga: User, client: Client
) -> None:
    client.force_login(olga)

    page = client.get("/admin/").content.decode()

    assert page.index("Payouts for two people") < page.index("All tables")
    assert "due within 1 day" in page
    assert " style=" not in page


def test_when_nothing_waits_it_is_said_calmly(olga: User, client: Client) -> None:
    OutboxEvent.objects.all().delete()
    Notice.objects.all().delete()
    client.force_login(olga)

    page = client.get("/admin/").content.decode()

    assert "Nothing waits for you." in page
    assert "No gift yet today." in page
    assert "No coins sold yet today." in page
    assert "None yet" in page


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (
            "support",
            {
                "Purchases paid without coins", "Payouts for two people",
                "Payouts unknown at the bank", "Payouts behind their time",
                "Adjustments for a second person", "Refunds to decide", "Refunds on their way",
                "Disputes under way", "Provider notices not handled",
                "Customers payment companies are to forget",
                "Reviews to look at", "Reviews past their time", "Emails not sent",
                "Identity papers to look at",
            },
        ),
        ("pricing", {"Exchange rates for a second person"}),
        ("catalogue", set()),
    ],
)  # fmt: skip
def test_a_role_sees_its_own_queues_alone(busy: None, role: str, seen: set[str]) -> None:
    person = make_role("sam", role)

    shown = desk.desk_of(person, at=timezone.now())

    assert set(counts(shown)) == seen


def test_who_may_see_no_money_is_shown_none(busy: None, client: Client) -> None:
    pia = make_role("pia", "pricing")
    client.force_login(pia)

    shown = desk.desk_of(pia, at=timezone.now())
    page = client.get("/admin/").content.decode()

    assert (shown.clocks, shown.sold, shown.paid_out, shown.gifts) == ([], None, None, None)
    assert "Paid to creators" not in page
    assert "Nothing waits" not in page


def test_the_day_is_summed_by_currency_and_yesterday_is_left_out(
    alice: User, bob: User, olga: User
) -> None:
    now = timezone.now()
    make_purchase(alice, state="credited", credited_at=now)
    make_purchase(alice, state="credited", credited_at=now, coins=70, gross_minor=84)
    make_purchase(alice, state="credited", credited_at=now, currency="USD", gross_minor=370)
    make_purchase(alice, state="credited", credited_at=now - timedelta(days=1))
    make_purchase(alice, state="paid", paid_at=now)
    make_payout(bob, state="paid", resolved_at=now)
    make_payout(bob, state="paid", resolved_at=now, amount_minor=234)
    make_payout(bob, state="paid", resolved_at=now - timedelta(days=1))
    make_payout(bob, state="failed", resolved_at=now)

    shown = desk.desk_of(olga, at=now)

    assert shown.sold == [
        desk.Sold("EUR", 2, 420, money(504, "EUR")),
        desk.Sold("USD", 1, 350, money(370, "USD")),
    ]
    assert shown.paid_out == [desk.PaidOut("EUR", 2, money(1234, "EUR"))]


def test_gifts_are_summed_by_the_hour_from_the_ledger(alice: User, bob: User, olga: User) -> None:
    factories.give_coins(alice, 6)
    factories.give_coins(alice, 1000)
    room = world.make_room(bob)
    sent = [world.send(alice, room, quantity=10).coins, world.send(alice, room).coins]

    now = timezone.now()
    gifts = desk.desk_of(olga, at=now).gifts

    assert gifts is not None
    assert (gifts.count, gifts.coins) == (2, sum(sent))
    assert gifts.diamonds_milli == sum(sent) * 1000
    assert len(gifts.hours) == 24
    [hour] = [hour for hour in gifts.hours if hour.gifts]
    assert hour.begins_at == now.replace(minute=0, second=0, microsecond=0)
    assert (hour.top, hour.height) == ("0.00", "100.00")


def test_a_stopped_settlement_says_why(olga: User) -> None:
    SettlementRun.objects.create(
        id=ledger.new_operation_id(), period_key="2026-W47", cutoff_at=timezone.now(),
        stopped_why="The rate of KES is too old.",
    )  # fmt: skip

    [run] = [c for c in desk.desk_of(olga, at=timezone.now()).clocks if "settlement" in c.label]

    assert (run.value, run.note, run.tone) == ("Stopped", "The rate of KES is too old.", "bad")


def test_a_fold_that_lags_is_late(olga: User) -> None:
    soon, later = timezone.now(), timezone.now() + timedelta(days=1)

    def fold(at: Any) -> tuple[str, str]:
        clock = desk.desk_of(olga, at=at).clocks[0]
        return clock.label, clock.tone

    assert fold(later) == ("Balances folded", "bad")
    assert fold(soon)[0] == "Balances folded"


def test_the_number_of_queries_does_not_grow(
    alice: User, bob: User, olga: User, client: Client, request: pytest.FixtureRequest
) -> None:
    client.force_login(olga)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/admin/").status_code == 200
        return len(queries)

    quiet = asked()
    request.getfixturevalue("busy")
    loud = asked()

    assert quiet == loud
    assert loud <= QUERIES_MAX
