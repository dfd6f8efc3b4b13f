"""Doors of wallet."""

from django.urls import path

from wallet import history_pages, rates_pages, refund_pages, views, webhooks

app_name = "wallet"

urlpatterns = [
    path("balance/", views.balance, name="balance"),
    path("coins/", views.packages, name="packages"),
    path("coins/checkout/", views.checkout, name="checkout"),
    path("coins/purchases/<uuid:purchase_id>/", views.return_page, name="return_page"),
    path("coins/purchases/<uuid:purchase_id>/cancel/", views.cancel, name="cancel_purchase"),
    path("coins/purchases/<uuid:purchase_id>/refund/", refund_pages.ask, name="ask_refund"),
    path("balance/refunds/", refund_pages.refunds_page, name="refunds"),
    path("balance/refunds/<uuid:refund_id>/", refund_pages.refund, name="refund"),
    path("balance/refunds/<uuid:refund_id>/cancel/", refund_pages.cancel, name="cancel_refund"),
    path("hooks/stripe/", webhooks.stripe, name="stripe_hook"),
    path("balance/history/", history_pages.history_page, name="history"),
    path("balance/history.csv", history_pages.history_csv, name="history_csv"),
    path("balance/operations/<uuid:operation_id>/", history_pages.operation, name="operation"),
    path("rates/", rates_pages.rates_page, name="rates"),
    path("seals/", rates_pages.seals_page, name="seals"),
    path("seals.json", rates_pages.seals_json, name="seals_json"),
]
