"""What becomes of a review: taken in hand, decided with reasons, appealed, closed; and its clocks.

Promises: nobody judges themselves; whoever decides has the case in hand and says why in words the
person reads; an appeal goes to somebody else than who decided; a case past its time is escalated
once per clock; each step leaves its state row. ``reviewing`` opens cases.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from accounts import events, reviewing, services, states
from accounts.models import NoticeKind, Review, ReviewReason, User

State = Review.State
Restriction = Review.Restriction
Outcome = Review.Outcome

APPEAL_DAYS: Final = 30  # our own
# Regulation (EU) 2022/2065 (Digital Services Act), article 20(1): at least six months.
APPEAL_DAYS_REPORT: Final = 180
# After somebody looked and held nothing back, the same rule does not stop the person again.
QUIET_DAYS: Final = 30
WORDS_MAX: Final = 2000
STATEMENT_MIN: Final = 20
TOLD_GROUPS: Final = ("risk",)
BATCH: Final = 200


class NotWaiting(Exception):
    """The review is not where this deed can be done."""


class OwnReview(Exception):
    """Staff would judge themselves, or again what they judged before."""


class AnothersReview(Exception):
    """Somebody else has the review in hand."""


class NoReasons(Exception):
    """A decision without a statement that the person could understand."""


class CannotAppeal(Exception):
    """There is nothing to appeal against, or not any more."""


# Staff


@transaction.atomic(durable=True)
def take(*, review_id: int, by_id: int, at: datetime) -> Review:
    """Take a case in hand, also from a colleague. Looks that are due stop being due.

    Raises OwnReview, NotWaiting.
    """
    review = _judged_by(review_id, by_id=by_id)
    if review.state == State.APPEALED:
        review.assignee_id = by_id
    else:
        if review.assignee_id == by_id:
            return review
        review = states.move(review, to=State.ASSIGNED, why="Taken in hand.", at=at, by_id=by_id)
        review.assignee_id = by_id
        review.due_at, review.escalated_at = review.decide_by_at, None
    review.save(update_fields=["assignee", "due_at", "escalated_at"])
    return review


@transaction.atomic(durable=True)
def decide(
    *,
    review_id: int,
    by_id: int,
    outcome: str,
    statement: str,
    restricts: str = Restriction.NOTHING,
    until: datetime | None = None,
    at: datetime,
) -> Review:
    """Decide a case, or the appeal against it, with the statement of reasons the person reads.

    Cleared lifts what was held back and quiets the same reason for a while; upheld holds back what
    is said, until then or until further notice. Whoever decides must have the case in hand.
    Raises OwnReview, NotWaiting, AnothersReview, NoReasons.
    """
    if len(statement.strip()) < STATEMENT_MIN:
        raise NoReasons(
            "A decision needs a statement of reasons. Say what happened, which rule it is about "
            "and what the person can do."
        )
    review = _judged_by(review_id, by_id=by_id)
    if review.assignee_id != by_id:
        raise AnothersReview("Take the review in hand first, then decide it.")
    _restrict(review, outcome=outcome, restricts=restricts, until=until, at=at)
    if review.state == State.APPEALED:
        _close_appeal(review, by_id=by_id, outcome=outcome, statement=statement.strip(), at=at)
    else:
        _close_first(review, by_id=by_id, outcome=outcome, statement=statement.strip(), at=at)
    if review.is_told:
        _tell_decision(review)
    events.publish(
        name=events.REVIEW_DECIDED,
        subject=f"review:{review.pk}",
        payload={
            "review_id": review.pk,
            "user_id": review.subject_id,
            "reason": review.reason,
            "subject_key": review.subject_key,
            "outcome": outcome,
            "is_final": review.state == State.FINAL,
        },
    )
    return review


def _judged_by(review_id: int, *, by_id: int) -> Review:
    """Return the waiting review, locked, when this member of staff may judge it."""
    review = Review.objects.select_for_update(no_key=True, of=("self",)).get(pk=review_id)
    if not review.is_waiting:
        raise NotWaiting("This review is decided. Nothing was done now.")
    if review.subject_id == by_id:
        raise OwnReview("This review is about you. A colleague has to look at it.")
    if review.decided_by_id == by_id:
        raise OwnReview("You decided this review. The appeal goes to a different reviewer.")
    return review


def _restrict(
    review: Review, *, outcome: str, restricts: str, until: datetime | None, at: datetime
) -> None:
    if outcome == Outcome.CLEARED:
        review.lifted_at = at
        review.quiet_until = at + timedelta(days=QUIET_DAYS)
    else:
        review.restricts, review.restricted_until = restricts, until
        is_free = restricts == Restriction.NOTHING
        review.lifted_at = at if is_free else None
        review.quiet_until = at + timedelta(days=QUIET_DAYS) if is_free else None


def _close_first(review: Review, *, by_id: int, outcome: str, statement: str, at: datetime) -> None:
    """Write the first decision. One in the person's favour is the last word at once."""
    review.outcome, review.statement = outcome, statement
    review.decided_by_id, review.decided_at = by_id, at
    review.due_at = review.escalated_at = None
    review.is_told = review.is_told or outcome == Outcome.UPHELD
    if outcome == Outcome.UPHELD:
        days = APPEAL_DAYS_REPORT if review.reason == ReviewReason.REPORT else APPEAL_DAYS
        review.appeal_until_at = at + timedelta(days=days)
    else:
        review.final_at = at
    review.save()
    states.move(review, to=State.DECIDED, why=Outcome(outcome).label, at=at, by_id=by_id)
    if outcome == Outcome.CLEARED:
        states.move(
            review, to=State.FINAL, why="There is nothing to appeal against.", at=at, by_id=by_id
        )


def _close_appeal(
    review: Review, *, by_id: int, outcome: str, statement: str, at: datetime
) -> None:
    review.final_outcome, review.final_statement = outcome, statement
    review.final_by_id, review.final_at = by_id, at
    review.due_at = review.escalated_at = None
    review.save()
    states.move(review, to=State.FINAL, why=Outcome(outcome).label, at=at, by_id=by_id)


# The person


@transaction.atomic(durable=True)
def appeal(*, review_id: int, user_id: int, words: str, at: datetime) -> Review:
    """Ask for another reviewer; the same words again while they look change nothing.

    Raises Review.DoesNotExist (also for another's), CannotAppeal.
    """
    review = Review.objects.select_for_update(no_key=True, of=("self",)).get(
        pk=review_id, subject_id=user_id, is_told=True
    )
    said = words.strip()[:WORDS_MAX]
    if review.state == State.APPEALED and review.appeal_words == said:
        return review
    if not said:
        raise CannotAppeal("Say why you think the decision is wrong, then send it again.")
    if not review.can_be_appealed(at):
        raise CannotAppeal(_cannot_appeal(review))
    review.appeal_words, review.appealed_at = said, at
    review.assignee_id, review.escalated_at = None, None
    review.due_at = review.decide_by_at = reviewing.business_days_after(at, reviewing.DECISION_DAYS)
    review.save()
    states.move(review, to=State.APPEALED, why="The person appealed.", at=at, by_id=user_id)
    reviewing.tell(
        review,
        step="appealed",
        title="We have your appeal",
        body=f"Somebody else than who decided looks at it by {review.decide_by_at:%-d %B %Y}.",
    )
    return review


def _cannot_appeal(review: Review) -> str:
    match review.state:
        case State.OPENED | State.ASSIGNED:
            return "There is no decision yet. You can appeal against it once it is there."
        case State.APPEALED:
            return "You have appealed already. Somebody else is looking at it."
    if review.final_by_id is not None:
        return "Your appeal was decided. That is our last word."
    return "The time to appeal has passed, or the review was decided in your favour."


# The clocks


def escalate_late(*, at: datetime) -> int:
    """Tell those in charge of each case past its time, once per clock. Says how many."""
    late = Review.objects.filter(due_at__lte=at, escalated_at=None).order_by("due_at", "pk")
    escalated = 0
    for review_id in list(late.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic(durable=True):
            review = (
                late.select_for_update(no_key=True, skip_locked=True, of=("self",))
                .filter(pk=review_id)
                .order_by()
                .first()
            )
            if review is not None:
                _escalate(review, at=at)
                escalated += 1
    return escalated


def _escalate(review: Review, *, at: datetime) -> None:
    assert review.due_at is not None
    staff = User.objects.filter(is_staff=True, is_active=True)
    told = staff.filter(Q(is_superuser=True) | Q(groups__name__in=TOLD_GROUPS))
    services.notify_many(
        user_ids=list(told.order_by("pk").values_list("pk", flat=True).distinct()),
        kind=NoticeKind.ACCOUNT,
        subject_key=f"review:{review.pk}:late:{review.due_at:%Y-%m-%d}",
        title=f"{review} is late",
        body=f"It was due on {review.due_at:%-d %B %Y at %H:%M} UTC: "
        f"{review.get_state_display().lower()}.",
        path=reverse("admin:accounts_review_change", args=[review.pk]),
    )
    review.escalated_at = at
    review.save(update_fields=["escalated_at"])


def close_unappealed(*, at: datetime) -> int:
    """Close decisions that nobody appealed against in time. Says how many."""
    over = Review.objects.filter(state=State.DECIDED, appeal_until_at__lte=at).order_by("pk")
    closed = 0
    for review_id in list(over.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic(durable=True):
            review = over.select_for_update(no_key=True, skip_locked=True).filter(pk=review_id)
            found = review.order_by().first()
            if found is not None:
                found.final_at = at
                found.save(update_fields=["final_at"])
                states.move(found, to=State.FINAL, why="Nobody appealed in time.", at=at)
                closed += 1
    return closed


# Telling


def _tell_decision(review: Review) -> None:
    is_cleared = review.latest_outcome == Outcome.CLEARED
    title = "We looked into it and found nothing wrong" if is_cleared else "We have decided"
    if review.state == State.FINAL and review.appealed_at is not None:
        title = "Your appeal is decided: you were right" if is_cleared else "Your appeal is decided"
    reviewing.tell(
        review,
        step=f"decided:{review.state}",
        title=title,
        body=review.final_statement or review.statement,
    )
