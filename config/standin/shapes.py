"""The book's rows as the payment company shows them, with ids in place of what is not expanded.

The fields are those of stripe-python 16.1 (API 2026-10-28.endive); a test compares them with the
client's own classes. What the stand-in does not do is null or empty, as in the real answers.
"""

from typing import Final

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Sum

from config.standin import options
from config.standin.models import (
    BalanceKind,
    BalanceTransaction,
    Charge,
    ChargeStatus,
    CheckoutSession,
    Dispute,
    Event,
    IntentStatus,
    Json,
    PaymentIntent,
    Refund,
    RefundStatus,
    SessionStatus,
    epoch,
)
from config.standin.options import API_VERSION

# Fields of the real objects that nothing here ever fills.
_SESSION_UNUSED: Final = (
    "after_expiration",
    "allow_promotion_codes",
    "billing_address_collection",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency_conversion",
    "invoice",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "recovered_from",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "subscription",
    "wallet_options",
)
_INTENT_UNUSED: Final = (
    "application",
    "application_fee_amount",
    "automatic_payment_methods",
    "client_secret",
    "on_behalf_of",
    "payment_method_configuration_details",
    "processing",
    "receipt_email",
    "review",
    "setup_future_usage",
    "shipping",
    "source",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
)
_CHARGE_UNUSED: Final = (
    "application",
    "application_fee",
    "application_fee_amount",
    "failure_balance_transaction",
    "on_behalf_of",
    "receipt_email",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source_transfer",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
)


def session(row: CheckoutSession) -> Json:
    """Show a checkout session."""
    intent = intent_of(row)
    return {
        **dict.fromkeys(_SESSION_UNUSED),
        "id": row.public_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "amount_subtotal": row.amount_minor,
        "amount_total": row.amount_minor,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": row.cancel_url or None,
        "client_reference_id": row.client_reference_id or None,
        "created": epoch(row.created_at),
        "currency": row.currency,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer_id(row),
        "customer_creation": "always" if row.makes_customer else "if_required",
        "customer_details": _customer_details(row),
        "customer_email": row.customer_email or None,
        "discounts": [],
        "expires_at": epoch(row.expires_at),
        "livemode": False,
        "locale": row.locale or None,
        "metadata": row.metadata,
        "mode": "payment",
        "payment_intent": intent.public_id if intent else None,
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": row.three_d_secure}},
        "payment_method_types": row.method_types or ["card"],
        "payment_status": "paid" if row.is_paid else "unpaid",
        "phone_number_collection": {"enabled": False},
        "saved_payment_method_options": _saving(row),
        "shipping_options": [],
        "status": row.status,
        "submit_type": row.submit_type or None,
        "success_url": row.success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": session_url(row) if row.status == SessionStatus.OPEN else None,
    }


def customer_id(row: CheckoutSession) -> str | None:
    """Return the name of the session's customer, if it has one."""
    return row.customer.public_id if row.customer else None


def session_url(row: CheckoutSession) -> str:
    """Return the address of the session's hosted page."""
    return f"{options.current().public_url}/c/pay/{row.public_id}"


def intent_of(row: CheckoutSession) -> PaymentIntent | None:
    """Return the session's payment intent, if a card was tried."""
    try:
        return PaymentIntent.objects.get(session=row)
    except ObjectDoesNotExist:
        return None


def line_item(row: CheckoutSession, place: int) -> Json:
    """Show one line of a session's order."""
    item = row.line_items[place]
    total = item["unit_amount"] * item["quantity"]
    suffix = row.public_id.removeprefix("cs_test_")[:18]
    return {
        "id": f"li_{suffix}{place}",
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": row.currency,
        "description": item["name"],
        "metadata": {},
        "price": {
            "id": f"price_{suffix}{place}",
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": epoch(row.created_at),
            "currency": row.currency,
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": None,
            "metadata": {},
            "nickname": None,
            "product": f"prod_{suffix}{place}",
            "recurring": None,
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "one_time",
            "unit_amount": item["unit_amount"],
            "unit_amount_decimal": str(item["unit_amount"]),
        },
        "quantity": item["quantity"],
    }


def intent(row: PaymentIntent) -> Json:
    """Show a payment intent."""
    order = row.session
    latest = Charge.objects.filter(intent=row).order_by("-number").first()
    has_come = row.status == IntentStatus.SUCCEEDED
    is_held = row.status == IntentStatus.NEEDS_CAPTURE
    return {
        **dict.fromkeys(_INTENT_UNUSED),
        "id": row.public_id,
        "object": "payment_intent",
        "amount": order.amount_minor,
        "amount_capturable": order.amount_minor if is_held else 0,
        "amount_details": {"tip": {}},
        "amount_received": order.amount_minor if has_come else 0,
        "canceled_at": epoch(row.canceled_at) if row.canceled_at else None,
        "cancellation_reason": row.cancellation_reason or None,
        "capture_method": "manual" if order.captures_later else "automatic_async",
        "confirmation_method": "automatic",
        "created": epoch(row.created_at),
        "currency": order.currency,
        "customer": customer_id(order),
        "description": order.intent_description or None,
        "last_payment_error": row.last_error,
        "latest_charge": latest.public_id if latest else None,
        "livemode": False,
        "metadata": order.intent_metadata,
        "next_action": _next_action(row),
        "payment_method": latest.payment_method_id if latest else None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": order.three_d_secure,
            }
        },
        "payment_method_types": order.method_types or ["card"],
        "status": row.status,
    }


def charge(row: Charge) -> Json:
    """Show a charge."""
    order = row.intent.session
    has_paid = row.status == ChargeStatus.SUCCEEDED
    has_failed = row.status == ChargeStatus.FAILED
    balance = BalanceTransaction.objects.filter(charge=row, kind=BalanceKind.CHARGE).first()
    is_captured = has_paid and row.is_captured
    rows = Refund.objects.filter(charge=row).exclude(status=RefundStatus.FAILED)
    refunded_minor = rows.aggregate(total=Sum("amount_minor"))["total"] or 0
    return {
        **dict.fromkeys(_CHARGE_UNUSED),
        "id": row.public_id,
        "object": "charge",
        "amount": row.amount_minor,
        "amount_captured": row.amount_minor if is_captured else 0,
        "amount_refunded": refunded_minor,
        "balance_transaction": balance.public_id if balance else None,
        "billing_details": _billing_details(order),
        "calculated_statement_descriptor": "STAND-IN",
        "captured": is_captured,
        "created": epoch(row.created_at),
        "currency": row.currency,
        "customer": customer_id(order),
        "description": order.intent_description or None,
        "disputed": Dispute.objects.filter(charge=row).exists(),
        "failure_code": row.failure_code if has_failed else None,
        "failure_message": row.failure_message if has_failed else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": order.intent_metadata,
        "outcome": _outcome(row),
        "paid": has_paid,
        "payment_intent": row.intent.public_id,
        "payment_method": row.payment_method_id,
        "payment_method_details": {"type": row.method_type, row.method_type: row.details},
        "refunded": refunded_minor == row.amount_minor,
        "status": row.status,
    }


def event(row: Event, *, pending: int) -> Json:
    """Show an event, with its object as it stood; ``pending`` copies are yet to be taken."""
    # An event of somebody's account names it (docs.stripe.com/connect/webhooks, 2026-11).
    whose = {"account": row.snapshot["id"]} if row.kind.startswith("account.") else {}
    return {
        "id": row.public_id,
        "object": "event",
        **whose,
        "api_version": API_VERSION,
        "created": epoch(row.created_at),
        "data": {"object": row.snapshot},
        "livemode": False,
        "pending_webhooks": pending,
        "request": {
            "id": row.request_id or None,
            "idempotency_key": row.idempotency_key or None,
        },
        "type": row.kind,
    }


def _saving(row: CheckoutSession) -> Json | None:
    if not row.offers_saving:
        return None
    return {
        "allow_redisplay_filters": ["always"],
        "payment_method_remove": "disabled",
        "payment_method_save": "enabled",
    }


def _customer_details(row: CheckoutSession) -> Json | None:
    if not row.customer_email:
        return None
    return {
        "address": None,
        "business_name": None,
        "email": row.customer_email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _billing_details(row: CheckoutSession) -> Json:
    return {
        "address": {
            "city": None,
            "country": None,
            "line1": None,
            "line2": None,
            "postal_code": None,
            "state": None,
        },
        "email": row.customer_email or None,
        "name": None,
        "phone": None,
        "tax_id": None,
    }


def _next_action(row: PaymentIntent) -> Json | None:
    if row.status != IntentStatus.NEEDS_ACTION:
        return None
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {
            "return_url": session_url(row.session),
            "url": f"{session_url(row.session)}/challenge",
        },
    }


def _outcome(row: Charge) -> Json:
    if row.status == ChargeStatus.FAILED:
        return {
            "advice_code": "try_again_later",
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "declined_by_network",
            "reason": row.decline_code,
            "risk_level": "normal",
            "risk_score": 12,
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        }
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
