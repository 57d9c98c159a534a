"""What clients may ask about deposits and wallets."""
