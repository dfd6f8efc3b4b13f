"""The staff's desk for rates: exchange rates, and the rate cards that say what a coin earns."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from wallet import admin_deeds, admin_forms, cards, ecb, exchange, rates, risk
from wallet.models import FIRST_HOLD, CardAnnouncement, FxRate, HoldClass, RateCard, WaitingRate

FX_SHOWN: Final = 60
FX_REFUSALS: Final[admin_deeds.Refusals] = (
    ecb.NotAnEcbFile,
    exchange.FxInTheFuture,
    exchange.FxDateTaken,
    exchange.FxUnknown,
    exchange.FxDecided,
    exchange.FxSamePerson,
)


@admin.register(FxRate)
class FxRateAdmin(admin_deeds.DeedAdmin):
    """Rates are typed, or read from the European Central Bank's files; none is ever edited."""

    change_list_template = "admin/wallet/fx_rates.html"
    list_display = ("currency", "per_usd", "quoted_at", "source")
    list_filter = ("currency", "source")
    ordering = ("-quoted_at", "currency")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("file/", view, name="wallet_fxrate_file"), *super().get_urls()]

    def file_view(self, request: HttpRequest) -> HttpResponse:
        """Show what a file would add and what would wait, then add it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return admin_deeds.run(self, request, _file_deed(request))

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        now = timezone.now()
        form = admin_forms.FxForm(request.POST or None)

        def asked() -> dict[str, Any]:
            quoted_at = form.cleaned_data["quoted_at"] or now
            source = form.cleaned_data["source"]
            return {"per_usd": form.rates(), "quoted_at": quoted_at, "source": source, "at": now}

        def preview() -> admin_deeds.Preview:
            return _fx_preview(exchange.plan_rates(**asked()), at=now)

        def perform() -> str:
            plan = exchange.add_fx_rates(**asked(), by_id=staff_id(request))
            admin_deeds.warn_below_floor(request)
            return _fx_told(plan)

        return admin_deeds.Deed(
            "Add exchange rates", "Add these rates", form, preview, perform, FX_REFUSALS
        )


def _file_deed(request: HttpRequest) -> admin_deeds.Deed:
    now = timezone.now()
    form = admin_forms.FxFileForm(request.POST or None, request.FILES or None)

    def preview() -> admin_deeds.Preview:
        return _fx_preview(exchange.plan_file(content=form.cleaned_data["body"], at=now), at=now)

    def perform() -> str:
        body, by_id = form.cleaned_data["body"], staff_id(request)
        plan = exchange.import_file(content=body, by_id=by_id, at=now)
        admin_deeds.warn_below_floor(request)
        return _fx_told(plan)

    return admin_deeds.Deed(
        "Read rates from a file", "Add these rates", form, preview, perform, FX_REFUSALS
    )


def _fx_told(plan: exchange.Plan) -> str:
    waits = f" {len(plan.waiting)} wait for a second person." if plan.waiting else ""
    return f"{len(plan.added)} exchange rates added.{waits}"


def _fx_preview(plan: exchange.Plan, *, at: datetime) -> admin_deeds.Preview:
    facts = [
        ("Days", f"{plan.days}"),
        ("Rates to add", f"{len(plan.added):,}"),
        ("Wait for a second person", f"{len(plan.waiting):,}"),
        ("We have already", f"{plan.known:,}"),
    ]
    for code, rate in plan.lacking.items():
        late = " This is too old: type a newer one." if exchange.is_stale(rate, at=at) else ""
        known = f"of {rate.quoted_at:%d %B %Y}, {rate.source}" if rate else "none"
        facts.append((f"{code} is not in the file", f"Our latest: {known}.{late}"))
    latest = [*plan.waiting, *reversed(plan.added)][:FX_SHOWN]
    return admin_deeds.Preview(
        facts=facts,
        head=("Currency", "For 1 USD", "Quoted", "Before", "Moved", ""),
        rows=[
            (
                rate.currency,
                f"{rate.per_usd.normalize():f}",
                f"{rate.quoted_at:%d %B %Y, %H:%M UTC}",
                "" if rate.before is None else f"{rate.before.normalize():f}",
                rate.moved_words,
                "Waits for a second person" if rate.is_jump else "",
            )
            for rate in latest
        ],
        is_possible=bool(plan.rates),
    )


@admin.register(WaitingRate)
class WaitingRateAdmin(ReadOnlyAdmin):
    """Rates far from the one before them. Who entered one cannot decide about it."""

    list_display = (
        "currency", "per_usd", "before_per_usd", "quoted_at", "source", "state", "proposed_by",
        "proposed_at", "decided_by",
    )  # fmt: skip
    list_filter = ("state", "currency")
    list_select_related = ("proposed_by", "decided_by")
    ordering = ("-proposed_at", "-pk")
    actions = ("use", "reject")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("wallet.change_waitingrate"))

    @admin.action(description="Use: you have checked that these are right", permissions=["decide"])
    def use(self, request: HttpRequest, queryset: QuerySet[WaitingRate]) -> None:
        self._decide(request, queryset, is_accepted=True)

    @admin.action(description="Reject", permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[WaitingRate]) -> None:
        self._decide(request, queryset, is_accepted=False)

    def _decide(
        self, request: HttpRequest, queryset: QuerySet[WaitingRate], *, is_accepted: bool
    ) -> None:
        for waiting in queryset.order_by("quoted_at", "currency"):
            try:
                done = exchange.decide(
                    waiting_id=waiting.pk,
                    is_accepted=is_accepted,
                    by_id=staff_id(request),
                    at=timezone.now(),
                )
            except FX_REFUSALS as refusal:
                self.message_user(request, f"{waiting}: {refusal}", messages.ERROR)
            else:
                told = f"{done}: {done.get_state_display().lower()}."
                self.message_user(request, told, messages.SUCCESS)


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
