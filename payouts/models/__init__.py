"""Where creators are paid, whether they may be, settlement runs, payouts, and bank files."""

from payouts.models.destinations import Destination
from payouts.models.eligibility import EligibilityOverride, EligibilityResult
from payouts.models.payouts import Payout, PayoutChoice
from payouts.models.settlements import SettlementChunk, SettlementLine, SettlementRun
from payouts.models.stripe_accounts import StripeAccount
from payouts.models.taxes import EEA, TaxExport, TaxForm, TaxProfile, form_for
from payouts.models.transfer_files import BankFile, BankFileLine, SepaBatch, SepaEntry

__all__ = [
    "EEA",
    "BankFile",
    "BankFileLine",
    "Destination",
    "EligibilityOverride",
    "EligibilityResult",
    "Payout",
    "PayoutChoice",
    "SepaBatch",
    "SepaEntry",
    "SettlementChunk",
    "SettlementLine",
    "SettlementRun",
    "StripeAccount",
    "TaxExport",
    "TaxForm",
    "TaxProfile",
    "form_for",
]
