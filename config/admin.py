"""The back office's first page, and the tables of libraries: looked at, not edited by hand.

Promises: nobody writes an address, a second factor, a session, a token or a role here, whatever is
posted; secrets are not shown; who changed what, when and why is listed row by row and is read-only.
What may be done is a deed: an administrator resets a second factor, revokes tokens, and registers
the services that use the API.
"""

from datetime import datetime
from typing import Any, ClassVar

from allauth.account import admin as _account  # noqa: F401 - registers what is replaced below
from allauth.account.models import EmailAddress
from allauth.idp.oidc import admin as services
from allauth.idp.oidc.models import Client, Token
from allauth.mfa import admin as _mfa  # noqa: F401
from allauth.mfa.models import Authenticator
from allauth.usersessions import admin as _usersessions  # noqa: F401
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth import admin as _auth  # noqa: F401
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from pghistory import core

from accounts import services as people
from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from accounts.models import User
from config import desk, edits, trail_pages

_plain_index = admin.site.index


def index(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
    """Show what needs this member of staff above Django's list of tables."""
    shown = desk.desk_of(request.user, at=timezone.now())
    return _plain_index(request, {"desk": shown, **(extra_context or {})})


admin.site.index = index  # type: ignore[method-assign]


for replaced in (EmailAddress, Authenticator, UserSession, Client, Token, Group):
    admin.site.unregister(replaced)


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin):
    """Roles are written in accounts/roles.py and made by ``manage.py sync_roles``."""

    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "grants")
    readonly_fields = ("grants",)

    @admin.display(description="May")
    def grants(self, group: Group) -> str:
        rows = group.permissions.select_related("content_type").order_by("content_type", "codename")
        return "; ".join(row.name for row in rows)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """People change and verify their own addresses."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email", "user__handle")
    ordering = ("-pk",)


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin):
    list_display = ("user", "created_at", "last_seen_at", "ip", "user_agent")
    list_select_related = ("user",)
    search_fields = ("user__handle", "=ip")
    fields = ("user", "created_at", "last_seen_at", "ip", "user_agent")
    ordering = ("-pk",)


@admin.register(Authenticator)
class SecondFactorAdmin(ReadOnlyAdmin):
    """Which second factors people have. Their secrets are nobody's to see."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__handle", "user__email")
    fields = ("user", "type", "created_at", "last_used_at")
    ordering = ("-pk",)
    actions = ("reset",)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    @admin.action(description="Reset all second factors of these people", permissions=["reset"])
    def reset(self, request: HttpRequest, chosen: QuerySet[Authenticator]) -> None:
        for user in User.objects.filter(pk__in=chosen.values("user")).order_by("pk"):
            try:
                people.reset_second_factor(user_id=user.pk, by_id=staff_id(request))
            except (people.OwnSecondFactor, people.NotAnAdministrator) as refusal:
                self.message_user(request, f"{user}: {refusal}", messages.ERROR)
            else:
                self.log_change(request, user, "Reset the second factor.")
                self.message_user(request, f"{user} signs in without one now.", messages.SUCCESS)


@admin.register(Client)
class ServiceAdmin(services.ClientAdmin):
    """Services that may ask for tokens. Their secret is shown once, when they are added."""

    list_display = ("name", "id", "type", "created_at")
    list_filter = ("type",)
    raw_id_fields = ()
    readonly_fields = ("created_at",)
    exclude = ("secret", "owner", "data")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    """Tokens in use. Deleting one revokes it; the token itself is not shown."""

    actions = ("delete_selected",)
    list_display = ("client", "type", "user", "created_at", "expires_at")
    list_filter = ("type",)
    list_select_related = ("client", "user")
    search_fields = ("client__name", "=client__id", "user__handle")
    fields = ("client", "type", "user", "scopes", "created_at", "expires_at")
    ordering = ("-pk",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


@admin.register(LogEntry)
class DeskLogAdmin(ReadOnlyAdmin):
    """What was saved and deleted through the back office's forms."""

    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag", "words")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    search_fields = ("user__handle", "object_repr")
    ordering = ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("trail/", wrap(trail_pages.page), name="trail"),
            path("trail.csv", wrap(trail_pages.csv), name="trail_csv"),
            *super().get_urls(),
        ]

    @admin.display(description="What")
    def words(self, entry: LogEntry) -> str:
        return entry.get_change_message()


class EditsAdmin(ReadOnlyAdmin):
    """The history of one table: each row as it became, beside how it was before."""

    list_display = ("moment", "what", "changes", "editor", "why")
    list_filter = ("pgh_label",)
    search_fields: ClassVar = ("=pgh_obj_id",)
    ordering = ("-pgh_id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return edits.edits_of(self.model)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.list_display, *edits.tracked(self.model)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description="When", ordering="pgh_id")
    def moment(self, edit: Any) -> datetime:
        at: datetime = edit.pgh_created_at
        return at

    @admin.display(description="Row")
    def what(self, edit: Any) -> str:
        return f"{edits.row_of(self.model)} {edit.pgh_obj_id}"

    @admin.display(description="Change")
    def changes(self, edit: Any) -> str:
        """Name each field that differs from the row's event before; a first event has none."""
        if edits.is_first(edit):
            return edits.first_words(edit)
        found = edits.changes(edit)
        return (
            "; ".join(f"{name}: {was} → {now}" for name, was, now in found) or "Nothing kept here"
        )

    @admin.display(description="Who", empty_value="not staff")
    def editor(self, edit: Any) -> str | None:
        return f"@{edit.editor_handle}" if edit.editor_handle else None

    @admin.display(description="Why", empty_value="")
    def why(self, edit: Any) -> str | None:
        return str(edit.reason) if edit.reason else None


for history in core.event_models():
    admin.site.register(history, EditsAdmin)
