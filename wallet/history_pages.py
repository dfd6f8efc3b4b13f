"""A person's own history: the list, the story behind each entry, and the file to keep."""

from itertools import groupby
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from wallet import history, queries, stories

LOTS_A_PAGE = 20
USES_A_PAGE = 50
ID_DIGITS = 19


@require_safe
@login_required
def history_page(request: HttpRequest) -> HttpResponse:
    """Show one page of the history; ``kind`` filters, ``after`` continues."""
    kind = request.GET.get("kind", "")
    if kind and kind not in history.Kind.values:
        raise Http404("There is no such kind of entry.")
    try:
        after = history.Cursor.parse(request.GET["after"]) if "after" in request.GET else None
    except history.BadCursor as error:
        raise Http404("There is no such page.") from error
    page = history.page(user_id=_user(request).pk, after=after, kinds=[kind] if kind else ())
    address = reverse("wallet:history")
    return render(
        request,
        "wallet/history.html",
        {
            "days": [
                (day, list(entries))
                for day, entries in groupby(
                    page.entries, key=lambda entry: timezone.localtime(entry.at).date()
                )
            ],
            "kind": kind,
            "kinds": [(value, label) for value, label in history.Kind.choices],
            "next_url": page.following
            and f"{address}?{urlencode({'kind': kind, 'after': str(page.following)})}",
            "first_url": after and f"{address}?{urlencode({'kind': kind})}",
        },
    )


@require_safe
@login_required
def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Stream the whole history as a file, a few rows in memory at a time."""
    lines = history.csv_lines(user_id=_user(request).pk)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"carat-history-{timezone.now():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
@login_required
def operation(request: HttpRequest, operation_id: UUID) -> HttpResponse:
    """Tell the story of one of the person's own operations or purchases."""
    story = stories.story(user_id=_user(request).pk, operation_id=operation_id)
    if story is None:
        raise Http404("There is no such entry in your history.")
    return render(request, "wallet/story.html", {"story": story})


@require_safe
@login_required
def lots_page(request: HttpRequest) -> HttpResponse:
    """Show where the person's coins came from, what is left and until when it can be asked back."""
    at, after = timezone.now(), _after(request)
    found = list(queries.all_lots(user_id=_user(request).pk, before=after)[: LOTS_A_PAGE + 1])
    shown = found[:LOTS_A_PAGE]
    address = reverse("wallet:lots")
    return render(
        request,
        "wallet/lots.html",
        {
            "lots": stories.lot_stories(shown, at=at),
            "next_url": f"{address}?after={shown[-1].pk}" if len(found) > len(shown) else "",
            "first_url": address if after else "",
        },
    )


@require_safe
@login_required
def lot_page(request: HttpRequest, lot_id: int) -> HttpResponse:
    """Show one lot of the person's and everything that used its coins."""
    lot = queries.all_lots(user_id=_user(request).pk).filter(pk=lot_id).first()
    if lot is None:
        raise Http404("You have no such coins.")
    after = _after(request)
    found = list(queries.uses_of(lot, before=after)[: USES_A_PAGE + 1])
    shown = found[:USES_A_PAGE]
    address = reverse("wallet:lot", args=[lot.pk])
    return render(
        request,
        "wallet/lot.html",
        {
            "story": stories.lot_story(lot, at=timezone.now()),
            "uses": [stories.use(lot, transfer) for transfer in shown],
            "next_url": f"{address}?after={shown[-1].pk}" if len(found) > len(shown) else "",
            "first_url": address if after else "",
        },
    )


def _after(request: HttpRequest) -> int | None:
    """Where a list goes on. Raises Http404 for what no page gave out."""
    text = request.GET.get("after", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < ID_DIGITS):
        raise Http404("There is no such page.")
    return int(text)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the page is for people who are signed in"
    return request.user
