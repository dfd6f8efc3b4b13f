"""The clock's doors: each finds its work in PostgreSQL, so a lost message only delays it."""

from celery import shared_task
from django.utils import timezone

from payouts import closing, settlements, submissions, tallies


@shared_task
def start_settlement() -> None:
    """Open the settlement run of the period that has ended."""
    settlements.start_due(at=timezone.now())


@shared_task
def continue_settlements() -> None:
    """Bring the open settlement run further, and open one whose start was lost."""
    settlements.sweep_settlements(at=timezone.now())


@shared_task
def sweep_payouts() -> None:
    """Send, look up and book every payout that is due."""
    submissions.sweep_payouts(at=timezone.now())


@shared_task
def count_earnings() -> None:
    """Add what the ledger has folded since the last time to the sums of earnings."""
    tallies.count_earnings()


@shared_task
def close_months() -> int:
    """Make the statements of the months that have ended, once their last period is sealed."""
    return closing.close_months(at=timezone.now())
