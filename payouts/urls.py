"""Doors of payouts: the creator's studio, and Stripe's notices about accounts."""

from django.urls import path

from payouts import (
    earnings_pages,
    outlook_pages,
    statement_pages,
    tax_pages,
    views,
    webhooks,
)

app_name = "payouts"

urlpatterns = [
    path("studio/", views.studio, name="studio"),
    path("studio/earnings/", earnings_pages.charts, name="charts"),
    path("studio/gifts/", views.gifts, name="earnings"),
    path("studio/settlements/", views.settlement_lines, name="settlements"),
    path("studio/forecast/", outlook_pages.forecast, name="forecast"),
    path("studio/how-money-comes/", outlook_pages.explained, name="explained"),
    path("studio/year/<int:year>/", outlook_pages.tax_year, name="tax_year"),
    path("studio/year/<int:year>.csv", outlook_pages.tax_year_csv, name="tax_year_csv"),
    path("studio/statements/", statement_pages.statements, name="statements"),
    path("studio/statements/<str:month>/", statement_pages.statement, name="statement"),
    path("studio/statements/<str:month>.pdf", statement_pages.statement_pdf, name="statement_pdf"),
    path("studio/statements/<str:month>.csv", statement_pages.statement_csv, name="statement_csv"),
    path("verify/", statement_pages.verify, name="verify"),
    path("studio/payouts/", views.payouts, name="payouts"),
    path("studio/payouts/new/", views.request_payout, name="request_payout"),
    path("studio/payouts/choice/", views.choose_automatic, name="choose_automatic"),
    path("studio/payouts/<uuid:payout_id>/", views.payout, name="payout"),
    path("studio/payouts/<uuid:payout_id>/cancel/", views.cancel_payout, name="cancel_payout"),
    path("studio/tax/", tax_pages.tax, name="tax"),
    path("studio/destination/", views.destination, name="destination"),
    path("studio/destination/stripe/", views.connect_stripe, name="connect_stripe"),
    path("studio/destination/stripe/back/", views.back_from_stripe, name="back_from_stripe"),
    path("hooks/stripe-connect/", webhooks.stripe_connect, name="stripe_connect_hook"),
]
