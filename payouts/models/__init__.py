"""Where creators are paid, settlement runs and their lines, and payouts."""

from payouts.models.destinations import Destination
from payouts.models.payouts import Payout, PayoutChoice
from payouts.models.settlements import SettlementChunk, SettlementLine, SettlementRun

__all__ = [
    "Destination",
    "Payout",
    "PayoutChoice",
    "SettlementChunk",
    "SettlementLine",
    "SettlementRun",
]
