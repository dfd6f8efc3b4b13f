"""Staff: what creators plan, and cancelling one with a reason that its creator reads."""

from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin_deeds import ReadOnlyAdmin, ReadOnlyInline, badge, staff_id
from gifts import coming, schedule
from gifts.admin_forms import REASON_MAX, WhyForm
from gifts.models import LiveReminder, PlanDeed, PlannedLive

TONES = {
    coming.State.PLANNED: "accent",
    coming.State.BEGUN: "good",
    coming.State.MISSED: "warn",
    coming.State.CANCELLED: "",
}


class StateFilter(admin.SimpleListFilter):
    """What became of the plans, in its words."""

    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _admin: object) -> list[tuple[str, str]]:
        return [(state.value, state.label) for state in coming.State]

    def queryset(self, _request: HttpRequest, rows: QuerySet[PlannedLive]) -> QuerySet[PlannedLive]:
        return coming.in_state(rows, self.value(), at=timezone.now())


class DeedsInline(ReadOnlyInline):
    """What was done with a plan, first to last."""

    model = PlanDeed
    ordering = ("done_at", "pk")
    fields = ("done_at", "title", "words", "was_at", "starts_at", "told_at")
    readonly_fields = fields


@admin.register(PlannedLive)
class PlannedLiveAdmin(ReadOnlyAdmin):
    action_form = WhyForm
    list_display = ("title", "creator", "starts_at", "reminded", "state")
    list_filter = (StateFilter,)
    list_select_related: ClassVar = ("creator",)
    search_fields = ("=id", "title", "creator__handle")
    ordering = ("-starts_at", "pk")
    inlines = (DeedsInline,)
    actions = ("cancel",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlannedLive]:
        asked = LiveReminder.objects.filter(planned=OuterRef("pk")).order_by().values("planned")
        counted = Subquery(asked.annotate(count=Count("pk")).values("count"))
        rows: QuerySet[PlannedLive] = super().get_queryset(request)
        return rows.annotate(reminded=Coalesce(counted, 0, output_field=IntegerField()))

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("gifts.change_plannedlive")

    @admin.display(description="Reminders", ordering="reminded")
    def reminded(self, planned: PlannedLive) -> int:
        return int(planned.reminded)  # type: ignore[attr-defined]

    @admin.display(description="State")
    def state(self, planned: PlannedLive) -> SafeString:
        state = coming.state_of(planned, at=timezone.now())
        return badge(state.label, TONES[state])

    @admin.action(description="Cancel this live", permissions=["cancel"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[PlannedLive]) -> None:
        why = request.POST.get("why", "").strip()[:REASON_MAX]
        if not why:
            self.message_user(request, "Give a reason first. Nothing was changed.", messages.ERROR)
            return
        for planned in chosen:
            try:
                schedule.cancel_as_staff(
                    planned_id=planned.pk, by_id=staff_id(request), why=why, at=timezone.now()
                )
            except schedule.PlanOver:
                self.message_user(
                    request,
                    f"“{planned.title}” has begun or is over. It was not cancelled.",
                    messages.WARNING,
                )
            else:
                self.message_user(
                    request,
                    f"“{planned.title}” is cancelled. Its creator reads why, "
                    "and who asked about it is told.",
                    messages.SUCCESS,
                )
