"""Every door of the site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config import health, pages

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Carat back office"

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("", pages.home, name="home"),
    path("", include("accounts.urls")),
    path("", include("wallet.urls")),
    path("", include("gifts.urls")),
    path("", include("payouts.urls")),
    path("accounts/", include("allauth.urls")),
    path("", include("allauth.idp.urls")),
    path("api/v1/", include("config.api_urls")),
    path("admin/", admin.site.urls),
]
