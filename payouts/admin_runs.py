"""The back office of settlement runs: what a run could come to, how far it is, and approvals."""

from collections.abc import Iterable
from typing import Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin_deeds import ReadOnlyAdmin, badge
from accounts.models import User
from payouts import runs, settlements
from payouts.models import SettlementLine, SettlementRun
from wallet.money import money

CHUNKS_AN_ACTION: Final = 2  # as much of a run as one click may take; the clock does the rest


class DeedAdmin(ReadOnlyAdmin):
    """Deeds need the permission to change the object: the roles' word for a deed."""

    def has_deed_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"payouts.change_{self.opts.model_name}")


@admin.register(SettlementRun)
class SettlementRunAdmin(DeedAdmin):
    """``totals_expected`` is the most a run can come to: what was there when it was planned."""

    list_display = (
        "period_key",
        "state_shown",
        "progress",
        "totals_expected",
        "totals",
        "approvals",
        "started_at",
    )
    list_filter = ("state", "kind")
    search_fields = ("period_key",)
    list_select_related = ("checked_by", "approved_by")
    ordering = ("-started_at",)
    fields = (
        "period_key", "kind", "state_shown", "progress", "totals_expected", "totals",
        "needs_approval", "checked_by", "approved_by", "cutoff_at", "started_at", "ended_at",
    )  # fmt: skip
    readonly_fields = ("state_shown", "progress", "totals_expected", "totals")
    list_per_page = 25
    actions = ("approve", "go_on")

    @admin.display(description="Progress")
    def progress(self, run: SettlementRun) -> SafeString:
        found = runs.run_progress(run)
        bar = format_html(
            '<progress class="bar run-progress" aria-label="Creators looked at" '
            'max="{}" value="{}"></progress>',
            found.planned or 1,
            found.looked_at if found.planned else 1,
        )
        words = _lines(
            [
                f"{found.looked_at:,} of {found.planned:,} creators",
                f"{found.settled:,} settled",
                f"{found.paid_out:,} paid out",
                f"{found.not_eligible:,} not eligible",
            ]
        )
        return bar + words

    @admin.display(description="State", ordering="state")
    def state_shown(self, run: SettlementRun) -> SafeString:
        shown = badge(run.get_state_display(), _tone(run))
        why = f" {run.stopped_why}" if run.stopped_why else ""
        return format_html("{} {}{}", shown, run.get_kind_display(), why)

    @admin.display(description="Approved by", empty_value="")
    def approvals(self, run: SettlementRun) -> SafeString | None:
        who = [f"@{by.handle}" for by in (run.checked_by, run.approved_by) if by]
        if who:
            return _lines(who)
        return _lines(["Needs two people"]) if run.needs_approval else None

    @admin.display(description="At most")
    def totals_expected(self, run: SettlementRun) -> SafeString:
        return _lines([_expected(row) for row in run.expected] or ["Nothing"])

    @admin.display(description="Settled")
    def totals(self, run: SettlementRun) -> SafeString:
        totals = runs.run_totals(run)
        return _lines([f"{row.amount} in {row.lines:,} lines" for row in totals] or ["Nothing yet"])

    @admin.action(description="Approve: large runs need two members of staff", permissions=["deed"])
    def approve(
        self, request: HttpRequest, queryset: QuerySet[SettlementRun]
    ) -> HttpResponse | None:
        if "decide" not in request.POST:
            return self._ask(request, queryset)
        assert isinstance(request.user, User), "the admin is for people signed in"
        for run in queryset:
            try:
                moved = settlements.approve_settlement(
                    run_id=run.pk, by=request.user, at=timezone.now()
                )
            except (settlements.NotWaiting, settlements.SamePerson) as refusal:
                self.message_user(request, f"{run}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, f"{run}: {moved.get_state_display()}.", messages.SUCCESS)
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[SettlementRun]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Approve settlement runs",
            "runs": [
                {"run": run, "expected": [_expected(row) for row in run.expected]}
                for run in queryset
            ],
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/payouts/approve_runs.html", context)

    @admin.action(description="Go on with this run now", permissions=["deed"])
    def go_on(self, request: HttpRequest, queryset: QuerySet[SettlementRun]) -> None:
        for run in queryset:
            progress = settlements.continue_settlement(
                run_id=run.pk, at=timezone.now(), chunks_max=CHUNKS_AN_ACTION
            )
            words, level = _told(run, progress)
            self.log_change(request, run, f"Went on with it: {words}")
            self.message_user(request, words, level)


def _tone(run: SettlementRun) -> str:
    if run.state == SettlementRun.State.DONE:
        return "good"
    return "bad" if run.stopped_why else "warn"


def _lines(words: Iterable[str]) -> SafeString:
    """Each on a line of its own."""
    items = format_html_join("", "<li>{}</li>", ((line,) for line in words))
    return format_html('<ul class="run-words">{}</ul>', items)


def _expected(row: dict[str, object]) -> str:
    """One currency of what a run can come to."""
    creators, code = f"{row['creators']:,} creators", str(row["currency"])
    if not code:
        diamonds = int(str(row["diamonds_milli"])) // 1000
        return f"{diamonds:,} diamonds of {creators} without account or rate"
    return f"{money(int(str(row['amount_minor'])), code)} for {creators}"


def _told(run: SettlementRun, progress: settlements.Progress) -> tuple[str, int]:
    if progress.stopped_why:
        return f"{run} waits: {progress.stopped_why}", messages.ERROR
    if progress.is_busy:
        return f"{run}: workers are at it.", messages.WARNING
    words = "is done" if progress.is_done else "goes on by itself"
    return f"{run}: looked at {progress.creators:,} creators; it {words}.", messages.SUCCESS


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
