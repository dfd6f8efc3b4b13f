"""The staff's desk where our books and the payment companies' are compared, by id.

Rows are read here, never edited; the one deed is to compare the last days now.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin_deeds import ReadOnlyAdmin, ReadOnlyInline
from wallet import admin_deeds, admin_forms, reconciliations
from wallet.models import Difference, Reconciliation


class DifferenceInline(ReadOnlyInline):
    model = Difference
    fields = ("kind", "ref", "purchase_id", "ours", "theirs")
    ordering = ("id",)


@admin.register(Reconciliation)
class ReconciliationAdmin(admin_deeds.DeedAdmin):
    list_display = ("__str__", "provider", "outcome", "compared", "started_at", "ended_at")
    list_filter = ("provider",)
    ordering = ("-started_at", "-id")
    inlines = (DifferenceInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reconciliation]:
        runs: QuerySet[Reconciliation] = super().get_queryset(request)
        return runs.annotate(found=Count("differences"))

    @admin.display(description="outcome")
    def outcome(self, run: Reconciliation) -> str:
        if run.ended_at is None:
            return "Did not come to its end"
        found: int = run.found  # type: ignore[attr-defined]
        return f"{found:,} differences" if found else "The books are equal"

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        form = admin_forms.ReconcileForm(request.POST or None)

        def preview() -> admin_deeds.Preview:
            return admin_deeds.Preview(
                [
                    ("Compares", f"the last {form.cleaned_data['days']} days"),
                    ("With", ", ".join(reconciliations.used_providers())),
                    ("First", "What a lost notice would have told is asked for, and done."),
                    ("Otherwise", "No money moves. What differs is written down for you."),
                ]
            )

        def perform() -> str:
            until = timezone.now()
            since = until - timedelta(days=form.cleaned_data["days"])
            runs = [
                reconciliations.reconcile(provider=provider, since=since, until=until)
                for provider in reconciliations.used_providers()
            ]
            words = _words(runs)
            for run in runs:
                self.log_addition(request, run, f"Compared: {words}")
            return words

        return admin_deeds.Deed(
            "Compare with the payment companies",
            "Compare now",
            form,
            preview,
            perform,
            reconciliations.NO_ANSWER,
        )


def _words(runs: Sequence[Reconciliation]) -> str:
    compared = sum(run.compared for run in runs)
    found = Difference.objects.filter(reconciliation__in=runs).count()
    outcome = f"{found:,} differ" if found else "our books and theirs say the same"
    return f"{compared:,} payments, refunds and disputes compared: {outcome}."


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    list_display = ("ref", "kind", "ours", "theirs", "purchase_id", "reconciliation")
    list_filter = ("kind",)
    list_select_related: ClassVar = ["reconciliation"]
    search_fields = ("=ref", "=purchase_id")
    ordering = ("-id",)
