"""The studio's page of earnings: what came from where, in a span of time that links choose."""

from datetime import UTC, date, datetime

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import User
from payouts import breakdowns


class SignedIn(HttpRequest):
    """A request behind ``login_required``."""

    user: User


@login_required
def charts(request: SignedIn) -> HttpResponse:
    """Show earnings by day, place, gift and rate card, and who gave most."""
    at = timezone.now()
    today = _day(at)
    span = breakdowns.span_of(request.GET.get("span", "30"), today=today)
    if span is None:
        raise Http404("There is no such span of time.")
    context = {
        "report": breakdowns.report(creator=request.user, span=span, at=at),
        "spans": breakdowns.spans(today=today),
    }
    return render(request, "payouts/charts.html", context)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
