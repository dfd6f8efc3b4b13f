"""Reviews: opened once, looked at in time, decided with reasons, appealed to somebody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts import reviewing, reviews
from accounts.models import Notice, OutboxEvent, Review, ReviewReason, StateChange, User, Verdict
from tests import factories
from tests.accounts.conftest import AT

FINE = "We looked at your payments of that week. They are yours, and nothing is wrong with them."
NOT_FINE = "Three cards of other people were used. That breaks our terms, part 4. Write to us."
DAY = timedelta(days=1)


def opened(user: User, **asked: Any) -> Review:
    facts: dict[str, Any] = {
        "subject_id": user.pk,
        "reason": ReviewReason.MULTI_CARD,
        "subject_key": f"user:{user.pk}",
        "grounds": reviewing.Grounds(reasons=["3 cards in 7 days."], is_by_rule=True),
        "restricts": Review.Restriction.PURCHASES,
        "at": AT,
    }
    with transaction.atomic():
        return reviewing.open_review(**(facts | asked))


def decided(review: Review, by: User, outcome: str, **asked: Any) -> Review:
    reviews.take(review_id=review.pk, by_id=by.pk, at=AT + DAY)
    facts: dict[str, Any] = {
        "review_id": review.pk,
        "by_id": by.pk,
        "outcome": outcome,
        "statement": FINE if outcome == "cleared" else NOT_FINE,
        "restricts": "purchases",
        "at": AT + DAY,
    }
    return reviews.decide(**(facts | asked))


def test_business_days_leave_out_the_weekend() -> None:
    friday, saturday = AT, AT + DAY

    assert friday.weekday() == 4
    assert reviewing.business_days_after(friday, 2) == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert reviewing.business_days_after(friday, 5) == datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert reviewing.business_days_after(saturday, 1) == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_an_opened_review_has_its_clocks_and_tells_the_person(alice: User) -> None:
    review = opened(alice)

    assert (review.state, review.restricts) == ("opened", "purchases")
    assert review.due_at == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert review.decide_by_at == datetime(2026, 11, 27, 12, tzinfo=UTC)
    notice = Notice.objects.get(user=alice)
    assert notice.title == "Purchases are paused while we look into something"
    assert notice.path == f"/me/reviews/{review.pk}/"
    assert OutboxEvent.objects.get(name="review.opened").payload["review_id"] == review.pk


def test_opening_again_adds_to_the_case_that_waits_and_keeps_its_clock(alice: User) -> None:
    first = opened(alice, restricts=Review.Restriction.NOTHING)

    again = opened(
        alice,
        grounds=reviewing.Grounds(reasons=["3 cards in 7 days.", "4 declines in 24 hours."]),
        at=AT + DAY,
    )

    assert again.pk == first.pk
    first.refresh_from_db()
    assert first.reasons == ["3 cards in 7 days.", "4 declines in 24 hours."]
    assert first.restricts == "purchases"
    assert first.opened_at == AT
    assert Notice.objects.filter(user=alice).count() == 1


def test_control_without_the_constraint_a_second_case_would_wait(alice: User) -> None:
    first = opened(alice)
    first.pk = None

    with pytest.raises(IntegrityError, match="review_one_waiting"), transaction.atomic():
        first.save(force_insert=True)


def test_whoever_decides_has_taken_the_case_in_hand_first(alice: User, olga: User) -> None:
    review = opened(alice)

    with pytest.raises(reviews.AnothersReview, match="Take the review in hand first"):
        reviews.decide(review_id=review.pk, by_id=olga.pk, outcome="cleared", statement=FINE, at=AT)

    review.refresh_from_db()
    assert (review.state, review.outcome, review.lifted_at) == ("opened", "", None)


def test_taking_a_case_starts_the_clock_of_the_decision(alice: User, olga: User) -> None:
    review = reviews.take(review_id=opened(alice).pk, by_id=olga.pk, at=AT + DAY)

    assert (review.state, review.assignee_id) == ("assigned", olga.pk)
    assert review.due_at == review.decide_by_at


def test_nobody_judges_themselves(olga: User) -> None:
    review = opened(olga)

    with pytest.raises(reviews.OwnReview):
        reviews.take(review_id=review.pk, by_id=olga.pk, at=AT)

    review.refresh_from_db()
    assert (review.state, review.assignee_id) == ("opened", None)


def test_a_decision_needs_a_statement_of_reasons(alice: User, olga: User) -> None:
    review = opened(alice)

    with pytest.raises(reviews.NoReasons, match="needs a statement"):
        decided(review, olga, "upheld", statement="No.")

    review.refresh_from_db()
    assert review.state == "assigned"


def test_a_cleared_case_lifts_everything_and_is_closed(alice: User, olga: User) -> None:
    review = opened(alice)
    assert review.is_restricting(AT)

    review = decided(review, olga, "cleared")

    assert (review.state, review.outcome) == ("final", "cleared")
    assert not review.is_restricting(AT + DAY)
    assert review.quiet_until == AT + 31 * DAY
    assert review.due_at is None
    moves = StateChange.objects.filter(subject_type="accounts.review").order_by("pk")
    assert [(m.after, m.by_id) for m in moves] == [
        ("assigned", olga.pk),
        ("decided", olga.pk),
        ("final", olga.pk),
    ]
    latest = Notice.objects.filter(user=alice).latest("pk")
    assert latest.title == "We looked into it and found nothing wrong"
    assert latest.body == FINE


def test_an_upheld_case_holds_until_its_end_and_can_be_appealed(alice: User, olga: User) -> None:
    until = AT + 10 * DAY

    review = decided(opened(alice), olga, "upheld", until=until)

    assert (review.state, review.outcome, review.restricted_until) == ("decided", "upheld", until)
    assert review.is_restricting(until - DAY)
    assert not review.is_restricting(until)
    assert review.appeal_until_at == AT + 31 * DAY
    assert review.can_be_appealed(AT + 30 * DAY)
    assert not review.can_be_appealed(AT + 31 * DAY)


def test_an_appeal_goes_to_a_different_reviewer_whose_word_is_the_last(
    alice: User, olga: User
) -> None:
    oscar = factories.make_staff("oscar")
    review = decided(opened(alice), olga, "upheld")
    reviews.appeal(review_id=review.pk, user_id=alice.pk, words="My own cards.", at=AT + 2 * DAY)

    with pytest.raises(reviews.OwnReview, match="goes to a different reviewer"):
        reviews.take(review_id=review.pk, by_id=olga.pk, at=AT + 3 * DAY)
    reviews.take(review_id=review.pk, by_id=oscar.pk, at=AT + 3 * DAY)
    review = reviews.decide(
        review_id=review.pk, by_id=oscar.pk, outcome="cleared", statement=FINE, at=AT + 3 * DAY
    )

    assert (review.state, review.outcome, review.final_outcome) == ("final", "upheld", "cleared")
    assert (review.decided_by_id, review.final_by_id) == (olga.pk, oscar.pk)
    assert not review.is_restricting(AT + 3 * DAY)
    latest = Notice.objects.filter(user=alice).latest("pk")
    assert latest.title == "Your appeal is decided: you were right"
    with pytest.raises(reviews.CannotAppeal, match="last word"):
        reviews.appeal(review_id=review.pk, user_id=alice.pk, words="Again.", at=AT + 4 * DAY)


def test_the_database_too_wants_another_reviewer_for_the_appeal(alice: User, olga: User) -> None:
    review = decided(opened(alice), olga, "upheld")

    with pytest.raises(IntegrityError, match="review_appeal_by_another"), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(final_by=olga)


def test_the_database_wants_reasons_for_a_decision(alice: User) -> None:
    review = opened(alice)

    with pytest.raises(IntegrityError, match="review_decided_with_reasons"), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(state="decided", outcome="upheld")


def test_mallory_cannot_appeal_in_alices_name(alice: User, mallory: User, olga: User) -> None:
    review = decided(opened(alice), olga, "upheld")

    with pytest.raises(Review.DoesNotExist):
        reviews.appeal(review_id=review.pk, user_id=mallory.pk, words="Hi.", at=AT + DAY)

    review.refresh_from_db()
    assert review.state == "decided"


def test_a_late_case_is_escalated_once_for_each_clock(alice: User, olga: User) -> None:
    review = opened(alice)
    factories.make_user("bystander", is_staff=True)

    assert reviews.escalate_late(at=AT + 3 * DAY) == 0
    assert reviews.escalate_late(at=AT + 5 * DAY) == 1
    assert reviews.escalate_late(at=AT + 6 * DAY) == 0
    reviews.take(review_id=review.pk, by_id=olga.pk, at=AT + 6 * DAY)
    assert reviews.escalate_late(at=AT + 6 * DAY) == 0
    assert reviews.escalate_late(at=AT + 8 * DAY) == 1

    told = Notice.objects.exclude(user=alice).order_by("pk")
    assert [(n.user.handle, n.title) for n in told] == 2 * [
        ("olga", f"Review {review.pk}: Many cards or declined payments is late")
    ]


def test_a_decision_nobody_appeals_against_is_closed_in_time(alice: User, olga: User) -> None:
    review = decided(opened(alice), olga, "upheld")

    assert reviews.close_unappealed(at=AT + 30 * DAY) == 0
    assert reviews.close_unappealed(at=AT + 31 * DAY) == 1

    review.refresh_from_db()
    assert review.state == "final"
    assert review.is_restricting(AT + 31 * DAY), "closing the case lifts nothing"


def test_a_verdict_is_kept_whether_it_hit_or_not(alice: User) -> None:
    with transaction.atomic():
        reviewing.record_verdict(
            subject_id=alice.pk,
            rule="multi_card",
            subject_key="user:1",
            is_hit=False,
            reasons=[],
            facts={"instruments": 1},
            review_id=None,
            at=AT,
        )

    assert Verdict.objects.values_list("rule", "is_hit", "facts").get() == (
        "multi_card",
        False,
        {"instruments": 1},
    )


# Pages


def test_the_person_reads_why_and_until_when_and_appeals_on_the_page(
    client: Client, alice: User, olga: User
) -> None:
    review = decided(opened(alice, at=datetime.now(UTC)), olga, "upheld", at=datetime.now(UTC))
    client.force_login(alice)

    listed = client.get("/me/reviews/").content.decode()
    page = client.get(f"/me/reviews/{review.pk}/").content.decode()
    empty = client.post(f"/me/reviews/{review.pk}/", {"words": " "})
    answer = client.post(f"/me/reviews/{review.pk}/", {"words": "They are my cards."})

    assert "Many cards or declined payments" in listed
    assert "3 cards in 7 days." in page
    assert NOT_FINE in page
    assert "Buying coins" in page
    assert "Say why you think the decision is wrong." in empty.content.decode()
    assert (answer.status_code, answer["Location"]) == (302, f"/me/reviews/{review.pk}/")
    review.refresh_from_db()
    assert (review.state, review.appeal_words) == ("appealed", "They are my cards.")
    again = client.post(f"/me/reviews/{review.pk}/", {"words": "Again."})
    assert again.status_code == 409
    assert "You have appealed already." in again.content.decode()


def test_a_review_nobody_told_the_person_of_is_not_shown(
    client: Client, alice: User, mallory: User
) -> None:
    told = opened(alice)
    silent = opened(alice, reason=ReviewReason.REPORT, grounds=reviewing.Grounds(is_told=False))
    client.force_login(alice)

    assert client.get(f"/me/reviews/{told.pk}/").status_code == 200
    assert client.get(f"/me/reviews/{silent.pk}/").status_code == 404
    assert "Reported" not in client.get("/me/reviews/").content.decode()
    client.force_login(mallory)
    assert client.get(f"/me/reviews/{told.pk}/").status_code == 404


def test_control_two_openers_at_once_make_one_case(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second opener did not see the first one's row: the constraint sends it there."""
    first = opened(alice)
    looks = iter([None, first])
    monkeypatch.setattr(reviewing, "_waiting", lambda *_: next(looks))

    second = opened(alice)

    assert second.pk == first.pk
    assert Review.objects.count() == 1
