"""The API of value."""

from django.urls import path

from wallet import api, api_limits, api_quotes, api_refunds

urlpatterns = [
    path("rate-cards", api.RateCards.as_view()),
    path("packages", api.Packages.as_view()),
    path("quotes", api_quotes.Quotes.as_view()),
    path("limits", api_limits.Limits.as_view()),
    path("purchases", api_refunds.Purchases.as_view()),
    path("lots", api_refunds.Lots.as_view()),
    path("refunds", api_refunds.Refunds.as_view()),
    path("refunds/<uuid:refund_id>", api_refunds.OneRefund.as_view()),
    path("fans/<str:fan>/balance", api.FanBalance.as_view()),
    path("ledger/rate-cards", api.LedgerRateCards.as_view()),
    path("ledger/seals", api.Seals.as_view()),
]
