"""What people do and what is done about them: join, profile, terms, standing, and being told.

Each deed is one transaction. Creators and follows are in ``creators``, consents in ``consents``,
emails of notices in ``notices``, staff roles in ``roles``.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from accounts import events, queries, states
from accounts.models import (
    Notice,
    NoticeKind,
    Standing,
    StateChange,
    Terms,
    TermsAcceptance,
    User,
)

STANDING_ENDED: Final = "The time set for it has passed."


class HandleTaken(Exception):
    pass


class EmailTaken(Exception):
    pass


class FixedOnceSet(Exception):
    """Country or birth date would change after it was given."""


class OwnStanding(Exception):
    pass


class StaffStanding(Exception):
    """Staff would be judged by somebody who may not."""


class OwnSecondFactor(Exception):
    pass


class NotAnAdministrator(Exception):
    pass


class UnknownTerms(Exception):
    pass


class TermsInThePast(Exception):
    pass


# Joining and the profile


@transaction.atomic(durable=True)
def join(
    *,
    user: User,
    handle: str,
    display_name: str,
    country: str,
    birth_date: date,
    language: str,
    time_zone: str,
    terms_id: int | None,
    at: datetime,
) -> User:
    """Save a new person, who accepts the terms they were shown. Raises HandleTaken."""
    if User.objects.filter(handle__iexact=handle).exists():
        raise HandleTaken(f"@{handle} is taken. Choose another handle.")
    user.handle, user.display_name = handle.lower(), display_name
    user.country, user.birth_date = country, birth_date
    user.language, user.time_zone = language, time_zone
    user.save()
    _accept(user, terms_id, at)
    events.publish(name=events.USER_JOINED, subject=f"user:{user.pk}", payload={"user_id": user.pk})
    return user


@transaction.atomic(durable=True)
def update_profile(*, user_id: int, fields: Mapping[str, object]) -> User:
    """Change what people may change about themselves.

    Country and birth date can be given once; what was given stays.
    Raises HandleTaken, FixedOnceSet.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    for name in ("country", "birth_date"):
        if getattr(user, name) and name in fields and fields[name] != getattr(user, name):
            raise FixedOnceSet("Only our staff can change your country and date of birth.")
    handle = str(fields.get("handle", user.handle)).lower()
    if User.objects.filter(handle__iexact=handle).exclude(pk=user_id).exists():
        raise HandleTaken(f"@{handle} is taken. Choose another handle.")
    for name, value in fields.items():
        setattr(user, name, value)
    user.handle = handle
    user.save(update_fields=[*fields, "handle"])
    return user


@transaction.atomic(durable=True)
def create_administrator(*, email: str, handle: str, display_name: str) -> User:
    """Make a verified account that may do everything and has no password yet.

    Raises EmailTaken, HandleTaken.
    """
    if User.objects.filter(email__iexact=email).exists():
        raise EmailTaken(f"{email} has an account already. Use another address.")
    if User.objects.filter(handle__iexact=handle).exists():
        raise HandleTaken(f"@{handle} is taken. Choose another handle with --handle.")
    user = User.objects.create_user(
        email=email,
        handle=handle.lower(),
        display_name=display_name,
        is_staff=True,
        is_superuser=True,
    )
    _accept(user, None, user.joined_at)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


# Terms


@transaction.atomic(durable=True)
def announce_terms(*, version: str, text: str, effective_at: datetime, at: datetime) -> Terms:
    """Publish terms that hold from ``effective_at``; everybody is asked from then on.

    Raises TermsInThePast.
    """
    if effective_at < at:
        raise TermsInThePast("New terms cannot have begun already. Choose a later moment.")
    _queue_for_terms()
    terms = Terms.objects.create(version=version, text=text, effective_at=effective_at)
    User.objects.filter(terms_due_at=None).update(terms_due_at=effective_at)
    return terms


@transaction.atomic(durable=True)
def accept_terms(*, user_id: int, terms_id: int, at: datetime) -> None:
    """Note that the person accepts these terms. Again is no change. Raises UnknownTerms."""
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    _accept(user, terms_id, at)


def _accept(user: User, terms_id: int | None, at: datetime) -> None:
    """Note the acceptance, and from when on the person must be asked again."""
    _queue_for_terms()
    accepted = None
    if terms_id is not None:
        accepted = Terms.objects.filter(pk=terms_id).first()
        if accepted is None:
            raise UnknownTerms("These terms are not ours any more. Reload the page and try again.")
        TermsAcceptance.objects.get_or_create(
            user=user, terms=accepted, defaults={"accepted_at": at}
        )
    newer = Terms.objects.order_by("effective_at")
    if accepted is not None:
        newer = newer.filter(effective_at__gt=accepted.effective_at)
    user.terms_due_at = newer.values_list("effective_at", flat=True).first()
    user.save(update_fields=["terms_due_at"])


def _queue_for_terms() -> None:
    """One at a time, so that nobody joins unseen between new terms and who must accept them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accounts.terms'))")


# Standing


@transaction.atomic(durable=True)
def set_standing(
    *, user_id: int, to: str, why: str, by_id: int | None, until: datetime | None, at: datetime
) -> User:
    """Change what a person may do, with the reason they will read, and tell them.

    Whoever is suspended is signed out everywhere.
    Raises OwnStanding, StaffStanding, states.Refused.
    """
    if by_id == user_id:
        raise OwnStanding("Nobody changes their own standing. Ask a colleague.")
    user = User.objects.get(pk=user_id)
    if user.is_staff and not User.objects.filter(pk=by_id or 0, is_superuser=True).exists():
        raise StaffStanding("Only an administrator changes the standing of staff.")
    return _move_standing(user, to=to, why=why, by_id=by_id, until=until, at=at)


def end_standings(*, at: datetime) -> int:
    """Return whoever's time has passed to good standing, one by one. Says how many."""
    due = User.objects.exclude(standing=Standing.GOOD).filter(standing_until__lte=at)
    ended = 0
    for user_id in list(due.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            user = due.select_for_update(no_key=True).filter(pk=user_id).first()
            if user is not None:
                _move_standing(
                    user, to=Standing.GOOD, why=STANDING_ENDED, by_id=None, until=None, at=at
                )
                ended += 1
    return ended


def _move_standing(
    user: User, *, to: str, why: str, by_id: int | None, until: datetime | None, at: datetime
) -> User:
    locked = states.move(
        user, to=to, why=why, at=at, by_id=by_id, until=None if to == Standing.GOOD else until
    )
    locked.standing_until = None if to == Standing.GOOD else until
    locked.save(update_fields=["standing_until"])
    if to == Standing.SUSPENDED:
        end_sessions(user_id=locked.pk)
    change = StateChange.objects.filter(
        subject_type="accounts.user", subject_id=str(locked.pk)
    ).latest("pk")
    notify(
        user_id=locked.pk,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"standing:{change.pk}",
        title={
            Standing.GOOD: "Your account is in good standing again",
            Standing.RESTRICTED: "Your account is restricted: no buying, sending or earning",
            Standing.SUSPENDED: "Your account is suspended",
        }[Standing(to)],
        body=f"Reason: {why}",
    )
    events.publish(
        name=events.STANDING_CHANGED,
        subject=f"user:{locked.pk}",
        payload={"user_id": locked.pk, "before": change.before, "after": to},
    )
    return locked


@transaction.atomic(durable=True)
def reset_second_factor(*, user_id: int, by_id: int) -> None:
    """Take away all second factors of a person who lost theirs, sign them out, and tell them.

    Raises OwnSecondFactor, NotAnAdministrator.
    """
    if by_id == user_id:
        raise OwnSecondFactor("Change your own second factor in your account's settings.")
    if not User.objects.filter(pk=by_id, is_superuser=True, is_active=True).exists():
        raise NotAnAdministrator("Only an administrator resets a second factor.")
    factors = Authenticator.objects.filter(user_id=user_id)
    newest = factors.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return
    factors.delete()
    end_sessions(user_id=user_id)
    notify(
        user_id=user_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"second-factor-reset:{newest}",
        title="Our staff reset your second factor",
        body="Sign in with your password and set up a new one. If you did not ask for this, "
        "tell us at once.",
        path="/accounts/2fa/",
    )


def end_sessions(*, user_id: int) -> None:
    """Sign the person out on every device. Runs in the caller's transaction."""
    theirs = UserSession.objects.filter(user_id=user_id)
    Session.objects.filter(session_key__in=theirs.values("session_key")).delete()
    theirs.delete()


# Being told


def notify(
    *,
    user_id: int,
    kind: str,
    subject_key: str,
    title: str,
    body: str = "",
    path: str = "",
    document_path: str = "",
    document_name: str = "Receipt",
) -> None:
    """Tell a person something, in the caller's transaction. The same subject is told once.

    Where they hear of it is their choice, except for what concerns their money or safety.
    ``accounts.tasks.send_notices`` emails it after the commit, with a link to the document.
    """
    notify_many(
        user_ids=[user_id],
        kind=kind,
        subject_key=subject_key,
        title=title,
        body=body,
        path=path,
        document_path=document_path,
        document_name=document_name,
    )


def notify_many(
    *,
    user_ids: Collection[int],
    kind: str,
    subject_key: str,
    title: str,
    body: str = "",
    path: str = "",
    document_path: str = "",
    document_name: str = "Receipt",
) -> None:
    """Tell several people the same, as ``notify`` does: two queries, however many they are."""
    assert connection.in_atomic_block, "a notice commits with its cause"
    places = queries.places_to_tell(user_ids=user_ids, kind=NoticeKind(kind))
    Notice.objects.bulk_create(
        [
            Notice(
                user_id=user_id,
                kind=kind,
                subject_key=subject_key,
                title=title[:120],
                body=body[:500],
                path=path,
                document_path=document_path,
                document_name=document_name,
                on_site=place.on_site,
                email_due=place.by_email,
            )
            for user_id, place in places.items()
            if place.on_site or place.by_email
        ],
        ignore_conflicts=True,
    )


def notify_countries(
    *,
    countries: Collection[str],
    kind: str,
    subject_key: str,
    title: str,
    body: str = "",
    path: str = "",
) -> int:
    """Tell everybody who lives there the same, in one statement however many. Says how many.

    For what concerns their money alone: a kind of which everybody is told on the site and by email.
    """
    assert connection.in_atomic_block, "a notice commits with its cause"
    assert NoticeKind(kind).is_kept, "another kind asks where each person wants to hear of it"
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_notice
                (user_id, kind, subject_key, title, body, path, on_site, email_due)
            SELECT id, %s, %s, %s, %s, %s, true, true
              FROM accounts_user WHERE country = ANY(%s) AND is_active ORDER BY id
            ON CONFLICT DO NOTHING
            """,
            [kind, subject_key, title[:120], body[:500], path, list(countries)],
        )
        return int(cursor.rowcount)
