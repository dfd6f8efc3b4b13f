"""The staff's desks of wallet. Each is a module of its own; Django finds them through this one."""

from wallet import (
    admin_books,
    admin_disputes,
    admin_gift_cards,
    admin_limits,
    admin_prices,
    admin_purchases,
    admin_rates,
    admin_receipts,
    admin_reconciliations,
    admin_refunds,
)

__all__ = [
    "admin_books",
    "admin_disputes",
    "admin_gift_cards",
    "admin_limits",
    "admin_prices",
    "admin_purchases",
    "admin_rates",
    "admin_receipts",
    "admin_reconciliations",
    "admin_refunds",
]
