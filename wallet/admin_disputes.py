"""The staff's view of disputes and of what a loss took from whom, and the policies of recourse."""

from typing import ClassVar, Final

from django.contrib import admin
from django.template.loader import render_to_string
from django.urls import URLPattern
from django.utils.safestring import SafeString

from accounts.admin_deeds import ReadOnlyAdmin, ReasonedAdmin, badge
from accounts.models import User
from wallet import admin_losses, queries
from wallet.models import Dispute, RecoursePolicy
from wallet.money import MILLI

TONES: Final = {
    Dispute.State.LEARNT: "info",
    Dispute.State.OPEN: "warn",
    Dispute.State.WON: "good",
    Dispute.State.LOST: "bad",
    Dispute.State.UNBOOKED: "bad",
}


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = (
        "provider_ref", "kind", "amount", "lost", "buyer", "badge", "ground", "due_at",
        "learnt_at",
    )  # fmt: skip
    list_filter = ("state", "kind", "ground", "purchase__currency")
    search_fields = (
        "=id", "=provider_ref", "=purchase__id", "purchase__buyer__handle",
        "purchase__buyer__email",
    )  # fmt: skip
    search_help_text = "Dispute, purchase or provider id; the payer's email or handle"
    list_select_related = ("purchase__buyer",)
    ordering = ("-learnt_at", "id")
    fieldsets: ClassVar = (
        (None, {"fields": ("badge", "kind", "amount", "lost", "buyer", "purchase")}),
        ("At the provider", {"fields": ("provider_ref", "ground", "due_at", "checked_at")}),
        ("What it took", {"fields": ("taken", "recourse")}),
        ("When", {"fields": ("learnt_at", "ended_at", "story")}),
    )

    def get_urls(self) -> list[URLPattern]:
        return [*admin_losses.urls(), *super().get_urls()]

    @admin.display(description="Disputed", ordering="amount_minor")
    def amount(self, dispute: Dispute) -> str:
        return str(dispute.money)

    @admin.display(description="Lost", ordering="lost_minor")
    def lost(self, dispute: Dispute) -> str:
        return str(dispute.lost)

    @admin.display(description="Payer")
    def buyer(self, dispute: Dispute) -> User:
        return dispute.purchase.buyer

    @admin.display(description="State", ordering="state")
    def badge(self, dispute: Dispute) -> SafeString:
        return badge(dispute.get_state_display(), TONES[Dispute.State(dispute.state)])

    @admin.display(description="What it took from whom")
    def taken(self, dispute: Dispute) -> SafeString:
        return render_to_string("admin/wallet/refund_facts.html", {"facts": facts_about(dispute)})

    @admin.display(description="Story")
    def story(self, dispute: Dispute) -> SafeString:
        moves = queries.state_changes(subject_type="wallet.dispute", subject_id=dispute.pk)
        return render_to_string("admin/wallet/moves.html", {"moves": moves})


def facts_about(dispute: Dispute) -> list[tuple[str, str]]:
    """What the end of a dispute took, in the order in which it was taken."""
    took = dispute.outcome
    if dispute.state == Dispute.State.UNBOOKED:
        moves = queries.state_changes(subject_type="wallet.dispute", subject_id=dispute.pk)
        last = moves.last()
        return [("Nothing", last.why if last else "It could not be booked.")]
    if not took:
        return [("So far", "It has not ended: coins and pending diamonds wait.")]
    creators = {int(key): milli for key, milli in (took.get("creators") or {}).items()}
    names = User.objects.in_bulk(list(creators))
    facts = [
        ("Unused coins burned", f"{took['burned']:,}"),
        ("Coins given back", f"{took['given_back']:,}"),
        ("Other coins of the payer (cover)", f"{took['covered']:,}"),
        ("Coins followed to gifts", f"{took['traced']:,}"),
        ("Coins the payer owes", f"{took['owed']:,}"),
    ]
    facts += [
        (f"From {names.get(creator_id, creator_id)}", f"{_diamonds(milli)} diamonds")
        for creator_id, milli in sorted(creators.items())
    ]
    return [*facts, ("Of these as debt", f"{_diamonds(took['debt'])} diamonds")]


def _diamonds(milli: int) -> str:
    whole, rest = divmod(milli, MILLI)
    return f"{whole:,}.{rest:03}" if rest else f"{whole:,}"


@admin.register(RecoursePolicy)
class RecoursePolicyAdmin(ReasonedAdmin):
    """What creators bear of a loss."""

    list_display = ("ground_shown", "days_max", "recourse", "takes_cover")
    ordering = ("ground", "days_max")

    @admin.display(description="Ground", ordering="ground")
    def ground_shown(self, policy: RecoursePolicy) -> str:
        return policy.ground or "Every ground"
