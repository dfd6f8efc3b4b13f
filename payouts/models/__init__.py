"""Where creators are paid, whether they may be, settlement runs and their lines, and payouts."""

from payouts.models.destinations import Destination
from payouts.models.eligibility import EligibilityOverride, EligibilityResult
from payouts.models.payouts import Payout, PayoutChoice
from payouts.models.settlements import SettlementChunk, SettlementLine, SettlementRun
from payouts.models.taxes import EEA, TaxExport, TaxForm, TaxProfile, form_for

__all__ = [
    "EEA",
    "Destination",
    "EligibilityOverride",
    "EligibilityResult",
    "Payout",
    "PayoutChoice",
    "SettlementChunk",
    "SettlementLine",
    "SettlementRun",
    "TaxExport",
    "TaxForm",
    "TaxProfile",
    "form_for",
]
