"""A buyer's receipts, as files to keep."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from wallet import receipts
from wallet.models import Receipt


@require_safe
@login_required
def receipt(request: HttpRequest, purchase_id: UUID) -> HttpResponse:
    """Hand out the receipt of the person's own purchase: the same file every time."""
    assert isinstance(request.user, User), "the page is for people who are signed in"
    try:
        kept, pdf = receipts.document(
            user_id=request.user.pk, purchase_id=purchase_id, at=timezone.now()
        )
    except (Receipt.DoesNotExist, receipts.NoReceiptYet) as missing:
        raise Http404("There is no receipt of yours for this purchase.") from missing
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="receipt-{kept.label}.pdf"'
    response["Cache-Control"] = "private, no-store"
    return response
