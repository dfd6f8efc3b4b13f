"""Staff: the catalogue by versions, places with their endings, and what was sent, to read."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.admin_deeds import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline, staff_id
from gifts import (
    admin_art,  # noqa: F401 - its pages are registered by being imported
    admin_clubs,  # noqa: F401 - likewise
    admin_crowd,  # noqa: F401 - likewise
    admin_planned,  # noqa: F401 - likewise
    catalogue,
    rooms,
)
from gifts.admin_forms import REASON_MAX, WhyForm
from gifts.forms import VersionForm
from gifts.models import Category, Gift, GiftVersion, Room, Sending, Video


class VersionsInline(ReadOnlyInline):
    """A gift's history: what it cost from when on."""

    model = GiftVersion
    ordering = ("-valid_from", "-version")
    fields = (
        "version",
        "name",
        "category",
        "price_coins",
        "unlock_level",
        "club_level",
        "valid_from",
        "retired_at",
    )
    readonly_fields = fields


@admin.register(Gift)
class GiftAdmin(ReadOnlyAdmin):
    """A gift and its versions. It begins with its first version, changes by a new one, and leaves
    by being retired.
    """

    list_display = ("slug", "current_name", "current_price", "category", "state")
    search_fields = ("slug", "versions__name")
    ordering = ("slug",)
    inlines = (VersionsInline,)
    actions = ("retire",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gift]:
        return super().get_queryset(request).prefetch_related("versions")

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("gifts.change_gift")

    @admin.display(description="Name")
    def current_name(self, gift: Gift) -> str:
        version = _current(gift)
        return version.name if version else "not offered yet"

    @admin.display(description="Coins")
    def current_price(self, gift: Gift) -> str:
        version = _current(gift)
        return f"{version.price_coins:,}" if version else ""

    @admin.display(description="Category")
    def category(self, gift: Gift) -> str:
        version = _current(gift)
        return Category(version.category).label if version else ""

    @admin.display(description="State")
    def state(self, gift: Gift) -> str:
        version, now = _current(gift), timezone.now()
        if any(row.valid_from > now and row.retired_at is None for row in gift.versions.all()):
            return "Change announced"
        if version is None or (version.retired_at and version.retired_at <= now):
            return "Retired"
        return "Offered"

    @admin.action(description="Retire the selected gifts now", permissions=["retire"])
    def retire(self, request: HttpRequest, gifts: QuerySet[Gift]) -> None:
        for gift in gifts:
            catalogue.retire_gift(gift_id=gift.pk, by_id=staff_id(request), at=timezone.now())
        self.message_user(request, "Retired. A new version offers a gift again.", messages.SUCCESS)


@admin.register(GiftVersion)
class GiftVersionAdmin(ModelAdmin):
    """Every version there was, is and will be. Adding one announces it; none is ever edited."""

    list_display = (
        "name",
        "gift",
        "version",
        "price_coins",
        "category",
        "valid_from",
        "retired_at",
    )
    list_filter = ("category",)
    list_select_related = ("gift",)
    search_fields = ("name", "gift__slug")
    ordering = ("-valid_from", "pk")
    date_hierarchy = "valid_from"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return _announce(request, self)


@permission_required("gifts.add_giftversion", raise_exception=True)
def _announce(request: HttpRequest, modeladmin: GiftVersionAdmin) -> HttpResponse:
    form = VersionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        told = form.cleaned_data | {"valid_from": form.cleaned_data["valid_from"] or at}
        try:
            version = catalogue.announce_gift_version(**told, by_id=staff_id(request), at=at)
        except catalogue.VersionOutOfOrder as refusal:
            form.add_error("valid_from", str(refusal))
        except (catalogue.NoArtwork, catalogue.ArtTooLong) as refusal:
            form.add_error("art", str(refusal))
        else:
            modeladmin.message_user(request, f"{version} is announced.", messages.SUCCESS)
            return redirect("admin:gifts_giftversion_changelist")
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": "Announce a gift version",
        "form": form,
        "opts": GiftVersion._meta,  # noqa: SLF001
    }
    return TemplateResponse(request, "admin/gifts/announce_version.html", context)


class PlaceAdmin(ReadOnlyAdmin):
    """A place with the deed that closes it; the reason stays in its trail."""

    action_form = WhyForm
    search_fields = ("title", "creator__handle")
    list_select_related: ClassVar = ("creator",)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"gifts.change_{self.opts.model_name}")

    def reason(self, request: HttpRequest) -> str:
        """The reason staff gave; without one nothing is done."""
        why = request.POST.get("why", "").strip()[:REASON_MAX]
        if not why:
            self.message_user(request, "Give a reason first. Nothing was changed.", messages.ERROR)
        return why


@admin.register(Room)
class RoomAdmin(PlaceAdmin):
    list_display = ("title", "creator", "state", "gifts_on", "started_at", "ended_at")
    list_filter = ("state",)
    ordering = ("-started_at", "pk")
    actions = ("end",)

    @admin.action(description="End the selected lives", permissions=["close"])
    def end(self, request: HttpRequest, chosen: QuerySet[Room]) -> None:
        why = self.reason(request)
        if not why:
            return
        for room in chosen:
            rooms.end_room(room_id=room.pk, by_id=staff_id(request), why=why, at=timezone.now())
        self.message_user(request, "Ended.", messages.SUCCESS)


@admin.register(Video)
class VideoAdmin(PlaceAdmin):
    list_display = ("title", "creator", "is_public", "gifts_on", "posted_at")
    list_filter = ("is_public",)
    ordering = ("-posted_at", "pk")
    actions = ("hide",)

    @admin.action(description="Hide the selected videos", permissions=["close"])
    def hide(self, request: HttpRequest, chosen: QuerySet[Video]) -> None:
        why = self.reason(request)
        if not why:
            return
        for video in chosen:
            rooms.hide_video(video_id=video.pk, by_id=staff_id(request), why=why, at=timezone.now())
        self.message_user(request, "Hidden.", messages.SUCCESS)


@admin.register(Sending)
class SendingAdmin(ReadOnlyAdmin):
    """Gifts sent. The money behind each is the ledger's operation of the same id."""

    list_display = ("sent_at", "sender", "gift_version", "quantity", "coins", "creator", "where")
    list_select_related: ClassVar = ("sender", "creator", "gift_version", "room", "video")
    search_fields = ("=id", "sender__handle", "creator__handle")
    ordering = ("-pk",)

    @admin.display(description="Where")
    def where(self, sending: Sending) -> str:
        return str(sending.room or sending.video)


def _current(gift: Gift) -> GiftVersion | None:
    """The version in force, of the versions that were read with the gift."""
    begun = [version for version in gift.versions.all() if version.valid_from <= timezone.now()]
    return max(begun, key=lambda version: (version.valid_from, version.version), default=None)
