"""The overlay that a streaming program shows over a creator's picture, and where it is made.

The page needs no sign-in: whoever has its address sees it. It is sent with no referrer, indexed by
nobody and kept nowhere; nothing on it takes input.
"""

from typing import Any, Final

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import fingerprints
from accounts.models import User
from gifts import crowd, overlays, passes, queries, room_log
from gifts.models import Overlay, Room
from gifts.studio import creators_only

PARTS: Final = ("gifts", "goal", "ranks")
RANKS_MAX: Final = 5


@require_safe
def overlay(request: HttpRequest, secret: str) -> HttpResponse:
    """The creator's live as it is now; without one, nothing until there is one."""
    found, refusal = _found(request, secret)
    if found is None:
        return refusal
    room = queries.live_room_of(creator_id=found.creator_id)
    context = {
        "room": room,
        "shown": _parts(request),
        "has_sound": request.GET.get("sound") == "on",
        "events_url": _events_url(room, found) if room else "",
        "crowd": _crowd(room) if room else None,
    }
    return _quiet(render(request, "gifts/overlay.html", context))


@require_safe
def now(request: HttpRequest, secret: str) -> HttpResponse:
    """Which room the creator is live in, for an open overlay that waits."""
    found, refusal = _found(request, secret)
    if found is None:
        return refusal
    room = queries.live_room_of(creator_id=found.creator_id)
    return _quiet(JsonResponse({"room": str(room.pk) if room else None}))


@creators_only
def studio_overlay(request: HttpRequest) -> HttpResponse:
    """Make the address, make it anew, or end it. It is shown once: what is kept cannot be read."""
    me, address = _me(request), ""
    if request.method == "POST" and "end" in request.POST:
        overlays.end(creator_id=me.pk)
        messages.success(request, "The address is dead. Open overlays go dark within a minute.")
        return redirect("gifts:studio_overlay")
    if request.method == "POST":
        secret = overlays.renew(creator_id=me.pk, at=timezone.now())
        address = f"{settings.SITE_URL}{reverse('gifts:overlay', args=[secret])}"
    context = {"overlay": overlays.of(creator_id=me.pk), "address": address}
    page = render(request, "gifts/studio_overlay.html", context)
    # No address holds the secret here, and without a referrer browsers send no origin with a form.
    page["Cache-Control"] = "no-store, private"
    return page


def _found(request: HttpRequest, secret: str) -> tuple[Overlay | None, HttpResponse]:
    """Find the overlay, or the answer to an address of none."""
    network = fingerprints.seen(address=get_adapter().get_client_ip(request) or "").network
    status = 404
    try:
        found = overlays.at_address(secret=secret, network=network)
    except overlays.TooManyWrong:
        found, status = None, 429
    refusal = _quiet(render(request, "gifts/overlay_gone.html", status=status))
    if status == 429:
        refusal["Retry-After"] = str(overlays.WRONG_S)
    return found, refusal


def _parts(request: HttpRequest) -> dict[str, bool]:
    wanted = request.GET.get("show", ",".join(PARTS)).split(",")
    return {part: part in wanted for part in PARTS}


def _events_url(room: Room, found: Overlay) -> str:
    # How far the room is, asked before anything of it is read, so that nothing is missed.
    after = room_log.last_number(room_id=room.pk)
    return passes.overlay_address(room_id=room.pk, overlay_id=found.pk, after=after)


def _crowd(room: Room) -> dict[str, Any]:
    return {
        "goal": crowd.goal_of(room_id=room.pk),
        "ranks": crowd.ranks_of_room(room_id=room.pk, limit=RANKS_MAX),
    }


def _quiet(response: HttpResponse) -> HttpResponse:
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "no-store, private"
    return response


def _me(request: HttpRequest) -> User:
    assert request.user.is_authenticated, "the door is for people who are signed in"
    return request.user
