"""The API of gifts."""

from django.urls import path

from gifts import api, api_clubs, api_crowd, api_planned, api_rooms

urlpatterns = [
    path("gifts", api.Gifts.as_view()),
    path("rooms", api_rooms.Rooms.as_view()),
    path("rooms/<uuid:room_id>", api.OneRoom.as_view()),
    path("rooms/<uuid:room_id>/gifts", api.RoomGifts.as_view()),
    path("rooms/<uuid:room_id>/events", api_rooms.RoomEvents.as_view()),
    path("rooms/<uuid:room_id>/end", api_rooms.RoomEnd.as_view()),
    path("rooms/<uuid:room_id>/gifts-switch", api_rooms.RoomGiftsSwitch.as_view()),
    path("rooms/<uuid:room_id>/top-gifters", api_crowd.TopGifters.as_view()),
    path("rooms/<uuid:room_id>/goal", api_crowd.RoomGoal.as_view()),
    path("rooms/<uuid:room_id>/messages", api_crowd.RoomMessages.as_view()),
    path("rooms/<uuid:room_id>/access", api_clubs.RoomAccess.as_view()),
    path("videos/<uuid:video_id>/access", api_clubs.VideoAccess.as_view()),
    path("planned-lives", api_planned.Planned.as_view()),
    path("planned-lives/<uuid:planned_id>", api_planned.OnePlanned.as_view()),
    path("planned-lives/<uuid:planned_id>/change", api_planned.PlannedChange.as_view()),
    path("planned-lives/<uuid:planned_id>/cancel", api_planned.PlannedCancel.as_view()),
    path("entitlements", api_clubs.Entitlements.as_view()),
    path("gift-sends", api.Sendings.as_view()),
    path("gift-sends/<uuid:sending_id>", api.OneSending.as_view()),
]
