"""The API's routes, version 1."""

from django.urls import include, path

urlpatterns = [
    path("", include("accounts.api_urls")),
]
