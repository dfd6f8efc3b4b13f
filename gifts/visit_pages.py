"""What a fan is told of their own visit: what they spent, and that a break is a good idea."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from gifts import visits


@require_safe
@login_required
def visit(request: HttpRequest) -> HttpResponse:
    """The meter as it is now, for the page that asks again after a gift."""
    return render(request, "gifts/visit.html", meter(request))


def meter(request: HttpRequest) -> dict[str, Any]:
    """What the meter and the reminder show; nothing for strangers."""
    if not request.user.is_authenticated:
        return {}
    fan = request.user
    at = timezone.now()
    return {
        "visit": visits.visit_of(fan=fan, signed_in_at=signed_in_at(request, fan), at=at),
        "break_after_min": break_after_min(fan),
    }


def break_after_min(fan: User) -> int:
    """After how many minutes of watching the fan is told; 0: never."""
    chosen = fan.break_after_min
    return settings.BREAK_AFTER_MIN if chosen is None else chosen


def signed_in_at(request: HttpRequest, fan: User) -> datetime | None:
    """When this session began: allauth notes each sign-in in it, the first one first."""
    noted = request.session.get("account_authentication_methods") or []
    moments = [record["at"] for record in noted if "at" in record]
    return datetime.fromtimestamp(min(moments), UTC) if moments else fan.last_login
