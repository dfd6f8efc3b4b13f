"""A buyer's receipts and credit notes, as files to keep."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from wallet import credit_notes, receipts
from wallet.models import CreditNote, Receipt


@require_safe
@login_required
def receipt(request: HttpRequest, purchase_id: UUID) -> HttpResponse:
    """Hand out the receipt of the person's own purchase: the same file every time."""
    try:
        kept, pdf = receipts.document(
            user_id=_person(request).pk, purchase_id=purchase_id, at=timezone.now()
        )
    except (Receipt.DoesNotExist, receipts.NoReceiptYet) as missing:
        raise Http404("There is no receipt of yours for this purchase.") from missing
    return _file(pdf, name=f"receipt-{kept.label}.pdf")


@require_safe
@login_required
def credit_note(request: HttpRequest, note_id: UUID) -> HttpResponse:
    """Hand out the person's own credit note: the same file every time."""
    try:
        kept, pdf = credit_notes.document(
            user_id=_person(request).pk, note_id=note_id, at=timezone.now()
        )
    except (CreditNote.DoesNotExist, receipts.NoReceiptYet) as missing:
        raise Http404("There is no such credit note of yours.") from missing
    return _file(pdf, name=f"credit-note-{kept.label}.pdf")


def _file(pdf: bytes, *, name: str) -> HttpResponse:
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the page is for people who are signed in"
    return request.user
