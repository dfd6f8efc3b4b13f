"""Reporting what is not right, and blocking whom one wants nothing to do with.

Promises: a report opens a case for staff, or joins the one that waits about the same thing; who
reported is never told to the person it is about. A block ends following both ways at once; what
else it stops is said where it is stopped.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from accounts import reviewing
from accounts.models import Block, Follow, Report, Review, ReviewReason

REPORTS_A_DAY_MAX: Final = 20
REPORT_WINDOW: Final = timedelta(days=1)
SAID: Final = "Was said"


class OwnAccount(Exception):
    """Somebody would report or block themselves."""


class TooManyReports(Exception):
    """One person reports without end."""


@transaction.atomic(durable=True)
def report(
    *,
    reporter_id: int,
    about_id: int,
    place_key: str,
    reason: str,
    words: str,
    evidence: str = "",
    at: datetime,
) -> Report:
    """Tell staff that something is not right. Again about the same waiting case is no change.

    ``evidence`` is what was said there: it may be gone when staff look. Raises OwnAccount,
    TooManyReports.
    """
    if reporter_id == about_id:
        raise OwnAccount("You cannot report yourself. Ask us for help instead.")
    lately = Report.objects.filter(reporter_id=reporter_id, reported_at__gt=at - REPORT_WINDOW)
    if lately.count() >= REPORTS_A_DAY_MAX:
        raise TooManyReports(
            f"You have reported {REPORTS_A_DAY_MAX} things today. We look at all of them: "
            "report more tomorrow."
        )
    label = Report.Reason(reason).label
    signals = [("Reported for", label)] + ([(SAID, evidence)] if evidence else [])
    review = reviewing.open_review(
        subject_id=about_id,
        reason=ReviewReason.REPORT,
        subject_key=place_key,
        grounds=reviewing.Grounds(signals=signals, is_told=False),
        at=at,
    )
    made, _ = Report.objects.get_or_create(
        reporter_id=reporter_id,
        review=review,
        defaults={
            "about_id": about_id,
            "place_key": place_key,
            "reason": reason,
            "words": words,
            "reported_at": at,
        },
    )
    return made


@transaction.atomic(durable=True)
def block(*, blocker_id: int, blocked_id: int) -> None:
    """Block a person; neither follows the other any more. Again is no change. Raises OwnAccount."""
    if blocker_id == blocked_id:
        raise OwnAccount("You cannot block yourself.")
    Block.objects.get_or_create(blocker_id=blocker_id, blocked_id=blocked_id)
    Follow.objects.filter(
        Q(fan_id=blocker_id, creator_id=blocked_id) | Q(fan_id=blocked_id, creator_id=blocker_id)
    ).delete()


@transaction.atomic(durable=True)
def unblock(*, blocker_id: int, blocked_id: int) -> None:
    """End a block. Again is no change."""
    Block.objects.filter(blocker_id=blocker_id, blocked_id=blocked_id).delete()


def forget_words(*, person_id: int) -> None:
    """Take what a person said out of the cases about them, in the caller's transaction."""
    cases = Review.objects.select_for_update(no_key=True).filter(
        subject_id=person_id, reason=ReviewReason.REPORT
    )
    for review in cases.order_by("pk"):
        review.signals = [signal for signal in review.signals if signal[0] != SAID]
        review.save(update_fields=["signals"])
