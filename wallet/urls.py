"""Doors of wallet."""

from django.urls import path

from wallet import views, webhooks

app_name = "wallet"

urlpatterns = [
    path("balance/", views.balance, name="balance"),
    path("coins/", views.packages, name="packages"),
    path("coins/checkout/", views.checkout, name="checkout"),
    path("coins/purchases/<uuid:purchase_id>/", views.return_page, name="return_page"),
    path("coins/purchases/<uuid:purchase_id>/cancel/", views.cancel, name="cancel_purchase"),
    path("hooks/stripe/", webhooks.stripe, name="stripe_hook"),
]
