"""The staff's desk for rates: exchange rates, and the rate cards that say what a coin earns."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from wallet import admin_deeds, admin_forms, cards, prices, rates, risk
from wallet.models import FIRST_HOLD, CardAnnouncement, FxRate, HoldClass, RateCard


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
            admin_deeds.warn_below_floor(request)
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
            card = form.card(at=now, announced_by=staff_id(request))
            cards.check_margin(card=card, at=now)
            return _card_preview(card, starts_at=cards.earliest_start(card=card, at=now))

        def perform() -> str:
            card = cards.announce_rate_card(
                **form.facts(), announced_by_id=staff_id(request), at=now
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
        "first_days": last.hold_days.get(FIRST_HOLD, 0),
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
            ("Diamonds wait", _wait(card)),
            ("Takes effect", f"{card.effective_at:%d %B %Y, %H:%M UTC}"),
            ("Could start", f"{starts_at:%d %B %Y, %H:%M UTC}"),
            ("Told", "Every creator and every fan, on the site and by email"),
            ("Afterwards", "Nobody can change or withdraw it. Diamonds earned before keep theirs."),
        ]
    )


def _wait(card: RateCard) -> str:
    holds = [f"{hold.label} {card.hold_days[str(hold.value)]}" for hold in HoldClass]
    return f"{', '.join(holds)} days; first payouts at least {card.hold_days.get(FIRST_HOLD, 0)}"


@admin.register(CardAnnouncement)
class CardAnnouncementAdmin(ReadOnlyAdmin):
    """What everybody was told of rate cards, and how far the telling is."""

    list_display = ("title", "card_id", "announced_at", "people_told", "finished_at")
    list_filter = (("finished_at", admin.EmptyFieldListFilter),)
    ordering = ("-id",)
