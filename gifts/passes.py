"""Passes to a room's event stream: whoever loaded the room's page may listen, for a while.

A pass is signed and asks no database, so a thousand viewers who come back at once cost nothing. An
overlay's pass names the overlay's row, and is worth nothing once that row is gone.
"""

import time
from datetime import datetime
from typing import Final
from uuid import UUID

from django.core import signing
from django.urls import reverse

SECONDS: Final = 12 * 3600
SALT: Final = "room.pass"

# Who listens: a person by number, an overlay by its key, or (None) a stranger.
type Who = int | str | None


class BadPass(Exception):
    """Not a pass of ours, too old, or for another room."""


def address(
    *, room_id: UUID, user_id: int | None, after: int, until: datetime | None = None
) -> str:
    """Say where the events of a room are, for whoever may watch it, from a number on.

    ``until``: when a member's paid time ends, and the pass with it.
    """
    ends = until and int(until.timestamp())
    value = signing.dumps([str(room_id), user_id, ends], salt=SALT)
    return f"{reverse('gifts:room', args=[room_id])}events/?pass={value}&after={after}"


def overlay_address(*, room_id: UUID, overlay_id: int, after: int) -> str:
    """The same for a creator's overlay."""
    value = signing.dumps([str(room_id), overlay_key(overlay_id), None], salt=SALT)
    return f"{reverse('gifts:room', args=[room_id])}events/?pass={value}&after={after}"


def overlay_key(overlay_id: int) -> str:
    return f"overlay:{overlay_id}"


def viewer_of(*, value: str, room_id: UUID) -> Who:
    """Whose pass it is. Raises BadPass."""
    try:
        room, who, ends = signing.loads(value, salt=SALT, max_age=SECONDS)
    except signing.BadSignature:
        raise BadPass("Load the room's page again.") from None
    if room != str(room_id):
        raise BadPass("This pass is for another room.")
    if ends is not None and ends <= time.time():
        raise BadPass("Your membership has ended. Load the room's page again.")
    viewer: Who = who
    return viewer
