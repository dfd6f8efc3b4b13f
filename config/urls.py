"""Every door of the site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from accounts import urls as accounts_urls
from config import health, leaving_pages, pages, reporting

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Carat back office"

handler400 = "config.problems.bad_request"
handler404 = "config.problems.not_found"
handler500 = "config.problems.server_error"

# A creator's page shows rooms and videos too, and leaving concerns every app: they are config's, by
# the names people's pages use.
PEOPLE = [
    *accounts_urls.urlpatterns,
    path("@<str:handle>/", pages.creator, name="creator"),
    path("me/leaving/", leaving_pages.leaving_page, name="leaving"),
    path("me/leaving/copy/", leaving_pages.ask_export, name="ask_export"),
    path("me/leaving/copy/<uuid:export_id>.zip", leaving_pages.export_file, name="export_file"),
    path("me/leaving/close/", leaving_pages.close, name="close"),
]

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("", pages.home, name="home"),
    path("discover/", pages.discover, name="discover"),
    path("help/", pages.help_page, name="help"),
    path("demo/mail/", pages.demo_mail, name="demo_mail"),
    path("@<str:handle>/report/", reporting.report_person, name="report_person"),
    path("live/<uuid:room_id>/report/", reporting.report_room, name="report_room"),
    path(
        "live/<uuid:room_id>/chat/<uuid:message_id>/report/",
        reporting.report_message,
        name="report_message",
    ),
    path("videos/<uuid:video_id>/report/", reporting.report_video, name="report_video"),
    path("", include((PEOPLE, "accounts"))),
    path("", include("wallet.urls")),
    path("", include("gifts.urls")),
    path("", include("payouts.urls")),
    path("accounts/", include("allauth.urls")),
    path("", include("allauth.idp.urls")),
    path("api/v1/", include("config.api_urls")),
    path("admin/", admin.site.urls),
]
