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
from wallet.models.gift_cards import CODES_MAX, GiftCard, GiftCardBatch, GiftCardTries
from wallet.models.pricing import (
    Channel,
    CoinPackage,
    FxRate,
    HoldClass,
    MethodFee,
    PaymentMethod,
    Price,
    Region,
    RegionCountry,
)
from wallet.models.purchases import ProviderEvent, Purchase
from wallet.models.receipts import Receipt, ReceiptFile, ReceiptSeries, Seller, SellerRegion

__all__ = [
    "CODES_MAX",
    "Account",
    "Adjustment",
    "Balance",
    "Bucket",
    "Channel",
    "CoinPackage",
    "FxRate",
    "GiftCard",
    "GiftCardBatch",
    "GiftCardTries",
    "HoldClass",
    "Lot",
    "MethodFee",
    "Operation",
    "PaymentMethod",
    "Period",
    "Price",
    "ProviderEvent",
    "Purchase",
    "RateCard",
    "Receipt",
    "ReceiptFile",
    "ReceiptSeries",
    "Region",
    "RegionCountry",
    "Seller",
    "SellerRegion",
    "Transfer",
]
