"""Staff's door to gift cards: propose a batch, decide about another's, hand out codes once, void.

A batch is decided by somebody else than its maker. Codes are handed to the maker alone, in a
session that has just shown its second factor, as a file that exists in that answer only.
"""

import csv
import time
from typing import Any, ClassVar
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from wallet import (
    admin_deeds,
    admin_forms,
    gift_batches,
    gift_card_forms,
    gift_cards,
    history,
    queries,
)
from wallet.models import Channel, GiftCard, GiftCardBatch

State = GiftCardBatch.State
CSV_HEAD = ("Code", "Coins", "Price", "Currency", "Region", "Expires")


@admin.register(GiftCardBatch)
class GiftCardBatchAdmin(admin_deeds.DeedAdmin):
    """Who may add may propose and gets the codes; who may change may decide and void."""

    list_display = (
        "name", "region", "coins", "price", "count", "redeemed", "state", "maker", "approver",
        "expires_at", "deeds",
    )  # fmt: skip
    list_filter = ("state", "region")
    list_select_related = ("region", "maker", "approver")
    search_fields = ("name", "=id")
    ordering = ("-made_at", "pk")
    exclude = ("gross_minor", "currency")
    readonly_fields: ClassVar = ["price", "deeds"]

    def get_urls(self) -> list[URLPattern]:
        views = {"decide": self.decide_view, "codes": self.codes_view, "void": self.void_view}
        own = [
            path(
                f"<uuid:batch_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"wallet_giftcardbatch_{name}",
            )
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[GiftCardBatch]:
        redeemed = Count("cards", filter=Q(cards__purchase__isnull=False))
        batches: QuerySet[GiftCardBatch] = super().get_queryset(request)
        return batches.annotate(redeemed_count=redeemed)

    @admin.display(description="Price of a card")
    def price(self, batch: GiftCardBatch) -> str:
        return str(batch.money)

    @admin.display(description="Redeemed")
    def redeemed(self, batch: Any) -> str:
        return f"{batch.redeemed_count:,}"

    @admin.display(description="What can be done", empty_value="")
    def deeds(self, batch: GiftCardBatch) -> SafeString | None:
        offered = {
            State.PROPOSED: (("decide", "Decide"),),
            State.APPROVED: (("codes", "Hand out the codes"), ("void", "Void")),
            State.ISSUED: (("void", "Void"),),
        }.get(State(batch.state), ())
        links = [
            (reverse(f"admin:wallet_giftcardbatch_{name}", args=[batch.pk]), words)
            for name, words in offered
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', links) if links else None

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        form = gift_card_forms.BatchForm(request.POST or None)

        def perform() -> str:
            gift_batches.propose_batch(
                batch_id=form.cleaned_data["batch_id"],
                name=form.cleaned_data["name"],
                maker_id=staff_id(request),
                at=timezone.now(),
                **form.facts(),
            )
            return "Proposed. A second person has to approve it before there are codes."

        return admin_deeds.Deed(
            "Propose a batch of gift cards",
            "Propose it",
            form,
            lambda: _batch_preview(form),
            perform,
            (gift_batches.NotABatch, gift_batches.BelowFloor),
        )

    def decide_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Approve or reject a batch, by somebody else than who proposed it."""
        batch = _batch(request, batch_id, "change")
        form = admin_forms.DecisionForm(request.POST or None)

        def perform() -> str:
            given = form.cleaned_data
            decided = gift_batches.decide_batch(
                batch_id=batch.pk,
                approve=given["decision"] == "approve",
                why=given["why"],
                by_id=staff_id(request),
                at=timezone.now(),
            )
            return f"{batch.name}: {decided.get_state_display().lower()}."

        refusals = (gift_batches.SamePerson, gift_batches.NotWaiting)
        deed = admin_deeds.Deed(
            f"Decide: {batch}", "Do it", form, lambda: _facts(batch), perform, refusals
        )
        return admin_deeds.run(self, request, deed)

    def void_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """End all cards of a batch that nobody has redeemed."""
        batch = _batch(request, batch_id, "change")
        form = gift_card_forms.WhyForm(request.POST or None)

        def perform() -> str:
            voided = gift_batches.void_batch(
                batch_id=batch.pk,
                why=form.cleaned_data["why"],
                by_id=staff_id(request),
                at=timezone.now(),
            )
            return f"{voided:,} cards give nothing from now on."

        deed = admin_deeds.Deed(
            f"Void: {batch}", "Void it", form, lambda: _facts(batch), perform,
            (gift_batches.NotWaiting,),
        )  # fmt: skip
        return admin_deeds.run(self, request, deed)

    def codes_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Hand the codes out: a page that says what happens, then the file, once."""
        batch = _batch(request, batch_id, "add")
        if not _has_just_shown_second_factor(request):
            messages.info(request, "Show your second factor first, then hand the codes out.")
            back = reverse("admin:wallet_giftcardbatch_codes", args=[batch.pk])
            return redirect(reverse("mfa_reauthenticate", query={"next": back}))
        form = gift_card_forms.HandOutForm(request.POST or None)
        if "confirm" in request.POST:
            try:
                codes = gift_batches.hand_out(
                    batch_id=batch.pk, by_id=staff_id(request), at=timezone.now()
                )
            except (gift_batches.NotTheMaker, gift_batches.NotWaiting) as refusal:
                messages.error(request, str(refusal))
                return HttpResponseRedirect(reverse("admin:wallet_giftcardbatch_changelist"))
            return _file(batch, codes)
        deed = admin_deeds.Deed(
            f"Hand out: {batch}", "Make the codes and download them", form,
            lambda: _facts(batch), lambda: "", (),
        )  # fmt: skip
        return admin_deeds.run(self, request, deed)


@admin.register(GiftCard)
class GiftCardAdmin(ReadOnlyAdmin):
    """Single cards, by their last four letters. What is kept of a code is not shown."""

    list_display = ("card", "batch", "state", "redeemed_by", "redeemed_at", "voided_at")
    list_filter = (
        ("purchase", admin.EmptyFieldListFilter), ("voided_at", admin.EmptyFieldListFilter)
    )  # fmt: skip
    list_select_related = ("batch", "purchase__buyer")
    search_fields = ("=ending", "=purchase__id", "batch__name")
    search_help_text = "The code's last four letters, the purchase, or the batch's name"
    ordering = ("-pk",)
    fields = list_display
    actions: Any = ("void",)

    @admin.display(description="Card")
    def card(self, card: GiftCard) -> str:
        return f"…{card.ending}"

    @admin.display(description="State")
    def state(self, card: GiftCard) -> str:
        if card.redeemed_at:
            return "Redeemed"
        if card.voided_at:
            return "Voided"
        return "Expired" if card.batch.expires_at <= timezone.now() else "Open"

    @admin.display(description="By", empty_value="")
    def redeemed_by(self, card: GiftCard) -> SafeString | None:
        if card.purchase is None:
            return None
        address = reverse("admin:wallet_purchase_change", args=[card.purchase.pk])
        return format_html('<a href="{}">{}</a>', address, card.purchase.buyer)

    def has_void_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wallet.change_giftcard")

    @admin.action(description="Void: the cards give nothing from now on", permissions=["void"])
    def void(self, request: HttpRequest, chosen: QuerySet[GiftCard]) -> None:
        ids = list(chosen.values_list("pk", flat=True))
        voided = gift_cards.void_cards(card_ids=ids, at=timezone.now())
        for card in chosen.filter(voided_at__isnull=False):
            self.log_change(request, card, "Voided.")
        self.message_user(
            request, f"{voided:,} of {len(ids):,} voided. Redeemed cards stay redeemed."
        )


def _batch(request: HttpRequest, batch_id: UUID, permission: str) -> GiftCardBatch:
    if not request.user.has_perm(f"wallet.{permission}_giftcardbatch"):
        raise PermissionDenied
    batch = GiftCardBatch.objects.select_related("region").filter(pk=batch_id).first()
    if batch is None:
        raise Http404("There is no such batch.")
    return batch


def _has_just_shown_second_factor(request: HttpRequest) -> bool:
    """Whether a second factor was shown in this session, as lately as for any other deed."""
    since = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return any(
        record["method"] == "mfa" and record["at"] >= since
        for record in get_authentication_records(request, request.user)
    )


def _batch_preview(form: gift_card_forms.BatchForm) -> admin_deeds.Preview:
    facts, at = form.facts(), timezone.now()
    gift_batches.check_batch(at=at, **facts)
    region = facts["region"]
    batch = GiftCardBatch(name=form.cleaned_data["name"], currency=region.currency, **facts)
    web = queries.value_of_coins(region, batch.coins, at)
    return admin_deeds.Preview(
        [
            *_facts(batch).facts,
            ("The same coins on the web", str(web) if web else "not for sale"),
            ("Now", "Nothing can be redeemed yet. A second person has to approve it."),
        ]
    )


def _facts(batch: GiftCardBatch) -> admin_deeds.Preview:
    return admin_deeds.Preview(
        [
            ("Batch", batch.name),
            ("Cards", f"{batch.count:,} of {batch.coins:,} coins"),
            ("Coins in all", f"{batch.count * batch.coins:,}"),
            (
                "Price of a card",
                f"{batch.money}, in {batch.region.name} ({Channel.GIFT_CARD.label})",
            ),
            ("Expires", f"{batch.expires_at:%-d %B %Y, %H:%M} UTC"),
            ("State", batch.get_state_display()),
        ]
    )


def _file(batch: GiftCardBatch, codes: list[str]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="gift-cards-{batch.pk}.csv"'
    response["Cache-Control"] = "private, no-store"
    write = csv.writer(response)
    write.writerow(CSV_HEAD)
    price, expires = batch.money.amount, f"{batch.expires_at:%Y-%m-%d}"
    for code in codes:
        row = (code, batch.coins, price, batch.currency, batch.region.name, expires)
        write.writerow([history.csv_cell(cell) for cell in row])
    return response
