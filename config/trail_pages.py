"""The page of what staff did, and its file. Nobody adds to it or takes from it here.

Promises: only for whoever may view the admin's own log; a wrong filter is said and shows nothing.
"""

from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import queries as people
from accounts.models import User
from config import trail

A_PAGE: Final = 50
PAGES_MAX: Final = 40
DAYS_SHOWN: Final = 7
DAYS_MAX: Final = 366


class TrailForm(forms.Form):
    """Whose deeds, on what, and on which days (UTC)."""

    person = forms.CharField(required=False, max_length=40, label="Who")
    object = forms.CharField(required=False, max_length=60, label="Object’s number")
    from_day = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    to_day = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def clean_person(self) -> User | None:
        given = str(self.cleaned_data["person"]).strip().removeprefix("@")
        if not given:
            return None
        found = people.person(people.reference(f"@{given}"))
        if found is None:
            raise forms.ValidationError("Nobody has that handle. Correct it, or leave it empty.")
        return found

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        first, last = given.get("from_day"), given.get("to_day")
        if first and last and not timedelta(0) <= last - first <= timedelta(days=DAYS_MAX):
            raise forms.ValidationError("Choose at most a year, its first day first.")
        return given

    def asked(self) -> trail.Asked:
        given = self.cleaned_data
        person: User | None = given["person"]
        return trail.Asked(
            from_day=given["from_day"],
            to_day=given["to_day"],
            by_id=None if person is None else person.pk,
            object_id=given["object"].strip(),
        )


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """What staff did, newest first."""
    form, asked = _form(request, at=timezone.now())
    number = _number(request.GET.get("page", ""))
    deeds, has_more = (
        trail.latest(asked, user=request.user, skip=(number - 1) * A_PAGE, limit=A_PAGE)
        if asked
        else ([], False)
    )
    filters = {name: value for name, value in request.GET.items() if name in form.fields}
    context = {
        **admin.site.each_context(request),
        "title": "What staff did",
        "form": form,
        "deeds": deeds,
        "filters": urlencode(filters),
        "earlier": number + 1 if has_more and number < PAGES_MAX else None,
        "later": number - 1 if number > 1 else None,
        "is_cut": has_more and number >= PAGES_MAX,
    }
    status = 200 if asked else 400
    return TemplateResponse(request, "admin/trail.html", context, status=status)


@require_safe
def csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The same as a file."""
    form, asked = _form(request, at=timezone.now())
    if asked is None:
        return HttpResponse(form.errors.as_text(), content_type="text/plain", status=400)
    lines = trail.csv_lines(asked, user=request.user)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"staff-{asked.from_day}-{asked.to_day}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _form(request: HttpRequest, *, at: datetime) -> tuple[TrailForm, trail.Asked | None]:
    if not request.user.has_perm("admin.view_logentry"):
        raise PermissionDenied
    today: date = at.date()
    days = {"from_day": str(today - timedelta(days=DAYS_SHOWN - 1)), "to_day": str(today)}
    form = TrailForm(days | {name: value for name, value in request.GET.items() if value})
    return form, form.asked() if form.is_valid() else None


def _number(given: str) -> int:
    return min(max(int(given), 1), PAGES_MAX) if given.isdecimal() and len(given) < 4 else 1
