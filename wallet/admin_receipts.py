"""Staff's view of receipts and credit notes, and of the legal entities they are from."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_deeds import ReadOnlyAdmin, ReasonedAdmin, TabularInline
from accounts.forms import ReasonedForm
from wallet import credit_notes, documents
from wallet.models import CreditNote, Receipt, Seller, SellerRegion


class SellerForm(ReasonedForm):
    """What a receipt says of its seller must be printable on it."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("name", "address", "tax_number", "contact"):
            try:
                documents.check_printable(cleaned.get(name) or "")
            except documents.NotPrintable as refusal:
                self.add_error(name, str(refusal))
        return cleaned


class SellerRegionInline(TabularInline):
    model = SellerRegion
    extra = 0


@admin.register(Seller)
class SellerAdmin(ReasonedAdmin):
    """Receipts already numbered keep what the seller was called then."""

    form = SellerForm
    list_display = ("name", "code", "country", "tax_number", "is_default", "last_number")
    list_select_related = ("series",)
    search_fields = ("name", "code")
    inlines = (SellerRegionInline,)
    ordering = ("name",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Seller | None = None
    ) -> tuple[str, ...]:
        """The code stays: numbers begin with it."""
        return ("code",) if obj else ()

    @admin.display(description="Last number", empty_value="none yet")
    def last_number(self, seller: Seller) -> int | None:
        return seller.series.last_number if hasattr(seller, "series") else None


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ("number_shown", "seller", "buyer", "total", "issued_at", "created_at")
    list_filter = ("seller", ("number", admin.EmptyFieldListFilter))
    search_fields = ("=number", "=purchase__id", "purchase__buyer__handle")
    search_help_text = "Number, purchase, or the buyer's handle"
    list_select_related = ("seller", "purchase__buyer")
    date_hierarchy = "issued_at"
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Receipt]:
        return super().get_queryset(request).select_related("purchase__buyer", "seller")

    @admin.display(description="Number", ordering="number", empty_value="waits")
    def number_shown(self, receipt: Receipt) -> str | None:
        return receipt.label or None

    @admin.display(description="Buyer")
    def buyer(self, receipt: Receipt) -> str:
        return str(receipt.purchase.buyer)

    @admin.display(description="Total")
    def total(self, receipt: Receipt) -> str:
        return str(receipt.purchase.money)


@admin.register(CreditNote)
class CreditNoteAdmin(ReadOnlyAdmin):
    list_display = ("number_shown", "receipt", "buyer", "given_back", "cause", "issued_at")
    list_filter = ("seller", ("number", admin.EmptyFieldListFilter))
    search_fields = ("=number", "=receipt__number", "=receipt__purchase__id", "=refund__id")
    search_help_text = "Number, the receipt's number, purchase, or refund"
    list_select_related = ("receipt__purchase__buyer", "dispute", "takes_back")
    date_hierarchy = "issued_at"
    ordering = ("-created_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditNote]:
        return super().get_queryset(request).select_related("receipt__purchase__buyer")

    @admin.display(description="Number", ordering="number", empty_value="waits")
    def number_shown(self, note: CreditNote) -> str | None:
        return note.label or None

    @admin.display(description="Buyer")
    def buyer(self, note: CreditNote) -> str:
        return str(note.receipt.purchase.buyer)

    @admin.display(description="Given back")
    def given_back(self, note: CreditNote) -> str:
        return str(-note.sign * note.money)

    @admin.display(description="Because of")
    def cause(self, note: CreditNote) -> str:
        return credit_notes.cause_of(note).label
