"""What the tests of identity checks send and do: pictures, PDFs, and staff who look at them."""

from io import BytesIO
from uuid import UUID

from django.utils import timezone
from PIL import Image
from PIL.ExifTags import IFD, Base

from accounts import identity, papers
from accounts.models import MANUAL, IdentityCheck, User
from wallet import ledger

WORDS = b"Canary of a camera"
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< >>\n%%EOF\n"


def picture(kind: str = "JPEG", *, size: tuple[int, int] = (640, 400), exif: bool = False) -> bytes:
    """A picture, with a place and a camera written into it when asked."""
    drawn = Image.linear_gradient("L").resize(size).convert("RGB")
    written = BytesIO()
    if exif:
        notes = Image.Exif()
        notes[Base.Make] = WORDS.decode()
        notes[Base.Orientation] = 6
        notes.get_ifd(IFD.GPSInfo)[1] = "N"
        drawn.save(written, kind, exif=notes, comment=WORDS)
    else:
        drawn.save(written, kind)
    return written.getvalue()


def sent_papers(person: User, *, front: bytes | None = None) -> IdentityCheck:
    """A check whose papers wait for staff."""
    at = timezone.now()
    check = identity.ask(
        check_id=ledger.new_operation_id(), person_id=person.pk, adapter=MANUAL, at=at
    )
    files = {"front": front or picture(), "selfie": picture("PNG")}
    return papers.send(check_id=check.pk, person_id=person.pk, files=files, at=at)


def let_see(check: IdentityCheck, *, by: User, colleague: User) -> None:
    """Two people: one asks, the other lets them."""
    at = timezone.now()
    access = papers.ask_access(check_id=check.pk, by_id=by.pk, reason="To compare the face", at=at)
    papers.grant_access(access_id=access.pk, by_id=colleague.pk, at=at)


def see_all(check: IdentityCheck, *, by: User) -> None:
    for paper_id in paper_ids(check):
        papers.look(paper_id=paper_id, by_id=by.pk, at=timezone.now())


def paper_ids(check: IdentityCheck) -> list[UUID]:
    return list(check.papers.order_by("kind").values_list("pk", flat=True))
