"""What payouts publish to the outbox."""

from accounts import events
from payouts.models import Payout, SettlementRun

SETTLEMENT_DONE = "settlement.done"
PAYOUT_PAID = "payout.paid"
PAYOUT_FAILED = "payout.failed"
PAYOUT_RETURNED = "payout.returned"


def settlement_done(run: SettlementRun) -> None:
    events.publish(
        name=SETTLEMENT_DONE,
        subject=f"settlement:{run.pk}",
        payload={"run": str(run.pk), "period_key": run.period_key},
    )


def payout_resolved(payout: Payout, *, name: str) -> None:
    events.publish(
        name=name,
        subject=f"payout:{payout.pk}",
        payload={
            "payout": str(payout.pk),
            "creator": payout.creator_id,
            "amount_minor": payout.amount_minor,
            "currency": payout.currency,
            "reason": payout.failure,
        },
    )
