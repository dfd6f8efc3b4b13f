"""What wallet publishes: facts that are committed with the deed, for other apps and for tasks."""

from typing import Final

from accounts import events
from wallet.models import (
    Dispute,
    PriceAnnouncement,
    Purchase,
    PurchaseLimit,
    RateCard,
    Refund,
)

PURCHASE_CREDITED: Final = "purchase.credited"
PROVIDER_NOTIFIED: Final = "provider.notified"
CUSTOMERS_LEFT: Final = "customers.left"
REFUND_APPROVED: Final = "refund.approved"
RATE_CARD_ANNOUNCED: Final = "rate_card.announced"
LIMIT_ANNOUNCED: Final = "limit.announced"
LIMIT_REACHED: Final = "limit.reached"
LIMIT_PASSED: Final = "limit.passed"
PRICES_ANNOUNCED: Final = "prices.announced"


def purchase_credited(purchase: Purchase) -> None:
    """Say that bought coins are in the wallet."""
    events.publish(
        name=PURCHASE_CREDITED,
        subject=str(purchase.pk),
        payload={
            "purchase": str(purchase.pk),
            "user": purchase.buyer_id,
            "coins": purchase.coins,
            "amount_minor": purchase.gross_minor,
            "currency": purchase.currency,
        },
    )


def customers_left(*, provider: str) -> None:
    """Say that a provider is to forget somebody. The relay rings ``forget_customers``."""
    events.publish(name=CUSTOMERS_LEFT, subject=provider, payload={"provider": provider})


def rate_card_announced(card: RateCard) -> None:
    """Say that from a date on a coin earns creators something else."""
    events.publish(
        name=RATE_CARD_ANNOUNCED,
        subject=str(card.pk),
        payload={
            "card": card.pk,
            "name": card.name,
            "diamonds_per_coin_milli": card.diamonds_per_coin_milli,
            "diamond_usd": str(card.diamond_usd),
            "hold_days": card.hold_days,
            "notice_days": card.notice_days,
            "effective_at": card.effective_at.isoformat(),
        },
    )


def limit_announced(row: PurchaseLimit) -> None:
    """Say that from a date on people in a region may pay more or less."""
    events.publish(
        name=LIMIT_ANNOUNCED,
        subject=f"{row.region_id}:{row.kind}",
        payload={
            "region": row.region_id,
            "kind": row.kind,
            "is_hard": row.is_hard,
            "currency": row.currency,
            "purchase_minor": row.purchase_minor,
            "day_minor": row.day_minor,
            "month_minor": row.month_minor,
            "first_day_minor": row.first_day_minor,
            "valid_from": row.valid_from.isoformat(),
        },
    )


def limit_reached(purchase: Purchase, *, window: str, share: int) -> None:
    """Say that a payment brought somebody to a share (in percent) of a limit of their own."""
    events.publish(
        name=LIMIT_REACHED,
        subject=str(purchase.pk),
        payload={"user": purchase.buyer_id, "window": window, "share": share},
    )


def limit_passed(purchase: Purchase, *, why: str) -> None:
    """Say that a payment that came late took its buyer over a limit: somebody should look."""
    events.publish(
        name=LIMIT_PASSED,
        subject=str(purchase.pk),
        payload={"purchase": str(purchase.pk), "user": purchase.buyer_id, "why": why},
    )


def prices_announced(announcement: PriceAnnouncement) -> None:
    """Say that from a date on coins cost something else in a region."""
    events.publish(
        name=PRICES_ANNOUNCED,
        subject=str(announcement.pk),
        payload={
            "announcement": announcement.pk,
            "region": announcement.region_id,
            "valid_from": announcement.valid_from.isoformat(),
        },
    )


def refund_changed(refund: Refund) -> None:
    """Say where a refund stands. The relay rings ``submit_refunds`` for an approved one."""
    events.publish(
        name=f"refund.{refund.state}",
        subject=str(refund.pk),
        payload={
            "refund": str(refund.pk),
            "purchase": str(refund.purchase_id),
            "state": refund.state,
            "coins": refund.coins,
            "amount_minor": refund.amount_minor,
        },
    )


def dispute_changed(dispute: Dispute) -> None:
    """Say where a dispute stands; one that was lost names what it took from whom."""
    events.publish(
        name=f"dispute.{dispute.state}",
        subject=str(dispute.pk),
        payload={
            "dispute": str(dispute.pk),
            "purchase": str(dispute.purchase_id),
            "state": dispute.state,
            "amount_minor": dispute.amount_minor,
            "outcome": dispute.outcome,
        },
    )
