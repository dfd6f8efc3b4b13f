"""Opening cases: one waits per person, reason and thing, whoever opens it how often.

Promises: a case commits with its cause or not at all; it begins its clocks in business days
(Monday to Friday, UTC); the person is told why and what it holds back; what rules said is kept.
``reviews`` has what becomes of a case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts import events, services
from accounts.models import NoticeKind, Review, ReviewReason, User, Verdict

State = Review.State
Restriction = Review.Restriction

# Our own promise: a person looks within two business days and decides within five.
FIRST_LOOK_DAYS: Final = 2
DECISION_DAYS: Final = 5
FRIDAY: Final = 4

_STRENGTH: Final = (
    Restriction.NOTHING,
    Restriction.GIFT,
    Restriction.LARGE_PURCHASES,
    Restriction.PURCHASES,
    Restriction.PAYOUTS,  # of cases about creators, which hold back nothing else
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Why a case is opened: sentences for the person, facts for staff."""

    reasons: Sequence[str] = ()
    signals: Sequence[tuple[str, str]] = ()
    is_by_rule: bool = False
    is_told: bool = True


def business_days_after(at: datetime, days: int) -> datetime:
    """Count business days on from a moment; from a weekend the count begins on Monday."""
    moment = at.astimezone(UTC)
    while days > 0:
        moment += timedelta(days=1)
        if moment.weekday() <= FRIDAY:
            days -= 1
    return moment


def open_review(
    *,
    subject_id: int,
    reason: ReviewReason,
    subject_key: str,
    grounds: Grounds,
    restricts: str = Restriction.NOTHING,
    at: datetime,
) -> Review:
    """Open a case in the caller's transaction, or add to the one that waits; tell the person.

    A case that is added to keeps its clock, and restricts as much as the stronger of the two asks.
    One that holds payouts locks the person: once it is committed, nothing of theirs is handed over.
    """
    assert connection.in_atomic_block, "a review commits with its cause"
    if restricts == Restriction.PAYOUTS:
        User.objects.select_for_update(no_key=True).get(pk=subject_id)
    review = _waiting(subject_id, reason, subject_key)
    if review is not None:
        return _add(review, grounds=grounds, restricts=restricts)
    try:
        with transaction.atomic():
            review = Review.objects.create(
                subject_id=subject_id,
                reason=reason,
                subject_key=subject_key,
                is_told=grounds.is_told,
                is_by_rule=grounds.is_by_rule,
                reasons=list(grounds.reasons),
                signals=[list(signal) for signal in grounds.signals],
                restricts=restricts,
                opened_at=at,
                due_at=business_days_after(at, FIRST_LOOK_DAYS),
                decide_by_at=business_days_after(at, DECISION_DAYS),
            )
    except IntegrityError:
        found = _waiting(subject_id, reason, subject_key)
        assert found is not None, "the other opener has committed"
        return _add(found, grounds=grounds, restricts=restricts)
    events.publish(
        name=events.REVIEW_OPENED,
        subject=f"review:{review.pk}",
        payload={"review_id": review.pk, "user_id": subject_id, "reason": reason.value},
    )
    if review.is_told:
        tell(review, step="opened", title=_opened_title(review), body=review.why)
    return review


def _waiting(subject_id: int, reason: ReviewReason, subject_key: str) -> Review | None:
    return (
        Review.objects.select_for_update(no_key=True, of=("self",))
        .filter(
            subject_id=subject_id,
            reason=reason,
            subject_key=subject_key,
            state__in=(State.OPENED, State.ASSIGNED),
        )
        .first()
    )


def _add(review: Review, *, grounds: Grounds, restricts: str) -> Review:
    review.reasons = [*review.reasons, *(r for r in grounds.reasons if r not in review.reasons)]
    known = [list(signal) for signal in review.signals]
    review.signals = known + [list(s) for s in grounds.signals if list(s) not in known]
    review.restricts = max(review.restricts, restricts, key=_strength)
    review.save(update_fields=["reasons", "signals", "restricts"])
    return review


def _strength(restricts: str) -> int:
    return _STRENGTH.index(Restriction(restricts))


def _opened_title(review: Review) -> str:
    if review.restricts in (Restriction.PURCHASES, Restriction.LARGE_PURCHASES):
        return f"{review.get_restricts_display()} are paused while we look into something"
    if review.restricts == Restriction.GIFT:
        return "A gift of yours waits while we look into it"
    if review.restricts == Restriction.PAYOUTS:
        return "Your payouts wait while we look into something"
    return "We are looking into something in your account. Nothing is held back"


def record_verdict(
    *,
    subject_id: int,
    rule: str,
    subject_key: str,
    is_hit: bool,
    reasons: Sequence[str],
    facts: Mapping[str, Any],
    review_id: int | None,
    at: datetime,
) -> None:
    """Keep what a rule said, hit or not, in the caller's transaction."""
    assert connection.in_atomic_block, "a verdict commits with what it was about"
    Verdict.objects.create(
        subject_id=subject_id,
        rule=rule,
        subject_key=subject_key,
        is_hit=is_hit,
        reasons=list(reasons),
        facts=dict(facts),
        review_id=review_id,
        at=at,
    )


def tell(review: Review, *, step: str, title: str, body: str) -> None:
    """Tell the person about a step of their review, in the caller's transaction, once."""
    services.notify(
        user_id=review.subject_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"review:{review.pk}:{step}",
        title=title,
        body=body,
        path=reverse("accounts:review", args=[review.pk]),
    )
