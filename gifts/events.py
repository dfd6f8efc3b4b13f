"""What gifts publish to the outbox."""

from typing import Final

GIFT_SENT: Final = "gift.sent"
ROOM_STARTED: Final = "room.started"
ROOM_ENDED: Final = "room.ended"
