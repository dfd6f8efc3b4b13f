"""What runs by the clock for people. Each looks for its rows; a lost message only delays."""

from celery import shared_task
from django.utils import timezone

from accounts import (
    claims,
    creators,
    fingerprints,
    identity,
    notices,
    papers,
    reviews,
    services,
)


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


@shared_task
def keep_review_clocks() -> None:
    reviews.escalate_late(at=timezone.now())
    reviews.close_unappealed(at=timezone.now())


@shared_task
def purge_expired() -> None:
    fingerprints.purge(at=timezone.now())
    claims.purge(at=timezone.now())


@shared_task
def sweep_identity() -> None:
    """Ask providers what came out of checks, and end those nobody went on with."""
    identity.sweep(at=timezone.now())


@shared_task
def delete_papers() -> None:
    """Delete identity papers whose term has passed."""
    papers.delete_due(at=timezone.now())
