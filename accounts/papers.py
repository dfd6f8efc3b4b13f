"""Papers for an identity check: taken in, kept encrypted, shown to few, deleted after their term.

Promises: nothing of an uploaded picture is kept but what is seen in it: it is looked at before it
is decoded, decoded within bounds and drawn anew, so that no place, no camera and no hidden word
stays in it; a PDF is kept as it came and never shown on a page; each is encrypted for its own row.
One member of staff asks to see them and says why, another lets them, for an hour; each look at each
paper is a row. After the term the content is gone and the decision stays.
"""

import struct
from collections.abc import Mapping
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final
from uuid import UUID, uuid5

from django.db import connection, transaction
from PIL import Image, ImageOps

from accounts import encryption, identity, states
from accounts.models import IdentityCheck, IdentityPaper, PaperAccess, PaperView

ACCESS_LASTS: Final = timedelta(hours=1)
BYTES_MAX: Final = 10_000_000  # a photograph of a phone has 3 to 8 million
PDF_BYTES_MAX: Final = 2_000_000
PIXELS_MAX: Final = 40_000_000  # what decoding takes is three times it
TOO_MANY_PIXELS: Final = (
    f"The picture has more than {PIXELS_MAX // 1_000_000} million pixels. Take it again with a "
    "lower setting."
)
SIDE_MIN: Final = 300  # nothing can be read on less
SIDE_KEPT: Final = 2400
QUALITY: Final = 88
REASON_MIN: Final = 10

JPEG: Final = b"\xff\xd8\xff"
PNG: Final = b"\x89PNG\r\n\x1a\n"
PDF: Final = b"%PDF-"
# What the decoders raise when they meet something broken.
BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, struct.error)


class PaperRefused(Exception):
    """The file is no paper we take. Nothing was kept. ``kind``: which of those that were sent."""

    kind: str = ""


class NoAccess(Exception):
    """The papers may not be seen by this person now."""


class AccessRefused(Exception):
    """An access cannot be asked for or granted like this."""


# Taking papers in


def send(
    *, check_id: UUID, person_id: int, files: Mapping[str, bytes], at: datetime
) -> IdentityCheck:
    """Keep the papers of an asked check and hand it to staff. Pictures are drawn anew before.

    Again is no change. Raises PaperRefused, identity.NotWaiting.
    """
    cleaned = {}
    for kind, content in files.items():
        try:
            cleaned[kind] = clean(content)
        except PaperRefused as refusal:
            refusal.kind = kind
            raise
    return _keep(check_id=check_id, person_id=person_id, cleaned=cleaned, at=at)


@transaction.atomic(durable=True)
def _keep(
    *, check_id: UUID, person_id: int, cleaned: Mapping[str, tuple[str, bytes]], at: datetime
) -> IdentityCheck:
    check = (
        IdentityCheck.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk=check_id, person_id=person_id)
        .first()
    )
    if check is None or not check.is_manual:
        raise identity.NotWaiting("Nothing is asked of you here. Begin a check first.")
    if check.state == IdentityCheck.State.SUBMITTED:
        return check
    if check.state != IdentityCheck.State.ASKED:
        raise identity.NotWaiting("This check is over. Begin another one.")
    for kind, (content_type, content) in cleaned.items():
        paper = IdentityPaper(
            pk=uuid5(check.pk, kind),
            check_of=check,
            kind=IdentityPaper.Kind(kind),
            content_type=content_type,
            size_bytes=len(content),
            uploaded_at=at,
        )
        paper.sealed = encryption.encrypt(content, context=paper.context)
        paper.save(force_insert=True)
    return identity.submit(check, at=at, by_id=person_id)


def clean(content: bytes) -> tuple[str, bytes]:
    """Return what is kept of a file: its type and its bytes. Raises PaperRefused."""
    if len(content) > BYTES_MAX:
        raise PaperRefused(f"The file has more than {BYTES_MAX // 1_000_000} MB. Make it smaller.")
    if content.startswith(PDF):
        return "application/pdf", _pdf(content)
    if content.startswith(JPEG):
        return "image/jpeg", _picture(content, "JPEG")
    if content.startswith(PNG):
        return "image/jpeg", _picture(content, "PNG")
    raise PaperRefused("Send a photograph (JPEG or PNG) or a PDF. This file is neither.")


def _pdf(content: bytes) -> bytes:
    if len(content) > PDF_BYTES_MAX:
        raise PaperRefused(
            f"The PDF has more than {PDF_BYTES_MAX // 1_000_000} MB. Send a photograph instead."
        )
    if b"%%EOF" not in content[-1024:]:
        raise PaperRefused("The PDF ends too early. Save it again.")
    return content


def _picture(content: bytes, kind: str) -> bytes:
    """Draw a picture anew, upright, without anything that was written beside it."""
    try:
        with Image.open(BytesIO(content), formats=[kind]) as opened:
            wide, high = opened.size
            if wide * high > PIXELS_MAX:
                raise PaperRefused(TOO_MANY_PIXELS)
            if min(wide, high) < SIDE_MIN:
                raise PaperRefused("The picture is too small to be read. Take it again.")
            opened.draft("RGB", (SIDE_KEPT, SIDE_KEPT))  # a JPEG is decoded no larger than needed
            drawn = ImageOps.exif_transpose(opened).convert("RGB")
    except Image.DecompressionBombError:
        raise PaperRefused(TOO_MANY_PIXELS) from None
    except BROKEN:
        raise PaperRefused("The picture cannot be read. Take it again.") from None
    drawn.thumbnail((SIDE_KEPT, SIDE_KEPT))
    canvas = Image.new("RGB", drawn.size)
    canvas.paste(drawn)
    written = BytesIO()
    canvas.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()


# Who may see them


@transaction.atomic(durable=True)
def ask_access(*, check_id: UUID, by_id: int, reason: str, at: datetime) -> PaperAccess:
    """Ask to see the papers of a check, saying why. Asked again, it is the same.

    Raises AccessRefused.
    """
    check = IdentityCheck.objects.select_for_update(no_key=True, of=("self",)).get(pk=check_id)
    if check.person_id == by_id:
        raise AccessRefused("These papers are your own: a colleague looks at them.")
    if len(reason.strip()) < REASON_MIN:
        raise AccessRefused("Say why you need to see them: your colleague decides by it.")
    if not IdentityPaper.objects.filter(check_of=check, deleted_at=None).exists():
        raise AccessRefused("There are no papers any more.")
    access, _ = PaperAccess.objects.get_or_create(
        check_of=check,
        by_id=by_id,
        state=PaperAccess.State.ASKED,
        defaults={"reason": reason.strip()[:300], "asked_at": at},
    )
    return access


@transaction.atomic(durable=True)
def grant_access(*, access_id: int, by_id: int, at: datetime) -> PaperAccess:
    """Let a colleague see the papers, for an hour from now. Raises AccessRefused."""
    access = _to_answer(access_id, by_id=by_id)
    access.granted_by_id, access.granted_at = by_id, at
    access.ends_at = at + ACCESS_LASTS
    access.save(update_fields=["granted_by", "granted_at", "ends_at"])
    return states.move(
        access, to=PaperAccess.State.GRANTED, why=access.reason, at=at, by_id=by_id,
        until=access.ends_at,
    )  # fmt: skip


@transaction.atomic(durable=True)
def refuse_access(*, access_id: int, by_id: int, why: str, at: datetime) -> PaperAccess:
    """Do not let a colleague see the papers. Raises AccessRefused."""
    access = _to_answer(access_id, by_id=by_id)
    return states.move(access, to=PaperAccess.State.REFUSED, why=why, at=at, by_id=by_id)


def _to_answer(access_id: int, *, by_id: int) -> PaperAccess:
    access = (
        PaperAccess.objects.select_for_update(no_key=True, of=("self",))
        .select_related("check_of")
        .get(pk=access_id)
    )
    if access.state != PaperAccess.State.ASKED:
        raise AccessRefused("Somebody has answered this already.")
    if by_id == access.by_id:
        raise AccessRefused("Two people are needed: a colleague answers what you asked.")
    if by_id == access.check_of.person_id:
        raise AccessRefused("These papers are your own: a colleague answers.")
    return access


@transaction.atomic(durable=True)
def look(*, paper_id: UUID, by_id: int, at: datetime) -> tuple[IdentityPaper, bytes]:
    """Open a paper for who may see it now, and leave a row that they did. Raises NoAccess."""
    paper = IdentityPaper.objects.filter(pk=paper_id).first()
    if paper is None or paper.sealed is None:
        raise NoAccess("This paper is deleted.")
    access = (
        PaperAccess.objects.filter(
            check_of_id=paper.check_of_id,
            by_id=by_id,
            state=PaperAccess.State.GRANTED,
            ends_at__gt=at,
        )
        .order_by("-pk")
        .first()
    )
    if access is None:
        raise NoAccess("You may not see this now. Ask for it, and a colleague lets you.")
    PaperView.objects.create(access=access, paper=paper, by_id=by_id, why=access.reason, at=at)
    return paper, encryption.decrypt(paper.sealed, context=paper.context)


# Their end


@transaction.atomic(durable=True)
def delete_due(*, at: datetime) -> int:
    """Delete the papers whose term has passed; what was decided stays. Says how many."""
    return IdentityPaper.objects.filter(deleted_at=None, delete_at__lte=at).update(
        sealed=None, deleted_at=at
    )


def delete_of(*, person_id: int, at: datetime) -> int:
    """Delete all papers of a person at once, in the caller's transaction."""
    assert connection.in_atomic_block, "papers go with the rest of the person"
    return IdentityPaper.objects.filter(check_of__person_id=person_id, deleted_at=None).update(
        sealed=None, deleted_at=at
    )
