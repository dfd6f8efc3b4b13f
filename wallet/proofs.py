"""Checks between the ledger and the rows beside it: purchases, lots and adjustments.

Promises: reads only; one finding for each difference, with the id that differs. Meant to run in
the same transaction as ``ledger.audit``, which proves the ledger itself.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from wallet import ledger
from wallet.ledger import Finding
from wallet.models import Purchase

_PURCHASES: Final = """
    SELECT 'a credited purchase has its lot and operation, with its amounts', 'purchase ' || p.id
      FROM wallet_purchase p
      LEFT JOIN ledger.lot l ON l.purchase_id = p.id
      LEFT JOIN ledger.unit u ON u.id = l.cash_unit
      LEFT JOIN ledger.operation o ON o.id = p.id AND o.kind = 10 AND NOT o.is_refused
     WHERE p.state = 'credited'
       AND (o.id IS NULL OR
            (l.home_id, l.amount, l.gross_minor, l.tax_minor, l.fee_minor, u.code, l.hold_class)
            IS DISTINCT FROM
            (p.buyer_id, p.coins::bigint, p.gross_minor, p.tax_minor, coalesce(p.fee_minor, 0),
             p.currency::text, coalesce(p.hold_class, l.hold_class)))
     ORDER BY p.id
"""
_LOTS: Final = """
    SELECT 'a bought lot has its credited purchase', 'lot ' || l.id
      FROM ledger.lot l LEFT JOIN wallet_purchase p ON p.id = l.purchase_id AND p.state = 'credited'
     WHERE l.purchase_id IS NOT NULL AND p.id IS NULL
     ORDER BY l.id
"""
_ADJUSTMENTS: Final = """
    SELECT 'an approved adjustment was posted, and no other', 'adjustment ' || coalesce(a.id, o.id)
      FROM (SELECT * FROM wallet_adjustment WHERE state = 'approved') a
      FULL JOIN (SELECT * FROM ledger.operation WHERE kind IN (90, 92) AND NOT is_refused) o
        ON o.id = a.id
     WHERE a.id IS NULL OR o.id IS NULL OR o.home_id <> a.owner_id OR o.actor_id <> a.approver_id
        OR coalesce(o.request ->> 'coins', o.request ->> 'diamonds')::bigint <> a.amount
     ORDER BY 2
"""


def purchases_have_lots() -> list[Finding]:
    """Every credited purchase has one lot of its coins, price, tax and fee, and its operation."""
    return _found(_PURCHASES)


def lots_have_purchases() -> list[Finding]:
    """Every lot that was bought belongs to a purchase that says it was credited."""
    return _found(_LOTS)


def adjustments_were_posted() -> list[Finding]:
    """Every approved adjustment is an operation of the same person and amount, and vice versa."""
    return _found(_ADJUSTMENTS)


def paid_purchases_are_credited(*, at: datetime) -> list[Finding]:
    """No purchase has been paid for longer than the alert time without its coins."""
    since = at - timedelta(seconds=settings.UNCREDITED_ALERT_S)
    late = Purchase.objects.filter(state=Purchase.State.PAID).exclude(paid_at__gt=since)
    return [
        Finding("a paid purchase is credited", f"purchase {pk}")
        for pk in late.order_by("paid_at", "pk").values_list("pk", flat=True)
    ]


def checks(*, at: datetime) -> Sequence[tuple[str, Callable[[], Sequence[Finding]]]]:
    """Every check in the order to run them, each with what it looks at."""
    return (
        ("accounts, lots, buckets and seals from their transfers", lambda: list(ledger.audit())),
        ("purchases and their lots", purchases_have_lots),
        ("lots and their purchases", lots_have_purchases),
        ("adjustments and their operations", adjustments_were_posted),
        ("paid purchases without coins", lambda: paid_purchases_are_credited(at=at)),
    )


def _found(sql: str) -> list[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [Finding(check, subject) for check, subject in cursor]
