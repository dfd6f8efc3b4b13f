"""Staff's view of purchases and of what providers told us.

Rows are read here, never edited; the one deed is to look a purchase up at its provider now.
"""

from datetime import timedelta
from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from djmoney.money import Money

from accounts.admin_deeds import ReadOnlyAdmin, badge
from wallet import money, payments, queries
from wallet.models import CustomerToForget, ProviderEvent, Purchase
from wallet.providers.base import Declined, Unavailable

STATE_TONES = {
    Purchase.State.CREATED: "info",
    Purchase.State.PENDING: "warn",
    Purchase.State.AUTHORISED: "warn",
    Purchase.State.PAID: "warn",
    Purchase.State.CREDITED: "good",
    Purchase.State.FAILED: "bad",
    Purchase.State.VOIDED: "info",
}


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = (
        "coins_bought",
        "price",
        "buyer",
        "method",
        "badge",
        "age",
        "created_at",
        "failure",
    )
    list_filter = ("state", "method", "region", "currency", "right_region")
    search_fields = ("=id", "=payment_ref", "=checkout_ref", "buyer__email", "buyer__handle")
    search_help_text = "Purchase, payment or checkout id; the buyer's email or handle"
    list_select_related = ("buyer", "method", "region")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "id")
    actions = ("look_up",)
    fieldsets: ClassVar = (
        (None, {"fields": ("badge", "coins_bought", "price", "tax", "fee", "buyer", "age")}),
        (
            "At the provider",
            {"fields": ("method", "checkout_ref", "payment_ref", "hold_class", "failure")},
        ),
        (
            "Where",
            {
                "fields": (
                    "region",
                    "channel",
                    "verdict",
                    "right_region",
                    "corrects",
                    "evidence",
                    "captures_later",
                    "return_path",
                )
            },
        ),
        (
            "When",
            {
                "fields": (
                    "created_at",
                    "checked_at",
                    "authorised_at",
                    "paid_at",
                    "credited_at",
                    "alerted_at",
                    "story",
                )
            },
        ),
    )

    @admin.display(description="Coins", ordering="coins")
    def coins_bought(self, purchase: Purchase) -> str:
        return _part("components/coins.html", amount=purchase.coins)

    @admin.display(description="Price", ordering="gross_minor")
    def price(self, purchase: Purchase) -> str:
        return _money(purchase.money)

    @admin.display(description="Tax in it")
    def tax(self, purchase: Purchase) -> str:
        return _money(money.money(purchase.tax_minor, purchase.currency))

    @admin.display(description="Fee", empty_value="not known yet")
    def fee(self, purchase: Purchase) -> str | None:
        if purchase.fee_minor is None:
            return None
        return _money(money.money(purchase.fee_minor, purchase.currency))

    @admin.display(description="State", ordering="state")
    def badge(self, purchase: Purchase) -> str:
        tone = STATE_TONES.get(Purchase.State(purchase.state), "")
        return badge(purchase.get_state_display(), tone)

    @admin.display(description="The place is", empty_value="not judged yet")
    def verdict(self, purchase: Purchase) -> str | None:
        """What the pieces of evidence say of the region that was charged."""
        found = purchase.evidence.get("verdict")
        if found is None:
            return None
        parts = [f"{name}: yes" for name in purchase.evidence["agreeing"]]
        parts += [f"{name}: no" for name in purchase.evidence["contrary"]]
        return f"{found} ({', '.join(parts)})"

    @admin.display(description="Age")
    def age(self, purchase: Purchase) -> str:
        """How long it has been waiting; how long it took once the coins are there."""
        until = purchase.credited_at or timezone.now()
        return str(timedelta(seconds=int((until - purchase.created_at).total_seconds())))

    @admin.display(description="Story")
    def story(self, purchase: Purchase) -> str:
        return render_to_string("admin/wallet/moves.html", {"moves": queries.moves_of(purchase)})

    @admin.action(description="Look up at the provider now", permissions=["look_up"])
    def look_up(self, request: HttpRequest, chosen: QuerySet[Purchase]) -> None:
        for purchase in chosen:
            try:
                now = payments.settle_purchase(purchase_id=purchase.pk, at=timezone.now())
            except Unavailable:
                self.message_user(
                    request, "The provider does not answer. Try again later.", messages.ERROR
                )
                return
            except (Declined, payments.PaymentDiffers) as error:
                self.message_user(request, f"{purchase}: {error}", messages.ERROR)
            else:
                state = now.get_state_display()
                self.log_change(request, purchase, f"Looked up at the provider: {state}.")
                self.message_user(request, f"{purchase}: {state}", messages.SUCCESS)

    def has_look_up_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wallet.look_up_purchase")


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdmin):
    list_display = ("kind", "event_id", "badge", "outcome", "received_at", "handled_at")
    list_filter = ("provider", ("handled_at", admin.EmptyFieldListFilter), "kind")
    search_fields = ("=event_id", "=object_ref")
    ordering = ("-id",)

    @admin.display(description="State")
    def badge(self, event: ProviderEvent) -> str:
        label, tone = ("Handled", "good") if event.handled_at else ("Waiting", "warn")
        return badge(label, tone)


@admin.register(CustomerToForget)
class CustomerToForgetAdmin(ReadOnlyAdmin):
    """Erased buyers whom a payment company has not forgotten yet; it is asked again by itself."""

    list_display = ("customer_ref", "provider", "asked_at", "tried_at", "problem")
    list_filter = ("provider",)
    search_fields = ("=customer_ref",)
    ordering = ("asked_at", "pk")


def _money(amount: Money) -> str:
    return _part("components/money.html", amount=amount)


def _part(template: str, **context: object) -> SafeString:
    return render_to_string(template, {"money": None, "size": "", "sign": "", **context})
