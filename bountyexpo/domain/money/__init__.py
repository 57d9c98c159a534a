"""The rules of money: deposits, escrow, fees, withdrawals, and the ledger."""
