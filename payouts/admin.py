"""The back office of settlements and payouts. Nothing is edited: every deed is an action that calls
its service, after showing what it will do.
"""

from collections.abc import Callable, Iterable
from typing import Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.admin_deeds import ReadOnlyAdmin
from accounts.models import User
from payouts import admin_transfer_files, queries, services, settlements, submissions
from payouts.models import Destination, Payout, SettlementLine, SettlementRun

__all__ = ["admin_transfer_files"]  # Django finds it through this module

CALLS_AN_ACTION: Final = 5  # as much of a run as one click may take; the clock does the rest


class DeedAdmin(ReadOnlyAdmin):
    """Deeds need the permission to change the object: the roles' word for a deed."""

    def has_deed_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"payouts.change_{self.opts.model_name}")


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        help_text="The creator reads it.",
        widget=forms.TextInput(attrs={"size": 60}),
    )


class NoReasonForm(forms.Form):
    """Nothing more to say."""


@admin.register(SettlementRun)
class SettlementRunAdmin(DeedAdmin):
    list_display = (
        "period_key",
        "state",
        "stopped_why",
        "creators_settled",
        "totals",
        "left",
        "started_at",
        "ended_at",
    )
    list_filter = ("state",)
    search_fields = ("period_key",)
    ordering = ("-started_at",)
    actions = ("go_on",)

    @admin.display(description="Creators settled")
    def creators_settled(self, run: SettlementRun) -> int:
        return run.lines.values("creator").distinct().count()

    @admin.display(description="Settled")
    def totals(self, run: SettlementRun) -> str:
        totals = queries.run_totals(run)
        return ", ".join(f"{row.amount} in {row.lines:,} lines" for row in totals) or "-"

    @admin.display(description="Creators left")
    def left(self, run: SettlementRun) -> int:
        return queries.creators_left(run)

    @admin.action(description="Go on with this run now", permissions=["deed"])
    def go_on(self, request: HttpRequest, queryset: QuerySet[SettlementRun]) -> None:
        for run in queryset:
            creators, progress = 0, None
            for _ in range(CALLS_AN_ACTION):
                progress = settlements.continue_settlement(run_id=run.pk, at=timezone.now())
                creators += progress.creators
                if progress.is_done or progress.is_busy or progress.stopped_why:
                    break
            assert progress is not None, "at least one call was made"
            self.message_user(request, *_told(run, progress, creators=creators))


def _told(run: SettlementRun, progress: settlements.Progress, *, creators: int) -> tuple[str, int]:
    if progress.stopped_why:
        return f"{run} waits: {progress.stopped_why}", messages.ERROR
    if progress.is_busy:
        return f"{run}: a worker is at it.", messages.WARNING
    words = "is done" if progress.is_done else "goes on by itself"
    return f"{run}: looked at {creators:,} creators; it {words}.", messages.SUCCESS


@admin.register(SettlementLine)
class SettlementLineAdmin(ReadOnlyAdmin):
    list_display = (
        "settled_at",
        "run",
        "creator",
        "card_id",
        "diamonds_milli",
        "diamond_usd",
        "fx_per_usd",
        "money",
        "remainder_minor",
    )
    list_filter = ("currency",)
    search_fields = ("creator__handle", "=id", "run__period_key")
    list_select_related = ("run", "creator")
    ordering = ("-settled_at", "-pk")


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


@admin.register(Payout)
class PayoutAdmin(DeedAdmin):
    list_display = (
        "requested_at",
        "creator",
        "money",
        "state",
        "failure",
        "destination",
        "checked_by",
        "approved_by",
        "attempts",
        "due_at",
        "rail_ref",
    )
    list_filter = ("state", "currency", "needs_approval")
    search_fields = ("=id", "creator__handle", "rail_ref")
    list_select_related = ("creator", "destination", "checked_by", "approved_by")
    ordering = ("-requested_at", "-pk")
    actions = (
        _deed("Approve: large payouts need two members of staff", NoReasonForm, approve),
        _deed("Look up at the bank now, or send what waits", NoReasonForm, look_up),
        _deed("Cancel and give the money back", ReasonForm, cancel),
    )

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
