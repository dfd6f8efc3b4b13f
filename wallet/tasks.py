"""The wallet's doorbells: each looks for its work in the database, so ringing twice does no harm."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from wallet import purchases, services


@shared_task
def handle_events() -> int:
    return purchases.handle_provider_events(at=timezone.now())


@shared_task
def sweep_purchases() -> int:
    return purchases.sweep_purchases(at=timezone.now())


@shared_task
def settle_purchase(*, purchase_id: str) -> str:
    return purchases.settle_purchase(purchase_id=UUID(purchase_id), at=timezone.now()).state


@shared_task
def fold() -> int:
    return services.fold_ledger()


@shared_task
def close_period() -> int | None:
    return services.close_period()


@shared_task
def release() -> int:
    return services.release_matured()


@shared_task
def seal() -> int:
    return services.seal_periods()
