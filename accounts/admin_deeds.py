"""What every app's back office shares: rows to look at, rows that are changed with a reason.

Promises: a read-only admin answers every forged form with 403; what is changed with a reason is
never deleted, and its own history keeps why.
"""

from typing import TYPE_CHECKING, Any

import pghistory
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from accounts import forms

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:  # at run time they are not generic
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline


class _ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(_ReadOnly, ModelAdmin):
    """Rows to look at. Who may not even look sees nothing."""

    list_per_page = 50
    show_full_result_count = False


class ReadOnlyInline(_ReadOnly, TabularInline):
    """Rows to look at beneath a row, without the columns of a form."""

    template = "admin/read_only_rows.html"
    extra = 0
    can_delete = False


class ReasonedAdmin(ModelAdmin):
    """Rows that staff change, saying why. Who changed what is kept by the table's own history."""

    form = forms.ReasonedForm

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        pghistory.context(why=form.cleaned_data["why"])  # beside who, from the middleware
        super().save_model(request, obj, form, change)


def staff_id(request: HttpRequest) -> int:
    """Return whose deed it is."""
    assert request.user.pk is not None, "the admin is for people who are signed in"
    return int(request.user.pk)


def badge(label: str, tone: str) -> SafeString:
    """Show a state."""
    shown = {"label": label, "tone": tone, "icon": ""}
    return render_to_string("components/badge.html", shown)
