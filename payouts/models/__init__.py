"""Where creators are paid, settlement runs and their lines, and payouts."""

from payouts.models.destinations import Destination
from payouts.models.payouts import Payout
from payouts.models.settlements import SettlementLine, SettlementRun

__all__ = ["Destination", "Payout", "SettlementLine", "SettlementRun"]
