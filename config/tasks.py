"""What runs by the clock for the whole site. Each looks for its rows: a lost message delays."""

from celery import shared_task
from django.utils import timezone

from config import leaving
from config import relay as outbox
from gifts import chat, ranks, room_log, streaks


@shared_task
def relay() -> None:
    outbox.relay(at=timezone.now())


@shared_task
def end_streaks() -> int:
    return streaks.end_idle(at=timezone.now())


@shared_task
def prune() -> None:
    outbox.prune(at=timezone.now())
    room_log.forget(at=timezone.now())
    chat.forget(at=timezone.now())


@shared_task
def make_exports() -> int:
    return leaving.make_exports(at=timezone.now())


@shared_task
def erase_closed() -> int:
    return leaving.erase_due(at=timezone.now())


@shared_task
def audit_ranks() -> int:
    return ranks.audit_lately(at=timezone.now())
