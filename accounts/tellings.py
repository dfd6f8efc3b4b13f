"""Telling many people at once: each something of their own, or everybody the same."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What everybody is told, creators in words of their own."""

    kind: str
    subject_key: str
    title: str
    creators_body: str
    fans_body: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How many people a step looked at, and the last of their ids; 0: there were none."""

    people: int
    up_to_id: int


TELL_SQL: Final = """
    WITH person AS MATERIALIZED (
        SELECT id, is_creator, email FROM accounts_user
         WHERE id > %(after)s AND is_active ORDER BY id LIMIT %(limit)s
    ), told AS (
        INSERT INTO accounts_notice
            (user_id, kind, subject_key, title, body, path, on_site, email_due)
        SELECT id, %(kind)s, %(subject_key)s, %(title)s,
               CASE WHEN is_creator THEN %(creators_body)s ELSE %(fans_body)s END, %(path)s, true,
               EXISTS (SELECT 1 FROM account_emailaddress a
                        WHERE a.user_id = person.id AND a.verified
                          AND lower(a.email) = lower(person.email))
          FROM person ORDER BY id
        ON CONFLICT DO NOTHING
    )
    SELECT count(*), coalesce(max(id), 0) FROM person
"""


def notify_next(news: News, *, after_id: int, limit: int) -> Told:
    """Tell the next people above an id, in one statement however many: on the site, and by email
    whose address is verified.

    For what concerns everybody's money alone. Whoever was told of the subject is not told again.
    """
    assert connection.in_atomic_block, "a notice commits with its cause"
    assert NoticeKind(news.kind).is_kept, "another kind asks where each person wants to hear of it"
    with connection.cursor() as cursor:
        cursor.execute(
            TELL_SQL,
            {
                "after": after_id,
                "limit": limit,
                "kind": news.kind,
                "subject_key": news.subject_key,
                "title": news.title[:120],
                "creators_body": news.creators_body[:500],
                "fans_body": news.fans_body[:500],
                "path": news.path,
            },
        )
        row = cursor.fetchone()
    assert row is not None, "an aggregate answers one row"
    return Told(people=row[0], up_to_id=row[1])
