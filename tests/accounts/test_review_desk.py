"""The staff's queue of reviews, through the admin."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.test import Client

from accounts import fingerprints, reviewing, roles
from accounts.models import Review, ReviewReason, User, Verdict
from tests.accounts.test_roles import make_role

QUEUE = "/admin/accounts/review/"
FINE = "We looked at your payments of that week. They are yours, and nothing is wrong with them."


@pytest.fixture
def review(alice: User, mallory: User) -> Review:
    now = datetime.now(UTC)
    with transaction.atomic():
        opened = reviewing.open_review(
            subject_id=alice.pk,
            reason=ReviewReason.MULTI_CARD,
            subject_key=f"user:{alice.pk}",
            grounds=reviewing.Grounds(
                reasons=["3 cards in 7 days."], signals=[("Cards in 7 days", "3")], is_by_rule=True
            ),
            restricts=Review.Restriction.PURCHASES,
            at=now,
        )
        reviewing.record_verdict(
            subject_id=alice.pk,
            rule="multi_card",
            subject_key="purchase:1",
            is_hit=True,
            reasons=["3 cards in 7 days."],
            facts={"instruments_7d": 3},
            review_id=opened.pk,
            at=now,
        )
        for user in (alice, mallory):
            fingerprints.note(
                user_id=user.pk,
                seen=fingerprints.Seen(device="d" * 32, network="192.0.2.7"),
                at=now,
            )
    return opened


def test_a_reviewer_takes_and_decides_a_case(client: Client, review: Review) -> None:
    roles.sync()
    rita = make_role("rita", "risk")
    client.force_login(rita)
    here = f"{QUEUE}{review.pk}/"

    queue = client.get(QUEUE).content.decode()
    page = client.get(f"{here}change/").content.decode()
    early = client.post(
        f"{here}decide/",
        {"outcome": "cleared", "statement": FINE, "restricts": "nothing", "confirm": "1"},
    )
    client.post(f"{here}take/")
    shown = client.post(
        f"{here}decide/", {"outcome": "cleared", "statement": FINE, "restricts": "nothing"}
    )
    review.refresh_from_db()
    before = (review.state, review.assignee_id)
    done = client.post(
        f"{here}decide/",
        {"outcome": "cleared", "statement": FINE, "restricts": "nothing", "confirm": "1"},
    )

    assert "Many cards or declined payments" in queue
    assert "Cards in 7 days" in page
    assert "instruments_7d" in page
    assert "mallory" in page
    assert "192.0.2.7" not in page
    assert "Take the review in hand first" in early.content.decode()
    assert "Nothing is held back any more." in shown.content.decode()
    assert before == ("assigned", rita.pk)
    assert done.status_code == 302
    review.refresh_from_db()
    assert (review.state, review.outcome, review.decided_by_id) == ("final", "cleared", rita.pk)


def test_support_sees_the_queue_and_decides_nothing(client: Client, review: Review) -> None:
    roles.sync()
    client.force_login(make_role("sam", "support"))

    page = client.get(f"{QUEUE}{review.pk}/change/").content.decode()
    answers = [
        client.post(f"{QUEUE}{review.pk}/take/").status_code,
        client.get(f"{QUEUE}{review.pk}/decide/").status_code,
        client.post(f"{QUEUE}{review.pk}/decide/", {"confirm": "1"}).status_code,
    ]

    assert "Take in hand" not in page
    assert answers == [403, 403, 403]
    review.refresh_from_db()
    assert (review.state, review.assignee_id) == ("opened", None)


def test_the_queue_filters_by_reason_and_by_what_is_late(
    client: Client, olga: User, review: Review
) -> None:
    client.force_login(olga)

    def found(query: str) -> bool:
        return "alice" in client.get(f"{QUEUE}?{query}").content.decode()

    assert found("reason=multi_card")
    assert not found("reason=efw")
    assert found("clock=waiting")
    assert not found("clock=late")
    assert not found("clock=mine")
    Review.objects.update(due_at=datetime.now(UTC) - timedelta(minutes=1), assignee=olga)
    assert found("clock=late")
    assert found("clock=mine")


def test_a_forged_form_changes_no_review_and_no_verdict(
    client: Client, olga: User, review: Review
) -> None:
    client.force_login(olga)
    verdict = Verdict.objects.get()

    answers = [
        client.post(f"{QUEUE}{review.pk}/change/", {"state": "final"}).status_code,
        client.post(f"{QUEUE}{review.pk}/delete/", {"post": "yes"}).status_code,
        client.post(f"/admin/accounts/verdict/{verdict.pk}/change/", {"is_hit": ""}).status_code,
        client.post(f"/admin/accounts/verdict/{verdict.pk}/delete/", {"post": "yes"}).status_code,
        client.get(f"{QUEUE}{review.pk}/take/").status_code,
    ]

    assert answers == [403, 403, 403, 403, 405]
    review.refresh_from_db()
    assert review.state == "opened"
    assert Verdict.objects.get().is_hit
