"""What runs by the clock for gifts. Each looks for its rows: a lost message delays."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from gifts import holding, memberships, reminders


@shared_task
def send_held() -> int:
    return holding.send_due(at=timezone.now())


@shared_task
def tell_reminded(*, planned_id: str) -> None:
    """Rung by the relay when a planned live begins. A lost message costs this notice, no more."""
    reminders.tell_begun(planned_id=UUID(planned_id), at=timezone.now())


@shared_task
def tell_moved(*, planned_id: str) -> None:
    """Rung by the relay when a planned live has another time or is cancelled."""
    reminders.tell_moved(planned_id=UUID(planned_id), at=timezone.now())


@shared_task
def sweep_moved() -> int:
    return reminders.tell_due(at=timezone.now())


@shared_task
def sweep_memberships() -> int:
    now = timezone.now()
    return memberships.revoke_taken_back(at=now) + memberships.remind(at=now)
