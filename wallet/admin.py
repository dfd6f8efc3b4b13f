"""The staff's desks of wallet. Each is a module of its own; Django finds them through this one."""

from wallet import (
    admin_books,
    admin_prices,
    admin_purchases,
    admin_rates,
    admin_reconciliations,
)

__all__ = ["admin_books", "admin_prices", "admin_purchases", "admin_rates", "admin_reconciliations"]
