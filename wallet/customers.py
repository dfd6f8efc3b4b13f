"""Buyers whom payment companies are to forget, because they were erased here.

Promises: whom to forget is written down in the transaction that erases them, before their purchases
lose the name; asking the company is done afterwards, with no transaction open, and again until it
has: it answers the same for somebody it has forgotten already. A payment that comes in after the
erasure and names its buyer anew is found too.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Q

from accounts.models import Closure
from wallet import events, providers
from wallet.models import CustomerToForget, Purchase
from wallet.providers.base import Declined, Unavailable

logger = logging.getLogger(__name__)

ASK_PAUSE: Final = timedelta(minutes=5)
BATCH: Final = 100
PROBLEM_LENGTH: Final = 200


def ask_to_forget(*, person_id: int, at: datetime) -> int:
    """Write down, in the caller's transaction, as whom each company knows a person; how many.

    Their purchases lose these names. Again is no change.
    """
    assert connection.in_atomic_block, "it commits with the erasure"
    named = Purchase.objects.filter(buyer_id=person_id).exclude(customer_ref="")
    known = set(named.values_list("method__provider", "customer_ref"))
    CustomerToForget.objects.bulk_create(
        [
            CustomerToForget(provider=provider, customer_ref=customer_ref, asked_at=at)
            for provider, customer_ref in sorted(known)
        ],
        ignore_conflicts=True,
    )
    named.update(customer_ref="")
    for provider in sorted({provider for provider, _ in known}):
        events.customers_left(provider=provider)
    return len(known)


def sweep(*, at: datetime) -> int:
    """Ask the companies to forget whom they still know, oldest first; how many they forgot."""
    _note_late(at=at)
    waiting = CustomerToForget.objects.filter(Q(tried_at=None) | Q(tried_at__lte=at - ASK_PAUSE))
    forgotten = 0
    for row in list(waiting.order_by("asked_at", "pk")[:BATCH]):
        CustomerToForget.objects.filter(pk=row.pk).update(tried_at=at)
        try:
            providers.load(row.provider).forget(row.customer_ref)
        except (Declined, Unavailable) as error:
            logger.warning("customer to forget %s: %s", row.pk, error)
            problem = str(error)[:PROBLEM_LENGTH]
            CustomerToForget.objects.filter(pk=row.pk).update(problem=problem)
        else:
            row.delete()
            forgotten += 1
    return forgotten


def _note_late(*, at: datetime) -> None:
    """Write down those whom a payment named after they were erased."""
    erased = Closure.objects.filter(state=Closure.State.ERASED)
    late = Purchase.objects.filter(buyer__in=erased.values("person")).exclude(customer_ref="")
    for person_id in sorted(set(late.values_list("buyer_id", flat=True))):
        with transaction.atomic(durable=True):
            ask_to_forget(person_id=person_id, at=at)
