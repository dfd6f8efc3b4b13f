"""The API of value."""

from django.urls import path

from wallet import api

urlpatterns = [
    path("rate-cards", api.RateCards.as_view()),
    path("packages", api.Packages.as_view()),
    path("quotes", api.Quotes.as_view()),
    path("fans/<str:fan>/balance", api.FanBalance.as_view()),
    path("ledger/rate-cards", api.LedgerRateCards.as_view()),
    path("ledger/seals", api.Seals.as_view()),
]
