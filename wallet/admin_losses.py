"""The staff's page of lost payments: what they cost, by currency and one by one.

Promises: reads only; for whoever may see disputes and the books. Wrong days are said, and show
nothing.
"""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_safe

from wallet import losses

A_PAGE: Final = 50
PAGES_MAX: Final = 200
DAYS_SHOWN: Final = 90
DAYS_MAX: Final = 366 * 3
SEES: Final = ("wallet.view_dispute", "wallet.view_account")


class DaysForm(forms.Form):
    """On which days (UTC) disputes ended."""

    from_day = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    to_day = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        first, last = given.get("from_day"), given.get("to_day")
        if first and last and not timedelta(0) <= last - first <= timedelta(days=DAYS_MAX):
            raise forms.ValidationError("Choose at most three years, the first day first.")
        return given


def urls() -> list[URLPattern]:
    """The page and its file, for the desk of disputes."""
    wrap = admin.site.admin_view
    return [
        path("losses/", wrap(page), name="losses"),
        path("losses.csv", wrap(csv), name="losses_csv"),
    ]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Lost payments, latest first, under their sums."""
    form = _form(request)
    number = _number(request.GET.get("page", ""))
    rows: list[losses.Loss] = []
    sums: list[losses.Total] = []
    has_more = False
    if form.is_valid():
        sums = losses.totals(**form.cleaned_data)
        rows, has_more = losses.losses(
            **form.cleaned_data, skip=(number - 1) * A_PAGE, limit=A_PAGE
        )
    context = {
        **admin.site.each_context(request),
        "title": "Lost payments and recourse",
        "form": form,
        "sums": sums,
        "rows": rows,
        "filters": urlencode({name: form[name].value() for name in form.fields}),
        "next": number + 1 if has_more and number < PAGES_MAX else None,
        "previous": number - 1 if number > 1 else None,
    }
    status = 200 if form.is_valid() else 400
    return TemplateResponse(request, "admin/wallet/losses.html", context, status=status)


@require_safe
def csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The same as a file."""
    form = _form(request)
    if not form.is_valid():
        return HttpResponse(form.errors.as_text(), content_type="text/plain", status=400)
    lines = losses.csv_lines(**form.cleaned_data)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"losses-{form.cleaned_data['from_day']}-{form.cleaned_data['to_day']}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _form(request: HttpRequest) -> DaysForm:
    if not request.user.has_perms(SEES):
        raise PermissionDenied
    today = timezone.now().date()
    days = {"from_day": str(today - timedelta(days=DAYS_SHOWN)), "to_day": str(today)}
    return DaysForm(days | {name: value for name, value in request.GET.items() if value})


def _number(given: str) -> int:
    return min(max(int(given), 1), PAGES_MAX) if given.isdecimal() and len(given) < 5 else 1
