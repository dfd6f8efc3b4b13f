"""What gifts publish to the outbox. What of it a room's viewers see: ``room_log.SHOWN``."""

from typing import Final

GIFT_SENT: Final = "gift.sent"
GIFTS_SWITCHED: Final = "room.gifts_switched"
ROOM_STARTED: Final = "room.started"
ROOM_ENDED: Final = "room.ended"
STREAK_ENDED: Final = "streak.ended"
GOAL_CHANGED: Final = "goal.changed"
GOAL_REACHED: Final = "goal.reached"
CLUB_JOINED: Final = "club.joined"
PLAN_MOVED: Final = "plan.moved"
CHAT_SAID: Final = "chat.said"
CHAT_REMOVED: Final = "chat.removed"
CHAT_SLOWED: Final = "chat.slowed"
