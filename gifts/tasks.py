"""What runs by the clock for gifts. Each looks for its rows: a lost message delays."""

from celery import shared_task
from django.utils import timezone

from gifts import holding


@shared_task
def send_held() -> int:
    return holding.send_due(at=timezone.now())
