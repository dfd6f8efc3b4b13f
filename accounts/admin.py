"""The back office of people. Standing and terms are deeds; nothing is deleted here."""

from collections.abc import Callable
from typing import Any

from django import forms as django_forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import admin_identity, admin_reviews, forms, leaving, queries, services, states
from accounts.admin_deeds import ReadOnlyAdmin, ReasonedAdmin, staff_id
from accounts.models import (
    Closure,
    Consent,
    CreatorProfile,
    DataExport,
    Notice,
    OutboxEvent,
    Standing,
    StateChange,
    Terms,
    TermsAcceptance,
    User,
)

__all__ = ["admin_identity", "admin_reviews"]  # these desks register themselves


class UserAdminForm(forms.ReasonedForm):
    """What staff may correct about a person."""

    language = django_forms.ChoiceField(choices=settings.LANGUAGES)
    time_zone = django_forms.ChoiceField(choices=forms.TIME_ZONES)

    def clean_handle(self) -> str:
        return str(self.cleaned_data["handle"]).lower()


def _standing_action(to: Standing, words: str) -> Callable[..., HttpResponse | None]:
    @admin.action(description=words, permissions=["set_standing"])
    def act(
        modeladmin: "UserAdmin", request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse | None:
        return modeladmin.decide_standing(request, queryset, to=to, words=words)

    act.__name__ = f"make_{to.value}"
    return act


@admin.register(User)
class UserAdmin(ReasonedAdmin):
    """People. Passwords are never shown; roles and staff are an administrator's to give."""

    form = UserAdminForm
    list_display = (
        "handle",
        "display_name",
        "email",
        "country",
        "standing",
        "is_creator",
        "is_staff",
        "joined_at",
    )
    list_filter = ("standing", "kind", "is_creator", "is_staff", "groups")
    search_fields = ("handle", "display_name", "email")
    ordering = ("-pk",)
    list_per_page = 50
    show_full_result_count = False
    filter_horizontal = ("groups",)
    actions = (
        _standing_action(Standing.RESTRICTED, "Restrict: no buying, sending or earning"),
        _standing_action(Standing.SUSPENDED, "Suspend: signed out everywhere"),
        _standing_action(Standing.GOOD, "Return to good standing"),
    )
    fieldsets = (
        (None, {"fields": ("handle", "display_name", "email", "joined_at", "last_login")}),
        ("Where and when", {"fields": ("country", "birth_date", "language", "time_zone")}),
        ("Kind of account", {"fields": ("kind",)}),
        ("Standing", {"fields": ("standing", "standing_until", "latest_reason", "terms_due_at")}),
        ("Roles", {"fields": ("is_creator", "is_staff", "is_superuser", "groups")}),
        ("This change", {"fields": ("why",)}),
    )
    always_read_only = (
        "email",
        "joined_at",
        "last_login",
        "standing",
        "standing_until",
        "latest_reason",
        "terms_due_at",
        "is_creator",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if request.user.is_superuser:
            return self.always_read_only
        return (*self.always_read_only, "is_staff", "is_superuser", "groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Staff's own rows are an administrator's."""
        if obj is not None and obj.is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_set_standing_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.set_standing")

    @admin.display(description="Latest reason")
    def latest_reason(self, user: User) -> str:
        change = queries.standing_reason(user_id=user.pk)
        return f"{change.why} ({change.by or 'by itself'}, {change.at:%Y-%m-%d})" if change else "-"

    def decide_standing(
        self, request: HttpRequest, queryset: QuerySet[User], *, to: Standing, words: str
    ) -> HttpResponse | None:
        """Show who it is about and ask for the reason; then do it, each person on their own."""
        form = forms.StandingForm(request.POST if "decide" in request.POST else None)
        if "decide" in request.POST and form.is_valid():
            for user in queryset:
                self._decide_one(request, user, to=to, form=form)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": words,
            "form": form,
            "people": queryset,
            "action": f"make_{to.value}",
            "opts": self.model._meta,  # noqa: SLF001
        }
        return TemplateResponse(request, "admin/accounts/standing.html", context)

    def _decide_one(
        self, request: HttpRequest, user: User, *, to: Standing, form: forms.StandingForm
    ) -> None:
        try:
            services.set_standing(
                user_id=user.pk,
                to=to,
                why=form.cleaned_data["reason"],
                by_id=request.user.pk,
                until=form.cleaned_data["until"],
                at=timezone.now(),
            )
        except (services.OwnStanding, services.StaffStanding, states.Refused) as error:
            self.message_user(request, f"{user}: {error}", messages.ERROR)
        else:
            self.message_user(request, f"{user} is {to.label.lower()} now.", messages.SUCCESS)


@admin.register(CreatorProfile)
class CreatorProfileAdmin(ReadOnlyAdmin):
    list_display = ("creator", "about", "opened_at")
    search_fields = ("creator__handle", "creator__display_name")
    list_select_related = ("creator",)


@admin.register(StateChange)
class StateChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "subject_type", "subject_id", "before", "after", "why", "by", "until")
    list_filter = ("subject_type", "after")
    search_fields = ("=subject_id", "why")
    list_select_related = ("by",)
    ordering = ("-pk",)


@admin.register(Terms)
class TermsAdmin(ReadOnlyAdmin):
    """Versions of the terms. A new one is announced; what was published is never edited."""

    list_display = ("version", "effective_at", "acceptance_count")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("accounts.add_terms")

    @admin.display(description="Accepted by")
    def acceptance_count(self, terms: Terms) -> int:
        return TermsAcceptance.objects.filter(terms=terms).count()

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return _announce(request, self)


@permission_required("accounts.add_terms", raise_exception=True)
def _announce(request: HttpRequest, modeladmin: TermsAdmin) -> HttpResponse:
    form = forms.TermsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            terms = services.announce_terms(**form.cleaned_data, at=timezone.now())
        except services.TermsInThePast as error:
            form.add_error("effective_at", str(error))
        else:
            modeladmin.log_addition(request, terms, f"Announced: {terms}.")
            modeladmin.message_user(request, f"{terms} is announced.", messages.SUCCESS)
            return redirect("admin:accounts_terms_changelist")
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": "Announce new terms",
        "form": form,
        "opts": Terms._meta,  # noqa: SLF001
    }
    return TemplateResponse(request, "admin/accounts/announce_terms.html", context)


@admin.register(TermsAcceptance)
class TermsAcceptanceAdmin(ReadOnlyAdmin):
    list_display = ("user", "terms", "accepted_at")
    search_fields = ("user__handle", "user__email")
    list_select_related = ("user", "terms")


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ("fan", "client", "scope", "daily_cap_coins", "given_at", "until", "revoked_at")
    list_filter = ("scope",)
    search_fields = ("fan__handle", "client__name")
    list_select_related = ("fan", "client")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = (
        "user",
        "kind",
        "title",
        "created_at",
        "read_at",
        "email_due",
        "emailed_at",
        "email_tries",
    )
    list_filter = ("kind", "email_due")
    search_fields = ("user__handle", "title", "subject_key")
    list_select_related = ("user",)
    ordering = ("-pk",)


@admin.register(Closure)
class ClosureAdmin(ReadOnlyAdmin):
    """Accounts their owners closed; until they are erased, staff open them again when asked."""

    list_display = ("person", "state", "coins_left", "closed_at", "erase_at", "erased_at")
    list_filter = ("state",)
    search_fields = ("=person__id", "person__handle", "person__email")
    list_select_related = ("person",)
    ordering = ("-pk",)
    actions = ("reopen",)

    def has_reopen_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_closure")

    @admin.action(description="Open again: the owner asked for it", permissions=["reopen"])
    def reopen(self, request: HttpRequest, chosen: QuerySet[Closure]) -> None:
        for closure in chosen:
            try:
                leaving.reopen_account(
                    closure_id=closure.pk,
                    why="The owner asked for it.",
                    by_id=staff_id(request),
                    at=timezone.now(),
                )
            except leaving.NotReopened as refusal:
                self.message_user(request, f"{closure}: {refusal}", messages.ERROR)
            else:
                self.log_change(request, closure, "Opened again.")
                self.message_user(request, f"{closure}: opened again.", messages.SUCCESS)


@admin.register(DataExport)
class DataExportAdmin(ReadOnlyAdmin):
    """Which copies were asked for. What is in them is their owner's alone."""

    list_display = ("person", "state", "asked_at", "ready_at", "expires_at", "size_bytes")
    list_filter = ("state",)
    search_fields = ("=person__id", "person__handle")
    list_select_related = ("person",)
    exclude = ("archive",)
    ordering = ("-asked_at", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DataExport]:
        return super().get_queryset(request).defer("archive")


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ("pk", "name", "subject", "created_at", "relayed_at", "tries", "retry_at")
    list_filter = ("name",)
    search_fields = ("subject",)
    ordering = ("-pk",)
