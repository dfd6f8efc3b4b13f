"""The back office of settlements and payouts. Nothing is edited: every deed is an action that calls
its service, after showing what it will do.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import queries as people
from accounts.admin_deeds import ReadOnlyAdmin, badge
from accounts.models import User
from payouts import (
    admin_eligibility,
    admin_owed,
    admin_runs,
    admin_tax,
    admin_transfer_files,
    services,
    submissions,
)
from payouts.earnings import TONES
from payouts.models import Destination, Payout, StripeAccount

# Django finds these desks through this module.
__all__ = ["admin_eligibility", "admin_owed", "admin_runs", "admin_tax", "admin_transfer_files"]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        help_text="The creator reads it.",
        widget=forms.TextInput(attrs={"size": 60}),
    )


class NoReasonForm(forms.Form):
    """Nothing more to say."""


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    """The account number is masked here too: nobody in the office needs it whole."""

    list_display = (
        "creator",
        "rail",
        "holder_name",
        "masked",
        "currency",
        "added_at",
        "usable_at",
        "replaced_at",
        "blocked_why",
    )
    list_filter = ("rail", "currency")
    search_fields = ("creator__handle", "holder_name")
    list_select_related = ("creator",)
    ordering = ("-added_at", "pk")
    fields = (
        "creator",
        "rail",
        "holder_name",
        "masked",
        "bic",
        "currency",
        "added_at",
        "usable_at",
        "replaced_at",
        "blocked_at",
        "blocked_why",
    )


@admin.register(StripeAccount)
class StripeAccountAdmin(ReadOnlyAdmin):
    list_display = (
        "creator", "__str__", "is_submitted", "is_enabled", "due", "disabled_reason", "fetched_at",
        "due_at",
    )  # fmt: skip
    list_filter = ("is_enabled", "is_submitted")
    search_fields = ("creator__handle", "=ref")
    list_select_related = ("creator",)
    ordering = ("-opened_at", "pk")
    exclude = ("ref",)


def _deed(words: str, form: type[forms.Form], act: "Deed") -> Callable[..., HttpResponse | None]:
    """An action that shows the payouts it is about, then does ``act`` to each."""

    @admin.action(description=words, permissions=["deed"])
    def action(
        modeladmin: "PayoutAdmin", request: HttpRequest, queryset: QuerySet[Payout]
    ) -> HttpResponse | None:
        given = form(request.POST if "decide" in request.POST else None)
        rows = list(queryset.select_related("creator", "destination"))
        if "decide" not in request.POST or not given.is_valid():
            return modeladmin.ask(request, rows, title=words, form=given, action=act.__name__)
        assert isinstance(request.user, User), "the admin is for people signed in"
        for payout in rows:
            try:
                told = act(payout, request.user, given.cleaned_data.get("reason", ""))
            except (services.NotWaiting, services.SamePerson, services.TooLate) as refusal:
                modeladmin.message_user(request, f"{payout}: {refusal}", messages.ERROR)
            else:
                modeladmin.log_change(request, payout, f"{words}. {told}")
                modeladmin.message_user(request, f"{payout}: {told}", messages.SUCCESS)
        return None

    action.__name__ = act.__name__
    return action


type Deed = Callable[[Payout, User, str], str]


def approve(payout: Payout, by: User, _reason: str) -> str:
    moved = services.approve_payout(payout_id=payout.pk, by=by, at=timezone.now())
    return f"{moved.get_state_display()}."


def cancel(payout: Payout, by: User, reason: str) -> str:
    services.cancel_payout(payout_id=payout.pk, by=by, why=reason, at=timezone.now())
    return "cancelled, the money is back in the creator's balance."


def look_up(payout: Payout, _by: User, _reason: str) -> str:
    at = timezone.now()
    services.hurry_payout(payout_id=payout.pk, at=at)
    if not submissions.advance_payout(payout_id=payout.pk, at=at):
        return "nothing to look up, or a worker is at it."
    payout.refresh_from_db()
    return f"{payout.get_state_display()}. {payout.failure}"


class HeldFilter(admin.SimpleListFilter):
    title = "held by a review"
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Waits for a review")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payout]) -> QuerySet[Payout]:
        if self.value() != "yes":
            return queryset
        held = people.held_from_payouts(at=timezone.now())
        return queryset.filter(state__in=Payout.CANCELLABLE, creator__in=held)


@admin.register(Payout)
class PayoutAdmin(admin_runs.DeedAdmin):
    list_display = (
        "requested_at",
        "creator",
        "money",
        "state_shown",
        "destination",
        "approvals",
        "due_at",
    )
    list_filter = ("state", HeldFilter, "currency", "needs_approval")
    readonly_fields = ("held_by",)
    search_fields = ("=id", "creator__handle", "rail_ref")
    list_select_related = ("creator", "destination", "checked_by", "approved_by")
    ordering = ("-requested_at", "-pk")
    actions = (
        _deed("Approve: large payouts need two members of staff", NoReasonForm, approve),
        _deed("Look up at the bank now, or send what waits", NoReasonForm, look_up),
        _deed("Cancel and give the money back", ReasonForm, cancel),
    )

    @admin.display(description="State", ordering="state")
    def state_shown(self, payout: Payout) -> SafeString:
        shown = badge(payout.get_state_display(), TONES.get(payout.state, "warn"))
        return format_html("{} {}", shown, payout.failure) if payout.failure else shown

    @admin.display(description="Approved by", empty_value="")
    def approvals(self, payout: Payout) -> str | None:
        who = [f"@{by.handle}" for by in (payout.checked_by, payout.approved_by) if by]
        if who:
            return ", ".join(who)
        return "Needs two people" if payout.needs_approval else None

    @admin.display(description="Held by")
    def held_by(self, payout: Payout) -> str:
        """The case for which it waits, if it does."""
        held = people.restricting_payouts(user_ids=[payout.creator_id], at=timezone.now())
        review = held.get(payout.creator_id) if payout.is_cancellable else None
        if review is None:
            return "-"
        url = reverse("admin:accounts_review_change", args=[review.pk])
        return format_html('<a href="{}">{}</a>', url, review)

    def ask(
        self,
        request: HttpRequest,
        payouts: Iterable[Payout],
        *,
        title: str,
        form: forms.Form,
        action: str,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "form": form,
            "payouts": payouts,
            "action": action,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/payouts/deed.html", context)
