"""Notices after they were written: read, chosen, and sent by email.

An email is sent from a row. A sender leases rows, sends outside any transaction, then marks them:
one that dies between sending and marking sends that email once more after the lease, with the same
Message-ID, and none is lost.
"""

import smtplib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string

from accounts.models import Notice, NoticeKind, NoticePreference

LEASE: Final = timedelta(minutes=5)
BATCH: Final = 20
RETRY_MINUTES_MAX: Final = 60

log = structlog.get_logger(__name__)


@transaction.atomic(durable=True)
def mark_read(*, user_id: int, up_to_id: int, at: datetime) -> None:
    """Note that the person has seen their notices up to one."""
    Notice.objects.filter(user_id=user_id, pk__lte=up_to_id, read_at=None).update(read_at=at)


@transaction.atomic(durable=True)
def set_preferences(*, user_id: int, chosen: Iterable[tuple[str, bool, bool]]) -> None:
    """Keep where the person wants to hear of each kind: (kind, on the site, by email).

    What concerns their money or safety stays on, whatever is asked.
    """
    for kind, on_site, by_email in chosen:
        if not NoticeKind(kind).is_kept:
            NoticePreference.objects.update_or_create(
                user_id=user_id, kind=kind, defaults={"on_site": on_site, "by_email": by_email}
            )


def send_due(*, at: datetime) -> int:
    """Email the notices that wait, and say how many went out."""
    sent = 0
    while leased := _lease(at=at):
        for notice in leased:
            sent += _send(notice, at=at)
    return sent


@transaction.atomic(durable=True)
def _lease(*, at: datetime) -> list[Notice]:
    waiting = (
        Notice.objects.filter(email_due=True, emailed_at=None)
        .filter(Q(email_leased_until=None) | Q(email_leased_until__lte=at))
        .select_related("user")
        .order_by("pk")
    )
    leased = list(waiting.select_for_update(skip_locked=True, of=("self",))[:BATCH])
    for notice in leased:
        notice.email_tries += 1
        notice.email_leased_until = at + max(LEASE, retry_after(notice.email_tries))
    Notice.objects.bulk_update(leased, ["email_tries", "email_leased_until"])
    return leased


def retry_after(tries: int) -> timedelta:
    """How long to wait after this many tries: twice as long each time, an hour at most."""
    return timedelta(minutes=min(2 ** min(tries, 10), RETRY_MINUTES_MAX))


def _send(notice: Notice, *, at: datetime) -> bool:
    try:
        message(notice).send()
    except smtplib.SMTPRecipientsRefused:
        # The address does not exist: trying again would not help. It stays on the site.
        Notice.objects.filter(pk=notice.pk).update(email_due=False, on_site=True)
        log.warning("notice refused by the recipient's server", notice_id=notice.pk)
        return False
    except (OSError, smtplib.SMTPException) as error:
        log.warning("notice not sent", notice_id=notice.pk, error=type(error).__name__)
        return False
    Notice.objects.filter(pk=notice.pk).update(emailed_at=at)
    return True


def message(notice: Notice) -> EmailMultiAlternatives:
    """The email of a notice, readable as plain text, without remote pictures."""
    context = {
        "notice": notice,
        "name": notice.user.display_name,
        "url": f"{settings.SITE_URL}{notice.path}" if notice.path else "",
        "document_url": f"{settings.SITE_URL}{notice.document_path}"
        if notice.document_path
        else "",
        "is_kept": NoticeKind(notice.kind).is_kept,
        "preferences_url": f"{settings.SITE_URL}/me/notifications/preferences/",
        "site_name": settings.SITE_NAME,
    }
    host = urlsplit(settings.SITE_URL).hostname
    email = EmailMultiAlternatives(
        subject=notice.title,
        body=render_to_string("emails/notice.txt", context),
        to=[notice.user.email],
        headers={"Message-ID": f"<notice-{notice.pk}@{host}>"},
    )
    email.attach_alternative(render_to_string("emails/notice.html", context), "text/html")
    return email
