"""Staff: what creators certified, masked, and the yearly totals for tax offices, by country."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from django_countries import countries

from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from payouts import tax_totals, taxes
from payouts.models import TaxExport, TaxProfile


class TotalsForm(forms.Form):
    """Which year, and whose tax office."""

    year = forms.TypedChoiceField(coerce=int)
    country = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, year: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        years = sorted({year, *tax_totals.years_with_lines()}, reverse=True)
        self.fields["year"].choices = [(number, str(number)) for number in years]  # type: ignore[attr-defined]
        codes = tax_totals.countries_of(year)
        named = [(code, f"{countries.name(code)} ({code})") for code in codes]
        self.fields["country"].choices = named  # type: ignore[attr-defined]


@admin.register(TaxProfile)
class TaxProfileAdmin(ReadOnlyAdmin):
    """Forms with their numbers masked: the office needs them whole in the export alone."""

    change_list_template = "admin/payouts/tax_profiles.html"
    list_display = (
        "creator",
        "form",
        "country",
        "masked",
        "certified_at",
        "valid_until",
        "replaced_at",
    )
    list_filter = ("form", ("replaced_at", admin.EmptyFieldListFilter))
    search_fields = ("creator__handle",)
    list_select_related = ("creator",)
    ordering = ("-certified_at", "pk")
    fields = (
        "creator",
        "form",
        "country",
        "masked",
        "tin_country",
        "no_tin_why",
        "statement",
        "certified_at",
        "valid_until",
        "replaced_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaxProfile]:
        return super().get_queryset(request).defer("sealed")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.totals_view))
        return [path("totals/", view, name="payouts_tax_totals"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = {"may_export": _may_export(request)}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def totals_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Choose a year and a country, and save the file. Who saved which is written down."""
        if not _may_export(request):
            raise PermissionDenied
        at = timezone.now()
        asked = request.POST if request.method == "POST" else request.GET
        given = asked.get("year", "")
        year = int(given) if given.isdecimal() and len(given) == 4 else at.year
        year = year if year in {at.year, *tax_totals.years_with_lines()} else at.year
        form = TotalsForm(request.POST or None, year=year, initial={"year": year})
        if request.method == "POST" and form.is_valid() and form.cleaned_data["country"]:
            country = form.cleaned_data["country"]
            taxes.note_export(year=year, country=country, by_id=staff_id(request), at=at)
            return _file(year=year, country=country)
        context = {
            **self.admin_site.each_context(request),
            "title": "Yearly totals for tax offices",
            "opts": self.opts,
            "form": form,
            "year": year,
            "countries": tax_totals.overview(year=year),
        }
        return TemplateResponse(request, "admin/payouts/tax_totals.html", context)


def _file(*, year: int, country: str) -> StreamingHttpResponse:
    lines = tax_totals.csv_lines(year=year, country=country, at=timezone.now())
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"earnings-{year}-{country}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _may_export(request: HttpRequest) -> bool:
    return request.user.has_perm("payouts.export_tax_totals")


@admin.register(TaxExport)
class TaxExportAdmin(ReadOnlyAdmin):
    """Who saved which totals."""

    list_display = ("at", "by", "year", "country")
    list_filter = ("year",)
    list_select_related = ("by",)
    ordering = ("-pk",)
