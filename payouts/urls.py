"""Doors of payouts: the creator's studio, and Stripe's notices about accounts."""

from django.urls import path

from payouts import tax_pages, views, webhooks

app_name = "payouts"

urlpatterns = [
    path("studio/", views.studio, name="studio"),
    path("studio/gifts/", views.gifts, name="earnings"),
    path("studio/settlements/", views.settlement_lines, name="settlements"),
    path("studio/payouts/", views.payouts, name="payouts"),
    path("studio/payouts/new/", views.request_payout, name="request_payout"),
    path("studio/payouts/<uuid:payout_id>/", views.payout, name="payout"),
    path("studio/payouts/<uuid:payout_id>/cancel/", views.cancel_payout, name="cancel_payout"),
    path("studio/tax/", tax_pages.tax, name="tax"),
    path("studio/destination/", views.destination, name="destination"),
    path("studio/destination/stripe/", views.connect_stripe, name="connect_stripe"),
    path("studio/destination/stripe/back/", views.back_from_stripe, name="back_from_stripe"),
    path("hooks/stripe-connect/", webhooks.stripe_connect, name="stripe_connect_hook"),
]
