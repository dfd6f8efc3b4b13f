"""Services see the reviews of a fan and appeal, under that fan's consent alone."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import reviewing
from accounts.models import Review, ReviewReason, StateChange, User
from tests import services
from tests.accounts.test_reviews import NOT_FINE, decided, opened

WORDS = "All three cards are mine."


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


@pytest.fixture
def review(alice: User, olga: User) -> Review:
    """Decided against alice just now."""
    at = timezone.now()
    return decided(opened(alice, at=at), olga, "upheld", at=at)


def appeal(client: APIClient, review: Review, words: str = WORDS, **asked: Any) -> Any:
    return client.post(f"/api/v1/reviews/{review.pk}/appeal", {"words": words} | asked)


def test_a_review_says_its_state_reason_and_due_date_and_nothing_of_staffs(
    tipbot: APIClient, alice: User, mallory: User
) -> None:
    services.consent(alice, scope="reviews:read")
    review = opened(alice)
    opened(mallory)
    opened(alice, reason=ReviewReason.REPORT, grounds=_untold())

    listed = tipbot.get("/api/v1/reviews?fan=@alice").json()

    (shown,) = listed["results"]
    assert listed["next"] is None
    assert shown == tipbot.get(f"/api/v1/reviews/{review.pk}").json()
    assert shown == {
        "id": review.pk, "fan": alice.pk, "reason": "multi_card", "why": review.why,
        "reasons": ["3 cards in 7 days."], "is_by_rule": True, "state": "opened",
        "restricts": "purchases", "restricted_until": None,
        "opened_at": "2026-11-20T12:00:00Z", "due_at": "2026-11-27T12:00:00Z", "outcome": "",
        "statement": "", "decided_at": None, "can_appeal": False, "appeal_until_at": None,
        "appealed_at": None, "appeal_words": "", "final_outcome": "", "final_statement": "",
        "final_at": None,
    }  # fmt: skip


def _untold() -> Any:
    return reviewing.Grounds(is_told=False, signals=[("network", "secret")])


def test_reviews_go_page_by_page(tipbot: APIClient, alice: User) -> None:
    services.consent(alice, scope="reviews:read")
    made = [opened(alice, subject_key=f"purchase:{number}") for number in range(3)]

    first = tipbot.get("/api/v1/reviews?fan=@alice&limit=2").json()
    second = tipbot.get(f"/api/v1/reviews?fan=@alice&limit=2&after={first['next']}").json()

    seen = [row["id"] for page in (first, second) for row in page["results"]]
    assert seen == [review.pk for review in reversed(made)]
    assert second["next"] is None


def test_an_appeal_goes_to_somebody_else_and_the_same_words_again_are_no_second(
    tipbot: APIClient, alice: User, review: Review
) -> None:
    services.consent(alice, scope="reviews:appeal")

    first = appeal(tipbot, review)
    again = appeal(tipbot, review, f"  {WORDS} ")

    assert first.status_code == 200
    made = first.json()
    facts = ("state", "statement", "can_appeal", "appeal_words", "outcome")
    assert {name: made[name] for name in facts} == {
        "state": "appealed", "statement": NOT_FINE, "can_appeal": False, "appeal_words": WORDS,
        "outcome": "upheld",
    }  # fmt: skip
    assert made["due_at"] is not None
    assert (again.status_code, again.json()) == (200, made)
    assert services.refused(appeal(tipbot, review, "Other words.")) == (409, "cannot_appeal")
    assert Review.objects.get().appeal_words == WORDS
    moves = StateChange.objects.filter(subject_type="accounts.review", after="appealed")
    assert moves.count() == 1


def test_what_is_not_decided_cannot_be_appealed(tipbot: APIClient, alice: User) -> None:
    services.consent(alice, scope="reviews:appeal")
    review = opened(alice)

    answer = appeal(tipbot, review)

    assert services.refused(answer) == (409, "cannot_appeal")
    assert "There is no decision yet" in answer.json()["detail"]


@pytest.mark.parametrize("asked", [{"words": ""}, {"words": "  "}, {"words": "x" * 2001},
                                   {"fan": "@alice"}])  # fmt: skip
def test_an_appeal_that_makes_no_sense_changes_nothing(
    tipbot: APIClient, alice: User, review: Review, asked: dict[str, str]
) -> None:
    services.consent(alice, scope="reviews:appeal")

    assert services.refused(appeal(tipbot, review, **asked)) == (400, "invalid")
    assert Review.objects.get().state == "decided"


def test_without_the_right_consent_nothing_is_read_or_appealed(
    tipbot: APIClient, alice: User, mallory: User, review: Review
) -> None:
    services.consent(mallory, scope="reviews:read")
    services.consent(mallory, scope="reviews:appeal")
    services.consent(alice, scope="balance:read")
    untold = opened(mallory, grounds=_untold())

    answers = [
        tipbot.get(f"/api/v1/{path}")
        for path in (
            "reviews?fan=@alice",
            "reviews?fan=@nobody",
            f"reviews/{review.pk}",
            f"reviews/{review.pk + 1000}",
            f"reviews/{10**30}",
            f"reviews/{untold.pk}",
        )
    ]
    services.consent(alice, scope="reviews:read")  # to read is not to appeal
    appeals = [appeal(tipbot, review), appeal(tipbot, untold)]

    assert {services.refused(answer) for answer in answers} == {(403, "consent_missing")}
    assert len({answer.content for answer in answers}) == 1
    assert {services.refused(answer) for answer in appeals} == {(403, "consent_missing")}
    review.refresh_from_db()
    assert review.state == "decided"


def test_a_token_without_the_scope_sees_nothing(alice: User, review: Review) -> None:
    reader = services.service("reader", ("balance:read",))

    answers = [reader.get(f"/api/v1/reviews/{review.pk}"), appeal(reader, review)]

    assert [services.refused(answer) for answer in answers] == [(403, "scope_missing")] * 2
