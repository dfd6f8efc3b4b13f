"""What runs by the clock for people. Each looks for its rows; a lost message only delays."""

from celery import shared_task
from django.utils import timezone

from accounts import creators, notices, services


@shared_task
def send_notices() -> None:
    notices.send_due(at=timezone.now())


@shared_task
def end_standings() -> None:
    services.end_standings(at=timezone.now())


@shared_task
def tell_followers(*, creator_id: int, title: str, path: str) -> None:
    """Rung by the relay when a creator goes live. A lost message costs this notice and no more."""
    creators.tell_followers(creator_id=creator_id, title=title, path=path, at=timezone.now())
