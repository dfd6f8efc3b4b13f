"""The gift catalogue, the places gifts are sent in, the gifts sent, and what viewers see."""

from gifts.models.catalogue import Category, Gift, GiftVersion
from gifts.models.held_gifts import HeldGift
from gifts.models.places import Room, Video
from gifts.models.room_log import RoomEvent, RoomLog
from gifts.models.sendings import Sending
from gifts.models.streaks import Streak

__all__ = [
    "Category",
    "Gift",
    "GiftVersion",
    "HeldGift",
    "Room",
    "RoomEvent",
    "RoomLog",
    "Sending",
    "Streak",
    "Video",
]
