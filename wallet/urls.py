"""Doors of wallet."""

from django.urls import path

from wallet import history_pages, rates_pages

app_name = "wallet"

urlpatterns = [
    path("balance/history/", history_pages.history_page, name="history"),
    path("balance/history.csv", history_pages.history_csv, name="history_csv"),
    path("balance/operations/<uuid:operation_id>/", history_pages.operation, name="operation"),
    path("rates/", rates_pages.rates_page, name="rates"),
    path("seals/", rates_pages.seals_page, name="seals"),
    path("seals.json", rates_pages.seals_json, name="seals_json"),
]
