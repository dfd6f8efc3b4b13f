"""Where Stripe rings about connected accounts: verify, note that there is something to look at."""

import json
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payouts import stripe_accounts
from wallet.providers import stripe_notices
from wallet.providers.base import Forged

BODY_BYTES_MAX: Final = 256 * 1024


@csrf_exempt
@require_POST
def stripe_connect(request: HttpRequest) -> HttpResponse:
    """Take a notice about an account: 200 also for one that is not ours, 400 for a forged one."""
    length = request.headers.get("Content-Length") or "0"
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        return HttpResponse(status=413)
    at = timezone.now()
    try:
        stripe_notices.verify(
            body=request.body,
            headers=request.headers,
            at=at,
            secret=settings.STRIPE_CONNECT_WEBHOOK_SECRET,
        )
    except Forged as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    event: dict[str, Any] = json.loads(request.body)
    stripe_accounts.note_change(ref=str(event.get("account", ""))[:40], at=at)
    return HttpResponse("Noted", content_type="text/plain")
