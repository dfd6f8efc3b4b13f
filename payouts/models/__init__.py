"""Where creators are paid, settlement runs and their lines, payouts, and files for the bank."""

from payouts.models.destinations import Destination
from payouts.models.payouts import Payout, PayoutChoice
from payouts.models.settlements import SettlementChunk, SettlementLine, SettlementRun
from payouts.models.stripe_accounts import StripeAccount
from payouts.models.transfer_files import BankFile, BankFileLine, SepaBatch, SepaEntry

__all__ = [
    "BankFile",
    "BankFileLine",
    "Destination",
    "Payout",
    "PayoutChoice",
    "SepaBatch",
    "SepaEntry",
    "SettlementChunk",
    "SettlementLine",
    "SettlementRun",
    "StripeAccount",
]
