"""The staff's price desk: regions, packages, prices, methods, exchange rates, rate cards."""

from decimal import Decimal
from typing import Any

import pghistory
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.forms import ReasonedForm
from wallet import admin_deeds, admin_forms, cards, prices, queries, rates, risk
from wallet.models import (
    CoinPackage,
    FxRate,
    HoldClass,
    MethodFee,
    PaymentMethod,
    Price,
    RateCard,
    Region,
    RegionCountry,
)


class WarnsBelowFloor(admin_deeds.ModelAdmin):
    """Rows whose change moves the margin: it is said where coins then sell below the floor.

    Who changed what, and why, is kept by the tables' own history.
    """

    form = ReasonedForm

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        pghistory.context(why=form.cleaned_data["why"])  # beside who, from the middleware
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        _warn(request)
        return super().response_add(request, obj, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        _warn(request)
        return super().response_change(request, obj)


def _warn(request: HttpRequest) -> None:
    try:
        for shortfall in prices.below_floor(at=timezone.now()):
            messages.warning(request, f"Below the margin floor now. {shortfall}")
    except (queries.FxMissing, queries.FxStale) as problem:
        messages.warning(request, f"The margin floor cannot be judged. {problem}")


class CountryInline(admin_deeds.TabularInline):
    model = RegionCountry
    extra = 0


@admin.register(Region)
class RegionAdmin(WarnsBelowFloor):
    list_display = ("name", "code", "currency", "tax", "tax_is_included", "is_open")
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


@admin.register(CoinPackage)
class CoinPackageAdmin(WarnsBelowFloor):
    list_display = ("coins", "is_offered")
    ordering = ("coins",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("coins",) if obj else ()


class MethodFeeInline(admin_deeds.TabularInline):
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
    """Rows are added, dated; none is ever edited."""

    list_display = ("region", "channel", "coins", "amount", "per_coin", "valid_from", "created_by")
    list_filter = ("region", "channel", "package")
    list_select_related = ("region", "created_by")
    ordering = ("region", "channel", "coins", "-valid_from")

    @admin.display(description="price")
    def amount(self, price: Price) -> str:
        return str(price.money)

    @admin.display(description="a coin")
    def per_coin(self, price: Price) -> str:
        return f"{price.currency} {price.money.amount / price.coins:.6f}"

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        now = timezone.now()
        form = admin_forms.PriceForm(request.POST or None)

        def row() -> Price:
            return form.price(at=now, created_by_id=_staff_id(request))

        def perform() -> str:
            new = row()
            prices.add_price(
                region=new.region,
                channel=new.channel,
                package=new.package,
                coins=new.coins,
                amount_minor=new.amount_minor,
                valid_from=new.valid_from,
                created_by_id=_staff_id(request),
                at=now,
            )
            return f"{new} from {new.valid_from:%d %B %Y, %H:%M UTC}."

        def preview() -> admin_deeds.Preview:
            prices.check_price(price=row(), at=now)
            return _price_preview(row())

        return admin_deeds.Deed(
            "Add a price",
            "Add this price",
            form,
            preview,
            perform,
            (prices.PriceInThePast, prices.PriceDateTaken, risk.MarginBelowFloor),
        )


def _price_preview(price: Price) -> admin_deeds.Preview:
    lines = rates.compared(price=price, at=timezone.now())
    return admin_deeds.Preview(
        facts=[
            ("Where", f"{price.region}, {price.get_channel_display()}"),
            ("Price", f"{price.money} for {price.coins:,} coins"),
            ("From", f"{price.valid_from:%d %B %Y, %H:%M UTC}"),
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


@admin.register(FxRate)
class FxRateAdmin(admin_deeds.DeedAdmin):
    list_display = ("currency", "per_usd", "quoted_at", "source")
    list_filter = ("currency",)
    ordering = ("-quoted_at", "currency")

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        now = timezone.now()
        form = admin_forms.FxForm(request.POST or None)

        def preview() -> admin_deeds.Preview:
            facts = [(currency, f"{rate} for 1 USD") for currency, rate in form.rates().items()]
            return admin_deeds.Preview(facts)

        def perform() -> str:
            added = prices.add_fx_rates(
                per_usd=form.rates(),
                quoted_at=form.cleaned_data["quoted_at"] or now,
                source=form.cleaned_data["source"],
                at=now,
                jump_confirmed=form.cleaned_data["jump_confirmed"],
            )
            _warn(request)
            return f"{len(added)} exchange rates added."

        refusals = (prices.FxInTheFuture, prices.FxDateTaken, prices.FxUnknown, prices.FxJump)
        return admin_deeds.Deed(
            "Add exchange rates", "Add these rates", form, preview, perform, refusals
        )


@admin.register(RateCard)
class RateCardAdmin(admin_deeds.DeedAdmin):
    list_display = (
        "name", "state", "diamonds_per_coin", "diamond_usd", "notice_days",
        "effective_at", "announced_at",
    )  # fmt: skip
    ordering = ("-effective_at",)

    @admin.display(description="diamonds a coin")
    def diamonds_per_coin(self, card: RateCard) -> str:
        return f"{Decimal(card.diamonds_per_coin_milli) / 1000:g}"

    @admin.display(description="state")
    def state(self, card: RateCard) -> str:
        in_force = rates.cards(at=timezone.now()).in_force
        if in_force and in_force.card == card:
            return "In force"
        return "Announced" if card.effective_at > timezone.now() else "Past"

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        now = timezone.now()
        form = admin_forms.CardForm(request.POST or None, initial=_card_initial())

        def preview() -> admin_deeds.Preview:
            card = form.card(at=now, announced_by=_staff_id(request))
            cards.check_margin(card=card, at=now)
            return _card_preview(card, starts_at=cards.earliest_start(card=card, at=now))

        def perform() -> str:
            card = cards.announce_rate_card(
                **form.facts(), announced_by_id=_staff_id(request), at=now
            )
            return f'"{card}" takes effect on {card.effective_at:%d %B %Y, %H:%M UTC}.'

        refusals = (
            risk.MarginBelowFloor,
            cards.NoticeTooShort,
            cards.CardNameTaken,
            cards.CardDateTaken,
            cards.HoldsIncomplete,
        )
        return admin_deeds.Deed(
            "Announce a rate card", "Announce this card for good", form, preview, perform, refusals
        )


def _card_initial() -> dict[str, Any]:
    """The latest card's terms: what is not changed stays as it is."""
    last = RateCard.objects.order_by("effective_at").last()
    if last is None:
        return {}
    holds = {f"hold_{hold.value}": last.hold_days[str(hold.value)] for hold in HoldClass}
    per_coin = Decimal(last.diamonds_per_coin_milli) / 1000
    return holds | {
        "diamonds_per_coin": f"{per_coin:g}",
        "diamond_usd": last.diamond_usd,
        "notice_days": last.notice_days,
    }


def _card_preview(card: RateCard, *, starts_at: Any) -> admin_deeds.Preview:
    usd = risk.cost_per_coin(card=card)
    return admin_deeds.Preview(
        facts=[
            ("A coin earns", f"{Decimal(card.diamonds_per_coin_milli) / 1000:g} diamonds"),
            (
                "So a coin earns creators",
                f"US${Decimal(usd.numerator) / Decimal(usd.denominator):f}",
            ),
            ("Takes effect", f"{card.effective_at:%d %B %Y, %H:%M UTC}"),
            ("Could start", f"{starts_at:%d %B %Y, %H:%M UTC}"),
            ("Afterwards", "Nobody can change or withdraw it. Diamonds earned before keep theirs."),
        ]
    )


def _staff_id(request: HttpRequest) -> int:
    assert request.user.pk is not None, "the admin is for people who are signed in"
    return int(request.user.pk)
