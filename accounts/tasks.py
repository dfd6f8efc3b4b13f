"""What runs by the clock for people. Each looks for its rows; a lost message only delays."""

from celery import shared_task
from django.utils import timezone

from accounts import notices, services


@shared_task
def send_notices() -> None:
    notices.send_due(at=timezone.now())


@shared_task
def end_standings() -> None:
    services.end_standings(at=timezone.now())
