"""Stripe's webhooks: proven to be Stripe's, to us, now; and which of our things each is about.

Source: docs.stripe.com/webhooks/signature and docs.stripe.com/api/events/types, November 2026.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from wallet.providers import stripe_calls
from wallet.providers.base import Forged, NoticeObject, ProviderNotice

TOLERANCE_S: Final = 300  # docs.stripe.com/webhooks/signature, 2026-11

# By the beginning of an event's type. Several events tell of one payment or refund; one is enough:
# "charge.refunded" shows the charge and not the refund, which has its own events beside it.
OBJECTS: Final = (
    ("checkout.session.", NoticeObject.CHECKOUT),
    ("refund.", NoticeObject.REFUND),
    ("charge.refund.updated", NoticeObject.REFUND),
    ("charge.dispute.", NoticeObject.DISPUTE),
    ("radar.early_fraud_warning.", NoticeObject.WARNING),
)


def verify(
    *, body: bytes, headers: Mapping[str, str], at: datetime, secret: str | None = None
) -> ProviderNotice:
    """Prove a notice, by the secret of our endpoint or of another's. Raises Forged."""
    import stripe  # noqa: PLC0415

    header = headers.get("Stripe-Signature", "")
    secret = settings.STRIPE_WEBHOOK_SECRET if secret is None else secret
    if not secret:
        raise Forged("There is no secret to prove a notice by.")
    try:
        stripe.WebhookSignature.verify_header(body, header, secret)
        event = json.loads(body)
        signed_at = _signed_at(header)
        notice = _notice(event)
        is_live = event["livemode"]
    except (
        stripe.SignatureVerificationError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise Forged("The signature or the notice does not hold.") from error
    # The library looks at the past only; a signature from the future could be kept for later.
    if abs(at.timestamp() - signed_at) > TOLERANCE_S:
        raise Forged("The signature is too old, or from the future.")
    if is_live is not stripe_calls.is_live():
        raise Forged("The notice is of the other mode, live or test.")
    return notice


def _notice(event: Mapping[str, Any]) -> ProviderNotice:
    kind = event["type"]
    about = next((one for start, one in OBJECTS if kind.startswith(start)), NoticeObject.NONE)
    is_ours = about != NoticeObject.NONE
    return ProviderNotice(
        event_id=str(event["id"])[:100],
        kind=str(kind)[:80],
        object_ref=str(event["data"]["object"]["id"])[:100] if is_ours else "",
        object_kind=about,
    )


def _signed_at(header: str) -> int:
    stamps = [part.removeprefix("t=") for part in header.split(",") if part.startswith("t=")]
    return int(stamps[0])  # the one the library signed with is the first
