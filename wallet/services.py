"""The ledger's own upkeep: folding, closing periods, releasing what matured, sealing.

Promises: each deed may run anywhere, any number at once and again at any time; it does what is left
to do, in short transactions, and stops at a bound so that the next run goes on.
"""

from typing import Final

from django.conf import settings
from django.db import transaction

from wallet import ledger

RELEASE_BATCH: Final = 200
RELEASE_BATCHES_MAX: Final = 50
SEALS_MAX: Final = 100


@transaction.atomic(durable=True)
def fold_ledger() -> int:
    """Sum folded accounts up to the horizon; how many transfers. 0 while another folder works."""
    return ledger.fold() or 0


@transaction.atomic(durable=True)
def close_period() -> int | None:
    """Close the open period and open the next; its id, None when nothing happened in it."""
    return ledger.close_period()


def release_matured() -> int:
    """Release every bucket whose hold has ended, debt first; how many."""
    released = 0
    for _ in range(RELEASE_BATCHES_MAX):
        with transaction.atomic(durable=True):
            count = ledger.release_due(debt_share_bps=settings.DEBT_SHARE_BPS, limit=RELEASE_BATCH)
        released += count
        if count < RELEASE_BATCH:
            break
    return released


def seal_periods() -> int:
    """Seal the closed periods that have no seal yet, in their order; how many."""
    for sealed in range(SEALS_MAX):
        with transaction.atomic(durable=True):
            if ledger.seal_period() is None:
                return sealed
    return SEALS_MAX
