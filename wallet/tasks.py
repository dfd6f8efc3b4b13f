"""The wallet's doorbells: each looks for its work in the database, so ringing twice is harmless."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from wallet import (
    cards,
    credit_notes,
    customers,
    disputes,
    inbox,
    own_limits,
    payments,
    prices,
    purchases,
    receipts,
    recognition,
    reconciliations,
    services,
    submissions,
)


@shared_task
def handle_events() -> int:
    return inbox.handle_provider_events(at=timezone.now())


@shared_task
def sweep_purchases() -> int:
    return purchases.sweep_purchases(at=timezone.now())


@shared_task
def settle_purchase(*, purchase_id: str) -> str:
    return payments.settle_purchase(purchase_id=UUID(purchase_id), at=timezone.now()).state


@shared_task
def forget_attempts() -> int:
    return own_limits.forget_attempts(at=timezone.now())


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


@shared_task
def tell_of_prices() -> int:
    return prices.tell_of_prices(at=timezone.now())


@shared_task
def tell_of_cards() -> int:
    return cards.tell_of_cards(at=timezone.now())


@shared_task
def submit_refunds() -> int:
    return submissions.sweep(at=timezone.now())


@shared_task
def sweep_disputes() -> int:
    return disputes.sweep(at=timezone.now())


@shared_task
def forget_customers() -> int:
    return customers.sweep(at=timezone.now())


@shared_task
def recognise_revenue() -> dict[str, int]:
    return recognition.recognise_revenue()


@shared_task
def reconcile(*, hours: int) -> int:
    runs = reconciliations.reconcile_recent(at=timezone.now(), over=timedelta(hours=hours))
    return sum(run.compared for run in runs)


@shared_task
def number_receipts() -> int:
    return receipts.number_receipts(at=timezone.now())


@shared_task
def number_credit_notes() -> int:
    return credit_notes.number_credit_notes(at=timezone.now())
