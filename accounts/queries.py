"""Reads about people."""

from accounts.models import Notice


def unread_count(*, user_id: int) -> int:
    """How many notices the person has not read."""
    return Notice.objects.filter(user_id=user_id, read_at=None).count()
