"""The market as its tables of rules have it, tried on the running product."""
