"""One file holds every error that a client is told, and says so at its top."""

from __future__ import annotations

import importlib
import pkgutil
import re

import bountyexpo
from bountyexpo import errors

LINE = re.compile(
    r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)(?: +(?P<columns>\d.*))?$", re.MULTILINE
)

# Errors whose code is chosen where they are raised.
OWN_CODES = {"CardRefused": "the card network's own code"}


def kinds(root=errors.BountyExpoError):
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def drawn():
    """The tree at the top of the file: name, parent and columns of each line."""
    path = []
    for line in LINE.finditer(errors.__doc__):
        del path[len(line["branch"]) // 4 :]
        yield line["name"], path[-1] if path else None, line["columns"]
        path.append(line["name"])


def described(kind):
    if kind is errors.BountyExpoError:
        return kind.__name__, None, None
    code = OWN_CODES.get(kind.__name__, kind.code)
    columns = f"{kind.status}  {int(kind.close_code)}  {code}"
    return kind.__name__, kind.__base__.__name__, columns


def test_no_error_that_clients_are_told_is_made_elsewhere():
    for module in pkgutil.walk_packages(bountyexpo.__path__, "bountyexpo."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    ours = [kind for kind in kinds() if kind.__module__.startswith("bountyexpo.")]

    assert {kind.__module__ for kind in ours} == {"bountyexpo.errors"}


def test_the_tree_at_the_top_shows_every_error_as_it_is():
    ours = [kind for kind in kinds() if kind.__module__ == "bountyexpo.errors"]
    tree = [
        (name, parent, columns and columns.partition(", ")[0]) for name, parent, columns in drawn()
    ]

    assert sorted(tree) == sorted(map(described, ours))
