"""Value as rows: prices and methods, purchases, and the ledger's tables to read."""

from wallet.models.books import (
    Account,
    Adjustment,
    Balance,
    Bucket,
    Lot,
    Operation,
    Period,
    RateCard,
    Transfer,
)
from wallet.models.pricing import (
    Channel,
    CoinPackage,
    FxRate,
    HoldClass,
    MethodFee,
    PaymentMethod,
    Price,
    PriceAnnouncement,
    Region,
    RegionCountry,
)
from wallet.models.purchases import ProviderEvent, Purchase
from wallet.models.refunds import Dispute, RecoursePolicy, Refund

__all__ = [
    "Account",
    "Adjustment",
    "Balance",
    "Bucket",
    "Channel",
    "CoinPackage",
    "Dispute",
    "FxRate",
    "HoldClass",
    "Lot",
    "MethodFee",
    "Operation",
    "PaymentMethod",
    "Period",
    "Price",
    "PriceAnnouncement",
    "ProviderEvent",
    "Purchase",
    "RateCard",
    "RecoursePolicy",
    "Refund",
    "Region",
    "RegionCountry",
    "Transfer",
]
