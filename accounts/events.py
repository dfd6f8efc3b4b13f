"""The outbox: an event commits with its cause or not at all, and is handed on at least once."""

from collections.abc import Mapping
from typing import Any

from django.db import connection

from accounts.models import OutboxEvent

USER_JOINED = "user.joined"
STANDING_CHANGED = "standing.changed"
CREATOR_OPENED = "creator.opened"
REVIEW_OPENED = "review.opened"
REVIEW_DECIDED = "review.decided"


def publish(*, name: str, subject: str, payload: Mapping[str, Any]) -> None:
    """Write the event in the caller's transaction; ``config.relay`` hands it on after it."""
    assert connection.in_atomic_block, "an event commits with its cause"
    OutboxEvent.objects.create(name=name, subject=subject, payload=dict(payload))
