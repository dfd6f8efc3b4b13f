"""Telling many people something of their own at once: ``services.notify`` for a crowd."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

from accounts import queries
from accounts.models import Notice, NoticeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What one person is told."""

    user_id: int
    subject_key: str
    title: str
    body: str = ""
    path: str = ""


def notify_each(tellings: Collection[Telling], *, kind: str) -> None:
    """Tell each of several people something of their own, as ``services.notify`` does."""
    assert connection.in_atomic_block, "a notice commits with its cause"
    places = queries.places_to_tell(
        user_ids=[telling.user_id for telling in tellings], kind=NoticeKind(kind)
    )
    told = ((telling, places[telling.user_id]) for telling in tellings if telling.user_id in places)
    Notice.objects.bulk_create(
        [
            Notice(
                user_id=telling.user_id,
                kind=kind,
                subject_key=telling.subject_key,
                title=telling.title[:120],
                body=telling.body[:500],
                path=telling.path,
                on_site=place.on_site,
                email_due=place.by_email,
            )
            for telling, place in told
            if place.on_site or place.by_email
        ],
        ignore_conflicts=True,
    )
