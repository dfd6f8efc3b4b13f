"""What providers tell us: stored as it came, answered at once, acted on afterwards by its object.

Promises: a notice is stored once however often it comes, and is only ever a reason to ask the
provider; one that cannot be acted on while the provider is away waits.
"""

import logging
import random
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from wallet import disputes, events, payments, providers, queries, reviewing, submissions
from wallet.models import ProviderEvent, Purchase
from wallet.providers.base import Declined, NoticeObject, ProviderNotice, Unavailable

logger = logging.getLogger(__name__)

BATCH: Final = 100
OUTCOME_LENGTH: Final = 200


# One statement, so the notice and the ring for it commit together without a transaction around
# them: each exchange with the database costs as much as the rest of this door, which companies
# knock at in bursts (``manage.py bench purchases``).
_RECORD: Final = """
    WITH stored AS (
        INSERT INTO wallet_providerevent
            (provider, event_id, kind, object_ref, object_kind, body, outcome)
        VALUES (%s, %s, %s, %s, %s, %s, '')
        ON CONFLICT (provider, event_id) DO NOTHING
        RETURNING id
    )
    INSERT INTO accounts_outboxevent (name, subject, payload)
    SELECT %s, id::text, jsonb_build_object('event', id) FROM stored
"""


def record_event(*, provider: str, notice: ProviderNotice, body: bytes) -> bool:
    """Store a verified notice as it came, and ring for it; False when it came before."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            [
                provider,
                notice.event_id,
                notice.kind,
                notice.object_ref,
                notice.object_kind.value,
                body.decode(),
                events.PROVIDER_NOTIFIED,
            ],
        )
        return bool(cursor.rowcount)


def handle_provider_events(*, at: datetime) -> int:
    """Act on the notices that wait, oldest first; how many. Stops while the provider is away.

    Any number may run at once: each takes the oldest in an order of its own and leaves what another
    has handled by then, so they seldom ask for the same, and nothing happens twice when they do.
    """
    handled = 0
    batch = list(queries.events_waiting()[:BATCH])
    random.shuffle(batch)
    for event in batch:
        if not ProviderEvent.objects.filter(pk=event.pk, handled_at=None).exists():
            continue
        try:
            outcome = _act_on(event, at=at)
        except Unavailable as error:
            logger.warning("event %s: %s", event.event_id, error)
            break
        except (Declined, payments.PaymentDiffers, submissions.RefundDiffers) as error:
            outcome = str(error)
        ProviderEvent.objects.filter(pk=event.pk, handled_at=None).update(
            handled_at=at, outcome=outcome[:OUTCOME_LENGTH]
        )
        handled += 1
    return handled


def _act_on(event: ProviderEvent, *, at: datetime) -> str:
    if not event.object_ref:
        return "Nothing to do"
    match NoticeObject(event.object_kind):
        case NoticeObject.CHECKOUT:
            return _on_checkout(event, at=at)
        case NoticeObject.REFUND:
            return _on_refund(event, at=at)
        case NoticeObject.DISPUTE:
            return disputes.learn(provider=event.provider, ref=event.object_ref, at=at)
        case NoticeObject.WARNING:
            return _on_warning(event, at=at)
        case NoticeObject.NONE:
            return "Nothing to do"


def _on_checkout(event: ProviderEvent, *, at: datetime) -> str:
    purchases = Purchase.objects.filter(method__provider=event.provider)
    purchase = purchases.filter(checkout_ref=event.object_ref).first() or _adopt(event)
    if purchase is None:
        return "No purchase of ours"
    return (
        f"Purchase {purchase.pk}: {payments.settle_purchase(purchase_id=purchase.pk, at=at).state}"
    )


def _on_refund(event: ProviderEvent, *, at: datetime) -> str:
    ours = submissions.mirror(provider=event.provider, ref=event.object_ref, at=at)
    return ours or disputes.mirror_refund(provider=event.provider, ref=event.object_ref, at=at)


def _on_warning(event: ProviderEvent, *, at: datetime) -> str:
    warning = providers.load(event.provider).fetch_warning(event.object_ref)
    purchase = queries.purchase_paid_by(provider=event.provider, payment_ref=warning.payment_ref)
    if purchase is None:
        return "No purchase of ours"
    with transaction.atomic(durable=True):
        reviewing.early_fraud_warning(purchase=purchase, kind=warning.kind, at=at)
    return f"Purchase {purchase.pk}: fraud warning, {warning.kind}"


def _adopt(event: ProviderEvent) -> Purchase | None:
    """Find the purchase of a checkout whose name we never learnt, because its answer was lost."""
    payment = providers.load(event.provider).fetch(event.object_ref)
    try:
        purchase_id = UUID(payment.purchase_id)
    except ValueError:
        return None
    adopted = Purchase.objects.filter(
        pk=purchase_id, method__provider=event.provider, checkout_ref=""
    )
    adopted.update(checkout_ref=event.object_ref)
    return Purchase.objects.filter(pk=purchase_id, checkout_ref=event.object_ref).first()
