"""Staff: what was said in rooms, who is muted, goals, and sums of gifters that were wrong."""

from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from gifts import moderation, ranks
from gifts.admin_forms import REASON_MAX, WhyForm
from gifts.models import ChatMessage, Goal, Mute, RankDifference


@admin.register(ChatMessage)
class ChatMessageAdmin(ReadOnlyAdmin):
    """What was said, also what was removed, until the room's log is forgotten."""

    action_form = WhyForm
    list_display = ("said_at", "author", "words", "room", "paid_coins", "removed_at")
    list_filter = (("removed_at", admin.EmptyFieldListFilter),)
    list_select_related: ClassVar = ("author", "room")
    search_fields = ("=id", "author__handle", "words")
    ordering = ("-said_at", "pk")
    actions = ("remove",)

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("gifts.change_chatmessage")

    @admin.action(description="Remove the selected messages", permissions=["remove"])
    def remove(self, request: HttpRequest, chosen: QuerySet[ChatMessage]) -> None:
        why = request.POST.get("why", "").strip()[:REASON_MAX]
        if not why:
            self.message_user(request, "Give a reason first. Nothing was changed.", messages.ERROR)
            return
        for message in chosen:
            moderation.remove_as_staff(
                message_id=message.pk, by_id=staff_id(request), why=why, at=timezone.now()
            )
        self.message_user(request, "Removed.", messages.SUCCESS)


@admin.register(Mute)
class MuteAdmin(ReadOnlyAdmin):
    list_display = ("person", "creator", "until", "muted_at", "by")
    list_select_related: ClassVar = ("person", "creator", "by")
    search_fields = ("person__handle", "creator__handle")
    ordering = ("-muted_at", "pk")


@admin.register(Goal)
class GoalAdmin(ReadOnlyAdmin):
    list_display = ("words", "room", "coins", "target_coins", "set_at", "reached_at", "removed_at")
    list_select_related: ClassVar = ("room",)
    ordering = ("-set_at", "pk")


@admin.register(RankDifference)
class RankDifferenceAdmin(ReadOnlyAdmin):
    """Sums that were not what the gifts add up to. They were put right when they were found."""

    list_display = ("found_at", "creator", "what", "counted_coins", "real_coins", "seen_at")
    list_filter = (("seen_at", admin.EmptyFieldListFilter),)
    list_select_related: ClassVar = ("creator",)
    ordering = ("-found_at", "pk")
    actions = ("see",)

    def has_see_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("gifts.change_rankdifference")

    @admin.action(description="I have looked at the selected differences", permissions=["see"])
    def see(self, request: HttpRequest, chosen: QuerySet[RankDifference]) -> None:
        rows = list(chosen)
        seen = ranks.see_differences(ids=[row.pk for row in rows], at=timezone.now())
        for row in rows:
            self.log_change(request, row, "Looked at it.")
        self.message_user(request, f"Noted: {seen:,} looked at.", messages.SUCCESS)
