"""Reviews of a fan for services: how they stand, and appealing, under that fan's consent.

Promises: reads need the consent ``reviews:read`` and an appeal ``reviews:appeal``; what the fan is
not told of is not there; nothing of what staff see is shown. The same appeal again is answered as
the first was.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import queries, reviews
from accounts.models import Review, ReviewReason, Scope

OUTCOMES = [("", "None yet"), *Review.Outcome.choices]


class ReviewAnswered(base.Answered):
    """One case about the fan, as the fan sees it."""

    id = serializers.IntegerField()
    fan = serializers.IntegerField(help_text="The fan's id.")
    reason = serializers.ChoiceField(ReviewReason.choices)
    why = serializers.CharField(help_text="The reason in words for the fan.")
    reasons = serializers.ListField(child=serializers.CharField(), help_text="What was seen.")
    is_by_rule = serializers.BooleanField()
    state = serializers.ChoiceField(Review.State.choices)
    restricts = serializers.ChoiceField(
        Review.Restriction.choices, help_text="What is held back now."
    )
    restricted_until = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="By then it is decided; null where nothing is to be decided."
    )
    outcome = serializers.ChoiceField(OUTCOMES, allow_blank=True)
    statement = serializers.CharField(allow_blank=True, help_text="The reasons of the decision.")
    decided_at = serializers.DateTimeField(allow_null=True)
    can_appeal = serializers.BooleanField()
    appeal_until_at = serializers.DateTimeField(allow_null=True)
    appealed_at = serializers.DateTimeField(allow_null=True)
    appeal_words = serializers.CharField(allow_blank=True)
    final_outcome = serializers.ChoiceField(OUTCOMES, allow_blank=True)
    final_statement = serializers.CharField(allow_blank=True)
    final_at = serializers.DateTimeField(allow_null=True)


class ReviewsAnswered(base.Answered):
    results = ReviewAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class ReviewsQuery(base.PageQuery):
    fan = base.PersonField()


class AppealAsked(base.Asked):
    words = serializers.CharField(
        max_length=reviews.WORDS_MAX, help_text="Why the decision is wrong."
    )


class Reviews(base.Door):
    """The reviews about a fan, newest first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reviews:read"}

    @extend_schema(
        operation_id="reviews_list", parameters=[ReviewsQuery], responses=ReviewsAnswered
    )
    def get(self, _request: Request) -> Response:
        asked, at = self.asked(ReviewsQuery), timezone.now()
        fan = base.consenting(self, asked["fan"], Scope.REVIEWS_READ, at=at)
        after = base.read_cursor(asked.get("after"), base.whole)
        rows = queries.reviews_of(user_id=fan.pk)
        if after is not None:
            rows = rows.filter(pk__lt=after[0])
        return Response(
            base.page(
                list(rows[: asked["limit"] + 1]),
                limit=asked["limit"],
                shown=lambda review: _review(review, at=at),
                cursor=lambda review: base.cursor_of(review.pk),
            )
        )


class OneReview(base.Door):
    """How one review stands."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reviews:read"}

    @extend_schema(operation_id="reviews_retrieve", responses=ReviewAnswered)
    def get(self, _request: Request, review_id: int) -> Response:
        self.asked(base.NoQuery)
        at = timezone.now()
        return Response(_review(_own(self, review_id, Scope.REVIEWS_READ, at=at), at=at))


class Appeals(base.Door):
    """Asking for another reviewer, under the fan's consent."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "reviews:appeal"}

    @extend_schema(
        operation_id="reviews_appeal",
        request=AppealAsked,
        responses={
            200: OpenApiResponse(
                ReviewAnswered,
                description="Somebody else than who decided looks by `due_at`. The same words "
                "again are no second appeal.",
            )
        },
    )
    def post(self, _request: Request, review_id: int) -> Response:
        asked, at = self.asked(AppealAsked), timezone.now()
        review = _own(self, review_id, Scope.REVIEWS_APPEAL, at=at)
        review = reviews.appeal(
            review_id=review.pk, user_id=review.subject_id, words=asked["words"], at=at
        )
        return Response(_review(review, at=at))


def _own(door: base.Door, review_id: int, scope: Scope, *, at: datetime) -> Review:
    """The review, once the person it is about is found to have allowed it."""
    found = Review.objects.filter(pk=review_id, is_told=True).first()
    base.consenting(door, found.subject_id if found else 0, scope, at=at)
    assert found is not None, "nobody has the id 0"
    return found


def _review(review: Review, *, at: datetime) -> dict[str, Any]:
    is_restricting = review.is_restricting(at)
    return {
        "id": review.pk,
        "fan": review.subject_id,
        "reason": review.reason,
        "why": review.why,
        "reasons": review.reasons,
        "is_by_rule": review.is_by_rule,
        "state": review.state,
        "restricts": review.restricts if is_restricting else Review.Restriction.NOTHING,
        "restricted_until": review.restricted_until if is_restricting else None,
        "opened_at": review.opened_at,
        "due_at": review.decide_by_at if review.is_waiting else None,
        "outcome": review.outcome,
        "statement": review.statement,
        "decided_at": review.decided_at,
        "can_appeal": review.can_be_appealed(at),
        "appeal_until_at": review.appeal_until_at,
        "appealed_at": review.appealed_at,
        "appeal_words": review.appeal_words,
        "final_outcome": review.final_outcome,
        "final_statement": review.final_statement,
        "final_at": review.final_at,
    }
