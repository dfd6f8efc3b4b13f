"""The staff's pages of money that creators have and do not get: held, owed back, unclaimed.

Promises: reads, but for one deed: telling a creator what waits for them, which is asked for by POST
and kept with who asked. Each page asks for the permission of what it shows.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import queries as people
from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from accounts.models import User
from payouts import held, unclaimed
from payouts.models import UnclaimedReminder
from wallet import money

A_PAGE: Final = 50
PAGES_MAX: Final = 200
# Debts name payments of fans, so they are for whoever may see the books.
SEES_HELD: Final = ("payouts.view_payout", "payouts.view_eligibilityresult")
SEES_DEBTS: Final = ("wallet.view_account",)
SEES_UNCLAIMED: Final = ("payouts.view_unclaimedreminder",)
MAY_TELL: Final = "payouts.add_unclaimedreminder"


@admin.register(UnclaimedReminder)
class UnclaimedReminderAdmin(ReadOnlyAdmin):
    """Whom staff told of money that waits, and when."""

    list_display = ("at", "creator", "held", "by")
    search_fields = ("creator__handle", "by__handle")
    list_select_related = ("creator", "by")
    ordering = ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("held/", wrap(held_page), name="held"),
            path("debts/", wrap(debts_page), name="debts"),
            path("debts.csv", wrap(debts_csv), name="debts_csv"),
            path("unclaimed/", wrap(unclaimed_page), name="unclaimed"),
            path("unclaimed.csv", wrap(unclaimed_csv), name="unclaimed_csv"),
            path("tell/<int:creator_id>/", wrap(tell), name="tell_unclaimed"),
            *super().get_urls(),
        ]


@require_safe
def held_page(request: HttpRequest) -> HttpResponse:
    """What is held, by its reason: a tab for each."""
    _need(request, SEES_HELD)
    at, number = timezone.now(), _number(request)
    kind = _kind(request)
    given = request.GET.get("creator", "").strip().removeprefix("@")
    creator = _person(given)
    if given and creator is None:
        messages.error(request, f"Nobody is called @{given}. Correct it, or leave it empty.")
    creator_id = creator.pk if creator else None
    is_wrong = bool(given) and creator is None
    rows, has_more = (
        ([], False)
        if is_wrong
        else held.page(kind, at=at, creator_id=creator_id, skip=(number - 1) * A_PAGE, limit=A_PAGE)
    )
    milli, cash = (0, []) if is_wrong else held.sums(kind, at=at, creator_id=creator_id)
    context = {
        "title": "Money that is held",
        "kinds": list(held.Kind),
        "kind": kind,
        "creator": given,
        "rows": [(row, _address(row.model, row.key)) for row in rows],
        "milli": milli,
        "cash": cash,
        **_pages(number, has_more=has_more, filters={"kind": kind.value, "creator": given}),
    }
    return _page(request, "admin/payouts/held.html", context)


@require_safe
def debts_page(request: HttpRequest) -> HttpResponse:
    """What creators owe, what it came from, and what they have repaid."""
    _need(request, SEES_DEBTS)
    number = _number(request)
    rows, has_more = held.debts(skip=(number - 1) * A_PAGE, limit=A_PAGE)
    context = {
        "title": "Debts of creators",
        "rows": rows,
        "share": settings.DEBT_SHARE_BPS // 100,
        **_pages(number, has_more=has_more, filters={}),
    }
    return _page(request, "admin/payouts/debts.html", context)


@require_safe
def debts_csv(request: HttpRequest) -> StreamingHttpResponse:
    _need(request, SEES_DEBTS)
    return _file(held.debt_lines(), name="debts")


@require_safe
def unclaimed_page(request: HttpRequest) -> HttpResponse:
    """Who was not paid for months, why, and when they heard of it last."""
    _need(request, SEES_UNCLAIMED)
    at, number = timezone.now(), _number(request)
    rows, has_more = unclaimed.unclaimed(at=at, skip=(number - 1) * A_PAGE, limit=A_PAGE)
    context = {
        "title": "Unclaimed money",
        "rows": [(row, row.may_be_told(at)) for row in rows],
        "months": settings.UNCLAIMED_AFTER_MONTHS,
        "days": unclaimed.DAYS_BETWEEN,
        "least": money.money(settings.PAYOUT_MINIMUM_USD_CENTS, "USD"),
        "may_tell": request.user.has_perm(MAY_TELL),
        **_pages(number, has_more=has_more, filters={}),
    }
    return _page(request, "admin/payouts/unclaimed.html", context)


@require_safe
def unclaimed_csv(request: HttpRequest) -> StreamingHttpResponse:
    _need(request, SEES_UNCLAIMED)
    return _file(unclaimed.csv_lines(at=timezone.now()), name="unclaimed")


@require_POST
def tell(request: HttpRequest, creator_id: int) -> HttpResponse:
    """Tell one creator what waits for them."""
    _need(request, (MAY_TELL,))
    if not User.objects.filter(pk=creator_id).exists():
        raise Http404
    try:
        reminder = unclaimed.remind(
            creator_id=creator_id, by_id=staff_id(request), at=timezone.now()
        )
    except (unclaimed.RemindedLately, unclaimed.NothingUnclaimed) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{reminder.creator} is told of {reminder.held}.")
    return redirect("admin:unclaimed")


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})


def _file(lines: Iterator[str], *, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"{name}-{timezone.now():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _need(request: HttpRequest, permissions: tuple[str, ...]) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _kind(request: HttpRequest) -> held.Kind:
    try:
        return held.Kind(request.GET.get("kind", held.Kind.CASE))
    except ValueError:
        return held.Kind.CASE


def _person(handle: str) -> User | None:
    return people.person(people.reference(f"@{handle}")) if handle else None


def _number(request: HttpRequest) -> int:
    given = request.GET.get("page", "")
    return min(max(int(given), 1), PAGES_MAX) if given.isdecimal() and len(given) < 5 else 1


def _pages(number: int, *, has_more: bool, filters: dict[str, str]) -> dict[str, Any]:
    return {
        "filters": urlencode(filters),
        "next": number + 1 if has_more and number < PAGES_MAX else None,
        "previous": number - 1 if number > 1 else None,
    }


def _address(model: str, key: str) -> str:
    """Where the row that holds the money is shown: each of these tables has its list here."""
    app, _, name = model.partition(".")
    return f"admin:{app}_{name}_change" if key else ""
