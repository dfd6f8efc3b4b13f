"""Where creators are paid, settlements and their lines, payouts, and sums of what was earned."""

from payouts.models.destinations import Destination
from payouts.models.payouts import Payout
from payouts.models.settlements import SettlementLine, SettlementRun
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
    "SettlementLine",
    "SettlementRun",
    "Statement",
    "StatementFile",
    "StatementMonth",
    "StatementSeries",
]
