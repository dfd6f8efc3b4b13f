"""What the back office's first page shows of days and of everybody: exact, cheap, by role."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Review, User
from config import figures as shown
from payouts import figures
from payouts.models import PlatformDay, PlatformHoldings
from tests import factories
from tests.accounts.test_roles import make_role
from tests.payouts import earned
from tests.payouts.books import give_diamonds
from tests.project.test_desk import make_payout, make_purchase
from wallet import totals
from wallet.models import Account, FxRate

TITLES = (
    "Coins sold", "Gifts", "Diamonds maturing by week", "Paid to creators by week",
    "Owed to creators", "Our money against what we owe", "Open cases by age",
)  # fmt: skip
Code = Account.Code


@pytest.fixture
def people(committed: str) -> tuple[User, User, User]:
    """Alice, bob and olga where commits are real: only what has committed is folded."""
    return (
        factories.make_user("alice"),
        factories.make_creator("bob"),
        factories.make_staff("olga"),
    )


def two_euro_a_dollar() -> None:
    FxRate.objects.filter(currency="EUR").delete()
    FxRate.objects.create(
        currency="EUR", per_usd="2", quoted_at=timezone.now() - timedelta(days=90), source="Test"
    )


@pytest.fixture
def rates(db: None) -> None:
    """Two euro for a dollar, so that sums are seen to be converted."""
    two_euro_a_dollar()


def chart_of(user: User, title: str, *, at: datetime | None = None) -> list[tuple[str, str]]:
    found = {row.title: row for row in shown.figures_of(user, at=at or timezone.now())}
    chart = found[title].chart
    return [(row.words, row.said) for row in chart.rows] if chart else []


def test_a_day_is_what_was_sold_given_and_paid_in_it(people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    two_euro_a_dollar()
    now = timezone.now()
    make_purchase(alice, state="credited", credited_at=now)  # 4.20 euro
    make_purchase(alice, state="credited", credited_at=now, currency="USD", gross_minor=370)
    make_purchase(alice, state="credited", credited_at=now - timedelta(days=1), gross_minor=200)
    make_purchase(alice, state="paid", paid_at=now)
    make_payout(bob, state="paid", resolved_at=now, amount_minor=1000)
    make_payout(bob, state="failed", resolved_at=now)
    earned.buy(alice, 100)
    earned.give(alice, bob, 30)
    earned.count()

    figures.count(at=now)

    today = PlatformDay.objects.get(day=now.astimezone(UTC).date())
    yesterday = PlatformDay.objects.get(day=today.day - timedelta(days=1))
    assert (today.sold_usd_cents, today.paid_usd_cents) == (210 + 370, 500)
    assert (today.gifts, today.gift_coins) == (1, 30)
    assert (yesterday.sold_usd_cents, yesterday.gifts, yesterday.paid_usd_cents) == (100, 0, 0)


def test_money_without_a_rate_is_left_out_and_named(alice: User) -> None:
    FxRate.objects.filter(currency="KES").delete()
    now = timezone.now()
    make_purchase(alice, state="credited", credited_at=now, currency="KES", gross_minor=99900)
    make_purchase(alice, state="credited", credited_at=now, currency="USD", gross_minor=100)

    figures.count(at=now)

    today = PlatformDay.objects.get(day=now.astimezone(UTC).date())
    assert (today.sold_usd_cents, today.without_rate) == (100, "KES")


def test_days_that_are_over_are_counted_once_and_the_last_two_anew(db: None) -> None:
    now = timezone.now()

    assert [figures.count(at=now) for _ in range(2)] == [60, 2]
    assert figures.count(at=now + timedelta(days=1)) == 3  # two, and the day that has ended since
    assert PlatformDay.objects.count() == 61


def test_what_everybody_holds_is_what_the_accounts_add_up_to(
    people: tuple[User, User, User],
) -> None:
    alice, bob, _ = people
    two_euro_a_dollar()
    earned.buy(alice, 100)
    earned.give(alice, bob, 30)
    with transaction.atomic():
        give_diamonds(bob, 50_000)
    at = timezone.now()

    before = totals.by_kind(codes=[*totals.CREATORS, *totals.PLATFORM], at=at)
    earned.count()
    after = totals.by_kind(codes=[*totals.CREATORS, *totals.PLATFORM], at=at)

    assert before == after  # folded or not
    found = {(row.code, row.currency): (row.amount, row.usd_cents) for row in after}
    assert found == {
        (Code.DIAMOND_PENDING, ""): (30_000, 15),
        (Code.DIAMOND_AVAILABLE, ""): (50_000, 25),
        (Code.PROVIDER_CLEARING, "EUR"): (100, 50),
        (Code.DEFERRED_REVENUE, "EUR"): (100, 50),
    }


def test_what_matures_is_summed_by_week_and_shown_from_this_one_on(
    people: tuple[User, User, User],
) -> None:
    alice, bob, olga = people
    earned.buy(alice, 100)
    earned.give(alice, bob, 30)
    earned.close_period()
    at = timezone.now()

    [(week, milli)] = totals.maturing_by_week()
    figures.count(at=at)
    rows = chart_of(olga, "Diamonds maturing by week", at=at)

    assert (week.weekday(), milli) == (0, 30_000)
    assert len(rows) == 8
    assert [said for _, said in rows if said != "0 diamonds"] == ["30 diamonds"]


def test_what_is_owed_is_drawn_in_dollars_and_written_in_its_own_unit(
    alice: User, bob: User, olga: User, rates: None
) -> None:
    earned.buy(alice, 1000)
    give_diamonds(bob, 50_000)
    figures.count(at=timezone.now())

    assert chart_of(olga, "Owed to creators") == [("Diamonds available", "$0.25")]
    assert chart_of(olga, "Our money against what we owe") == [
        ("At payment companies", "$5.00"),
        ("Owed: coins not used", "$5.00"),
        ("Owed: available diamonds", "$0.25"),
    ]
    found = {row.title: row for row in shown.figures_of(olga, at=timezone.now())}
    chart = found["Our money against what we owe"].chart
    assert chart is not None
    assert [row.note for row in chart.rows] == ["€10.00", "€10.00", "50 diamonds"]


def test_open_cases_stand_by_their_age_and_closed_ones_nowhere(alice: User, olga: User) -> None:
    now = timezone.now()
    for key, days in (("a", 0), ("b", 0), ("c", 3), ("d", 30)):
        opened_at = now - timedelta(days=days, minutes=5)
        Review.objects.create(
            subject=alice, reason="efw", subject_key=key, opened_at=opened_at, decide_by_at=now
        )
    Review.objects.create(
        subject=alice, reason="efw", subject_key="e", state="final", outcome="upheld",
        statement="Why.", opened_at=now - timedelta(days=30), decide_by_at=now,
    )  # fmt: skip

    assert chart_of(olga, "Open cases by age", at=now) == [
        ("Less than a day", "2"), ("1 to 2 days", "0"), ("2 to 4 days", "1"), ("4 to 7 days", "0"),
        ("More than 7 days", "1"),
    ]  # fmt: skip


def test_nothing_counted_yet_is_said(olga: User, client: Client) -> None:
    client.force_login(olga)

    page = client.get("/admin/").content.decode()

    assert "Not counted yet." in page
    assert "No case is open." in page


def test_each_chart_stands_with_its_table_and_without_inline_style(
    people: tuple[User, User, User], client: Client
) -> None:
    alice, bob, olga = people
    now = timezone.now()
    make_purchase(alice, state="credited", credited_at=now, currency="USD", gross_minor=370)
    make_payout(bob, state="paid", resolved_at=now, currency="USD")
    earned.buy(alice, 100)
    earned.give(alice, bob, 30)
    earned.count()
    figures.count(at=now)
    client.force_login(olga)

    page = client.get("/admin/").content.decode()

    for title in TITLES[:-1]:
        assert f"<summary>{title} in numbers</summary>" in page
    assert "$3.70" in page
    assert " style=" not in page


@pytest.mark.parametrize(
    ("role", "titles"),
    [
        ("pricing", set()),
        ("catalogue", set()),
        (
            "support",
            {*TITLES} - {"Our money against what we owe"},
        ),
        ("finance", {*TITLES} - {"Open cases by age"}),
        ("auditor", set(TITLES)),
    ],
)
def test_a_role_sees_the_charts_of_what_it_may_view(db: None, role: str, titles: set[str]) -> None:
    figures.count(at=timezone.now())

    found = shown.figures_of(make_role("sam", role), at=timezone.now())

    assert {figure.title for figure in found} == titles


def test_the_charts_cost_three_questions_however_much_there_is(
    alice: User, bob: User, olga: User
) -> None:
    figures.count(at=timezone.now())
    asked: Any = []
    for _ in range(2):
        person = User.objects.get(pk=olga.pk)
        person.has_perm("x.y")
        with CaptureQueriesContext(connection) as queries:
            shown.figures_of(person, at=timezone.now())
        asked.append(len(queries))
        make_purchase(alice, state="credited", credited_at=timezone.now())
        figures.count(at=timezone.now())

    assert asked == [3, 3]


def test_only_one_row_says_what_is_held(db: None) -> None:
    figures.count(at=timezone.now())
    figures.count(at=timezone.now())

    assert PlatformHoldings.objects.count() == 1


def test_a_week_begins_on_monday_and_what_is_overdue_counts_to_this_one(olga: User) -> None:
    at = datetime(2026, 3, 29, 23, 30, tzinfo=UTC)  # a Sunday
    PlatformHoldings.objects.create(
        counted_at=at,
        maturing=[
            {"week": "2026-03-16", "milli": 1000},
            {"week": "2026-03-23", "milli": 2000},
            {"week": "2026-03-30", "milli": 4000},
            {"week": "2027-01-04", "milli": 8000},
        ],
    )

    rows = chart_of(olga, "Diamonds maturing by week", at=at)

    assert rows[:2] == [("Week of 23 March", "3 diamonds"), ("Week of 30 March", "4 diamonds")]
    assert rows[-1] == ("Week of 11 May", "8 diamonds")
    assert date(2026, 3, 23).weekday() == 0
