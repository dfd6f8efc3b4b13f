"""Leaving: asking for a copy of one's data, closing one's account, and opening it again.

Promises: the copy is a row before it is a file, so a lost message only delays it; a closed account
signs nobody in, and is erased no earlier than it was told. What is in a copy and what is erased
spans all apps: ``config.leaving`` does both.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import services, states
from accounts.models import Closure, Consent, DataExport, NoticeKind, User

# How long a copy can be downloaded, and a closed account opened again.
EXPORT_LIFE: Final = timedelta(days=7)
GRACE: Final = timedelta(days=14)
# A copy costs the machine: one may be asked for once a day (GDPR, article 12(5), lets a controller
# refuse what is repetitive and excessive).
EXPORT_PAUSE: Final = timedelta(days=1)


class AskedLately(Exception):
    """A copy was asked for within the last day."""

    def __init__(self) -> None:
        super().__init__(
            "You asked for a copy within the last 24 hours. Download that one, or ask tomorrow."
        )


class NotReopened(Exception):
    """The account is not closed, or is erased already."""

    def __init__(self) -> None:
        super().__init__("This account is not closed any more, or its data are erased already.")


@transaction.atomic(durable=True)
def ask_export(*, export_id: UUID, person_id: int, at: datetime) -> DataExport:
    """Ask for a copy of all that is kept of a person. The same id is the same copy. AskedLately."""
    User.objects.select_for_update(no_key=True).get(pk=person_id)
    mine = DataExport.objects.filter(person_id=person_id)
    first = mine.filter(pk=export_id).first()
    if first is not None:
        return first
    if mine.filter(asked_at__gt=at - EXPORT_PAUSE).exists():
        raise AskedLately
    return DataExport.objects.create(pk=export_id, person_id=person_id, asked_at=at)


@transaction.atomic(durable=True)
def keep_export(*, export_id: UUID, archive: bytes, at: datetime) -> None:
    """Keep a copy that was made, and tell whose it is. A second one for the same row is dropped."""
    export = DataExport.objects.select_for_update().defer("archive").get(pk=export_id)
    if export.state != DataExport.State.ASKED:
        return
    export = states.move(export, to=DataExport.State.READY, why="Made.", at=at)
    export.archive, export.size_bytes = archive, len(archive)
    export.ready_at, export.expires_at = at, at + EXPORT_LIFE
    export.save(update_fields=["archive", "size_bytes", "ready_at", "expires_at"])
    services.notify(
        user_id=export.person_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"export:{export.pk}",
        title="The copy of your data is ready",
        body=f"You can download it until {export.expires_at:%-d %B %Y}.",
        path="/me/leaving/",
    )


def drop_old_exports(*, at: datetime) -> int:
    """Delete copies whose time is over; how many."""
    old = DataExport.objects.filter(state=DataExport.State.READY, expires_at__lte=at)
    dropped = 0
    for export_id in list(old.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic(durable=True):
            export = DataExport.objects.defer("archive").get(pk=export_id)
            export = states.move(export, to=DataExport.State.GONE, why="Its time is over.", at=at)
            export.archive, export.size_bytes = None, 0
            export.save(update_fields=["archive", "size_bytes"])
            dropped += 1
    return dropped


def close_account(*, person: User, coins_left: int, at: datetime) -> Closure:
    """Close an account in the caller's transaction: signed out everywhere, erased after ``GRACE``.

    Whether it may be closed is checked by the caller, who knows what money is under way.
    """
    locked = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    found = Closure.objects.filter(person=locked).exclude(state=Closure.State.REOPENED).first()
    if found is not None:
        return found
    closure = Closure.objects.create(
        person=locked, coins_left=coins_left, closed_at=at, erase_at=at + GRACE
    )
    locked.is_active = False
    locked.save(update_fields=["is_active"])
    Consent.objects.filter(fan=locked, revoked_at=None).update(revoked_at=at)
    services.end_sessions(user_id=locked.pk)
    services.notify(
        user_id=locked.pk,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"closed:{closure.pk}",
        title="Your account is closed",
        body=f"What we keep of you is erased on {closure.erase_at:%-d %B %Y}. Until then we can "
        "open it again: answer this email. If you did not close it, answer at once.",
    )
    return closure


@transaction.atomic(durable=True)
def reopen_account(*, closure_id: int, why: str, by_id: int, at: datetime) -> Closure:
    """Open a closed account again, by staff whom its owner asked. Raises NotReopened."""
    closure = Closure.objects.select_for_update().select_related("person").get(pk=closure_id)
    if closure.state != Closure.State.CLOSED:
        raise NotReopened
    closure = states.move(closure, to=Closure.State.REOPENED, why=why, at=at, by_id=by_id)
    User.objects.filter(pk=closure.person_id).update(is_active=True)
    services.notify(
        user_id=closure.person_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"reopened:{closure.pk}",
        title="Your account is open again",
        body=f"Reason: {why}",
    )
    return closure
