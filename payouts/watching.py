"""The watch over earnings: reads what creators earned lately, asks the rules, and opens cases.

Promises: each creator whom a rule hits has one open case for that reason, which holds their payouts
until a person has decided; while a case waits or a decision holds, nothing is added to it. What
staff have decided about is not asked again: after a decision only money that came since counts.
Any number may call: each looks for itself, one after the other, so whoever settles after its own
look settles nothing that a look would hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q

from accounts import reviewing
from accounts.models import Review, ReviewReason, User
from payouts import audiences, earning_facts, earning_rules
from payouts.models import EarningsWatch

HOUR: Final = timedelta(hours=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A rule that hit a creator, and what it went by."""

    earner: earning_facts.Earner
    verdict: earning_rules.Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one look came to."""

    creators: int
    hits: int
    opened: int


def watch(*, at: datetime) -> Watch:
    """Look at all that was earned in the last 30 days, and open the cases."""
    audiences.note_audiences(at=at)
    creators, hits = _look(at=at)
    opened = sum(_act(hit, at=at) for hit in hits)
    made = Watch(creators=creators, hits=len(hits), opened=opened)
    _note(made, at=at)
    log.info("earnings_watched", creators=creators, hits=len(hits), opened=opened)
    return made


def watch_if_due(*, at: datetime, every: timedelta = HOUR) -> Watch | None:
    """Look, unless somebody has in the last hour."""
    latest = EarningsWatch.objects.values_list("looked_at", flat=True).first()
    return watch(at=at) if latest is None or latest <= at - every else None


@transaction.atomic(durable=True)
def _look(*, at: datetime) -> tuple[int, list[Hit]]:
    """Read and judge. Locks the watch's row."""
    EarningsWatch.objects.select_for_update(no_key=True).get()
    creators, hits = 0, []
    for earner in earning_facts.earners(since=at - earning_facts.WINDOW, at=at):
        creators += 1
        hits += [Hit(earner=earner, verdict=found) for found in earning_rules.hits(earner)]
    return creators, hits


@transaction.atomic(durable=True)
def _note(made: Watch, *, at: datetime) -> None:
    EarningsWatch.objects.update(
        looked_at=at, creators=made.creators, hits=made.hits, opened=made.opened
    )


@transaction.atomic(durable=True)
def _act(hit: Hit, *, at: datetime) -> bool:
    """Open the case of a hit, unless one waits or holds. Locks the creator."""
    creator_id, reason = hit.earner.creator_id, hit.verdict.rule
    User.objects.select_for_update(no_key=True).get(pk=creator_id)
    known = Review.objects.filter(subject_id=creator_id, reason=reason)
    holds = Q(lifted_at=None, restricts=Review.Restriction.PAYOUTS) & (
        Q(restricted_until=None) | Q(restricted_until__gt=at)
    )
    if known.filter(Q(state__in=Review.WAITING) | holds).exists():
        return False
    since = _decided_at(known)
    if since is not None and since > at - earning_facts.WINDOW:
        again = _again(creator_id, reason, since=since, at=at)
        if again is None:
            return False
        hit = again
    _open(hit, at=at)
    return True


def _decided_at(known: Iterable[Review]) -> datetime | None:
    """When staff decided last, all of whose facts were there to be seen."""
    moments = [moment for row in known for moment in (row.decided_at, row.final_at) if moment]
    return max(moments, default=None)


def _again(creator_id: int, reason: ReviewReason, *, since: datetime, at: datetime) -> Hit | None:
    """Ask the rule about what was earned since a decision alone."""
    for earner in earning_facts.earners(since=since, at=at, creator_ids=[creator_id]):
        for verdict in earning_rules.hits(earner):
            if verdict.rule == reason:
                return Hit(earner=earner, verdict=verdict)
    return None


def _open(hit: Hit, *, at: datetime) -> None:
    creator_id, verdict = hit.earner.creator_id, hit.verdict
    key = f"earnings:{creator_id}"
    review = reviewing.open_review(
        subject_id=creator_id,
        reason=verdict.rule,
        subject_key=key,
        grounds=reviewing.Grounds(
            reasons=verdict.reasons,
            signals=[*verdict.signals, *_people(verdict.sender_ids)],
            is_by_rule=True,
        ),
        restricts=Review.Restriction.PAYOUTS,
        at=at,
    )
    reviewing.record_verdict(
        subject_id=creator_id,
        rule=verdict.rule,
        subject_key=key,
        is_hit=True,
        reasons=verdict.reasons,
        facts=hit.earner.as_json(),
        review_id=review.pk,
        at=at,
    )


def _people(ids: Iterable[int]) -> list[tuple[str, str]]:
    """Name for staff who gave most of it."""
    handles = dict(User.objects.filter(pk__in=ids).values_list("pk", "handle"))
    named = ", ".join(f"@{handles[person_id]}" for person_id in ids if person_id in handles)
    return [("most by", named)] if named else []
