"""Times as the payment company writes them, and JSON."""

from datetime import UTC, datetime
from typing import Any


def epoch(moment: datetime) -> int:
    """Return ``moment`` as the payment company writes times: whole seconds since 1970."""
    return int(moment.timestamp())


def moment(seconds: float) -> datetime:
    """Return the time that lies ``seconds`` after 1970."""
    return datetime.fromtimestamp(seconds, tz=UTC)


type Json = dict[str, Any]
