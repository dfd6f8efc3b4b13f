"""Doors of wallet."""

from django.urls import path

from wallet import (
    gift_card_pages,
    history_pages,
    limit_pages,
    rates_pages,
    receipt_pages,
    refund_pages,
    views,
    webhooks,
)

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
    path("coins/purchases/<uuid:purchase_id>/receipt.pdf", receipt_pages.receipt, name="receipt"),
    path("balance/credit-notes/<uuid:note_id>.pdf", receipt_pages.credit_note, name="credit_note"),
    path("coins/gift-card/", gift_card_pages.gift_card, name="gift_card"),
    path("hooks/stripe/", webhooks.stripe, name="stripe_hook"),
    path("balance/history/", history_pages.history_page, name="history"),
    path("balance/history.csv", history_pages.history_csv, name="history_csv"),
    path("balance/lots/", history_pages.lots_page, name="lots"),
    path("balance/lots/<int:lot_id>/", history_pages.lot_page, name="lot"),
    path("balance/operations/<uuid:operation_id>/", history_pages.operation, name="operation"),
    path("balance/limits/", limit_pages.limits_page, name="limits"),
    path("balance/limits/own/", limit_pages.set_limits, name="set_limits"),
    path("balance/limits/keep/", limit_pages.keep_limit, name="keep_limit"),
    path("balance/limits/time-out/", limit_pages.time_out, name="time_out"),
    path("balance/spending/", limit_pages.spending_page, name="spending"),
    path("rates/", rates_pages.rates_page, name="rates"),
    path("rates/cards/<int:card_id>/", rates_pages.rate_card, name="rate_card"),
    path("seals/", rates_pages.seals_page, name="seals"),
    path("seals.json", rates_pages.seals_json, name="seals_json"),
]
