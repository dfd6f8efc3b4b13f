"""Reads of the whole book: for the pages people look at, and for reconciling by id."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Sum

from config.standin import bank, money
from config.standin.models import (
    BalanceTransaction,
    BankTransfer,
    Charge,
    ChargeStatus,
    Delivery,
    DeliveryState,
    Event,
    Json,
    PaymentIntent,
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
    balances = BalanceTransaction.objects.select_related("charge__intent__session")
    by_intent = {row.charge.intent.public_id: row for row in balances}
    intents = PaymentIntent.objects.select_related("session").order_by("number")
    transfers = BankTransfer.objects.order_by("number")
    return {
        "payments": [_payment(row, by_intent.get(row.public_id)) for row in intents],
        "transfers": [bank.shape(row) for row in transfers],
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
        for row in BalanceTransaction.objects.select_related("charge").filter(charge__in=shown)
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
    sums = BalanceTransaction.objects.values("currency").annotate(
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


def _payment_line(row: Charge, balance: BalanceTransaction | None) -> PaymentLine:
    session = row.intent.session
    currency = row.currency
    has_failed = row.status == ChargeStatus.FAILED
    brand = {"amex": "American Express"}.get(row.card["brand"], row.card["brand"].capitalize())
    return PaymentLine(
        at=row.created_at,
        reference=session.client_reference_id or session.public_id[:18],
        charge=row.public_id,
        item=", ".join(item["name"] for item in session.line_items),
        card=f"{brand} •••• {row.card['last4']}",
        amount=money.shown(amount_minor=row.amount_minor, currency=currency),
        fee=money.shown(amount_minor=balance.fee_minor, currency=currency) if balance else NOTHING,
        net=(
            money.shown(amount_minor=balance.amount_minor - balance.fee_minor, currency=currency)
            if balance
            else NOTHING
        ),
        state=row.status,
        note=row.failure_message if has_failed else _proof(row),
    )


def _proof(row: Charge) -> str:
    return "3-D Secure" if row.card["three_d_secure"] else ""


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
