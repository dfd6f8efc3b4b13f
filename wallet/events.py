"""What wallet publishes: facts that are committed with the deed, for other apps and for tasks."""

from typing import Final

from accounts import events
from wallet.models import ProviderEvent, Purchase

PURCHASE_CREDITED: Final = "purchase.credited"
PROVIDER_NOTIFIED: Final = "provider.notified"


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


def provider_notified(event: ProviderEvent) -> None:
    """Say that a provider's notice waits to be acted on. The relay rings ``handle_events``."""
    events.publish(name=PROVIDER_NOTIFIED, subject=str(event.pk), payload={"event": event.pk})
