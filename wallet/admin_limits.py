"""The staff's desk of limits on buying: rows by region and way to pay, and the fans' own.

Rows of the region are added by a deed that shows what everybody may pay before and after; the
fans' own are looked at, never touched.
"""

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin_deeds import ReadOnlyAdmin
from wallet import admin_deeds, limit_forms, regional_limits
from wallet.models import OwnLimit, PurchaseLimit, SpendingLimits
from wallet.money import money


@admin.register(PurchaseLimit)
class PurchaseLimitAdmin(admin_deeds.DeedAdmin):
    """Rows are added, dated; none is ever edited."""

    list_display = (
        "region", "kind", "is_hard", "a_purchase", "a_day", "a_month", "new_accounts", "verified",
        "valid_from", "created_by",
    )  # fmt: skip
    list_filter = ("region", "kind", "is_hard")
    list_select_related = ("region", "created_by")
    ordering = ("region", "kind", "is_hard", "-valid_from")

    @admin.display(description="a purchase", ordering="purchase_minor")
    def a_purchase(self, row: PurchaseLimit) -> str:
        return _amount(row.purchase_minor, row.currency)

    @admin.display(description="24 hours", ordering="day_minor")
    def a_day(self, row: PurchaseLimit) -> str:
        first = ""
        if row.first_day_minor is not None:
            first = f" (first day {_amount(row.first_day_minor, row.currency)})"
        return _amount(row.day_minor, row.currency) + first

    @admin.display(description="30 days", ordering="month_minor")
    def a_month(self, row: PurchaseLimit) -> str:
        return _amount(row.month_minor, row.currency)

    @admin.display(description="new accounts")
    def new_accounts(self, row: PurchaseLimit) -> str:
        return f"{row.new_bps / 100:g} %"

    @admin.display(description="verified")
    def verified(self, row: PurchaseLimit) -> str:
        return f"{row.verified_bps / 100:g} %"

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        now = timezone.now()
        form = limit_forms.PurchaseLimitForm(request.POST or None)

        def row() -> PurchaseLimit:
            return form.row(at=now, created_by_id=int(request.user.pk or 0))

        def preview() -> admin_deeds.Preview:
            regional_limits.check_limit(row=row(), at=now)
            return _preview(row())

        def perform() -> str:
            new = regional_limits.add_limit(row=row(), at=now)
            return f"{new}: {regional_limits.words(new)} from {_when(new)}. Its fans were told."

        return admin_deeds.Deed(
            "Add a limit",
            "Add this limit and tell the region's fans",
            form,
            preview,
            perform,
            (
                regional_limits.LimitInThePast,
                regional_limits.LimitDateTaken,
                regional_limits.LimitNoticeTooShort,
                regional_limits.LimitOutOfOrder,
            ),
        )


def _preview(row: PurchaseLimit) -> admin_deeds.Preview:
    """What each tier may pay by this row, and by the one it follows."""
    before = regional_limits.before_of(row)
    was = dict(regional_limits.by_tier([before])) if before else {}
    sort = "A cap of law or network" if row.is_hard else "Our own limit"
    return admin_deeds.Preview(
        facts=[
            ("Where", f"{row.region}, {row.get_kind_display()}"),
            ("What", f"{sort}. Where there are both, the smaller amount counts."),
            ("From", _when(row)),
            ("Told", f"everybody in {row.region.name}, with the reason: {row.source}"),
        ],
        head=("", "Before", "From then on"),
        rows=[
            (tier.label, was.get(tier, "nothing set"), words)
            for tier, words in regional_limits.by_tier([row])
        ],
    )


@admin.register(OwnLimit)
class OwnLimitAdmin(ReadOnlyAdmin):
    """What fans set themselves. It is theirs: nobody of staff changes it."""

    list_display = ("user", "window", "limit", "asked_at", "effective_at", "withdrawn_at")
    list_filter = ("window",)
    list_select_related = ("user",)
    search_fields = ("user__handle", "user__email")
    ordering = ("-pk",)

    @admin.display(description="limit")
    def limit(self, row: OwnLimit) -> str:
        return str(row.money or "none")


@admin.register(SpendingLimits)
class SpendingLimitsAdmin(ReadOnlyAdmin):
    """The breaks from buying that fans took."""

    list_display = ("user", "time_out_until", "time_out_at")
    list_select_related = ("user",)
    search_fields = ("user__handle", "user__email")
    ordering = ("-time_out_until", "pk")


def _amount(amount_minor: int | None, currency: str) -> str:
    return "none" if amount_minor is None else str(money(amount_minor, currency))


def _when(row: PurchaseLimit) -> str:
    return f"{row.valid_from:%d %B %Y, %H:%M UTC}"
