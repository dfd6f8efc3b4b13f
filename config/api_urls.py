"""The API's routes, version 1."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from config import schema  # noqa: F401 - the description learns from it how services sign in

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(throttle_classes=[]), name="api_schema"),
    path("", include("accounts.api_urls")),
    path("", include("wallet.api_urls")),
    path("", include("gifts.api_urls")),
    path("", include("payouts.api_urls")),
]
