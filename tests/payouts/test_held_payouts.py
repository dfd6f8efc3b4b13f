"""Payouts that are set aside when a case is opened: they wait, and go on when it is lifted."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import reviewing, reviews
from accounts.models import Review, ReviewReason, User
from payouts import settlements, submissions
from payouts.models import Payout
from payouts.rails import base
from tests import factories
from tests.database import owner
from tests.payouts.books import Books, books, give_diamonds, set_account
from tests.payouts.memory_rail import MemoryRail
from tests.payouts.test_payouts import advance, history, pay_out, raising


def open_case(creator: User) -> Review:
    with transaction.atomic():
        return reviewing.open_review(
            subject_id=creator.pk,
            reason=ReviewReason.SELF_DEAL,
            subject_key=f"earnings:{creator.pk}",
            grounds=reviewing.Grounds(reasons=["Sixty percent came from your own phone."]),
            restricts=Review.Restriction.PAYOUTS,
            at=timezone.now(),
        )


def clear(review: Review, by: User) -> None:
    at = timezone.now()
    reviews.take(review_id=review.pk, by_id=by.pk, at=at)
    reviews.decide(
        review_id=review.pk, by_id=by.pk, outcome="cleared", statement="All of it is right. " * 2,
        at=at,
    )  # fmt: skip


def test_a_payout_set_aside_waits_while_a_case_is_open_and_then_goes(
    bob: User, olga: User, rail: MemoryRail
) -> None:
    payout = pay_out(bob)
    review = open_case(bob)

    payout = advance(payout)
    assert (payout.state, payout.attempts, rail.calls) == ("reserved", 0, [])
    assert books(bob) == Books(in_payout=1800)

    clear(review, olga)
    payout = advance(payout)

    assert (payout.state, rail.calls) == ("submitted", ["submit"])
    assert history(payout) == ["sending", "submitted"]


def test_control_without_the_look_at_cases_it_goes(
    bob: User, rail: MemoryRail, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = pay_out(bob)
    open_case(bob)
    monkeypatch.setattr(submissions, "_is_held", lambda _payout, *, at: False)

    assert advance(payout).state == "submitted"


def test_a_payout_that_never_reached_the_bank_is_not_sent_again_under_a_case(
    bob: User, olga: User, rail: MemoryRail
) -> None:
    rail.before = raising(base.Unknown("The line broke."))
    payout = advance(pay_out(bob))
    assert payout.state == "unknown"
    review = open_case(bob)
    rail.before = lambda: None

    payout = advance(payout, after=submissions.RESEND_AFTER)
    assert (payout.state, rail.book) == ("unknown", [])

    clear(review, olga)
    payout = advance(payout, after=submissions.RESEND_AFTER)

    assert payout.state == "submitted"
    assert len(rail.book) == 1


def test_what_is_on_its_way_is_followed_whatever_case_there_is(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    open_case(bob)
    rail.move(str(payout.pk), base.State.PAID)

    assert advance(payout).state == "paid"
    assert books(bob) == Books(paid=1800)


def test_a_payout_under_a_case_can_be_cancelled_and_its_page_says_why_it_waits(
    client: Client, bob: User
) -> None:
    payout = pay_out(bob)
    client.force_login(bob)
    before = client.get(reverse("payouts:payout", args=[payout.pk])).content.decode()
    review = open_case(bob)

    page = client.get(reverse("payouts:payout", args=[payout.pk])).content.decode()

    assert "This payout waits" not in before
    assert "This payout waits while we look into something" in page
    assert "Gifts that may come from the creator" in page
    assert reverse("accounts:review", args=[review.pk]) in page
    client.post(reverse("payouts:cancel_payout", args=[payout.pk]))
    assert books(bob) == Books(payable=1800)


def test_staff_see_which_payouts_a_case_holds(client: Client, bob: User, olga: User) -> None:
    payout = pay_out(bob)
    free = pay_out(factories.make_creator("carol"))
    review = open_case(bob)
    client.force_login(olga)

    listed = client.get(reverse("admin:payouts_payout_changelist"), {"held": "yes"})
    page = client.get(reverse("admin:payouts_payout_change", args=[payout.pk])).content.decode()

    assert [row.pk for row in listed.context["cl"].result_list] == [payout.pk]
    assert free.pk != payout.pk
    assert reverse("admin:accounts_review_change", args=[review.pk]) in page


# --- A case that is opened while a worker hands the payout over ---------------------------------


def seen_by_the_case(
    database: str, monkeypatch: pytest.MonkeyPatch, rail: MemoryRail
) -> tuple[str, Payout]:
    """The payout's state when the case is committed, opened while a worker is past its look."""
    bob = factories.make_creator("bob")
    payout = _reserved(bob)
    at_the_door, done = threading.Event(), threading.Event()
    seen: list[str] = []
    real: Callable[..., Payout] = submissions._mark_sending

    def mark(row: Payout, **facts: Any) -> Payout:
        at_the_door.set()
        with owner(database) as session:
            while not done.is_set() and not _is_waiting(session):
                done.wait(0.01)
        return real(row, **facts)

    def opener() -> None:
        at_the_door.wait()
        open_case(bob)
        seen.append(Payout.objects.get(pk=payout.pk).state)
        done.set()
        connections.close_all()

    monkeypatch.setattr(submissions, "_mark_sending", mark)
    thread = threading.Thread(target=opener)
    thread.start()
    payout = advance(payout)
    thread.join()
    return seen[0], payout


def _reserved(creator: User) -> Payout:
    """As ``pay_out``, with a commit after each deed."""
    set_account(creator)
    with transaction.atomic():
        give_diamonds(creator, 4_000_000)
    settlements.sweep_settlements(at=timezone.now())
    return Payout.objects.get(creator=creator)


def _is_waiting(session: Any) -> bool:
    """Whether somebody in this database waits for a lock."""
    found = session.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    return bool(found[0])


def test_when_a_case_is_there_no_payout_begins_its_way(
    committed: str, monkeypatch: pytest.MonkeyPatch, rail: MemoryRail
) -> None:
    state, payout = seen_by_the_case(committed, monkeypatch, rail)

    assert state in {"sending", "submitted"}  # it was on its way before the case was there
    assert payout.state == "submitted"


def test_control_without_the_lock_one_begins_its_way_after_the_case(
    committed: str, monkeypatch: pytest.MonkeyPatch, rail: MemoryRail
) -> None:
    monkeypatch.setattr(submissions, "_lock_creator", lambda _payout_id: None)

    state, payout = seen_by_the_case(committed, monkeypatch, rail)

    assert state == "reserved"
    assert payout.state == "submitted"
