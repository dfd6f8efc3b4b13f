"""Money that creators have and do not get: held, owed back, unclaimed; by role, and told once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from djmoney.money import Money

from accounts.models import Notice, Review, User
from payouts import eligibility, held, unclaimed
from payouts.models import Destination, Payout, PayoutChoice, UnclaimedReminder
from tests import factories
from tests.accounts.test_roles import make_role
from tests.payouts import earned
from tests.payouts.books import books, give_diamonds, set_account
from tests.project.test_desk import make_payout
from wallet.models import FxRate

Kind = held.Kind
DAY = timedelta(days=1)
YEAR = 366 * DAY


@pytest.fixture
def people(committed: str) -> tuple[User, User, User]:
    """Alice, bob and olga where commits are real: only what has committed is folded."""
    return (
        factories.make_user("alice"),
        factories.make_creator("bob"),
        factories.make_staff("olga"),
    )


def give(creator: User, milli: int) -> None:
    with transaction.atomic():
        give_diamonds(creator, milli)


def held_for(kind: held.Kind, *, at: datetime | None = None) -> list[tuple[str, str, int]]:
    rows, _ = held.page(kind, at=at or timezone.now(), limit=50)
    return [(row.handle, row.why, row.milli) for row in rows]


# Held


def test_a_case_holds_what_its_creator_has_and_another_kind_of_case_nothing(
    bob: User, mallory: User
) -> None:
    at = timezone.now()
    for person, restricts in ((bob, "payouts"), (mallory, "purchases")):
        give_diamonds(person, 40_000)
        Review.objects.create(
            subject=person, reason="gift_ring", subject_key="x", restricts=restricts,
            opened_at=at - DAY, decide_by_at=at, restricted_until=None,
        )  # fmt: skip

    rows, _ = held.page(Kind.CASE, at=at, limit=50)

    assert [(row.handle, row.milli, row.since, row.until) for row in rows] == [
        ("bob", 40_000, at - DAY, None)
    ]
    assert held.sums(Kind.CASE, at=at) == (40_000, [])


def test_a_lifted_case_and_one_of_a_creator_without_money_hold_nothing(
    bob: User, mallory: User
) -> None:
    at = timezone.now()
    give_diamonds(bob, 40_000)
    for person, lifted_at in ((bob, at), (mallory, None)):
        Review.objects.create(
            subject=person, reason="gift_ring", subject_key="x", restricts="payouts",
            opened_at=at, decide_by_at=at, lifted_at=lifted_at,
        )  # fmt: skip

    assert held_for(Kind.CASE) == []
    assert held.sums(Kind.CASE, at=at) == (0, [])


def test_a_changed_account_holds_until_it_may_be_used_and_a_blocked_one_without_end(
    bob: User,
) -> None:
    set_account(bob)
    give_diamonds(bob, 40_000)
    at = timezone.now()
    account = Destination.objects.filter(creator=bob, replaced_at=None)

    assert held_for(Kind.ACCOUNT, at=at + YEAR) == []
    account.update(usable_at=at + 2 * DAY)
    assert held_for(Kind.ACCOUNT, at=at) == [("bob", "The account was changed", 40_000)]
    account.update(blocked_at=at, blocked_why="Account closed")
    assert held_for(Kind.ACCOUNT, at=at + YEAR) == [("bob", "Account closed", 40_000)]


def test_payouts_for_two_people_are_held_by_currency(bob: User, mallory: User) -> None:
    for state, minor in (("requested", 700), ("checked", 500), ("paid", 900)):
        two = {"checked_by": mallory} if state == "checked" else {}
        make_payout(bob, state=state, amount_minor=minor, **two)

    rows, _ = held.page(Kind.TWO_PEOPLE, at=timezone.now(), limit=50)

    assert [(row.why, row.cash) for row in rows] == [
        ("Waiting for two approvals", [Money("7.00", "EUR")]),
        ("Waiting for one more approval", [Money("5.00", "EUR")]),
    ]
    assert held.sums(Kind.TWO_PEOPLE, at=timezone.now()) == (0, [Money("12.00", "EUR")])


def test_the_checklist_holds_by_the_lines_that_are_not_met(bob: User) -> None:
    give_diamonds(bob, 40_000)
    at = timezone.now()
    eligibility.store({bob.pk: eligibility.checklist(creator=bob, at=at)}, at=at)

    [(handle, why, milli)] = held_for(Kind.CHECKLIST)

    assert (handle, milli) == ("bob", 40_000)
    assert "Identity" in why
    assert "Creator profile" not in why  # he has one


def test_what_matures_stands_by_its_date_and_way_of_paying(
    people: tuple[User, User, User],
) -> None:
    alice, bob, _ = people
    earned.buy(alice, 100)
    earned.give(alice, bob, 30)
    assert held_for(Kind.MATURING) == []

    earned.close_period()

    [row] = held.page(Kind.MATURING, at=timezone.now(), limit=50)[0]
    assert (row.handle, row.why, row.milli) == ("bob", "Paid by card", 30_000)
    assert row.until is not None
    assert held.sums(Kind.MATURING, at=timezone.now(), creator_id=bob.pk) == (30_000, [])
    assert held.page(Kind.MATURING, at=timezone.now(), creator_id=alice.pk, limit=50)[0] == []


# Owed back


def test_a_debt_says_what_is_owed_since_when_from_which_payment_and_what_was_repaid(
    people: tuple[User, User, User],
) -> None:
    alice, bob, _ = people
    lost = earned.buy(alice, 100)
    earned.give(alice, bob, 100)
    earned.mature()
    earned.settle_all(bob)
    earned.lose(lost, 100)
    kept = earned.buy(alice, 60)
    earned.give(alice, bob, 60)
    earned.mature()  # half of the 60 repays

    [debt], has_more = held.debts(limit=50)

    assert (debt.handle, has_more) == ("bob", False)
    assert (debt.owed_milli, debt.incurred_milli, debt.repaid_milli) == (70_000, 100_000, 30_000)
    assert [(cause.milli, cause.purchase_id) for cause in debt.causes] == [(100_000, lost)]
    assert debt.oldest_at == debt.causes[0].at
    assert kept not in {cause.purchase_id for cause in debt.causes}
    assert list(held.debt_lines())[1].startswith('"bob","70.000","100.000","30.000","20')


def test_who_owes_nothing_is_not_listed(bob: User) -> None:
    give_diamonds(bob, 40_000)

    assert held.debts(limit=50) == ([], False)


# Unclaimed


def late(*, years: int = 2) -> datetime:
    return timezone.now() + years * YEAR


def why_of(creator: User, *, at: datetime) -> str:
    [row] = unclaimed.unclaimed(at=at, creator_id=creator.pk, limit=1)[0]
    return row.why


def test_money_is_unclaimed_when_it_waited_for_the_months_set_and_not_before(
    bob: User, settings: Any
) -> None:
    settings.UNCLAIMED_AFTER_MONTHS = 12
    give_diamonds(bob, 40_000)
    now = timezone.now()

    assert unclaimed.unclaimed(at=now + 359 * DAY, limit=50) == ([], False)
    [row], _ = unclaimed.unclaimed(at=now + 361 * DAY, limit=50)
    assert (row.handle, row.held.milli, row.held.cash) == ("bob", 40_000, [])
    assert (row.held.usd_cents, row.is_above_least) == (20, False)


def test_a_payout_meanwhile_or_under_way_is_no_silence(bob: User) -> None:
    give_diamonds(bob, 40_000)
    payout = make_payout(bob, state="submitted")

    assert unclaimed.unclaimed(at=late(), limit=50) == ([], False)
    Payout.objects.filter(pk=payout.pk).update(state="paid", resolved_at=late() - DAY)
    assert unclaimed.unclaimed(at=late(), limit=50) == ([], False)
    Payout.objects.filter(pk=payout.pk).update(resolved_at=timezone.now())
    assert len(unclaimed.unclaimed(at=late(), limit=50)[0]) == 1


def test_why_it_was_not_paid_is_said(bob: User) -> None:
    at = late()
    give_diamonds(bob, 40_000)
    assert why_of(bob, at=at) == "Less than the least payout"
    give_diamonds(bob, 4_000_000)
    assert why_of(bob, at=at) == "Never looked at by a run"
    PayoutChoice.objects.create(creator=bob, is_automatic=False, chosen_at=timezone.now())
    assert why_of(bob, at=at) == "Asks for payouts themselves, and has not"
    eligibility.store({bob.pk: eligibility.checklist(creator=bob, at=at)}, at=at)
    assert why_of(bob, at=at).startswith("Checklist: ")


def test_cash_counts_at_its_rate_and_without_one_as_enough(bob: User) -> None:
    FxRate.objects.filter(currency="EUR").delete()
    give_diamonds(bob, 2_000_000)
    earned.settle_all(bob, currency="EUR")

    [row], _ = unclaimed.unclaimed(at=late(), limit=50)

    assert (row.held.milli, row.held.cash) == (0, [Money("10.00", "EUR")])
    assert (row.held.usd_cents, row.is_above_least) == (None, True)


def test_a_creator_is_told_once_in_thirty_days_by_notice_and_email(bob: User, olga: User) -> None:
    give_diamonds(bob, 40_000)
    at, before = late(), books(bob)

    unclaimed.remind(creator_id=bob.pk, by_id=olga.pk, at=at)
    with pytest.raises(unclaimed.RemindedLately, match="Tell them again 30 days after"):
        unclaimed.remind(creator_id=bob.pk, by_id=olga.pk, at=at + 29 * DAY)

    notice = Notice.objects.get(user=bob, subject_key__startswith="unclaimed:")
    assert "40.000 diamonds" in notice.body
    assert (notice.on_site, notice.email_due) == (True, True)
    assert [(row.by, row.held) for row in UnclaimedReminder.objects.all()] == [
        (olga, "40.000 diamonds")
    ]
    assert books(bob) == before

    unclaimed.remind(creator_id=bob.pk, by_id=olga.pk, at=at + 30 * DAY)
    assert Notice.objects.filter(user=bob, subject_key__startswith="unclaimed:").count() == 2


def test_who_has_nothing_unclaimed_is_not_told(bob: User, olga: User) -> None:
    with pytest.raises(unclaimed.NothingUnclaimed):
        unclaimed.remind(creator_id=bob.pk, by_id=olga.pk, at=late())

    assert not Notice.objects.filter(user=bob, subject_key__startswith="unclaimed:").exists()
    assert not UnclaimedReminder.objects.exists()


# Their doors


PAGES = ("held", "debts", "debts_csv", "unclaimed", "unclaimed_csv", "losses", "losses_csv")


@pytest.mark.parametrize(
    ("role", "opens"),
    [
        ("support", {"held"}),
        ("pricing", set()),
        ("catalogue", set()),
        ("finance", set(PAGES)),
        ("risk", set(PAGES)),
        ("auditor", set(PAGES)),
    ],
)
def test_a_role_opens_its_own_pages_alone(
    db: None, client: Client, role: str, opens: set[str]
) -> None:
    client.force_login(make_role("sam", role))

    answers = {name: client.get(reverse(f"admin:{name}")).status_code for name in PAGES}

    assert answers == {name: 200 if name in opens else 403 for name in PAGES}


@pytest.fixture
def waiting(bob: User, settings: Any) -> User:
    """Bob, whose money is unclaimed already today."""
    settings.UNCLAIMED_AFTER_MONTHS = 0
    give_diamonds(bob, 40_000)
    return bob


@pytest.mark.parametrize(("role", "told"), [("finance", 1), ("auditor", 0), ("support", 0)])
def test_telling_is_finances_and_asked_for_by_post_alone(
    waiting: User, client: Client, role: str, told: int
) -> None:
    client.force_login(make_role("sam", role))
    address = reverse("admin:tell_unclaimed", args=[waiting.pk])

    assert client.get(address).status_code == 405
    assert client.post(address).status_code == (302 if told else 403)
    assert UnclaimedReminder.objects.count() == told


def test_the_page_of_unclaimed_money_says_why_and_offers_to_tell(
    waiting: User, olga: User, client: Client
) -> None:
    client.force_login(olga)

    page = client.get(reverse("admin:unclaimed")).content.decode()
    client.post(reverse("admin:tell_unclaimed", args=[waiting.pk]))
    after = client.get(reverse("admin:unclaimed")).content.decode()

    assert "Less than the least payout" in page
    assert "differs by law" in page
    assert 'value="Tell @bob"' in page
    assert 'value="Tell @bob"' not in after
    assert " style=" not in page


def test_the_files_hold_what_the_pages_do(waiting: User, olga: User, client: Client) -> None:
    client.force_login(olga)

    lines = client.get(reverse("admin:unclaimed_csv")).getvalue().decode().splitlines()

    assert lines[0].startswith('"Creator","Diamonds","Money"')
    assert lines[1].startswith('"bob","40.000","","0.20","no","Less than the least payout"')
    assert len(lines) == 2


def test_the_page_of_what_is_held_finds_a_creator_and_says_when_there_is_none(
    bob: User, olga: User, client: Client
) -> None:
    give_diamonds(bob, 40_000)
    at = timezone.now()
    eligibility.store({bob.pk: eligibility.checklist(creator=bob, at=at)}, at=at)
    client.force_login(olga)

    def shown(**asked: str) -> str:
        return client.get(reverse("admin:held"), {"kind": "checklist", **asked}).content.decode()

    assert '<th scope="row">@bob</th>' in shown(creator="@bob")
    assert "Nothing is held for this reason." in shown(creator="olga")
    assert "Nobody is called @nobody_like_that." in shown(creator="nobody_like_that")


def count(ask: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        ask()
    return len(queries)


def test_the_pages_ask_as_much_for_many_as_for_few(olga: User, settings: Any) -> None:
    settings.UNCLAIMED_AFTER_MONTHS = 0
    asked = []
    for number in range(3):
        creator = factories.make_creator(f"creator{number}")
        give_diamonds(creator, 40_000)
        at = timezone.now()
        eligibility.store({creator.pk: eligibility.checklist(creator=creator, at=at)}, at=at)
        asked.append(
            (
                count(lambda: unclaimed.unclaimed(at=timezone.now(), limit=50)),
                count(lambda: held.page(Kind.CHECKLIST, at=timezone.now(), limit=50)),
            )
        )

    assert asked[0] == asked[1] == asked[2]
    assert max(asked[2]) <= 8
