"""Telling many people something of their own at once: ``services.notify`` for a crowd."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

from accounts import queries
from accounts.models import NoticeKind


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
    told = [
        (telling, place)
        for telling in tellings
        if (place := places[telling.user_id]).on_site or place.by_email
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_notice
                (user_id, kind, subject_key, title, body, path, on_site, email_due)
            SELECT user_id, %s, subject_key, title, body, path, on_site, by_email
              FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
                          %s::boolean[], %s::boolean[])
                   AS told (user_id, subject_key, title, body, path, on_site, by_email)
            ON CONFLICT DO NOTHING
            """,
            [
                kind,
                [telling.user_id for telling, _ in told],
                [telling.subject_key for telling, _ in told],
                [telling.title[:120] for telling, _ in told],
                [telling.body[:500] for telling, _ in told],
                [telling.path for telling, _ in told],
                [place.on_site for _, place in told],
                [place.by_email for _, place in told],
            ],
        )
