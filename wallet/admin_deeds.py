"""What the staff's deeds share: a form that shows what it will do first.

Promises: a deed is checked twice, once to show what it would do and once more by the service when
it is confirmed. The admin's own add view runs in a transaction, and deeds are the outermost
transaction of their own: so deeds are views of their own here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts.admin_deeds import ModelAdmin, ReadOnlyAdmin
from wallet import prices, queries

type Refusals = tuple[type[Exception], ...]

_NO_RATE: Refusals = (queries.FxMissing, queries.FxStale)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a deed would do: facts in words, and a table to compare with.

    What is not possible is shown, and cannot be confirmed.
    """

    facts: Sequence[tuple[str, str]]
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    is_possible: bool = True


@dataclass(frozen=True, slots=True)
class Deed:
    """A form, what it would do, and the service that does it, whose ``refusals`` are told."""

    title: str
    button: str
    form: forms.Form
    preview: Callable[[], Preview]
    perform: Callable[[], str]
    refusals: Refusals


class DeedAdmin(ReadOnlyAdmin):
    """Rows that are added by a deed and otherwise only looked at."""

    add_permission = "add"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        name = f"{self.opts.app_label}.{self.add_permission}_{self.opts.model_name}"
        return bool(request.user.has_perm(name))

    def deed(self, request: HttpRequest) -> Deed:
        raise NotImplementedError

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form, then what it would do, then do it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return run(self, request, self.deed(request))


def run(model_admin: ModelAdmin, request: HttpRequest, deed: Deed) -> HttpResponse:
    """Answer one request of a deed. Nothing is done unless the preview was confirmed."""
    preview = None
    refusals = deed.refusals + _NO_RATE
    if request.method == "POST" and deed.form.is_valid():
        try:
            preview = deed.preview()
            if "confirm" in request.POST and preview.is_possible:
                messages.success(request, deed.perform())
                return HttpResponseRedirect(
                    reverse(
                        f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist"
                    )
                )
        except refusals as refusal:
            deed.form.add_error(None, str(refusal))
            preview = None
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": deed.title,
        "button": deed.button,
        "form": deed.form,
        "preview": preview,
        "media": model_admin.media + deed.form.media,
    }
    return TemplateResponse(request, "admin/wallet/deed.html", context)


def warn_below_floor(request: HttpRequest) -> None:
    """Tell who changed something where coins now sell below the margin floor."""
    try:
        for shortfall in prices.below_floor(at=timezone.now()):
            messages.warning(request, f"Below the margin floor now. {shortfall}")
    except (queries.FxMissing, queries.FxStale) as problem:
        messages.warning(request, f"The margin floor cannot be judged. {problem}")
