"""The emulator of Stripe: stateful objects, signed webhooks, faults on order."""
