"""Staff: fans' sums, clubs, memberships and what creators offer, to read."""

from typing import ClassVar

from django.contrib import admin

from accounts.admin_deeds import ReadOnlyAdmin
from gifts import levels
from gifts.models import ClubGifter, Entitlement, FanTotal, MembershipOffer


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnlyAdmin):
    """Who is in which club, and whose member. The id is that of the ledger's operation."""

    list_display = ("fan", "creator", "kind", "coins", "starts_at", "ends_at", "revoked_at")
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related: ClassVar = ("fan", "creator")
    search_fields = ("=id", "fan__handle", "creator__handle")
    ordering = ("-starts_at", "pk")


@admin.register(MembershipOffer)
class MembershipOfferAdmin(ReadOnlyAdmin):
    list_display = ("creator", "is_on", "price_coins", "words", "changed_at")
    list_filter = ("is_on",)
    list_select_related: ClassVar = ("creator",)
    search_fields = ("creator__handle",)
    ordering = ("-changed_at", "pk")


@admin.register(ClubGifter)
class ClubGifterAdmin(ReadOnlyAdmin):
    """Points: what each gave each creator, ever, whether they joined the club or not."""

    list_display = ("gifter", "creator", "coins", "taken_coins", "reached_at")
    list_select_related: ClassVar = ("gifter", "creator")
    search_fields = ("gifter__handle", "creator__handle")
    ordering = ("-coins", "pk")


@admin.register(FanTotal)
class FanTotalAdmin(ReadOnlyAdmin):
    list_display = ("gifter", "coins", "level")
    list_select_related: ClassVar = ("gifter",)
    search_fields = ("gifter__handle",)
    ordering = ("-coins", "pk")

    @admin.display(description="Level")
    def level(self, total: FanTotal) -> int:
        return levels.fan_level(total.coins)
