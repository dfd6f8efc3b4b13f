"""Accounts, links, transfers and reversals as the payment company writes them."""

from config.standin import options
from config.standin.models import (
    AccountLink,
    ConnectedAccount,
    ConnectTransfer,
    Json,
    TransferReversal,
    epoch,
)


def account(row: ConnectedAccount) -> Json:
    state = "active" if row.is_enabled else "pending" if row.is_submitted else "inactive"
    reason = row.disabled_reason or ("requirements.past_due" if row.due else "")
    return {
        "id": row.public_id,
        "object": "account",
        "business_type": "individual",
        "capabilities": {"transfers": state},
        "charges_enabled": False,
        "country": row.country,
        "created": epoch(row.created_at),
        "default_currency": row.currency,
        "details_submitted": row.is_submitted,
        "email": row.email or None,
        "metadata": row.metadata,
        "payouts_enabled": row.is_enabled,
        "requirements": {
            "alternatives": [],
            "current_deadline": None,
            "currently_due": row.due,
            "disabled_reason": reason or None,
            "errors": [],
            "eventually_due": row.due,
            "past_due": row.due,
            "pending_verification": [],
        },
        "type": "express",
    }


def link(row: AccountLink) -> Json:
    return {
        "object": "account_link",
        "created": epoch(row.created_at),
        "expires_at": epoch(row.expires_at),
        "url": f"{options.current().public_url}/setup/e/{row.token}",
    }


def transfer(row: ConnectTransfer) -> Json:
    return {
        "id": row.public_id,
        "object": "transfer",
        "amount": row.amount_minor,
        "amount_reversed": row.reversed_minor,
        "balance_transaction": f"txn_{row.public_id[3:]}",
        "created": epoch(row.created_at),
        "currency": row.currency,
        "description": row.description or None,
        "destination": row.destination.public_id,
        "destination_payment": f"py_{row.public_id[3:]}",
        "livemode": False,
        "metadata": row.metadata,
        "reversals": {
            "object": "list",
            "data": [
                reversal(one)
                for one in TransferReversal.objects.filter(transfer=row).order_by("-number")
            ],
            "has_more": False,
            "url": f"/v1/transfers/{row.public_id}/reversals",
        },
        "reversed": row.reversed_minor == row.amount_minor,
        "source_transaction": None,
        "source_type": "card",
        "transfer_group": row.transfer_group or None,
    }


def reversal(row: TransferReversal) -> Json:
    return {
        "id": row.public_id,
        "object": "transfer_reversal",
        "amount": row.amount_minor,
        "balance_transaction": f"txn_{row.public_id[4:]}",
        "created": epoch(row.created_at),
        "currency": row.transfer.currency,
        "destination_payment_refund": None,
        "metadata": row.metadata,
        "source_refund": None,
        "transfer": row.transfer.public_id,
    }
