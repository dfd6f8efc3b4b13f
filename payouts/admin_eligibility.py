"""Staff: what the gate said of creators, and letting one line pass for a time.

Promises: what is shown is read from the gate now, beside what was kept; an override is a deed with
a reason and an end, and is never edited.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts import states
from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from accounts.models import User
from payouts import eligibility, overrides
from payouts.models import EligibilityOverride, EligibilityResult


class OverrideForm(forms.Form):
    """Which line, why, and until when."""

    line = forms.ChoiceField(
        help_text="Age, kind of account, an open review, and having an account to pay to are not "
        "among them: those nobody lets pass."
    )
    reason = forms.CharField(
        max_length=300,
        min_length=overrides.REASON_MIN,
        widget=forms.TextInput(attrs={"size": 60}),
        help_text="The creator reads it.",
    )
    until = forms.DateTimeField(
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=f"At most {overrides.DAYS_MAX} days from now.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines = [(key.value, key.replace("_", " ")) for key in overrides.lines_that_may_pass()]
        self.fields["line"].choices = lines  # type: ignore[attr-defined]


class EndForm(forms.Form):
    why = forms.CharField(max_length=300, widget=forms.TextInput(attrs={"size": 60}))


@admin.register(EligibilityResult)
class EligibilityResultAdmin(ReadOnlyAdmin):
    """Each creator's checklist: as it was kept, and on their own page as it is now."""

    change_form_template = "admin/payouts/eligibility.html"
    list_display = ("creator", "is_eligible", "unmet", "evaluated_at")
    list_filter = ("is_eligible",)
    search_fields = ("creator__handle", "creator__email", "unmet")
    list_select_related = ("creator",)
    ordering = ("-evaluated_at", "pk")
    fields = ("creator", "is_eligible", "evaluated_at", "now")
    readonly_fields = ("now",)

    @admin.display(description="As it is now")
    def now(self, result: EligibilityResult) -> str:
        lines = eligibility.checklist(creator=result.creator, at=timezone.now())
        return render_to_string("admin/payouts/checklist.html", {"lines": lines})

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:creator_id>/let/", wrap(self.let_view), name="payouts_let_pass"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = {"may_let": _may_let(request)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def let_view(self, request: HttpRequest, creator_id: int) -> HttpResponse:
        """Let one line pass for a creator."""
        if not _may_let(request):
            raise PermissionDenied
        creator = User.objects.filter(pk=creator_id, is_creator=True).first()
        if creator is None:
            raise Http404
        at = timezone.now()
        form = OverrideForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = overrides.let_pass(
                    creator_id=creator.pk, by_id=staff_id(request), at=at, **form.cleaned_data
                )
            except overrides.OverrideRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                words = f"{made}. The creator is told."
                self.message_user(request, words, messages.SUCCESS)
                return redirect("admin:payouts_eligibilityoverride_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Let a line pass for {creator}",
            "opts": self.opts,
            "form": form,
            "creator": creator,
            "lines": eligibility.checklist(creator=creator, at=at),
        }
        return TemplateResponse(request, "admin/payouts/let_pass.html", context)


@admin.register(EligibilityOverride)
class EligibilityOverrideAdmin(ReadOnlyAdmin):
    """What was let pass: by whom, why, and until when. It ends by itself, or before by a deed."""

    list_display = ("made_at", "creator", "line", "reason", "by", "until", "state")
    list_filter = ("state", "line")
    search_fields = ("creator__handle", "by__handle")
    list_select_related = ("creator", "by")
    ordering = ("-pk",)
    actions = ("end",)

    def has_deed_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payouts.change_eligibilityoverride")

    @admin.action(description="End before its time", permissions=["deed"])
    def end(
        self, request: HttpRequest, queryset: QuerySet[EligibilityOverride]
    ) -> HttpResponse | None:
        form = EndForm(request.POST if "decide" in request.POST else None)
        rows = list(queryset.select_related("creator"))
        if "decide" not in request.POST or not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": "End before its time",
                "opts": self.opts,
                "form": form,
                "rows": rows,
                "back": reverse("admin:payouts_eligibilityoverride_changelist"),
            }
            return TemplateResponse(request, "admin/payouts/end_override.html", context)
        for row in rows:
            try:
                overrides.end(
                    override_id=row.pk,
                    why=form.cleaned_data["why"],
                    by_id=staff_id(request),
                    at=timezone.now(),
                )
            except (overrides.OverrideRefused, states.Refused) as refusal:
                self.message_user(request, f"{row}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, f"{row}: ended.", messages.SUCCESS)
        return None


def _may_let(request: HttpRequest) -> bool:
    return request.user.has_perm("payouts.add_eligibilityoverride")
