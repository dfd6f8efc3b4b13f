"""The payment company's endpoints for what comes after paying: capture, refund, dispute, warning.

Evidence is taken as sent and not read; submitting it sends the dispute to its bank.
"""

from datetime import datetime
from typing import Final

from config.standin import (
    api,
    captures,
    cards,
    claim_shapes,
    customers,
    disputes,
    refunds,
    shapes,
    webhooks,
)
from config.standin.models import (
    Customer,
    Dispute,
    FraudWarning,
    Json,
    Refund,
    SavedMethod,
    epoch,
)
from config.standin.parameters import ParameterRefused, Parameters
from config.standin.protocol import Call

REFUND_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")
CANCELLATION_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
_SAVED_FIELDS: Final = (
    "brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4",
)  # fmt: skip

REFUNDS: Final = api.Kind(
    noun="refund",
    param="refund",
    address="/v1/refunds",
    rows=lambda: Refund.objects.select_related("charge__intent__session"),
    show=claim_shapes.refund,
    filters={"charge": "charge__public_id", "payment_intent": "charge__intent__public_id"},
)
DISPUTES: Final = api.Kind(
    noun="dispute",
    param="dispute",
    address="/v1/disputes",
    rows=lambda: Dispute.objects.select_related("charge__intent__session"),
    show=claim_shapes.dispute,
    filters={"charge": "charge__public_id", "payment_intent": "charge__intent__public_id"},
)
WARNINGS: Final = api.Kind(
    noun="radar.early_fraud_warning",
    param="early_fraud_warning",
    address="/v1/radar/early_fraud_warnings",
    rows=lambda: FraudWarning.objects.select_related("charge__intent__session"),
    show=claim_shapes.warning,
    filters={"charge": "charge__public_id", "payment_intent": "charge__intent__public_id"},
)
CUSTOMERS: Final = api.Kind(
    noun="customer",
    param="id",
    address="/v1/customers",
    rows=Customer.objects.all,
    show=customers.shape,
    filters={"email": "email"},
)


def create_refund(call: Call) -> Json:
    given = call.parameters
    wish = refunds.Wish(
        intent_id=given.text("payment_intent", length_max=40),
        charge_id=given.text("charge", length_max=40),
        amount_minor=given.whole("amount", minimum=1),
        reason=_reason(given, "reason", REFUND_REASONS),
        metadata=given.metadata("metadata"),
    )
    given.finish()
    if bool(wish.intent_id) == bool(wish.charge_id):
        raise ParameterRefused("Specify one of payment_intent and charge.", param="payment_intent")
    return claim_shapes.refund(give_back(wish, at=call.at, cause=call.cause))


def give_back(wish: refunds.Wish, *, at: datetime, cause: webhooks.Cause) -> Refund:
    """Refund, and end the inquiry that asked for it."""
    refund = refunds.make(wish=wish, at=at, cause=cause)
    disputes.close_refunded(charge=refund.charge, at=at)
    return refund


def capture_intent(call: Call, *, public_id: str) -> Json:
    amount_minor = call.parameters.whole("amount_to_capture", minimum=1)
    call.parameters.finish()
    intent = captures.capture(
        public_id=public_id, amount_minor=amount_minor, at=call.at, cause=call.cause
    )
    return shapes.intent(intent)


def cancel_intent(call: Call, *, public_id: str) -> Json:
    reason = _reason(call.parameters, "cancellation_reason", CANCELLATION_REASONS)
    call.parameters.finish()
    intent = captures.cancel(public_id=public_id, reason=reason, at=call.at, cause=call.cause)
    return shapes.intent(intent)


def update_dispute(call: Call, *, public_id: str) -> Json:
    """Take evidence; with ``submit`` it goes to the bank."""
    evidence = call.parameters.nested("evidence")
    for name in tuple(evidence.values):
        evidence.text(name, length_max=20_000)
    is_submitted = call.parameters.truth("submit")
    call.parameters.finish()
    dispute = dispute_named(public_id)
    if is_submitted is not False:
        dispute = disputes.submit(dispute=dispute, at=call.at)
    return claim_shapes.dispute(dispute)


def close_dispute(call: Call, *, public_id: str) -> Json:
    """Give a dispute up: it is lost."""
    call.parameters.finish()
    dispute = disputes.lose(dispute=dispute_named(public_id), at=call.at, cause=call.cause)
    return claim_shapes.dispute(dispute)


def dispute_named(public_id: str) -> Dispute:
    """Return a dispute by its public name. Raises NoSuchObject."""
    row = DISPUTES.rows().filter(public_id=public_id).first()
    if row is None:
        raise api.NoSuchObject(
            f"No such dispute: '{public_id}'", code="resource_missing", param="dispute"
        )
    found: Dispute = row
    return found


def create_customer(call: Call) -> Json:
    email = call.parameters.text("email", length_max=512)
    metadata = call.parameters.metadata("metadata")
    call.parameters.finish()
    return customers.shape(
        customers.make(email=email, metadata=metadata, at=call.at, cause=call.cause)
    )


def delete_customer(call: Call, *, public_id: str) -> Json:
    call.parameters.finish()
    return customers.shape(customers.forget(public_id=public_id, at=call.at, cause=call.cause))


def list_saved(call: Call, *, public_id: str) -> Json:
    """List what a customer saved. Cards alone are saved here."""
    call.parameters.choice("type", ("card",), default="card")
    call.parameters.whole("limit", minimum=1, maximum=100)
    call.parameters.finish()
    rows = SavedMethod.objects.filter(customer=customers.named(public_id)).order_by("-number")
    return {
        "object": "list",
        "data": [_saved(row) for row in rows[:100]],
        "has_more": False,
        "url": f"/v1/customers/{public_id}/payment_methods",
    }


def _saved(row: SavedMethod) -> Json:
    shown = cards.BY_NAME[row.card].details(expiry=row.expiry, flow="")
    card = {name: shown[name] for name in _SAVED_FIELDS}
    return {
        "id": row.public_id,
        "object": "payment_method",
        "allow_redisplay": "always",
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "card": card,
        "created": epoch(row.created_at),
        "customer": row.customer.public_id,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def _reason(given: Parameters, name: str, allowed: tuple[str, ...]) -> str:
    reason = given.text(name, length_max=30)
    if reason and reason not in allowed:
        raise ParameterRefused(f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
    return reason
