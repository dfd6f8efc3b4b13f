"""The staff's desk of refunds: what is due first, all there is to know, and the decision.

Promises: nothing is edited; a decision is shown before it is made and goes through ``refunds``,
which asks a second person for large ones.
"""

from collections.abc import Iterable
from typing import ClassVar, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_deeds import ReadOnlyAdmin, badge
from accounts.models import User
from wallet import admin_deeds, queries, refund_forms, refunds, returns, reversals, submissions
from wallet.models import Dispute, Refund
from wallet.money import money

TONES: Final = {
    Refund.State.REQUESTED: "warn",
    Refund.State.APPROVED: "info",
    Refund.State.SUBMITTED: "info",
    Refund.State.PAID: "good",
    Refund.State.DENIED: "",
    Refund.State.FAILED: "bad",
    Refund.State.CANCELLED: "",
}
REFUSALS: Final = (
    refunds.AlreadyDecided,
    refunds.NotRefundable,
    refunds.OwnRefund,
)
DECIDE: Final = "wallet.decide_refund"


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = (
        "amount", "coins_asked", "buyer", "badge", "ground", "due", "proposer", "requested_at",
        "decision",
    )  # fmt: skip
    list_filter = ("state", "ground", "purchase__method", "purchase__currency")
    search_fields = ("=id", "=purchase__id", "purchase__buyer__handle", "purchase__buyer__email")
    search_help_text = "Refund or purchase id; the buyer's email or handle"
    list_select_related = ("purchase__buyer", "purchase__method", "proposer")
    ordering = ("due_at", "id")
    actions = ("look_up",)
    fieldsets: ClassVar = (
        (None, {"fields": ("badge", "amount", "coins_asked", "approved_coins", "buyer", "due")}),
        ("Asked", {"fields": ("ground", "words", "requested_at")}),
        ("Facts", {"fields": ("facts",)}),
        ("Decided", {"fields": ("decision", "proposed", "approver", "reason", "decided_at")}),
        (
            "At the provider",
            {"fields": ("provider_ref", "problem", "checked_at", "ended_at", "story")},
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        decide = path(
            "<uuid:refund_id>/decide/",
            self.admin_site.admin_view(self.decide_view),
            name="wallet_refund_decide",
        )
        return [decide, *super().get_urls()]

    @admin.display(description="Money", ordering="amount_minor")
    def amount(self, refund: Refund) -> str:
        return str(refund.money)

    @admin.display(description="Coins", ordering="coins")
    def coins_asked(self, refund: Refund) -> str:
        return f"{refund.coins:,}"

    @admin.display(description="Buyer")
    def buyer(self, refund: Refund) -> User:
        return refund.purchase.buyer

    @admin.display(description="State", ordering="state")
    def badge(self, refund: Refund) -> str:
        return badge(refund.get_state_display(), TONES[Refund.State(refund.state)])

    @admin.display(description="Due", ordering="due_at")
    def due(self, refund: Refund) -> str:
        """When the money must be on its way, and whether that is past."""
        when = f"{refund.due_at:%d %B %Y, %H:%M UTC}"
        if refund.state not in Refund.OPEN:
            return when
        is_late = timezone.now() > refund.due_at
        return format_html("{} {}", when, badge("Late", "bad")) if is_late else when

    @admin.display(description="Proposed", empty_value="Nobody proposed it")
    def proposed(self, refund: Refund) -> str | None:
        if refund.proposer is None:
            return None
        return f"{refund.proposed_coins:,} coins, by {refund.proposer}"

    @admin.display(description="Decision", empty_value="")
    def decision(self, refund: Refund) -> SafeString | None:
        if refund.state != Refund.State.REQUESTED:
            return None
        address = reverse("admin:wallet_refund_decide", args=[refund.pk])
        return format_html('<a href="{}">Decide</a>', address)

    @admin.display(description="Story")
    def story(self, refund: Refund) -> str:
        moves = queries.state_changes(subject_type="wallet.refund", subject_id=refund.pk)
        return render_to_string("admin/wallet/moves.html", {"moves": moves})

    @admin.display(description="What is known")
    def facts(self, refund: Refund) -> str:
        facts = facts_about(refund)
        return render_to_string("admin/wallet/refund_facts.html", {"facts": facts})

    @admin.action(description="Send it now, or look up what became of it", permissions=["decide"])
    def look_up(self, request: HttpRequest, chosen: QuerySet[Refund]) -> None:
        for refund in chosen:
            try:
                now = submissions.hurry(refund_id=refund.pk, at=timezone.now())
            except (submissions.NotAnswered, submissions.RefundDiffers) as refusal:
                self.message_user(request, f"{refund}: {refusal}", messages.ERROR)
            else:
                state = now.get_state_display()
                self.log_change(request, refund, f"Sent, or looked up: {state}.")
                self.message_user(request, f"{refund}: {state}", messages.SUCCESS)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DECIDE)

    def decide_view(self, request: HttpRequest, refund_id: UUID) -> HttpResponse:
        """Show what a decision would do, then make it."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        found = Refund.objects.select_related("purchase__buyer", "purchase__method", "proposer")
        refund = found.filter(pk=refund_id).first()
        if refund is None:
            raise Http404("There is no such refund.")
        form = refund_forms.DecisionForm(request.POST or None, refund=refund)
        deed = admin_deeds.Deed(
            f"Decide: {refund.money} for {refund.coins:,} coins of {refund.purchase.buyer}",
            "Do it",
            form,
            lambda: _preview(refund, form),
            lambda: self._decide(request, refund, form),
            REFUSALS,
        )
        return admin_deeds.run(self, request, deed)

    def _decide(self, request: HttpRequest, refund: Refund, form: refund_forms.DecisionForm) -> str:
        assert isinstance(request.user, User), "the admin is for people who are signed in"
        given = form.cleaned_data
        try:
            decided = refunds.decide(
                refund_id=refund.pk,
                coins=given["approved"],
                reason=given["reason"],
                by=request.user,
                at=timezone.now(),
            )
        except refunds.NeedsSecondPerson as noted:
            words = f"Proposed {given['approved']:,} coins: {given['reason']}"
            self.log_change(request, refund, words)
            return str(noted)
        return f"{decided}: {decided.get_state_display()}."


def facts_about(refund: Refund) -> list[tuple[str, str]]:
    """What somebody who decides wants to know, in words."""
    purchase, buyer = refund.purchase, refund.purchase.buyer
    used = reversals.uses_of(purchase_id=purchase.pk)
    earlier = Refund.objects.filter(purchase__buyer=buyer).exclude(pk=refund.pk)
    disputed = Dispute.objects.filter(purchase__buyer=buyer)
    return [
        ("Purchase", f"{purchase.coins:,} coins for {purchase.money} by {purchase.method.name}"),
        ("Paid", f"{purchase.paid_at:%d %B %Y, %H:%M UTC}" if purchase.paid_at else "not yet"),
        ("Unused now", f"{queries.coins_left(purchase_id=purchase.pk):,} coins beside those asked"),
        ("Used", f"{used.coins:,} coins in {used.gifts:,} gifts to {used.creators:,} creators"),
        ("Earlier refunds", _in_words(row.get_state_display() for row in earlier)),
        ("Disputes", _in_words(row.get_state_display() for row in disputed)),
        ("Account", f"{buyer.get_standing_display()}, since {buyer.joined_at:%d %B %Y}"),
        ("Coins owed", f"{queries.coins_owed(user_id=buyer.pk):,}"),
    ]


def _in_words(states: Iterable[str]) -> str:
    """Count states: "2 Paid back, 1 Denied"."""
    counted: dict[str, int] = {}
    for state in states:
        counted[state] = counted.get(state, 0) + 1
    return ", ".join(f"{count} {state}" for state, count in counted.items()) or "none"


def _preview(refund: Refund, form: refund_forms.DecisionForm) -> admin_deeds.Preview:
    coins: int = form.cleaned_data["approved"]
    value = returns.refund_value(purchase_id=refund.purchase_id, coins=coins)
    back = money(value.gross_minor, refund.purchase.currency)
    then = (
        f"{back} goes back by {refund.purchase.method.name}, for {coins:,} coins"
        if coins
        else "No money goes back"
    )
    kept = refund.coins - coins
    return admin_deeds.Preview(
        [
            *facts_about(refund),
            ("Then", then),
            ("Free again", f"{kept:,} coins"),
            ("The fan reads", form.cleaned_data["reason"]),
            ("Proposed before", str(refund.proposer or "by nobody")),
        ]
    )
