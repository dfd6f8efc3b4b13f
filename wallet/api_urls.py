"""The API of value."""

from django.urls import path

from wallet import api, api_gift_cards, api_limits, api_quotes, api_receipts, api_refunds

urlpatterns = [
    path("rate-cards", api.RateCards.as_view()),
    path("packages", api.Packages.as_view()),
    path("quotes", api_quotes.Quotes.as_view()),
    path("limits", api_limits.Limits.as_view()),
    path("purchases", api_refunds.Purchases.as_view()),
    path("lots", api_refunds.Lots.as_view()),
    path("refunds", api_refunds.Refunds.as_view()),
    path("refunds/<uuid:refund_id>", api_refunds.OneRefund.as_view()),
    path("receipts", api_receipts.Receipts.as_view()),
    path("receipts/<uuid:purchase_id>", api_receipts.OneReceipt.as_view()),
    path("receipts/<uuid:purchase_id>/pdf", api_receipts.ReceiptPdf.as_view()),
    path("credit-notes", api_receipts.CreditNotes.as_view()),
    path("credit-notes/<uuid:note_id>", api_receipts.OneCreditNote.as_view()),
    path("credit-notes/<uuid:note_id>/pdf", api_receipts.CreditNotePdf.as_view()),
    path("gift-card-redemptions", api_gift_cards.Redemptions.as_view()),
    path("fans/<str:fan>/balance", api.FanBalance.as_view()),
    path("ledger/rate-cards", api.LedgerRateCards.as_view()),
    path("ledger/seals", api.Seals.as_view()),
]
