"""Notices: told once, where the person wants it; emailed without being lost."""

import re
import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from accounts import creators, notices, queries, services, tasks
from accounts.models import Notice, NoticeKind, User
from tests import factories
from tests.accounts.conftest import AT


class Killed(BaseException):
    """The process dies here."""


def tell(person: User, kind: str = NoticeKind.LIVE, key: str = "room:1", **changes: str) -> None:
    facts = {"title": "Bob is live", "body": "Piano", "path": "/live/1/"} | changes
    services.notify(user_id=person.pk, kind=kind, subject_key=key, **facts)


def committed_notice(person: User, key: str = "room:1") -> Notice:
    with transaction.atomic():
        tell(person, key=key)
    return Notice.objects.get(subject_key=key)


def test_the_same_subject_is_told_once(alice: User, bob: User) -> None:
    tell(alice)
    tell(alice, title="Bob is live again")
    tell(bob)

    assert list(Notice.objects.order_by("pk").values_list("user", "title")) == [
        (alice.pk, "Bob is live"),
        (bob.pk, "Bob is live"),
    ]


def test_a_notice_needs_a_transaction(committed: str) -> None:
    alice = factories.make_user("alice")

    with pytest.raises(AssertionError, match="commits with its cause"):
        tell(alice)


@pytest.mark.parametrize(
    ("on_site", "by_email", "unread", "emails"),
    [(True, True, 1, 1), (True, False, 1, 0), (False, True, 0, 1), (False, False, 0, 0)],
)
def test_people_hear_where_they_want_to(
    alice: User, on_site: Any, by_email: Any, unread: Any, emails: Any
) -> None:
    notices.set_preferences(user_id=alice.pk, chosen=[(NoticeKind.LIVE, on_site, by_email)])

    tell(alice)

    assert queries.unread_count(user_id=alice.pk) == unread
    assert len(queries.notices(user_id=alice.pk, before=None, limit=9)) == unread
    assert Notice.objects.filter(email_due=True).count() == emails


@pytest.mark.parametrize(
    "kind", [NoticeKind.PURCHASE, NoticeKind.PAYOUT, NoticeKind.RATES, NoticeKind.ACCOUNT]
)
def test_what_concerns_money_and_safety_cannot_be_turned_off(alice: User, kind: Any) -> None:
    notices.set_preferences(user_id=alice.pk, chosen=[(kind, False, False)])

    tell(alice, kind=kind)

    notice = Notice.objects.get()
    assert (notice.on_site, notice.email_due) == (True, True)
    assert alice.notice_preferences.count() == 0


def test_gifts_are_not_emailed_until_asked_for(alice: User) -> None:
    tell(alice, kind=NoticeKind.GIFT, key="gift:1")
    notices.set_preferences(user_id=alice.pk, chosen=[(NoticeKind.GIFT, True, True)])
    tell(alice, kind=NoticeKind.GIFT, key="gift:2")

    assert list(Notice.objects.order_by("pk").values_list("email_due", flat=True)) == [False, True]


def test_long_words_are_cut_rather_than_lost(alice: User) -> None:
    tell(alice, title="x" * 300, body="y" * 900)

    notice = Notice.objects.get()
    assert (len(notice.title), len(notice.body)) == (120, 500)


def test_a_notice_is_emailed_once(committed: str) -> None:
    notice = committed_notice(factories.make_user("alice"))

    tasks.send_notices.apply().get()
    tasks.send_notices.apply().get()

    notice.refresh_from_db()
    [email] = mail.outbox
    assert (email.subject, email.to) == ("Bob is live", ["alice@example.org"])
    assert "http://localhost:8000/live/1/" in email.body
    assert notice.emailed_at is not None
    assert notice.email_tries == 1


def test_the_email_reads_as_text_and_loads_nothing_from_elsewhere(committed: str) -> None:
    alice = factories.make_user("alice", display_name="<b>Alice</b>")
    with transaction.atomic():
        tell(alice, body='Said "<script>alert(1)</script>"')

    notices.send_due(at=AT)

    [email] = mail.outbox
    assert isinstance(email, EmailMultiAlternatives)
    [html] = [str(alternative[0]) for alternative in email.alternatives]
    assert email.body.startswith('Bob is live\n\nSaid "<script>alert(1)</script>"\n')
    assert "<script>" not in html
    assert "&lt;b&gt;Alice&lt;/b&gt;" in html
    assert not re.search(r"<img|src=|url\(|@import|<link", html)
    assert "/me/notifications/preferences/" in email.body


def test_an_email_whose_sender_dies_is_sent_again_with_the_same_id(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed_notice(factories.make_user("alice"))
    send = EmailMultiAlternatives.send

    def send_and_die(message: EmailMultiAlternatives) -> int:
        send(message)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(EmailMultiAlternatives, "send", send_and_die)
        notices.send_due(at=AT)

    assert notices.send_due(at=AT + notices.LEASE - timedelta(seconds=1)) == 0
    assert notices.send_due(at=AT + notices.LEASE) == 1
    assert notices.send_due(at=AT + timedelta(days=1)) == 0
    first, second = (email.extra_headers["Message-ID"] for email in mail.outbox)
    assert first == second


def test_an_email_that_cannot_be_sent_now_waits_and_the_others_go_out(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for handle in ("alice", "mallory"):
        committed_notice(factories.make_user(handle), key=f"room:{handle}")
    send = EmailMultiAlternatives.send

    def send_but_not_to_alice(message: EmailMultiAlternatives) -> int:
        if message.to == ["alice@example.org"]:
            raise ConnectionRefusedError
        return send(message)

    with monkeypatch.context() as patch:
        patch.setattr(EmailMultiAlternatives, "send", send_but_not_to_alice)
        assert notices.send_due(at=AT) == 1

    waiting = Notice.objects.get(emailed_at=None)
    assert waiting.email_leased_until == AT + notices.LEASE
    assert notices.send_due(at=AT + notices.LEASE) == 1
    assert [email.to for email in mail.outbox] == [["mallory@example.org"], ["alice@example.org"]]


def test_an_address_that_does_not_exist_is_not_tried_again(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed_notice(factories.make_user("alice"))

    def refuse(_message: EmailMultiAlternatives) -> int:
        raise smtplib.SMTPRecipientsRefused({"alice@example.org": (550, b"no such user")})

    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse)

    assert notices.send_due(at=AT) == 0
    assert notices.send_due(at=AT + timedelta(days=1)) == 0

    notice = Notice.objects.get()
    assert (notice.email_due, notice.on_site, notice.email_tries) == (False, True, 1)


def test_waiting_between_tries_grows_to_an_hour() -> None:
    minutes = [notices.retry_after(tries).total_seconds() / 60 for tries in (1, 2, 5, 6, 60)]

    assert minutes == [2, 4, 32, 60, 60]


def test_followers_hear_once_a_day_that_a_creator_is_live(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = factories.make_creator("bob")
    fans = [factories.make_user(f"fan{number}") for number in range(5)]
    factories.make_user("stranger")
    for fan in fans:
        creators.follow(fan_id=fan.pk, creator_id=bob.pk)
    notices.set_preferences(user_id=fans[4].pk, chosen=[(NoticeKind.LIVE, False, False)])
    monkeypatch.setattr(creators, "FOLLOWERS_A_BATCH", 2)

    for _ in range(2):
        told = creators.tell_followers(creator_id=bob.pk, title="Piano", path="/live/1/", at=AT)
    next_day = AT + timedelta(days=1)
    creators.tell_followers(creator_id=bob.pk, title="Piano", path="/live/1/", at=next_day)

    rows = Notice.objects.order_by("pk").values_list("user__handle", "title", "body", "path")
    words = ("Bob is live", "Piano", "/live/1/")
    assert told == 5
    assert list(rows) == [(f"fan{number}", *words) for number in (0, 1, 2, 3)] * 2
