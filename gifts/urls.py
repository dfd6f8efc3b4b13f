"""Doors of gifts."""

from django.urls import path

from gifts import (
    art_pages,
    chat_pages,
    club_pages,
    held_pages,
    overlay_pages,
    schedule_pages,
    studio,
    views,
    visit_pages,
)

app_name = "gifts"

urlpatterns = [
    path("live/<uuid:room_id>/", views.room, name="room"),
    path("live/<uuid:room_id>/gifts/", views.send, name="send"),
    path("gifts/art/<slug:digest>/moving.webp", art_pages.moving, name="art_moving"),
    path("gifts/art/<slug:digest>/still.webp", art_pages.still, name="art_still"),
    path("gifts/visit/", visit_pages.visit, name="visit"),
    path("gifts/waiting/", held_pages.held_gifts, name="held_gifts"),
    path("gifts/waiting/<uuid:held_id>/take-back/", held_pages.take_back, name="take_back"),
    path("live/<uuid:room_id>/streaks/<uuid:streak_id>/end/", views.end_streak, name="end_streak"),
    path("live/<uuid:room_id>/chat/", chat_pages.say, name="say"),
    path("live/<uuid:room_id>/chat/<uuid:message_id>/", chat_pages.message, name="message"),
    path("@<str:handle>/moderation/", chat_pages.moderation_page, name="moderation"),
    path("@<str:handle>/moderation/moderators/", chat_pages.moderators, name="moderators"),
    path("@<str:handle>/moderation/unmute/", chat_pages.unmute, name="unmute"),
    path("studio/live/<uuid:room_id>/goal/", chat_pages.goal, name="goal"),
    path("@<str:handle>/club/", club_pages.club, name="club"),
    path("@<str:handle>/membership/", club_pages.membership, name="membership"),
    path("me/clubs/", club_pages.own_clubs, name="own_clubs"),
    path("studio/club/", club_pages.studio_club, name="studio_club"),
    path("videos/<uuid:video_id>/", views.video, name="video"),
    path("videos/<uuid:video_id>/gifts/", views.video_send, name="video_send"),
    path("overlay/<str:secret>/", overlay_pages.overlay, name="overlay"),
    path("overlay/<str:secret>/now/", overlay_pages.now, name="overlay_now"),
    path("studio/overlay/", overlay_pages.studio_overlay, name="studio_overlay"),
    path("studio/popular-gifts/", studio.popular_gifts, name="popular_gifts"),
    path("studio/schedule/", schedule_pages.plan, name="schedule"),
    path("studio/schedule/<uuid:planned_id>/", schedule_pages.change, name="planned"),
    path("planned/<uuid:planned_id>/remind/", schedule_pages.remind, name="remind"),
    path("studio/live/", studio.go_live, name="go_live"),
    path("studio/live/<uuid:room_id>/end/", studio.end_live, name="end_live"),
    path("studio/live/<uuid:room_id>/gifts/", studio.switch_gifts, name="switch_gifts"),
    path("studio/videos/", studio.post_video, name="post_video"),
    path("studio/videos/<uuid:video_id>/hide/", studio.hide_video, name="hide_video"),
]
