"""Jobs about deposits, webhooks and the books."""
