"""Value: the ledger, rate cards, regional prices, purchases and history."""
