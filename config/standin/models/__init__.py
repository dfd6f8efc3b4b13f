"""The stand-in's book: what was asked, charged, given back, told and moved.

Amounts are integers of minor units. ``number`` is the order of writing, ``public_id`` the name the
outside knows. Nothing here is shared with Carat's database.
"""

from config.standin.models.balance import (
    BalanceKind,
    BalanceTransaction,
)
from config.standin.models.bank import (
    BankBreakdown,
    BankOrder,
    BankTransfer,
    TransferState,
)
from config.standin.models.claims import (
    CONTESTED,
    INQUIRIES,
    Dispute,
    DisputeStatus,
    FraudWarning,
    Refund,
    RefundStatus,
)
from config.standin.models.connect import (
    AccountLink,
    ConnectedAccount,
    ConnectPlan,
    ConnectTransfer,
    TransferReversal,
)
from config.standin.models.identity import (
    CaseStatus,
    IdentityCase,
)
from config.standin.models.payments import (
    Charge,
    ChargeStatus,
    CheckoutSession,
    Customer,
    IntentStatus,
    PaymentIntent,
    SavedMethod,
    SessionStatus,
)
from config.standin.models.telling import (
    Delivery,
    DeliveryPlan,
    DeliveryState,
    Event,
    FaultDone,
    FaultScript,
    FaultTry,
    PlanMode,
    StoredAnswer,
)
from config.standin.models.units import (
    Json,
    epoch,
    moment,
)

__all__ = (
    "CONTESTED",
    "INQUIRIES",
    "AccountLink",
    "BalanceKind",
    "BalanceTransaction",
    "BankBreakdown",
    "BankOrder",
    "BankTransfer",
    "CaseStatus",
    "Charge",
    "ChargeStatus",
    "CheckoutSession",
    "ConnectPlan",
    "ConnectTransfer",
    "ConnectedAccount",
    "Customer",
    "Delivery",
    "DeliveryPlan",
    "DeliveryState",
    "Dispute",
    "DisputeStatus",
    "Event",
    "FaultDone",
    "FaultScript",
    "FaultTry",
    "FraudWarning",
    "IdentityCase",
    "IntentStatus",
    "Json",
    "PaymentIntent",
    "PlanMode",
    "Refund",
    "RefundStatus",
    "SavedMethod",
    "SessionStatus",
    "StoredAnswer",
    "TransferReversal",
    "TransferState",
    "epoch",
    "moment",
)
