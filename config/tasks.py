"""What runs by the clock for the whole site. Each looks for its rows: a lost message delays."""

from celery import shared_task
from django.utils import timezone

from config import relay as outbox


@shared_task
def relay() -> None:
    outbox.relay(at=timezone.now())


@shared_task
def prune() -> None:
    outbox.prune(at=timezone.now())
