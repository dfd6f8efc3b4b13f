"""Reads of the whole book: for the pages people look at, and for reconciling by id."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Sum

from config.standin import bank, connect, money, rails, refunds
from config.standin.models import (
    BalanceKind,
    BalanceTransaction,
    BankTransfer,
    Charge,
    ChargeStatus,
    Delivery,
    DeliveryState,
    Dispute,
    Event,
    FraudWarning,
    Json,
    PaymentIntent,
    Refund,
    epoch,
)

NOTHING: Final = "\N{EN DASH}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLine:
    """A card tried, as the payments page shows it."""

    at: datetime
    reference: str
    charge: str
    item: str
    card: str
    amount: str
    fee: str
    net: str
    state: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLine:
    """A transfer, as the bank's page shows it."""

    at: datetime
    reference: str
    name: str
    account: str
    amount: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyTotal:
    """What came in, in one currency."""

    count: int
    amount: str
    fee: str
    net: str


def whole_book() -> Json:
    """Return everything that was paid, charged and transferred, for reconciling by id."""
    movements = BalanceTransaction.objects.select_related(
        "charge__intent__session", "refund", "dispute"
    ).order_by("number")
    charged = [row for row in movements if row.kind == BalanceKind.CHARGE]
    by_intent = {row.charge.intent.public_id: row for row in charged}
    intents = PaymentIntent.objects.select_related("session").order_by("number")
    transfers = BankTransfer.objects.order_by("number")
    return {
        "payments": [_payment(row, by_intent.get(row.public_id)) for row in intents],
        "refunds": [_refund(row) for row in Refund.objects.select_related("charge__intent")],
        "disputes": [_dispute(row) for row in Dispute.objects.select_related("charge__intent")],
        "warnings": [
            {"id": row.public_id, "payment_intent": row.charge.intent.public_id}
            for row in FraudWarning.objects.select_related("charge__intent")
        ],
        "movements": [_movement(row) for row in movements],
        "balances": _balances(movements),
        "transfers": [bank.shape(row) for row in transfers],
        "connect_transfers": connect.book(),
        "deliveries": delivery_counts(),
        "events": Event.objects.count(),
    }


def delivery_counts() -> dict[str, int]:
    """Return how many copies of events are in each state."""
    counts: dict[str, int] = dict.fromkeys(DeliveryState.values, 0)
    for row in Delivery.objects.values("state").annotate(count=Count("number")):
        counts[row["state"]] = row["count"]
    return counts


def payment_lines(*, before: int | None, limit: int) -> tuple[list[PaymentLine], int | None]:
    """Return the newest charges, and the number to go on from when there are older ones."""
    rows = Charge.objects.select_related("intent__session").order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    page = list(rows[: limit + 1])
    shown = page[:limit]
    balances = {
        row.charge.number: row
        for row in BalanceTransaction.objects.select_related("charge").filter(
            charge__in=shown, kind=BalanceKind.CHARGE
        )
    }
    lines = [_payment_line(row, balances.get(row.number)) for row in shown]
    return lines, shown[-1].number if len(page) > limit else None


def transfer_lines(*, before: int | None, limit: int) -> tuple[list[TransferLine], int | None]:
    """Return the newest transfers, and the number to go on from when there are older ones."""
    rows = BankTransfer.objects.order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    page = list(rows[: limit + 1])
    shown = page[:limit]
    return [_transfer_line(row) for row in shown], shown[-1].number if len(page) > limit else None


def currency_totals() -> list[CurrencyTotal]:
    """Return what came in by currency: gross, fees and net."""
    charged = BalanceTransaction.objects.filter(kind=BalanceKind.CHARGE)
    sums = charged.values("currency").annotate(
        count=Count("number"), gross=Sum("amount_minor"), fees=Sum("fee_minor")
    )
    return [
        CurrencyTotal(
            count=row["count"],
            amount=money.shown(amount_minor=row["gross"], currency=row["currency"]),
            fee=money.shown(amount_minor=row["fees"], currency=row["currency"]),
            net=money.shown(amount_minor=row["gross"] - row["fees"], currency=row["currency"]),
        )
        for row in sums.order_by("currency")
    ]


def _payment(row: PaymentIntent, balance: BalanceTransaction | None) -> Json:
    session = row.session
    taken: dict[str, Any] = {
        "charge": balance.charge.public_id if balance else None,
        "balance_transaction": balance.public_id if balance else None,
        "amount_received": balance.amount_minor if balance else 0,
        "fee": balance.fee_minor if balance else 0,
        "net": balance.amount_minor - balance.fee_minor if balance else 0,
    }
    return {
        "payment_intent": row.public_id,
        "session": session.public_id,
        "client_reference_id": session.client_reference_id or None,
        "metadata": session.intent_metadata,
        "status": row.status,
        "amount": session.amount_minor,
        "currency": session.currency,
        "created": epoch(row.created_at),
        **taken,
    }


def _refund(row: Refund) -> Json:
    return {
        "id": row.public_id,
        "payment_intent": row.charge.intent.public_id,
        "metadata": row.metadata,
        "status": row.status,
        "amount": row.amount_minor,
        "currency": row.currency,
        "moves_money": row.moves_money,
    }


def _dispute(row: Dispute) -> Json:
    return {
        "id": row.public_id,
        "payment_intent": row.charge.intent.public_id,
        "status": row.status,
        "amount": row.amount_minor,
        "currency": row.currency,
    }


def _movement(row: BalanceTransaction) -> Json:
    return {
        "id": row.public_id,
        "kind": row.kind,
        "source": row.source_id,
        "payment_intent": row.charge.intent.public_id,
        "amount": row.amount_minor,
        "fee": row.fee_minor,
        "currency": row.currency,
    }


def _balances(movements: Iterable[BalanceTransaction]) -> dict[str, int]:
    """Return what the merchant has, by currency: everything that moved, less the fees."""
    balances: dict[str, int] = {}
    for row in movements:
        net = row.amount_minor - row.fee_minor
        balances[row.currency] = balances.get(row.currency, 0) + net
    return balances


def _payment_line(row: Charge, balance: BalanceTransaction | None) -> PaymentLine:
    session = row.intent.session
    currency = row.currency
    has_failed = row.status == ChargeStatus.FAILED
    return PaymentLine(
        at=row.created_at,
        reference=session.client_reference_id or session.public_id[:18],
        charge=row.public_id,
        item=", ".join(item["name"] for item in session.line_items),
        card=_paid_with(row),
        amount=money.shown(amount_minor=row.amount_minor, currency=currency),
        fee=money.shown(amount_minor=balance.fee_minor, currency=currency) if balance else NOTHING,
        net=(
            money.shown(amount_minor=balance.amount_minor - balance.fee_minor, currency=currency)
            if balance
            else NOTHING
        ),
        state=row.status,
        note=row.failure_message if has_failed else _note(row),
    )


def _note(row: Charge) -> str:
    dispute = Dispute.objects.filter(charge=row).order_by("-number").first()
    if dispute is not None:
        return f"Dispute: {dispute.status.replace('_', ' ')}"
    refunded_minor = refunds.refunded_minor(row)
    if refunded_minor:
        return f"Refunded {money.shown(amount_minor=refunded_minor, currency=row.currency)}"
    return "3-D Secure" if row.details.get("three_d_secure") else ""


def _paid_with(row: Charge) -> str:
    if row.method_type != "card":
        return rails.BY_NAME[row.method_type].title
    brand = str(row.details["brand"])
    shown = {"amex": "American Express"}.get(brand, brand.capitalize())
    return f"{shown} •••• {row.details['last4']}"


def _transfer_line(row: BankTransfer) -> TransferLine:
    return TransferLine(
        at=row.created_at,
        reference=row.reference,
        name=row.name,
        account=f"•••• {row.account[-4:]}",
        amount=money.shown_by_bank(amount_minor=row.amount_minor, currency=row.currency),
        state=row.state,
        reason=row.reason,
    )
