"""Destinations, the gate, settlements, payouts, bank files, statements and sums of earnings."""

from payouts.models.destinations import Destination
from payouts.models.eligibility import EligibilityOverride, EligibilityResult
from payouts.models.figures import PlatformDay, PlatformHoldings
from payouts.models.payouts import Payout, PayoutChoice
from payouts.models.reminders import UnclaimedReminder
from payouts.models.settlements import SettlementChunk, SettlementLine, SettlementRun
from payouts.models.statements import (
    Statement,
    StatementFile,
    StatementMonth,
    StatementSeries,
)
from payouts.models.stripe_accounts import StripeAccount
from payouts.models.tallies import (
    EVER,
    HIDDEN,
    EarningsCursor,
    EarningsDay,
    EarningsLabel,
    GifterMonth,
)
from payouts.models.taxes import EEA, TaxExport, TaxForm, TaxProfile, form_for
from payouts.models.transfer_files import BankFile, BankFileLine, SepaBatch, SepaEntry
from payouts.models.watching import EarningsWatch, LiveAudience

__all__ = [
    "EEA",
    "EVER",
    "HIDDEN",
    "BankFile",
    "BankFileLine",
    "Destination",
    "EarningsCursor",
    "EarningsDay",
    "EarningsLabel",
    "EarningsWatch",
    "EligibilityOverride",
    "EligibilityResult",
    "GifterMonth",
    "LiveAudience",
    "Payout",
    "PayoutChoice",
    "PlatformDay",
    "PlatformHoldings",
    "SepaBatch",
    "SepaEntry",
    "SettlementChunk",
    "SettlementLine",
    "SettlementRun",
    "Statement",
    "StatementFile",
    "StatementMonth",
    "StatementSeries",
    "StripeAccount",
    "TaxExport",
    "TaxForm",
    "TaxProfile",
    "UnclaimedReminder",
    "form_for",
]
