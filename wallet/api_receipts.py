"""A fan's receipts and credit notes for services: under that fan's consent ``balance:read``.

Promises: a document is looked up through its owner, and who is unknown and who has not allowed the
service get the same answer; the file is the one its owner gets, the same bytes every time.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts.models import Scope
from wallet import api as value
from wallet import credit_notes, receipts
from wallet.models import CreditNote, Receipt


class ReceiptAnswered(base.Answered):
    """A receipt. Its number comes seconds after its coins; until then it is empty."""

    purchase = serializers.UUIDField(help_text="The purchase it is for: also the receipt's id.")
    fan = serializers.IntegerField(help_text="The fan's id.")
    number = serializers.CharField(allow_blank=True)
    seller = serializers.CharField(allow_blank=True, help_text="Who sold, by the code in numbers.")
    issued_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    coins = serializers.IntegerField()
    gross = value.MoneyAnswered()
    tax = value.MoneyAnswered()
    tax_bps = serializers.IntegerField(help_text="In hundredths of a percent.")
    method = serializers.CharField()


class ReceiptsAnswered(base.Answered):
    results = ReceiptAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class CreditNoteAnswered(base.Answered):
    """What of a receipt went back. Amounts are negative, as they stand on it.

    One that takes back another, because the money came back, has positive amounts.
    """

    id = serializers.UUIDField()
    fan = serializers.IntegerField(help_text="The fan's id.")
    number = serializers.CharField(allow_blank=True, help_text="Empty until it has one: seconds.")
    receipt = serializers.CharField(allow_blank=True, help_text="The receipt's number.")
    purchase = serializers.UUIDField()
    cause = serializers.ChoiceField(credit_notes.Cause.choices)
    refund = serializers.UUIDField(allow_null=True)
    takes_back = serializers.UUIDField(allow_null=True, help_text="The id of another note.")
    issued_at = serializers.DateTimeField(allow_null=True)
    coins = serializers.IntegerField()
    gross = value.MoneyAnswered()
    tax = value.MoneyAnswered()
    tax_bps = serializers.IntegerField(help_text="In hundredths of a percent, as on the receipt.")


class CreditNotesAnswered(base.Answered):
    results = CreditNoteAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class FanPageQuery(base.PageQuery):
    fan = base.PersonField()


class Receipts(base.Door):
    """A fan's receipts, newest first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}

    @extend_schema(
        operation_id="receipts_list", parameters=[FanPageQuery], responses=ReceiptsAnswered
    )
    def get(self, _request: Request) -> Response:
        asked = self.asked(FanPageQuery)
        fan = base.consenting(self, asked["fan"], Scope.BALANCE_READ, at=timezone.now())
        after = base.read_cursor(asked.get("after"), base.whole)
        rows = receipts.receipts_of(user_id=fan.pk)
        if after is not None:
            rows = rows.filter(pk__lt=after[0])
        return Response(
            base.page(
                list(rows[: asked["limit"] + 1]),
                limit=asked["limit"],
                shown=_receipt,
                cursor=lambda row: base.cursor_of(row.pk),
            )
        )


class OneReceipt(base.Door):
    """The receipt of one purchase."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}

    @extend_schema(operation_id="receipts_retrieve", responses=ReceiptAnswered)
    def get(self, _request: Request, purchase_id: UUID) -> Response:
        return Response(_receipt(_own_receipt(self, purchase_id)))


class ReceiptPdf(base.Door):
    """The receipt of one purchase as a file."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}
    renderer_classes = (base.Pdf,)

    @extend_schema(
        operation_id="receipts_pdf", responses={(200, base.Pdf.media_type): OpenApiTypes.BINARY}
    )
    def get(self, _request: Request, purchase_id: UUID) -> Response:
        found = _own_receipt(self, purchase_id)
        kept, pdf = receipts.document(
            user_id=found.purchase.buyer_id, purchase_id=purchase_id, at=timezone.now()
        )
        return Response(pdf, headers=base.Pdf.named(f"receipt-{kept.label}"))


class CreditNotes(base.Door):
    """A fan's credit notes, newest first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}

    @extend_schema(
        operation_id="credit_notes_list", parameters=[FanPageQuery], responses=CreditNotesAnswered
    )
    def get(self, _request: Request) -> Response:
        asked = self.asked(FanPageQuery)
        fan = base.consenting(self, asked["fan"], Scope.BALANCE_READ, at=timezone.now())
        after = base.read_cursor(asked.get("after"), datetime.fromisoformat, UUID)
        rows = credit_notes.notes_of(user_id=fan.pk)
        if after is not None:
            rows = rows.filter(created_at__lte=after[0])
            rows = rows.exclude(created_at=after[0], pk__gte=after[1])
        return Response(
            base.page(
                list(rows[: asked["limit"] + 1]),
                limit=asked["limit"],
                shown=_note,
                cursor=lambda row: base.cursor_of(row.created_at.isoformat(), row.pk),
            )
        )


class OneCreditNote(base.Door):
    """One credit note."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}

    @extend_schema(operation_id="credit_notes_retrieve", responses=CreditNoteAnswered)
    def get(self, _request: Request, note_id: UUID) -> Response:
        return Response(_note(_own_note(self, note_id)))


class CreditNotePdf(base.Door):
    """One credit note as a file."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}
    renderer_classes = (base.Pdf,)

    @extend_schema(
        operation_id="credit_notes_pdf",
        responses={(200, base.Pdf.media_type): OpenApiTypes.BINARY},
    )
    def get(self, _request: Request, note_id: UUID) -> Response:
        found = _own_note(self, note_id)
        kept, pdf = credit_notes.document(
            user_id=found.receipt.purchase.buyer_id, note_id=note_id, at=timezone.now()
        )
        return Response(pdf, headers=base.Pdf.named(f"credit-note-{kept.label}"))


def _own_receipt(door: base.Door, purchase_id: UUID) -> Receipt:
    """The receipt, once its owner is found to have allowed it. Raises ConsentMissing."""
    door.asked(base.NoQuery)
    rows = Receipt.objects.select_related("purchase")
    found = rows.filter(purchase_id=purchase_id).first()
    fan_id = found.purchase.buyer_id if found else 0
    base.consenting(door, fan_id, Scope.BALANCE_READ, at=timezone.now())
    assert found is not None, "nobody has the id 0"
    return found


def _own_note(door: base.Door, note_id: UUID) -> CreditNote:
    """The note, once its owner is found to have allowed it. Raises ConsentMissing."""
    door.asked(base.NoQuery)
    rows = CreditNote.objects.select_related("receipt__purchase", "dispute")
    found = rows.filter(pk=note_id).first()
    fan_id = found.receipt.purchase.buyer_id if found else 0
    base.consenting(door, fan_id, Scope.BALANCE_READ, at=timezone.now())
    assert found is not None, "nobody has the id 0"
    return found


def _receipt(receipt: Receipt) -> dict[str, Any]:
    purchase = receipt.purchase
    return {
        "purchase": purchase.pk,
        "fan": purchase.buyer_id,
        "number": receipt.label,
        "seller": receipt.seller_id or "",
        "issued_at": receipt.issued_at,
        "paid_at": purchase.paid_at,
        "coins": purchase.coins,
        "gross": value.amount(purchase.money),
        "tax": value.amount(purchase.tax),
        "tax_bps": purchase.tax_bps,
        "method": purchase.method_id,
    }


def _note(note: CreditNote) -> dict[str, Any]:
    purchase = note.receipt.purchase
    return {
        "id": note.pk,
        "fan": purchase.buyer_id,
        "number": note.label,
        "receipt": note.receipt.label,
        "purchase": purchase.pk,
        "cause": credit_notes.cause_of(note),
        "refund": note.refund_id,
        "takes_back": note.takes_back_id,
        "issued_at": note.issued_at,
        "coins": note.coins,
        "gross": value.minor_amount(note.sign * note.gross_minor, purchase.currency),
        "tax": value.minor_amount(note.sign * note.tax_minor, purchase.currency),
        "tax_bps": purchase.tax_bps,
    }
