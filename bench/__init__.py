"""Rates and sizes of this service on this machine; never part of the tests.

Each benchmark is a module with ``run()``, which returns rows of ``(name, value, unit, goal)``.
A goal is None, a text such as ``">= 3000"``, or a number: then more is better where the unit is
a rate (``…/s``), and less is better elsewhere.
"""
