"""The gift catalogue, the places gifts are sent in, the gifts sent, and what viewers see."""

from gifts.models.art import GiftArt
from gifts.models.catalogue import Category, Gift, GiftVersion
from gifts.models.chat import ChatMessage, ChatRules, Moderator, Mute
from gifts.models.clubs import ClubGifter, Entitlement, FanTotal, MembershipOffer
from gifts.models.goals import Goal
from gifts.models.held_gifts import HeldGift
from gifts.models.overlays import Overlay
from gifts.models.places import Room, Video
from gifts.models.ranks import RankDifference, ReceivedGift, RoomGifter, WeekGifter
from gifts.models.room_log import RoomEvent, RoomLog
from gifts.models.schedule import LiveReminder, PlanDeed, PlannedLive
from gifts.models.sendings import HIDDEN_NAME, Sending
from gifts.models.streaks import Streak

__all__ = [
    "HIDDEN_NAME",
    "Category",
    "ChatMessage",
    "ChatRules",
    "ClubGifter",
    "Entitlement",
    "FanTotal",
    "Gift",
    "GiftArt",
    "GiftVersion",
    "Goal",
    "HeldGift",
    "LiveReminder",
    "MembershipOffer",
    "Moderator",
    "Mute",
    "Overlay",
    "PlanDeed",
    "PlannedLive",
    "RankDifference",
    "ReceivedGift",
    "Room",
    "RoomEvent",
    "RoomGifter",
    "RoomLog",
    "Sending",
    "Streak",
    "Video",
    "WeekGifter",
]
