"""From a payment to the diamonds it became, and back.

Promises: reads only. A trace is a tree of plain facts: payment, lot, gifts, creators' diamonds,
the period that holds or released them, and the other way round. For staff: it names who paid.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts.models import User
from wallet.models import Account, Lot, Operation, Purchase, Transfer
from wallet.money import MILLI, currency_of, money

LIMIT: Final = 200

_GIFTS: Final = """
    SELECT d.op_id, o.recorded_at, d.lot_id, o.home_id, a.owner_id, a.card_id, a.hold_class,
           d.amount, c.amount, p.id, b.release_at, b.done, b.release_op
      FROM ledger.transfer d
      JOIN ledger.operation o ON o.id = d.op_id
      JOIN ledger.account a ON a.id = d.credit_account_id
      LEFT JOIN ledger.transfer c ON c.op_id = d.op_id AND c.lot_id = d.lot_id AND c.code = 20
      LEFT JOIN ledger.period p ON d.xid >= p.xid_from AND (p.xid_to IS NULL OR d.xid < p.xid_to)
      LEFT JOIN ledger.bucket b ON b.period_id = p.id AND b.account_id = d.credit_account_id
"""
_FUNDING: Final = """
    SELECT t.lot_id, sum(t.amount) FROM ledger.transfer t
      JOIN ledger.account a ON a.id = t.credit_account_id
     WHERE a.owner_id = %s AND a.code = 210 AND t.code = 21
     GROUP BY t.lot_id ORDER BY 2 DESC, 1 LIMIT %s
"""
_BUCKETS: Final = """
    SELECT b.period_id, a.card_id, a.hold_class, b.amount, b.clawed, b.released, b.release_at,
           b.done, b.release_op
      FROM ledger.bucket b JOIN ledger.account a ON a.id = b.account_id
     WHERE a.owner_id = %s ORDER BY b.period_id DESC, a.id LIMIT %s
"""


class NotFound(Exception):
    """There is nothing of that kind with that id."""


@dataclass(slots=True)
class Node:
    """One thing in a trace, in words and in facts, and what it led to or came from."""

    kind: str
    words: str
    facts: dict[str, Any]
    children: list["Node"] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            **self.facts,
            "children": [child.as_json() for child in self.children],
        }


def purchase(purchase_id: UUID, *, limit: int = LIMIT) -> Node:
    """Payment, its lot, the gifts it paid for, and where their diamonds are. Raises NotFound."""
    row = Purchase.objects.filter(pk=purchase_id).select_related("buyer").first()
    lot = Lot.objects.filter(purchase_id=purchase_id).first()
    if row is None and lot is None:
        raise NotFound(f"There is no purchase {purchase_id}.")
    children = [_lot_forward(lot, limit)] if lot else []
    if row is None:
        return Node("purchase", f"purchase {purchase_id}: no row", _ids(purchase_id), children)
    words = f"{row.buyer} bought {row.coins:,} coins for {row.money}: {row.get_state_display()}"
    facts = _ids(row.pk) | {
        "buyer": row.buyer_id,
        "coins": row.coins,
        "gross_minor": row.gross_minor,
        "currency": row.currency,
        "state": row.state,
        "payment_ref": row.payment_ref,
    }
    return Node("purchase", words, facts, children)


def operation(operation_id: UUID, *, limit: int = LIMIT) -> Node:
    """One operation: for a gift back to its payments and on to its release. Raises NotFound."""
    row = Operation.objects.filter(pk=operation_id).first()
    if row is None:
        raise NotFound(f"There is no operation {operation_id}.")
    kind = Operation.Kind(row.kind)
    refused = f", refused: {(row.result or {}).get('refusal')}" if row.is_refused else ""
    words = f"{kind.label} {row.pk} of {_who(row.home_id)} at {_when(row.recorded_at)}{refused}"
    facts = _ids(row.pk) | {"operation": kind.label, "home": row.home_id, "memo": row.memo}
    node = Node("operation", words, facts)
    if kind == Operation.Kind.GIFT:
        node.children = _gift_nodes("WHERE d.op_id = %s AND d.code = 21", row.pk, limit)
        for child in node.children:
            child.children.insert(0, _lot_back(child.facts["lot"]))
    elif kind == Operation.Kind.BUY:
        node.children = [purchase(UUID(row.request["purchase"]), limit=limit)]
    elif kind == Operation.Kind.RELEASE and not row.is_refused:
        node.children = _released(row, limit)
    node.children += _transfers(row.pk, limit)
    return node


def creator(creator_id: int, *, limit: int = LIMIT) -> Node:
    """A creator's diamonds: periods with their release, and the payments behind them. NotFound."""
    user = User.objects.filter(pk=creator_id).first()
    if user is None:
        raise NotFound(f"There is nobody with the id {creator_id}.")
    node = Node("creator", str(user), {"id": creator_id, "handle": user.handle})
    buckets = Node("periods", "Earned by period", {})
    buckets.children = [_bucket(row) for row in _rows(_BUCKETS, creator_id, limit)]
    payments = Node("payments", "Paid for by", {})
    for lot_id, diamonds in _rows(_FUNDING, creator_id, limit):
        child = _lot_back(lot_id)
        child.words += f", became {_diamonds(diamonds)} of this creator"
        child.facts["diamonds_milli"] = int(diamonds)
        payments.children.append(child)
    node.children = [buckets, payments]
    return node


def _lot_forward(lot: Lot, limit: int) -> Node:
    node = _lot_node(lot)
    node.children = _gift_nodes("WHERE d.lot_id = %s AND d.code = 21", lot.pk, limit)
    return node


def _lot_back(lot_id: int) -> Node:
    lot = Lot.objects.select_related("purchase__buyer").get(pk=lot_id)
    node = _lot_node(lot)
    if lot.purchase_id is None:
        node.children = [Node("staff", "given by staff, nobody paid", {})]
    else:
        node.children = [_payment(lot)]
    return node


def _payment(lot: Lot) -> Node:
    paid = money(lot.gross_minor, currency_of(lot.cash_unit)) if lot.cash_unit else ""
    words = f"purchase {lot.purchase_id}: {_who(lot.home_id)} paid {paid}"
    facts = {"id": str(lot.purchase_id), "buyer": lot.home_id, "gross_minor": lot.gross_minor}
    return Node("purchase", words, facts)


def _lot_node(lot: Lot) -> Node:
    words = f"lot {lot.pk}: {lot.remaining:,} of {lot.amount:,} coins left"
    return Node("lot", words, {"id": lot.pk, "coins": lot.amount, "left": lot.remaining})


def _gift_nodes(where: str, key: int | UUID, limit: int) -> list[Node]:
    rows = _rows(f"{_GIFTS} {where} ORDER BY d.id LIMIT %s", key, limit + 1)
    nodes = [_gift(row) for row in rows[:limit]]
    if len(rows) > limit:
        nodes.append(Node("more", f"and more than {limit:,}; ask with --limit", {}))
    return nodes


def _gift(row: Sequence[Any]) -> Node:
    (
        op_id,
        at,
        lot_id,
        payer,
        owner,
        card,
        hold,
        amount,
        coins,
        period,
        release_at,
        done,
        release,
    ) = row
    words = (
        f"gift {op_id} at {_when(at)}: {coins:,} coins of {_who(payer)} became "
        f"{_diamonds(amount)} of {_who(owner)} under card {card}, hold class {hold}"
    )
    facts = {
        "id": str(op_id),
        "at": at.isoformat(),
        "lot": lot_id,
        "payer": payer,
        "creator": owner,
        "coins": coins,
        "diamonds_milli": amount,
        "card": card,
    }
    return Node("gift", words, facts, [_place(period, release_at, done=done, op=release)])


def _place(
    period: int | None, release_at: datetime | None, *, done: bool | None, op: UUID | None
) -> Node:
    """Where diamonds of a period are: not folded, pending, or released by which operation."""
    facts = {
        "period": period,
        "release_at": release_at.isoformat() if release_at else None,
        "released_by": str(op) if done else None,
    }
    if done:
        return Node("release", f"period {period}: released by operation {op}", facts)
    due = f"due {_when(release_at)}" if release_at else "due once its period has closed"
    return Node("pending", f"period {period}: pending, {due}", facts)


def _bucket(row: Sequence[Any]) -> Node:
    period, card, hold, amount, clawed, released, release_at, done, op = row
    node = _place(period, release_at, done=done, op=op)
    node.words += f", {_diamonds(amount)} under card {card}, hold class {hold}"
    node.facts |= {"amount_milli": amount, "clawed_milli": clawed, "released_milli": released}
    return node


def _released(row: Operation, limit: int) -> list[Node]:
    account = Account.objects.get(pk=row.request["account"])
    sql = "WHERE d.credit_account_id = %s AND d.code = 21 AND p.id = " + str(
        int(row.request["period"])
    )
    nodes = _gift_nodes(sql, account.pk, limit)
    for node in nodes:
        if "lot" in node.facts:
            node.children.append(_lot_back(node.facts["lot"]))
    return nodes


def _transfers(operation_id: UUID, limit: int) -> list[Node]:
    rows = Transfer.objects.filter(op_id=operation_id).order_by("pk")[:limit]
    return [
        Node(
            "transfer",
            f"transfer {t.pk}: {t.get_code_display()}, {t.amount:,} of unit {t.unit} "
            f"from account {t.debit_account_id} to {t.credit_account_id}",
            {"id": t.pk, "code": t.code, "unit": t.unit, "amount": t.amount},
        )
        for t in rows
    ]


def _ids(key: UUID) -> dict[str, Any]:
    return {"id": str(key)}


def _who(user_id: int) -> str:
    user = User.objects.filter(pk=user_id).first()
    return f"@{user.handle} ({user_id})" if user else f"account owner {user_id}"


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _diamonds(milli: int) -> str:
    return f"{Decimal(milli) / MILLI:,.3f} diamonds"


def _rows(sql: str, *arguments: int | UUID) -> list[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return list(cursor.fetchall())
