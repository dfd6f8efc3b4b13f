"""The tests' door to what no merchant asks for: banks that dispute, clicks in the dashboard."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.http import HttpRequest

from config.standin import claim_shapes, claims_api, control, disputes, refunds, webhooks
from config.standin.models import Charge, ChargeStatus, Dispute, Json

type _Deed = Callable[[Dispute, datetime, int | None], Dispute]

_DEEDS: Final[Mapping[str, _Deed]] = {
    "escalate": lambda row, at, _: disputes.escalate(dispute=row, at=at),
    "review": lambda row, at, _: disputes.submit(dispute=row, at=at),
    "win": lambda row, at, amount: disputes.win(dispute=row, at=at, amount_minor=amount),
    "lose": lambda row, at, _: disputes.lose(dispute=row, at=at),
    "close": lambda row, at, _: disputes.close_inquiry(dispute=row, at=at),
}


@control.for_tests
def refund(_request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Refund a payment as somebody at the dashboard would: payment_intent, amount."""
    wish = refunds.Wish(
        intent_id=str(given.get("payment_intent")),
        amount_minor=control.whole(given, "amount", default=None),
        metadata={},
    )
    made = claims_api.give_back(wish, at=datetime.now(UTC), cause=webhooks.Cause())
    return claim_shapes.refund(made)


@control.for_tests
def dispute(_request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Open a dispute (payment_intent, amount, reason, inquiry), or move one on (dispute, do).

    ``do``: escalate an inquiry, send it to review, win (with an amount: in part), lose, or close an
    inquiry.
    """
    at = datetime.now(UTC)
    amount_minor = control.whole(given, "amount", default=None)
    if "dispute" in given:
        deed = _DEEDS.get(str(given.get("do")))
        if deed is None:
            raise control.Unfit(f"do must be one of {', '.join(_DEEDS)}", param="do")
        row = claims_api.dispute_named(str(given["dispute"]))
        return claim_shapes.dispute(deed(row, at, amount_minor))
    reason = str(given.get("reason", "fraudulent"))
    if reason not in disputes.REASONS:
        raise control.Unfit(f"reason must be one of {', '.join(disputes.REASONS)}", param="reason")
    opened = disputes.open_dispute(
        charge=_paid(given),
        at=at,
        amount_minor=amount_minor,
        reason=reason,
        is_inquiry=given.get("inquiry") is True,
    )
    return claim_shapes.dispute(opened)


@control.for_tests
def warning(_request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Warn that a payment may be fraud: payment_intent, fraud_type."""
    kind = str(given.get("fraud_type", "misc"))
    if kind not in disputes.FRAUD_TYPES:
        kinds = ", ".join(disputes.FRAUD_TYPES)
        raise control.Unfit(f"fraud_type must be one of {kinds}", param="fraud_type")
    made = disputes.warn(charge=_paid(given), at=datetime.now(UTC), fraud_type=kind)
    return claim_shapes.warning(made)


def _paid(given: Mapping[str, Any]) -> Charge:
    rows = Charge.objects.select_related("intent__session")
    charge = rows.filter(
        intent__public_id=str(given.get("payment_intent")), status=ChargeStatus.SUCCEEDED
    ).first()
    if charge is None:
        raise control.Unfit("payment_intent must name a payment that succeeded")
    return charge
