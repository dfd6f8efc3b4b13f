"""Doors of accounts. The creator's public page shows several apps: config adds it to these."""

from django.urls import path

from accounts import identity_pages, review_pages, views

app_name = "accounts"

urlpatterns = [
    path("me/", views.profile, name="profile"),
    path("me/gifts/", views.gift_choices, name="gift_choices"),
    path("me/menu/", views.menu, name="menu"),
    path("me/notifications/", views.notifications, name="notifications"),
    path("me/notifications/preferences/", views.preferences, name="preferences"),
    path("me/consents/", views.consent_list, name="consents"),
    path("me/consents/new", views.consent_new, name="consent_new"),
    path("me/consents/<int:consent_id>/revoke/", views.consent_revoke, name="consent_revoke"),
    path("me/sessions/<int:session_id>/end/", views.session_end, name="session_end"),
    path("me/creator/", views.become_creator, name="become_creator"),
    path("me/terms/", views.accept_terms, name="accept_terms"),
    path("me/reviews/", review_pages.review_list, name="reviews"),
    path("me/reviews/<int:review_id>/", review_pages.review, name="review"),
    path("me/identity/", identity_pages.identity_page, name="identity"),
    path("me/identity/start/", identity_pages.start, name="identity_start"),
    path("me/identity/papers/", identity_pages.upload, name="identity_papers"),
    path("me/identity/<uuid:check_id>/back/", identity_pages.come_back, name="identity_return"),
    path("me/blocks/", review_pages.block_list, name="blocks"),
    path("guardians/", review_pages.guardian, name="guardian"),
    path("guardians/<str:token>/", review_pages.guardian_confirm, name="guardian_confirm"),
    path("terms/", views.terms, name="terms"),
    path("@<str:handle>/follow/", views.follow, name="follow"),
    path("@<str:handle>/block/", review_pages.block, name="block"),
]
