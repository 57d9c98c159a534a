"""The card processor, over its own SDK: one object for each kind of thing that it keeps.

``port.Stripe`` holds them all. A kind is a file of its own (``customers``, ``intents`` …) and a
line of the port. How each call is bounded, timed, repeated and measured stands once, in ``calls``;
what each of the provider's errors means stands once, in ``errors``.
"""
