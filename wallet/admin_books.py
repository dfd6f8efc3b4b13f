"""The staff's view of the ledger, read-only, and adjustments by the word of two people."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin_deeds import ReadOnlyAdmin, ReadOnlyInline, staff_id
from wallet import adjustments, admin_deeds, admin_forms, ledger
from wallet.models import Account, Adjustment, Bucket, Lot, Operation, Period, Transfer
from wallet.money import MILLI, currency_of, money


def amount_of(unit: int, amount: int) -> str:
    """An amount of a ledger unit, in words."""
    if unit == ledger.COIN:
        return f"{amount:,} coins"
    if unit == ledger.DIA:
        return f"{amount // MILLI:,}.{amount % MILLI:03d} diamonds"
    return str(money(amount, currency_of(unit)))


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ("id", "code", "owner_id", "unit_name", "card_id", "hold_class", "held")
    list_filter = ("code",)
    search_fields = ("=owner_id", "=id")
    list_select_related = ("balance",)
    ordering = ("-id",)
    fields = (
        "id", "code", "owner_id", "unit_name", "card_id", "hold_class",
        "opened_at", "exact", "buckets",
    )  # fmt: skip
    readonly_fields = ("unit_name", "exact", "buckets")

    @admin.display(description="unit")
    def unit_name(self, account: Account) -> str:
        return {ledger.COIN: "coins", ledger.DIA: "diamonds"}.get(account.unit) or currency_of(
            account.unit
        )

    @admin.display(description="balance", empty_value="open it")
    def held(self, account: Account) -> str | None:
        """Locked accounts keep a balance; folded ones are summed when they are opened."""
        balance = getattr(account, "balance", None)
        if balance is None:
            return None
        return amount_of(account.unit, account.sign * (balance.credits - balance.debits))

    @admin.display(description="balance, exact now")
    def exact(self, account: Account) -> str:
        debits, credited = ledger.turnover(account.pk)
        return amount_of(account.unit, account.sign * (credited - debits))

    @admin.display(description="buckets", empty_value="none")
    def buckets(self, account: Account) -> SafeString | None:
        rows = Bucket.objects.filter(account=account).order_by("-period")[:50]
        return _bucket_lines(rows) or None


class TransferInline(ReadOnlyInline):
    model = Transfer
    fk_name = "op"
    fields = ("id", "code", "amount_named", "debit_account", "credit_account", "lot", "reverses")
    readonly_fields = fields
    ordering = ("id",)

    @admin.display(description="amount")
    def amount_named(self, transfer: Transfer) -> str:
        return amount_of(transfer.unit, transfer.amount)


@admin.register(Operation)
class OperationAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "home_id", "actor_id", "is_refused", "recorded_at", "context")
    list_filter = ("kind", "is_refused")
    search_fields = ("=id", "=home_id", "=context")
    ordering = ("-id",)
    inlines = (TransferInline,)


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    list_display = ("id", "home_id", "left", "price", "hold_class", "state", "created_at")
    list_filter = ("state", "hold_class")
    search_fields = ("=id", "=home_id", "=purchase__id")
    ordering = ("-id",)

    @admin.display(description="coins left")
    def left(self, lot: Lot) -> str:
        return f"{lot.remaining:,} of {lot.amount:,}"

    @admin.display(description="paid", empty_value="given by staff")
    def price(self, lot: Lot) -> str | None:
        return None if lot.cash_unit is None else amount_of(lot.cash_unit, lot.gross_minor)


@admin.register(Period)
class PeriodAdmin(ReadOnlyAdmin):
    list_display = ("id", "opened_at", "closed_at", "transfers", "seal_hex")
    ordering = ("-id",)
    fields = ("id", "opened_at", "closed_at", "transfers", "sums", "seal_hex", "buckets")
    readonly_fields = ("seal_hex", "buckets")

    @admin.display(description="seal", empty_value="not sealed")
    def seal_hex(self, period: Period) -> SafeString | None:
        if period.seal is None:
            return None
        return format_html("<code>{}</code>", bytes(period.seal).hex())

    @admin.display(description="buckets", empty_value="none")
    def buckets(self, period: Period) -> SafeString | None:
        return _bucket_lines(Bucket.objects.filter(period=period).order_by("account")[:200]) or None


def _bucket_lines(buckets: QuerySet[Bucket]) -> SafeString:
    return format_html_join(
        "",
        "<div>period {}, account {}: {} earned, {} taken back, {} released, {}</div>",
        (
            (
                bucket.period_id,
                bucket.account_id,
                amount_of(ledger.DIA, bucket.amount),
                amount_of(ledger.DIA, bucket.clawed),
                amount_of(ledger.DIA, bucket.released),
                _due(bucket),
            )
            for bucket in buckets
        ),
    )


def _due(bucket: Bucket) -> str:
    if bucket.done:
        return "done"
    return f"due {bucket.release_at:%d %B %Y, %H:%M UTC}" if bucket.release_at else "period open"


@admin.register(Adjustment)
class AdjustmentAdmin(admin_deeds.DeedAdmin):
    """Who may add may propose; who may change may decide, but not about their own proposal."""

    list_display = (
        "moves",
        "owner",
        "reason",
        "state",
        "proposer",
        "approver",
        "proposed_at",
        "decide",
    )
    list_filter = ("state", "unit")
    list_select_related = ("owner", "proposer", "approver")
    search_fields = ("owner__handle", "=id", "reason")
    ordering = ("-proposed_at",)
    readonly_fields: ClassVar = ["decide"]

    def get_urls(self) -> list[URLPattern]:
        decide = path(
            "<uuid:adjustment_id>/decide/",
            self.admin_site.admin_view(self.decide_view),
            name="wallet_adjustment_decide",
        )
        return [decide, *super().get_urls()]

    @admin.display(description="moves")
    def moves(self, adjustment: Adjustment) -> str:
        unit = ledger.COIN if adjustment.unit == Adjustment.Unit.COIN else ledger.DIA
        sign = "+" if adjustment.amount > 0 else "−"
        return sign + amount_of(unit, abs(adjustment.amount))

    @admin.display(description="decision", empty_value="")
    def decide(self, adjustment: Adjustment) -> SafeString | None:
        if adjustment.state != Adjustment.State.PROPOSED:
            return None
        address = reverse("admin:wallet_adjustment_decide", args=[adjustment.pk])
        return format_html('<a href="{}">Decide</a>', address)

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        form = admin_forms.AdjustmentForm(request.POST or None)

        def preview() -> admin_deeds.Preview:
            cleaned = form.cleaned_data
            return admin_deeds.Preview(
                [
                    ("Person", str(cleaned["owner"])),
                    ("Moves", f"{cleaned['amount']:+} {cleaned['unit']}s"),
                    ("They read", f"Correction: {cleaned['reason']}"),
                    ("Now", "Nothing moves yet. A second person has to approve it."),
                ]
            )

        def perform() -> str:
            cleaned = form.cleaned_data
            adjustments.propose(
                adjustment_id=cleaned["adjustment_id"],
                owner=cleaned["owner"],
                unit=cleaned["unit"],
                amount=cleaned["units"],
                card=cleaned["card"],
                reason=cleaned["reason"],
                proposer_id=staff_id(request),
            )
            return "Proposed. A second person has to approve it."

        return admin_deeds.Deed(
            "Propose an adjustment",
            "Propose it",
            form,
            preview,
            perform,
            (adjustments.NotAnAdjustment, adjustments.OwnAdjustment),
        )

    def decide_view(self, request: HttpRequest, adjustment_id: UUID) -> HttpResponse:
        """Approve or reject one proposal, by somebody else than who made it."""
        if not request.user.has_perm("wallet.change_adjustment"):
            raise PermissionDenied
        adjustment = Adjustment.objects.filter(pk=adjustment_id).select_related("owner").first()
        if adjustment is None:
            raise Http404("There is no such adjustment.")
        form = admin_forms.DecisionForm(request.POST or None)
        deed = admin_deeds.Deed(
            f"Decide: {self.moves(adjustment)} for {adjustment.owner}",
            "Do it",
            form,
            lambda: self._decision_preview(adjustment, form),
            lambda: _decide(request, adjustment, form),
            _DECISION_REFUSALS,
        )
        return admin_deeds.run(self, request, deed)

    def _decision_preview(
        self, adjustment: Adjustment, form: admin_forms.DecisionForm
    ) -> admin_deeds.Preview:
        approves = form.cleaned_data["decision"] == "approve"
        return admin_deeds.Preview(
            [
                ("Person", str(adjustment.owner)),
                ("Moves", self.moves(adjustment) if approves else "nothing"),
                ("Reason", adjustment.reason),
                ("Proposed by", str(adjustment.proposer)),
                ("Then", "It is posted to the ledger." if approves else "The proposal is closed."),
            ]
        )


_DECISION_REFUSALS: admin_deeds.Refusals = (
    adjustments.OwnAdjustment,
    adjustments.SamePerson,
    adjustments.NotWaiting,
    ledger.InsufficientCoins,
    ledger.InsufficientDiamonds,
)


def _decide(request: HttpRequest, adjustment: Adjustment, form: admin_forms.DecisionForm) -> str:
    facts: dict[str, Any] = {"adjustment_id": adjustment.pk, "at": timezone.now()}
    if form.cleaned_data["decision"] == "approve":
        adjustments.approve(approver_id=staff_id(request), **facts)
        return "Approved and posted."
    adjustments.reject(by_id=staff_id(request), why=form.cleaned_data["why"], **facts)
    return "Rejected. Nothing was posted."
