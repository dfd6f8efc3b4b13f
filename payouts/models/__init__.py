"""Where creators are paid, settlements and their lines, payouts, and sums of what was earned."""

from payouts.models.destinations import Destination
from payouts.models.payouts import Payout, PayoutChoice
from payouts.models.settlements import SettlementChunk, SettlementLine, SettlementRun
from payouts.models.statements import (
    Statement,
    StatementFile,
    StatementMonth,
    StatementSeries,
)
from payouts.models.tallies import (
    EVER,
    HIDDEN,
    EarningsCursor,
    EarningsDay,
    EarningsLabel,
    GifterMonth,
)

__all__ = [
    "EVER",
    "HIDDEN",
    "Destination",
    "EarningsCursor",
    "EarningsDay",
    "EarningsLabel",
    "GifterMonth",
    "Payout",
    "PayoutChoice",
    "SettlementChunk",
    "SettlementLine",
    "SettlementRun",
    "Statement",
    "StatementFile",
    "StatementMonth",
    "StatementSeries",
]
