"""The deeds of the company that checks papers: one case per reference, answered once."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from config.standin import ids, options
from config.standin.models import CaseStatus, IdentityCase, Json

CHECKING_S: Final = 4.0
REASON: Final = "The picture is not sharp enough to be read."


class ReferenceTaken(Exception):
    """The reference names another case already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What comes out of a case. ``is_slow``: only after a while."""

    status: str
    name: str = ""
    birth_date: date | None = None
    is_slow: bool = False


@transaction.atomic(durable=True)
def open_case(*, reference: str, return_url: str, at: datetime) -> tuple[IdentityCase, bool]:
    """Open a case, or find the one of that reference; whether it is new. Raises ReferenceTaken."""
    known = IdentityCase.objects.filter(reference=reference).first()
    if known is None:
        case = IdentityCase.objects.create(
            public_id=ids.new_id("idc"), reference=reference, return_url=return_url, created_at=at
        )
        return case, True
    if known.return_url != return_url:
        raise ReferenceTaken(f"The reference {reference} names another case.")
    return known, False


@transaction.atomic(durable=True)
def answer(*, public_id: str, found: Found, at: datetime) -> IdentityCase:
    """Write down what came out of a case. A case that is answered stays as it is."""
    case = IdentityCase.objects.get(public_id=public_id)
    if case.status != CaseStatus.WAITING:
        return case
    case.status = CaseStatus(found.status)
    if case.status == CaseStatus.VERIFIED:
        case.name, case.birth_date = found.name, found.birth_date
    else:
        case.reason = REASON
    case.answers_at = at + timedelta(seconds=CHECKING_S if found.is_slow else 0)
    case.save()
    return case


def shape(case: IdentityCase, *, at: datetime) -> Json:
    """Show a case as the API does: what was found out only once it is."""
    is_out = case.answers_at is not None and case.answers_at <= at
    status = case.status if is_out or case.status == CaseStatus.WAITING else CaseStatus.CHECKING
    return {
        "id": case.public_id,
        "object": "identity_case",
        "reference": case.reference,
        "url": f"{options.current().public_url}/identity/c/{case.public_id}",
        "status": str(status),
        "name": case.name if is_out else "",
        "birth_date": case.birth_date.isoformat() if is_out and case.birth_date else None,
        "reason": case.reason if is_out else "",
    }
