"""Who hears what: audience, order and fan-out of events, and the states that live in memory."""
