"""The staff's price desk: regions, packages, prices, payment methods. ``admin_rates`` has rates."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from djmoney.money import Money

from accounts.admin_deeds import ReadOnlyAdmin, ReasonedAdmin, TabularInline, staff_id
from wallet import admin_deeds, admin_forms, price_files, price_forms, prices, rates, risk
from wallet.models import (
    CoinPackage,
    MethodFee,
    PaymentMethod,
    Price,
    PriceAnnouncement,
    Region,
    RegionCountry,
)

PRICE_REFUSALS: Final = (
    prices.PriceInThePast,
    prices.PriceDateTaken,
    prices.PriceNoticeTooShort,
    risk.MarginBelowFloor,
)


class WarnsBelowFloor(ReasonedAdmin):
    """Rows whose change moves the margin: it is said where coins then sell below the floor."""

    def response_add(
        self, request: HttpRequest, obj: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        admin_deeds.warn_below_floor(request)
        return super().response_add(request, obj, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        admin_deeds.warn_below_floor(request)
        return super().response_change(request, obj)


class CountryInline(TabularInline):
    model = RegionCountry
    extra = 0


@admin.register(Region)
class RegionAdmin(WarnsBelowFloor):
    list_display = (
        "name", "code", "currency", "tax", "tax_is_included", "withdrawal", "refund_days",
        "age_min", "is_open",
    )  # fmt: skip
    list_filter = ("is_open", "currency")
    search_fields = ("name", "code", "countries__country")
    inlines = (CountryInline,)
    ordering = ("name",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Region | None = None
    ) -> tuple[str, ...]:
        """The code and the currency stay: prices were made in them."""
        return ("code", "currency") if obj else ()

    @admin.display(description="tax", ordering="tax_bps")
    def tax(self, region: Region) -> str:
        return f"{Decimal(region.tax_bps) / 100:g} % {region.tax_name}"

    @admin.display(description="to give back", ordering="withdrawal_days")
    def withdrawal(self, region: Region) -> str:
        return f"{region.withdrawal_days} days, {'goodwill' if region.is_goodwill else 'by law'}"


@admin.register(CoinPackage)
class CoinPackageAdmin(WarnsBelowFloor):
    list_display = ("coins", "is_offered")
    ordering = ("coins",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("coins",) if obj else ()


class MethodFeeInline(TabularInline):
    model = MethodFee
    extra = 0


@admin.register(PaymentMethod)
class PaymentMethodAdmin(WarnsBelowFloor):
    form = admin_forms.PaymentMethodForm
    list_display = ("name", "code", "provider", "rail", "hold_class", "is_offered")
    list_filter = ("is_offered", "hold_class")
    filter_horizontal = ("regions",)
    inlines = (MethodFeeInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("code", "provider", "rail") if obj else ()


@admin.register(Price)
class PriceAdmin(admin_deeds.DeedAdmin):
    """Rows are added, dated, one by one or from a file; none is ever edited."""

    change_list_template = "admin/wallet/prices.html"
    list_display = (
        "region", "channel", "coins", "amount", "per_coin", "valid_from", "created_by",
        "announcement",
    )  # fmt: skip
    list_filter = ("region", "channel", "package")
    list_select_related = ("region", "created_by", "announcement")
    ordering = ("region", "channel", "coins", "-valid_from")

    @admin.display(description="price")
    def amount(self, price: Price) -> str:
        return str(price.money)

    @admin.display(description="a coin")
    def per_coin(self, price: Price) -> str:
        return f"{price.currency} {price.money.amount / price.coins:.6f}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("file/", view(self.file_view), name="wallet_price_file"),
            path("book.csv", view(self.book_view), name="wallet_price_book"),
            *super().get_urls(),
        ]

    def book_view(self, request: HttpRequest) -> HttpResponse:
        """Hand out the prices in force and to come, in the form that a file is read back in."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        lines = price_files.lines_of_book(at=now)
        response = HttpResponse("".join(lines), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="prices-{now:%Y-%m-%d}.csv"'
        return response

    def file_view(self, request: HttpRequest) -> HttpResponse:
        """Show what every row of a file would change and what is wrong with it, then add them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return admin_deeds.run(self, request, _file_deed(request))

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        now = timezone.now()
        form = admin_forms.PriceForm(request.POST or None)

        def row() -> Price:
            return form.price(at=now, created_by_id=staff_id(request))

        def perform() -> str:
            new = row()
            prices.add_prices(prices=[new], by_id=staff_id(request), at=now)
            return f"{new} from {new.valid_from:%d %B %Y, %H:%M UTC}."

        def preview() -> admin_deeds.Preview:
            return _price_preview(prices.check_price(price=row(), at=now), at=now)

        return admin_deeds.Deed(
            "Add a price", "Add this price", form, preview, perform, PRICE_REFUSALS
        )


def _price_preview(reviewed: prices.Reviewed, *, at: datetime) -> admin_deeds.Preview:
    price = reviewed.price
    lines = rates.compared(price=price, at=at)
    return admin_deeds.Preview(
        facts=[
            ("Where", f"{price.region}, {price.get_channel_display()}"),
            ("Price", f"{price.money} for {price.coins:,} coins"),
            ("Before", _before(reviewed.was, price)),
            ("From", f"{price.valid_from:%d %B %Y, %H:%M UTC}"),
            (
                "Notice",
                f"A higher price could begin on {prices.earliest_start(at=at):%d %B %Y, %H:%M UTC}",
            ),
            (
                "Announced",
                f"To everybody in {price.region.name}, and on the page of rates"
                if reviewed.is_change
                else "Not: nobody pays more or less by it",
            ),
        ],
        head=("", "Price", "Coins", "A coin nets, US$", "Left after diamonds, US$", "Margin"),
        rows=[
            (
                line.name,
                str(line.price),
                f"{line.coins:,}",
                str(line.net_usd),
                str(line.left_usd),
                f"{line.margin:.1%}",
            )
            for line in lines
        ],
    )


def _before(was: Money | None, price: Price) -> str:
    """Write what was paid before and how far the new price is from it."""
    if was is None:
        return "Nothing was sold at this place"
    moved = (price.money.amount - was.amount) / was.amount if was.amount else Decimal(0)
    return f"{was} ({moved:+.1%})"


def _file_deed(request: HttpRequest) -> admin_deeds.Deed:
    now, by_id = timezone.now(), staff_id(request)
    form = price_forms.PriceFileForm(request.POST or None, request.FILES or None)

    def asked() -> dict[str, Any]:
        given = form.cleaned_data
        return {"text": given["text"], "valid_from": given["valid_from"]}

    def preview() -> admin_deeds.Preview:
        plan = price_files.plan(**asked(), by_id=by_id, at=now)
        form.remember(plan.digest)
        return _file_preview(plan, at=now)

    def perform() -> str:
        price_files.apply(**asked(), seen=form.cleaned_data["seen"], by_id=by_id, at=now)
        return "The prices were added, and what changes is being announced."

    refusals = (
        *PRICE_REFUSALS,
        price_files.NotAPriceFile,
        price_files.RowsWrong,
        price_files.BookMoved,
    )
    return admin_deeds.Deed(
        "Read prices from a file", "Add all of these prices", form, preview, perform, refusals
    )


def _file_preview(plan: price_files.Plan, *, at: datetime) -> admin_deeds.Preview:
    outcome = price_files.Outcome
    values = rates.valued(prices=plan.additions, at=at)
    wrong, same = plan.of(outcome.WRONG), plan.of(outcome.SAME)
    return admin_deeds.Preview(
        facts=[
            ("Rows", f"{len(plan.rows):,}"),
            ("Prices to add", f"{len(plan.additions):,}"),
            ("Stay as they are", f"{len(same):,}"),
            ("Wrong", f"{len(wrong):,}: nothing is added while a row is wrong" if wrong else "0"),
            (
                "Notice",
                f"A higher price could begin on {prices.earliest_start(at=at):%d %B %Y, %H:%M UTC}",
            ),
        ],
        head=(
            "Line",
            "",
            "Where",
            "What",
            "Before",
            "Price",
            "From",
            "A coin nets, US$",
            "Margin",
            "Wrong",
        ),
        rows=[
            _file_line(row, values.get(id(row.price)))
            for row in plan.of(outcome.WRONG, outcome.CHANGE, outcome.FIRST)
        ],
        is_possible=bool(plan.additions) and not wrong,
    )


def _file_line(row: price_files.Row, value: rates.Compared | None) -> tuple[str, ...]:
    price, cells = row.price, row.cells
    what = f"{cells.get('coins', '')} coins {cells.get('what', '')}".strip()
    return (
        str(row.number),
        row.outcome.value,
        f"{cells.get('region', '')} {cells.get('channel', '')}".strip(),
        what if cells else "",
        _before(row.was, price) if price and row.was else "",
        str(price.money) if price else cells.get("amount", ""),
        f"{price.valid_from:%Y-%m-%d %H:%M}" if price else cells.get("valid_from", ""),
        str(value.net_usd) if value else "",
        f"{value.margin:.1%}" if value else "",
        " ".join(row.problems),
    )


@admin.register(PriceAnnouncement)
class PriceAnnouncementAdmin(ReadOnlyAdmin):
    """What people were told of prices, by whom it was decided, and how far the telling is."""

    list_display = (
        "title", "region", "valid_from", "announced_by", "announced_at", "people_told",
        "finished_at",
    )  # fmt: skip
    list_filter = ("region", ("finished_at", admin.EmptyFieldListFilter))
    list_select_related = ("region", "announced_by")
    ordering = ("-id",)
