"""Finding out who people are: a check is begun, answered by a provider or by staff, and kept.

Promises: one check of a person is under way or in force at a time; nobody decides about themselves;
the birth date that was verified is the one in the profile, or the check is declined; whoever is
decided about reads why. Providers are called outside transactions, by a reference of ours that is
the same at every try. The papers themselves are in ``papers``.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from accounts import encryption, names, services, states
from accounts.models import (
    IdentityCheck,
    IdentityPaper,
    NoticeKind,
    PaperView,
    User,
    name_mark,
)
from accounts.providers import base

State = IdentityCheck.State

ASKED_FOR: Final = timedelta(days=14)  # then who has not gone on begins again
LOOK_AFTER: Final = timedelta(minutes=2)
LOOK_AGAIN_AFTER: Final = timedelta(minutes=15)
TRIES_MAX: Final = 5  # declined within the time below: then our staff are asked
TRIES_OVER: Final = timedelta(days=30)
NAME_MAX: Final = 140
AWAY: Final = (base.Unavailable, base.UnknownAdapter)
AWAY_WORDS: Final = (
    "Who checks identities cannot be reached now. Try again later, or choose another way."
)
OTHER_BIRTH_DATE: Final = (
    "The date of birth on your paper is not the one in your profile. If the profile is wrong, ask "
    "us to correct it, and verify again."
)

log = structlog.get_logger(__name__)


class IdentityRefused(Exception):
    """Something about an identity check cannot be done."""


class AlreadyVerified(IdentityRefused):
    pass


class CheckUnderWay(IdentityRefused):
    """Another check of the person has not ended."""


class TooManyTries(IdentityRefused):
    pass


class NotWaiting(IdentityRefused):
    """The check is not where it can be decided."""


class OwnIdentity(IdentityRefused):
    pass


class PapersNotSeen(IdentityRefused):
    """Somebody would approve what they have not looked at."""


class NoReason(IdentityRefused):
    pass


class ProfileFirst(IdentityRefused):
    """The profile has no birth date to compare with."""


class NotReachable(IdentityRefused):
    """Who checks identities does not answer now, or is not asked any more."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to verify, as it is offered."""

    code: str
    label: str


def ways() -> list[Way]:
    """The ways to verify that the operator offers, in order."""
    return [Way(code, adapter.label) for code, adapter in base.adapters().items()]


# The person's side


@transaction.atomic(durable=True)
def ask(*, check_id: UUID, person_id: int, adapter: str, at: datetime) -> IdentityCheck:
    """Begin a check of a person by an adapter. The same id again is the same check.

    A check by another way that they did not go on with ends. Locks the person.
    Raises AlreadyVerified, CheckUnderWay, TooManyTries, ProfileFirst.
    """
    person = User.objects.select_for_update(no_key=True).get(pk=person_id)
    known = IdentityCheck.objects.filter(pk=check_id, person=person).first()
    if known is not None:
        return known
    _check_may_ask(person, at=at)
    waiting = IdentityCheck.objects.filter(person=person, state=State.ASKED).first()
    if waiting is not None:
        if waiting.adapter == adapter:
            return waiting
        _end(waiting, why="Another way was chosen.", by_id=person_id, at=at)
    return IdentityCheck.objects.create(
        pk=check_id,
        person=person,
        adapter=adapter,
        asked_at=at,
        expires_at=at + ASKED_FOR,
    )


def _check_may_ask(person: User, *, at: datetime) -> None:
    if person.birth_date is None:
        raise ProfileFirst("Your profile has no date of birth yet. Add it, then verify.")
    mine = IdentityCheck.objects.filter(person=person)
    if mine.filter(state=State.APPROVED).exists():
        raise AlreadyVerified("Your identity is verified already. There is nothing more to do.")
    if mine.filter(state=State.SUBMITTED).exists():
        raise CheckUnderWay("We are checking what you sent. We tell you as soon as it is done.")
    if mine.filter(state=State.DECLINED, decided_at__gt=at - TRIES_OVER).count() >= TRIES_MAX:
        raise TooManyTries(
            f"{TRIES_MAX} tries were declined within {TRIES_OVER.days} days. Write to us: a "
            "person will look at it with you."
        )


def begin(*, check_id: UUID, at: datetime) -> IdentityCheck:
    """Begin a hosted check at its provider, and keep its page. Runs outside a transaction.

    Raises NotReachable.
    """
    check = IdentityCheck.objects.get(pk=check_id)
    if check.provider_url or check.state != State.ASKED:
        return check
    return_url = settings.SITE_URL + reverse("accounts:identity_return", args=[check.pk])
    try:
        adapter = base.adapter(check.adapter)
        if not adapter.is_hosted:
            return check
        begun = adapter.start(reference=check.pk, return_url=return_url)
    except AWAY as error:
        raise NotReachable(AWAY_WORDS) from error
    _keep_begun(check_id=check_id, begun=begun, at=at)
    check.refresh_from_db()
    return check


@transaction.atomic(durable=True)
def _keep_begun(*, check_id: UUID, begun: base.Begun, at: datetime) -> None:
    IdentityCheck.objects.filter(pk=check_id, state=State.ASKED).update(
        provider_ref=begun.provider_ref, provider_url=begun.url, look_at=at + LOOK_AFTER
    )


def submit(check: IdentityCheck, *, at: datetime, by_id: int | None = None) -> IdentityCheck:
    """Move an asked check on: everything for it is there. Runs in the caller's transaction."""
    moved = states.move(check, to=State.SUBMITTED, why="Everything was sent", at=at, by_id=by_id)
    moved.submitted_at, moved.expires_at = at, None
    moved.save(update_fields=["submitted_at", "expires_at"])
    return moved


# The provider's side


def look_up(*, check_id: UUID, at: datetime) -> IdentityCheck:
    """Ask the provider how far a hosted check has come, and keep the answer. No transaction.

    Raises NotReachable.
    """
    check = IdentityCheck.objects.get(pk=check_id)
    if not check.provider_ref or check.state not in (State.ASKED, State.SUBMITTED):
        return check
    try:
        answer = base.adapter(check.adapter).look(provider_ref=check.provider_ref)
    except AWAY as error:
        raise NotReachable(AWAY_WORDS) from error
    return take_answer(check_id=check_id, answer=answer, at=at)


@transaction.atomic(durable=True)
def take_answer(*, check_id: UUID, answer: base.Answer, at: datetime) -> IdentityCheck:
    """Keep what a provider found out. The same answer again is no change. Locks the check."""
    check = _locked(check_id)
    if check.state not in (State.ASKED, State.SUBMITTED):
        return check
    if answer.outcome == base.Outcome.WAITING:
        return _look_again(check, at=at)
    if answer.outcome == base.Outcome.EXPIRED:
        return _end(check, why="The provider's page was left.", by_id=None, at=at)
    if check.state == State.ASKED:
        check = submit(check, at=at)
    if answer.outcome == base.Outcome.CHECKING:
        return _look_again(check, at=at)
    if answer.outcome == base.Outcome.VERIFIED:
        assert answer.birth_date is not None, "the adapter knows who it verified"
        return _approve(check, name=answer.name, birth_date=answer.birth_date, by_id=None, at=at)
    return _decline(check, why=answer.why or "The provider gave no reason.", by_id=None, at=at)


def _look_again(check: IdentityCheck, *, at: datetime) -> IdentityCheck:
    check.look_at = at + LOOK_AGAIN_AFTER
    check.save(update_fields=["look_at"])
    return check


def sweep(*, at: datetime) -> int:
    """Ask about hosted checks that are due, and end those nobody went on with. Says how many."""
    due = IdentityCheck.objects.filter(look_at__lte=at).order_by("look_at", "pk")
    looked = 0
    for check_id in list(due.values_list("pk", flat=True)[:100]):
        try:
            look_up(check_id=check_id, at=at)
        except NotReachable as error:
            IdentityCheck.objects.filter(pk=check_id).update(look_at=at + LOOK_AGAIN_AFTER)
            log.warning("identity provider away", error=type(error.__cause__).__name__)
        looked += 1
    left = IdentityCheck.objects.filter(state=State.ASKED, expires_at__lte=at)
    for check_id in list(left.order_by("pk").values_list("pk", flat=True)[:500]):
        with transaction.atomic(durable=True):
            check = _locked(check_id)
            if check.state == State.ASKED:
                _end(check, why="Nothing was sent in time.", by_id=None, at=at)
                looked += 1
    return looked


# The staff's side


@transaction.atomic(durable=True)
def approve(
    *, check_id: UUID, by_id: int, name: str, birth_date: date, at: datetime
) -> IdentityCheck:
    """Verify what the papers say, as the reviewer read it: another birth date is declined.

    Raises OwnIdentity, NotWaiting, PapersNotSeen.
    """
    check = _to_decide(check_id, by_id=by_id)
    papers = set(
        IdentityPaper.objects.filter(check_of=check, deleted_at=None).values_list("pk", flat=True)
    )
    seen = PaperView.objects.filter(by_id=by_id, paper__in=papers).values_list("paper_id")
    if not papers or papers - {row[0] for row in seen}:
        raise PapersNotSeen("Look at each of the papers first, then decide.")
    return _approve(check, name=name, birth_date=birth_date, by_id=by_id, at=at)


@transaction.atomic(durable=True)
def decline(*, check_id: UUID, by_id: int, why: str, at: datetime) -> IdentityCheck:
    """Decline, with the reason the person reads. Raises OwnIdentity, NotWaiting, NoReason."""
    check = _to_decide(check_id, by_id=by_id)
    if not why.strip():
        raise NoReason("Say why: the person reads it, and does better next time.")
    return _decline(check, why=why, by_id=by_id, at=at)


@transaction.atomic(durable=True)
def end(*, check_id: UUID, by_id: int, why: str, at: datetime) -> IdentityCheck:
    """Let a verification hold no more: the person is asked to verify again, and reads why.

    Raises OwnIdentity, NotWaiting, NoReason.
    """
    check = _locked(check_id)
    _check_not_own(check, by_id)
    if check.state != State.APPROVED:
        raise NotWaiting("Only an identity that is verified can be asked for again.")
    if not why.strip():
        raise NoReason("Say why: the person reads it.")
    ended = _end(check, why=why, by_id=by_id, at=at)
    _tell(ended, step="ended", title="Please verify your identity again", body=why)
    return ended


def _to_decide(check_id: UUID, *, by_id: int) -> IdentityCheck:
    check = _locked(check_id)
    _check_not_own(check, by_id)
    if check.state != State.SUBMITTED or not check.is_manual:
        raise NotWaiting("This check does not wait for a decision of ours.")
    return check


def _check_not_own(check: IdentityCheck, by_id: int) -> None:
    if check.person_id == by_id:
        raise OwnIdentity("Nobody decides about their own identity. Ask a colleague.")


# What every side comes to


def _locked(check_id: UUID) -> IdentityCheck:
    return IdentityCheck.objects.select_for_update(no_key=True, of=("self",)).get(pk=check_id)


def _approve(
    check: IdentityCheck, *, name: str, birth_date: date, by_id: int | None, at: datetime
) -> IdentityCheck:
    person = User.objects.get(pk=check.person_id)
    if birth_date != person.birth_date:
        return _decline(check, why=OTHER_BIRTH_DATE, by_id=by_id, at=at)
    if not names.normal(name):
        return _decline(check, why="No name could be read.", by_id=by_id, at=at)
    # The database wants name and state together: what is known is written before the move.
    check.name_sealed = encryption.encrypt(
        " ".join(name.split())[:NAME_MAX].encode(), context=check.name_context
    )
    check.name_mark, check.birth_date = name_mark(name), birth_date
    check.save(update_fields=["name_sealed", "name_mark", "birth_date"])
    moved = states.move(check, to=State.APPROVED, why="Verified", at=at, by_id=by_id)
    _decided(moved, why="", by_id=by_id, at=at)
    _tell(
        moved,
        step="approved",
        title="Your identity is verified",
        body="You may buy up to the limits of verified accounts, and be paid to accounts in the "
        "name that was verified.",
    )
    return moved


def _decline(check: IdentityCheck, *, why: str, by_id: int | None, at: datetime) -> IdentityCheck:
    check.why = why[:500]
    check.save(update_fields=["why"])
    moved = states.move(check, to=State.DECLINED, why=check.why, at=at, by_id=by_id)
    _decided(moved, why=check.why, by_id=by_id, at=at)
    _tell(
        moved,
        step="declined",
        title="Your identity could not be verified",
        body=f"Reason: {moved.why} You can try again.",
    )
    return moved


def _decided(check: IdentityCheck, *, why: str, by_id: int | None, at: datetime) -> None:
    check.why, check.decided_at, check.decided_by_id, check.look_at = why, at, by_id, None
    check.save(update_fields=["why", "decided_at", "decided_by", "look_at"])
    IdentityPaper.objects.filter(check_of=check, deleted_at=None).update(
        delete_at=at + timedelta(days=settings.IDENTITY_PAPER_DAYS)
    )


def _end(check: IdentityCheck, *, why: str, by_id: int | None, at: datetime) -> IdentityCheck:
    moved = states.move(check, to=State.EXPIRED, why=why, at=at, by_id=by_id)
    moved.why, moved.look_at, moved.expires_at = why[:500], None, None
    moved.save(update_fields=["why", "look_at", "expires_at"])
    IdentityPaper.objects.filter(check_of=moved, deleted_at=None, delete_at=None).update(
        delete_at=at + timedelta(days=settings.IDENTITY_PAPER_DAYS)
    )
    return moved


def _tell(check: IdentityCheck, *, step: str, title: str, body: str) -> None:
    assert connection.in_atomic_block, "a notice commits with its cause"
    services.notify(
        user_id=check.person_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"identity:{check.pk}:{step}",
        title=title,
        body=body,
        path=reverse("accounts:identity"),
    )
