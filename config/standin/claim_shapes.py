"""Refunds, disputes, warnings and the balance as the payment company shows them.

The fields are those of stripe-python 16.1 (API 2026-10-28.endive); a test compares them with the
client's own classes. What the stand-in does not do is null or empty, as in the real answers.
"""

from collections.abc import Mapping
from typing import Final

from config.standin.models import (
    CONTESTED,
    INQUIRIES,
    BalanceKind,
    BalanceTransaction,
    Dispute,
    DisputeStatus,
    FraudWarning,
    Json,
    Refund,
    RefundStatus,
    epoch,
)

# What each movement is called: its type, its reporting category and the words of its fee.
# docs.stripe.com/reports/balance-transaction-types and reporting-categories, November 2026.
_NAMES: Final[Mapping[BalanceKind, tuple[str, str]]] = {
    BalanceKind.CHARGE: ("charge", "charge"),
    BalanceKind.REFUND: ("refund", "refund"),
    BalanceKind.REFUND_FAILURE: ("refund_failure", "refund_failure"),
    BalanceKind.DISPUTE: ("adjustment", "dispute"),
    BalanceKind.DISPUTE_REVERSAL: ("adjustment", "dispute_reversal"),
}
_EVIDENCE: Final = (
    "access_activity_log", "billing_address", "cancellation_policy",
    "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
    "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
    "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
    "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
    "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
    "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def refund(row: Refund) -> Json:
    """Show a refund."""
    charge = row.charge
    booked = {one.kind: one.public_id for one in _movements(row)}
    is_card = charge.method_type == "card"
    details: Json = {"type": charge.method_type}
    if is_card:
        details["card"] = {
            "reference_status": "pending",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        }
    return {
        "id": row.public_id,
        "object": "refund",
        "amount": row.amount_minor,
        "balance_transaction": booked.get(BalanceKind.REFUND),
        "charge": charge.public_id,
        "created": epoch(row.created_at),
        "currency": row.currency,
        "destination_details": details,
        "failure_balance_transaction": booked.get(BalanceKind.REFUND_FAILURE),
        "failure_reason": row.failure_reason or None,
        "metadata": row.metadata,
        "payment_intent": charge.intent.public_id,
        "pending_reason": "processing" if row.status == RefundStatus.PENDING else None,
        "reason": row.reason or None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": row.status,
        "transfer_reversal": None,
    }


def dispute(row: Dispute) -> Json:
    """Show a dispute, with the movements of its money in full, as the company does."""
    charge = row.charge
    is_open = row.status in (*INQUIRIES, *CONTESTED)
    return {
        "id": row.public_id,
        "object": "dispute",
        "amount": row.amount_minor,
        "balance_transactions": [balance_transaction(one) for one in _movements(row)],
        "charge": charge.public_id,
        "created": epoch(row.created_at),
        "currency": row.currency,
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": epoch(row.due_at) if is_open else None,
            "enhanced_eligibility": {},
            "has_evidence": row.submissions > 0,
            "past_due": False,
            "submission_count": row.submissions,
            "submission_method": "manual" if row.submissions else "not_submitted",
        },
        "is_charge_refundable": row.status in (*INQUIRIES, DisputeStatus.WARNING_CLOSED),
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4" if row.reason == "fraudulent" else None,
        "payment_intent": charge.intent.public_id,
        "payment_method_details": _disputed_method(row),
        "reason": row.reason,
        "status": row.status,
    }


def warning(row: FraudWarning) -> Json:
    """Show an early fraud warning; actionable until it is disputed or went back in full."""
    charge = row.charge
    returned = Refund.objects.filter(charge=charge).exclude(status=RefundStatus.FAILED)
    refunded_minor = sum(one.amount_minor for one in returned)
    is_disputed = Dispute.objects.filter(charge=charge).exists()
    return {
        "id": row.public_id,
        "object": "radar.early_fraud_warning",
        "actionable": not is_disputed and refunded_minor < charge.amount_minor,
        "charge": charge.public_id,
        "created": epoch(row.created_at),
        "fraud_type": row.fraud_type,
        "livemode": False,
        "payment_intent": charge.intent.public_id,
    }


def balance_transaction(row: BalanceTransaction) -> Json:
    """Show what moved the balance: its amount, the fee and what is left."""
    kind, category = _NAMES[BalanceKind(row.kind)]
    fee = {
        "amount": row.fee_minor,
        "application": None,
        "currency": row.currency,
        "description": "Dispute fee" if row.dispute else "Processing fees of the stand-in",
        "type": "stripe_fee",
    }
    return {
        "id": row.public_id,
        "object": "balance_transaction",
        "amount": row.amount_minor,
        "available_on": epoch(row.available_at),
        "balance_type": "payments",
        "created": epoch(row.created_at),
        "currency": row.currency,
        "description": row.charge.intent.session.intent_description or None,
        "exchange_rate": None,
        "fee": row.fee_minor,
        "fee_details": [fee] if row.fee_minor else [],
        "net": row.amount_minor - row.fee_minor,
        "reporting_category": category,
        "source": row.source_id,
        "status": "pending",
        "type": kind,
    }


def _movements(row: Refund | Dispute) -> list[BalanceTransaction]:
    rows = BalanceTransaction.objects.select_related("charge__intent__session", "refund", "dispute")
    return list(rows.filter(**{type(row).__name__.lower(): row}).order_by("number"))


def _disputed_method(row: Dispute) -> Json | None:
    if row.charge.method_type != "card":
        return None
    card = row.charge.details
    return {
        "type": "card",
        "card": {
            "brand": card["brand"],
            "case_type": "inquiry" if row.status in INQUIRIES else "chargeback",
            "network": card["network"],
            "network_reason_code": "10.4" if row.reason == "fraudulent" else None,
        },
    }
