"""The clock's doors: each finds its work in PostgreSQL, so a lost message only delays it."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from payouts import (
    bank_files,
    closing,
    figures,
    reconciliations,
    sepa_batches,
    settlements,
    stripe_accounts,
    submissions,
    tallies,
    watching,
)


@shared_task
def start_settlement() -> None:
    """Look at what was earned, then open the settlement run of the period that has ended."""
    watching.watch(at=timezone.now())
    settlements.start_due(at=timezone.now())


@shared_task
def continue_settlements() -> None:
    """Bring the open settlement run further, and open one whose start was lost."""
    watching.watch_if_due(at=timezone.now())
    settlements.sweep_settlements(at=timezone.now())


@shared_task
def sweep_payouts() -> None:
    """Send, look up and book every payout that is due."""
    submissions.sweep_payouts(at=timezone.now())


@shared_task
def close_sepa_batches() -> None:
    """Put every payout that waits for a SEPA file into one."""
    sepa_batches.close_all(at=timezone.now())


@shared_task
def follow_bank_files() -> None:
    """Follow the lines of bank files whose reader died."""
    bank_files.sweep(at=timezone.now())


@shared_task
def look_at_stripe_accounts() -> None:
    """Ask Stripe about creators' accounts that are due."""
    stripe_accounts.sweep(at=timezone.now())


@shared_task
def reconcile(*, hours: int) -> int:
    """Hold our payouts against the rails' books."""
    runs = reconciliations.reconcile_recent(at=timezone.now(), over=timedelta(hours=hours))
    return sum(run.compared for run in runs)


@shared_task
def count_earnings() -> None:
    """Add what the ledger has folded since the last time to the sums of earnings."""
    tallies.count_earnings()


@shared_task
def count_figures() -> int:
    """Count what the back office's first page shows of days and of everybody."""
    return figures.count(at=timezone.now())


@shared_task
def close_months() -> int:
    """Make the statements of the months that have ended, once their last period is sealed."""
    return closing.close_months(at=timezone.now())


@shared_task
def watch_earnings() -> None:
    """Ask the rules about what creators earned lately."""
    watching.watch_if_due(at=timezone.now())
