"""Everything a client can ask for, declared once for both transports."""
