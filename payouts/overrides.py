"""Letting one line of the gate pass for one creator: with a reason, for a time, never for oneself.

Promises: what nobody may let pass cannot be: of age, an excluded kind, an open review, and what a
payout cannot be made without; it ends by itself; whoever did it, why and until when stays written.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts import services as people
from accounts import states
from accounts.models import NoticeKind, User
from payouts import risk
from payouts.models import EligibilityOverride

DAYS_MAX: Final = 90
REASON_MIN: Final = 10


class OverrideRefused(Exception):
    """The line cannot be let pass like this."""


class OwnOverride(OverrideRefused):
    pass


class NotOverridable(OverrideRefused):
    pass


class TooLong(OverrideRefused):
    """It would end in the past, or later than it may."""


class ReasonTooShort(OverrideRefused):
    pass


def lines_that_may_pass() -> list[risk.Key]:
    """The lines that staff may let pass, in the order of the checklist."""
    return [key for key in risk.Key if key not in EligibilityOverride.NEVER]


@transaction.atomic(durable=True)
def let_pass(
    *, creator_id: int, line: str, reason: str, by_id: int, until: datetime, at: datetime
) -> EligibilityOverride:
    """Let a line pass for a creator until then, and tell them. One in force before it ends.

    Locks the creator. Raises OwnOverride, NotOverridable, TooLong, ReasonTooShort.
    """
    if creator_id == by_id:
        raise OwnOverride("Nobody lets a line of their own pass. Ask a colleague.")
    if line not in lines_that_may_pass():
        raise NotOverridable("Nobody may let this line pass.")
    if not at < until <= at + timedelta(days=DAYS_MAX):
        raise TooLong(f"Choose an end within {DAYS_MAX} days. It can be done again then.")
    if len(reason.strip()) < REASON_MIN:
        raise ReasonTooShort("Say why: the creator reads it, and so does whoever looks later.")
    User.objects.select_for_update(no_key=True).get(pk=creator_id)
    for row in EligibilityOverride.objects.filter(
        creator=creator_id, line=line, state=EligibilityOverride.State.IN_FORCE
    ):
        _end(row, why="Another one took its place.", by_id=by_id, at=at)
    made = EligibilityOverride.objects.create(
        creator_id=creator_id,
        line=line,
        reason=reason.strip()[:300],
        by_id=by_id,
        until=until,
        made_at=at,
    )
    people.notify(
        user_id=creator_id,
        kind=NoticeKind.PAYOUT,
        subject_key=f"override:{made.pk}",
        title="Our staff let something pass on your checklist",
        body=f"Until {until:%-d %B %Y}: {made.reason}",
        path="/studio/",
    )
    return made


@transaction.atomic(durable=True)
def end(*, override_id: int, why: str, by_id: int, at: datetime) -> EligibilityOverride:
    """End it before its time. Raises OwnOverride, states.Refused."""
    row = EligibilityOverride.objects.select_for_update(no_key=True, of=("self",)).get(
        pk=override_id
    )
    if row.creator_id == by_id:
        raise OwnOverride("Nobody decides about a line of their own. Ask a colleague.")
    return _end(row, why=why, by_id=by_id, at=at)


def _end(row: EligibilityOverride, *, why: str, by_id: int, at: datetime) -> EligibilityOverride:
    return states.move(row, to=EligibilityOverride.State.ENDED, why=why, at=at, by_id=by_id)
