"""The API of value."""

from django.urls import path

from wallet import api, api_limits, api_quotes

urlpatterns = [
    path("rate-cards", api.RateCards.as_view()),
    path("packages", api.Packages.as_view()),
    path("quotes", api_quotes.Quotes.as_view()),
    path("limits", api_limits.Limits.as_view()),
    path("fans/<str:fan>/balance", api.FanBalance.as_view()),
    path("ledger/rate-cards", api.LedgerRateCards.as_view()),
    path("ledger/seals", api.Seals.as_view()),
]
