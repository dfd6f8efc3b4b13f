"""Where payment companies ring: verify, store as it came, answer. Nothing here believes a word."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from wallet import inbox, providers
from wallet.providers.base import Forged

STRIPE = "wallet.providers.stripe.Stripe"
BODY_BYTES_MAX = 256 * 1024


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """Take a notice of Stripe's: 200 also for one that came before, 400 for a forged one."""
    return _take(request, provider=STRIPE)


def _take(request: HttpRequest, *, provider: str) -> HttpResponse:
    length = request.headers.get("Content-Length") or "0"
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        return HttpResponse(status=413)
    try:
        notice = providers.load(provider).verify_event(
            body=request.body, headers=request.headers, at=timezone.now()
        )
    except Forged as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    inbox.record_event(provider=provider, notice=notice, body=request.body)
    return HttpResponse("Noted", content_type="text/plain")
