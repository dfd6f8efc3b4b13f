"""Papers: nothing kept but what is seen, encrypted, for two people's eyes, and then gone."""

import zlib
from datetime import date, timedelta
from io import BytesIO
from struct import pack

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from PIL import Image

from accounts import encryption, identity, papers
from accounts.models import IdentityPaper, PaperAccess, PaperView, User
from tests import factories
from tests.accounts.papers import (
    PDF,
    WORDS,
    let_see,
    paper_ids,
    picture,
    see_all,
    sent_papers,
)
from wallet import ledger

REASON = "To compare the face"


def png_that_says(width: int, height: int) -> bytes:
    """A small PNG that claims to be large."""
    head = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    body = b"".join(
        pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return papers.PNG + body


# What is kept


def test_place_camera_and_comments_do_not_stay_in_a_picture() -> None:
    given = picture(exif=True)
    assert WORDS in given

    content_type, kept = papers.clean(given)

    assert content_type == "image/jpeg"
    assert WORDS not in kept
    assert b"Exif" not in kept
    with Image.open(BytesIO(kept)) as opened:
        assert dict(opened.getexif()) == {}
        assert opened.size == (400, 640)  # turned upright, as its note said


def test_what_follows_a_picture_does_not_stay_behind_it() -> None:
    _, kept = papers.clean(picture("PNG") + b"PK\x03\x04 a program")

    assert b"a program" not in kept


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a" + b"\0" * 500, "neither"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither"),
        (b"<html><script>alert(1)</script>", "neither"),
        (b"", "neither"),
        (papers.JPEG + b"\0" * 600, "cannot be read"),
        (png_that_says(30_000, 30_000), "million pixels"),
        (png_that_says(7_000, 7_000), "million pixels"),  # few enough for the decoder
        (picture(size=(299, 900)), "too small"),
        (papers.PNG + b"\0" * papers.BYTES_MAX, "more than 10 MB"),
        (PDF[:-6] + b"\0" * papers.PDF_BYTES_MAX, "PDF has more than 2 MB"),
        (PDF.replace(b"%%EOF", b""), "ends too early"),
    ],
)
def test_what_is_no_paper_is_refused_with_the_reason(content: bytes, words: str) -> None:
    with pytest.raises(papers.PaperRefused, match=words):
        papers.clean(content)


def test_a_pdf_is_kept_as_it_came() -> None:
    assert papers.clean(PDF) == ("application/pdf", PDF)


def test_one_bad_paper_and_nothing_is_sent(alice: User) -> None:
    check = identity.ask(
        check_id=ledger.new_operation_id(), person_id=alice.pk, adapter="manual",
        at=timezone.now(),
    )  # fmt: skip

    with pytest.raises(papers.PaperRefused) as refused:
        papers.send(
            check_id=check.pk, person_id=alice.pk,
            files={"front": picture(), "selfie": b"nothing"}, at=timezone.now(),
        )  # fmt: skip

    check.refresh_from_db()
    assert refused.value.kind == "selfie"
    assert (check.state, IdentityPaper.objects.count()) == ("asked", 0)


def test_nobody_sends_papers_for_somebody_elses_check(alice: User, mallory: User) -> None:
    check = identity.ask(
        check_id=ledger.new_operation_id(), person_id=alice.pk, adapter="manual",
        at=timezone.now(),
    )  # fmt: skip

    with pytest.raises(identity.NotWaiting):
        papers.send(
            check_id=check.pk, person_id=mallory.pk, files={"front": picture()}, at=timezone.now()
        )

    assert not IdentityPaper.objects.exists()


def test_papers_are_encrypted_at_rest_each_for_its_own_row(alice: User) -> None:
    check = sent_papers(alice, front=PDF)
    front, selfie = check.papers.get(kind="front"), check.papers.get(kind="selfie")
    assert front.sealed is not None

    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM accounts_identitypaper")
        stored = b"".join(bytes(row[0]) for row in cursor.fetchall())

    assert b"%PDF" not in stored
    assert b"Catalog" not in stored
    assert papers.JPEG not in stored
    assert front.sealed is not None
    assert encryption.decrypt(front.sealed, context=front.context) == PDF
    with pytest.raises(encryption.CannotDecrypt):
        encryption.decrypt(front.sealed, context=selfie.context)


# Who sees them


def test_two_people_are_needed_and_every_look_is_a_row(alice: User, olga: User) -> None:
    fred = factories.make_staff("fred")
    check = sent_papers(alice, front=PDF)
    let_see(check, by=olga, colleague=fred)

    paper, content = papers.look(
        paper_id=check.papers.get(kind="front").pk, by_id=olga.pk, at=timezone.now()
    )

    assert (paper.kind, content) == ("front", PDF)
    seen = PaperView.objects.get()
    assert (seen.by_id, seen.paper_id, seen.why) == (olga.pk, paper.pk, REASON)
    assert seen.access.granted_by_id == fred.pk


def test_nobody_sees_papers_without_being_let(alice: User, olga: User) -> None:
    check = sent_papers(alice)
    paper_id = paper_ids(check)[0]
    fred = factories.make_staff("fred")

    with pytest.raises(papers.NoAccess):
        papers.look(paper_id=paper_id, by_id=olga.pk, at=timezone.now())
    papers.ask_access(check_id=check.pk, by_id=olga.pk, reason=REASON, at=timezone.now())
    with pytest.raises(papers.NoAccess):  # asked is not granted
        papers.look(paper_id=paper_id, by_id=olga.pk, at=timezone.now())
    papers.grant_access(access_id=PaperAccess.objects.get().pk, by_id=fred.pk, at=timezone.now())
    with pytest.raises(papers.NoAccess):  # who lets is not who sees
        papers.look(paper_id=paper_id, by_id=fred.pk, at=timezone.now())

    assert not PaperView.objects.exists()


def test_an_access_ends_after_an_hour(alice: User, olga: User) -> None:
    check = sent_papers(alice)
    let_see(check, by=olga, colleague=factories.make_staff("fred"))
    ends_at = PaperAccess.objects.get().ends_at
    assert ends_at is not None

    papers.look(paper_id=paper_ids(check)[0], by_id=olga.pk, at=ends_at - timedelta(microseconds=1))
    with pytest.raises(papers.NoAccess):
        papers.look(paper_id=paper_ids(check)[0], by_id=olga.pk, at=ends_at)

    assert PaperView.objects.count() == 1


def test_an_access_opens_the_papers_of_its_own_check_alone(
    alice: User, bob: User, olga: User
) -> None:
    mine, other = sent_papers(alice), sent_papers(bob)
    let_see(mine, by=olga, colleague=factories.make_staff("fred"))

    with pytest.raises(papers.NoAccess):
        papers.look(paper_id=paper_ids(other)[0], by_id=olga.pk, at=timezone.now())


def test_nobody_lets_themselves_see(alice: User, olga: User) -> None:
    check = sent_papers(alice)
    access = papers.ask_access(check_id=check.pk, by_id=olga.pk, reason=REASON, at=timezone.now())

    with pytest.raises(papers.AccessRefused, match="Two people"):
        papers.grant_access(access_id=access.pk, by_id=olga.pk, at=timezone.now())
    with pytest.raises(IntegrityError, match="paper_access_two_people"), transaction.atomic():
        PaperAccess.objects.filter(pk=access.pk).update(
            state="granted", granted_by=olga, ends_at=timezone.now() + timedelta(hours=1)
        )

    access.refresh_from_db()
    assert (access.state, access.granted_by_id) == ("asked", None)


def test_nobody_looks_at_or_opens_their_own_papers(olga: User) -> None:
    fred = factories.make_staff("fred")
    check = sent_papers(olga)

    with pytest.raises(papers.AccessRefused, match="your own"):
        papers.ask_access(check_id=check.pk, by_id=olga.pk, reason=REASON, at=timezone.now())
    access = papers.ask_access(check_id=check.pk, by_id=fred.pk, reason=REASON, at=timezone.now())
    with pytest.raises(papers.AccessRefused, match="your own"):
        papers.grant_access(access_id=access.pk, by_id=olga.pk, at=timezone.now())


def test_a_request_says_why_and_is_answered_once(alice: User, olga: User) -> None:
    check, fred = sent_papers(alice), factories.make_staff("fred")

    with pytest.raises(papers.AccessRefused, match="Say why"):
        papers.ask_access(check_id=check.pk, by_id=olga.pk, reason="because", at=timezone.now())
    access = papers.ask_access(check_id=check.pk, by_id=olga.pk, reason=REASON, at=timezone.now())
    papers.refuse_access(access_id=access.pk, by_id=fred.pk, why="No need", at=timezone.now())
    with pytest.raises(papers.AccessRefused, match="answered"):
        papers.grant_access(access_id=access.pk, by_id=fred.pk, at=timezone.now())

    access.refresh_from_db()
    assert access.state == "refused"


# Their end


def test_papers_go_after_their_term_and_the_decision_stays(
    alice: User, bob: User, olga: User, settings: LazySettings
) -> None:
    settings.IDENTITY_PAPER_DAYS = 7
    decided, waiting = sent_papers(alice), sent_papers(bob)
    let_see(decided, by=olga, colleague=factories.make_staff("fred"))
    see_all(decided, by=olga)
    at = timezone.now()
    assert alice.birth_date is not None
    identity.approve(
        check_id=decided.pk, by_id=olga.pk, name="Alice", birth_date=date(1990, 5, 17), at=at
    )

    assert papers.delete_due(at=at + timedelta(days=7, microseconds=-1)) == 0
    assert papers.delete_due(at=at + timedelta(days=7)) == 2

    decided.refresh_from_db()
    assert (decided.state, decided.verified_name) == ("approved", "Alice")
    assert [row.sealed for row in decided.papers.all()] == [None, None]
    assert all(row.sealed for row in waiting.papers.all())
    assert PaperView.objects.count() == 2  # who looked stays known
    with pytest.raises(papers.NoAccess, match="deleted"):
        papers.look(paper_id=paper_ids(decided)[0], by_id=olga.pk, at=at)
