"""A fan's gifts that wait: which do, and taking one back. Works without JavaScript."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from accounts.models import User
from gifts import holding
from gifts.models import HeldGift


@require_safe
@login_required
def held_gifts(request: HttpRequest) -> HttpResponse:
    """What waits now, for the page that asks again while something does."""
    now = waiting(request)
    page = render(request, "gifts/held.html", now)
    return page if now["held_gifts"] else trigger_client_event(page, "visit:changed")


@require_POST
@login_required
def take_back(request: HttpRequest, held_id: UUID) -> HttpResponse:
    """Take one back in time, and go back to where it was sent."""
    fan = request.user
    assert isinstance(fan, User), "signed in"
    try:
        held = holding.take_back(held_id=held_id, sender_id=fan.pk, at=timezone.now())
    except HeldGift.DoesNotExist:
        raise Http404("You have no such gift.") from None
    except holding.TooLate as refusal:
        messages.error(request, str(refusal))
        return redirect("wallet:history")
    messages.success(request, f"Taken back. Your {held.coins:,} coins are yours again.")
    if held.room_id:
        return redirect("gifts:room", held.room_id)
    return redirect("gifts:video", held.video_id)


def waiting(request: HttpRequest) -> dict[str, Any]:
    """What the room and this page show of them; nothing for strangers."""
    fan = request.user
    return {"held_gifts": holding.waiting_of(sender_id=fan.pk) if isinstance(fan, User) else ()}
