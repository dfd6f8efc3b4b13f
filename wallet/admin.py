"""Staff's doors of wallet, one module for each noun; importing them registers them."""

from wallet import admin_purchases

__all__ = ["admin_purchases"]
