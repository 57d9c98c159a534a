"""BOUNTYExpo: a marketplace for small paid tasks as one actor-model service on trio."""

__version__ = "0.1.0"
