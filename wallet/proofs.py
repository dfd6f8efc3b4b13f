"""Checks between the ledger and the rows beside it: purchases, lots, refunds and so on.

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
_REFUNDS: Final = """
    SELECT 'a refund that ended has its operation, with its coins and amount', 'refund ' || r.id
      FROM wallet_refund r
      LEFT JOIN ledger.operation o ON o.id = r.end_id AND o.kind = 61 AND NOT o.is_refused
     WHERE (r.state IN ('paid', 'denied', 'failed', 'cancelled') AND
            (o.id IS NULL OR o.request ->> 'hold' <> r.hold_id::text))
        OR (r.state = 'paid' AND
            ((o.result ->> 'coins')::bigint, (o.result ->> 'amount_minor')::bigint)
            IS DISTINCT FROM (r.approved_coins::bigint, r.amount_minor))
        OR (r.state IN ('denied', 'cancelled') AND (o.result ->> 'coins')::bigint <> 0)
     UNION ALL
    SELECT 'an open refund holds its coins', 'refund ' || r.id
      FROM wallet_refund r
      LEFT JOIN ledger.transfer t ON t.op_id = r.hold_id AND t.code = 60
     WHERE r.state IN ('requested', 'approved', 'submitted')
       AND (t.amount IS DISTINCT FROM r.coins
            OR EXISTS (SELECT 1 FROM ledger.transfer b WHERE b.reverses_id = t.id))
     UNION ALL
    SELECT 'coins are held and paid back for refunds only', 'operation ' || o.id
      FROM ledger.operation o
     WHERE NOT o.is_refused AND
           ((o.kind = 60 AND NOT EXISTS (SELECT 1 FROM wallet_refund r WHERE r.hold_id = o.id))
         OR (o.kind = 61 AND NOT EXISTS (SELECT 1 FROM wallet_refund r
              WHERE r.end_id = o.id AND r.state NOT IN ('requested', 'approved', 'submitted'))))
     UNION ALL
    SELECT 'a refund came back only where it was paid and failed since', 'operation ' || o.id
      FROM ledger.operation o
      LEFT JOIN wallet_refund r ON r.end_id::text = o.request ->> 'end' AND r.state = 'failed'
     WHERE o.kind = 62 AND NOT o.is_refused AND r.id IS NULL
     UNION ALL
    SELECT 'a refund that failed gave its coins back', 'refund ' || r.id
      FROM wallet_refund r JOIN ledger.transfer t ON t.op_id = r.end_id AND t.code = 62
     WHERE r.state = 'failed'
       AND NOT EXISTS (SELECT 1 FROM ledger.transfer b WHERE b.reverses_id = t.id)
     ORDER BY 1, 2
"""
_DISPUTES: Final = """
    WITH booked AS (
        SELECT d.id, d.state, d.lost_minor, l.id AS lot_id, l.state AS lot_state,
               b.id AS begun, e.id AS ended, (e.result ->> 'lost_minor')::bigint
                 + coalesce((e.result ->> 'beyond_minor')::bigint, 0) AS loss
          FROM wallet_dispute d
          LEFT JOIN ledger.lot l ON l.purchase_id = d.purchase_id
          LEFT JOIN ledger.operation b ON b.id = d.open_id AND b.kind = 70 AND NOT b.is_refused
          LEFT JOIN ledger.operation e ON e.id = d.id AND e.kind = 71 AND NOT e.is_refused
    )
    SELECT 'a dispute is booked as far as it has come', 'dispute ' || id
      FROM booked
     WHERE NOT CASE state
               WHEN 'learnt' THEN begun IS NULL AND ended IS NULL
               WHEN 'unbooked' THEN begun IS NULL AND ended IS NULL
               WHEN 'open' THEN begun IS NOT NULL AND ended IS NULL AND lot_state = 1
               WHEN 'won' THEN (begun IS NULL) = (ended IS NULL) AND coalesce(loss, 0) = 0
               ELSE begun IS NOT NULL AND ended IS NOT NULL AND loss = lost_minor END
     UNION ALL
    SELECT 'a disputed or lost lot has its dispute', 'lot ' || l.id
      FROM ledger.lot l
     WHERE l.state <> 0 AND NOT EXISTS (
           SELECT 1 FROM booked WHERE booked.lot_id = l.id
              AND booked.state = CASE l.state WHEN 1 THEN 'open' ELSE 'lost' END)
     ORDER BY 1, 2
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


def refunds_are_booked() -> list[Finding]:
    """Every refund is its operations: held while it is open, ended as it says; and vice versa."""
    return _found(_REFUNDS)


def disputes_are_booked() -> list[Finding]:
    """Every dispute is its operations and the state of its lot; and vice versa."""
    return _found(_DISPUTES)


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
        ("refunds and their operations", refunds_are_booked),
        ("disputes, their operations and lots", disputes_are_booked),
        ("paid purchases without coins", lambda: paid_purchases_are_credited(at=at)),
    )


def _found(sql: str) -> list[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [Finding(check, subject) for check, subject in cursor]
