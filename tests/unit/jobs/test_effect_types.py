"""Every type of effect that a transaction may leave is carried out, or nothing leads there yet.

The writers are found in the code, so a new one cannot be forgotten. Where nothing leads to a writer
the table says why, and what would lead there is looked for, so that it does not stay true by rote.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import bountyexpo
import pytest
from bountyexpo.actors.money.effects import escrow_calls, escrow_news, withdrawal_calls
from bountyexpo.domain.money.escrow import State
from bountyexpo.jobs.branch import effect_handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

ROOT: Final = Path(bountyexpo.__file__).parent
EFFECTS: Final = "bountyexpo.actors.money.effects"


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(parts), ast.parse(path.read_text(encoding="utf-8"))


TREES: Final = dict(_trees())


def _effects_of(writer: ModuleType) -> frozenset[str]:
    """Return the effects that a module names: each is left under its name."""
    named = {
        node.attr
        for node in ast.walk(TREES[writer.__name__])
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Effect"
    }
    return frozenset(writer.Effect[name].value for name in named)


# What follows the words with which a writer begins a type.
ENDINGS: Final = {
    escrow_calls.__name__: _effects_of(escrow_calls),
    escrow_news.__name__: frozenset(state.value for state in State),
    withdrawal_calls.__name__: _effects_of(withdrawal_calls),
}


class Unreached(NamedTuple):
    """Why nothing leads to a writer, and who would have to appear in the code for it to be so."""

    reason: str
    leads_there: Callable[[ast.AST], bool]


def _names(module: str, *names: str) -> Callable[[ast.AST], bool]:
    def found(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.ImportFrom)
            and node.module == module
            and any(alias.name in names for alias in node.names)
        )

    return found


def _funds_from_elsewhere(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Funding"
        and any(keyword.arg in {"source", None} for keyword in node.keywords)
    )


def _hears_of_escrows(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "hear"
        and isinstance(node.value, ast.Name)
        and node.value.id == "escrow"
    ) or _names("bountyexpo.actors.money.escrow", "hear")(node)


# A withdrawal that pays from a wallet is begun by whoever imports its effects beside the escrow.
def _begins_withdrawals(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "withdrawal"
        and node.func.attr != "take_over"
    ) or _names(f"{EFFECTS}.withdrawal", "carry_out")(node)


UNREACHED: Final = {
    escrow_calls.__name__: Unreached(
        "every bounty is funded from a wallet, whose escrows ask nobody outside",
        _funds_from_elsewhere,
    ),
    escrow_news.__name__: Unreached(
        "nobody brings an escrow what the provider says, as none was paid by card",
        _hears_of_escrows,
    ),
    withdrawal_calls.__name__: Unreached(
        "a withdrawal begins only when an escrow that was paid by card is released",
        _begins_withdrawals,
    ),
    f"{EFFECTS}.connect_account": Unreached(
        "no payout account is asked for",
        _names(EFFECTS, "connect_account"),
    ),
}


def written_by(module: str, argument: ast.expr) -> Iterator[str]:
    """Return the types that a call of ``effect`` may name by its first argument."""
    if isinstance(argument, ast.Name):
        yield getattr(import_module(module), argument.id)
    elif isinstance(argument, ast.JoinedStr):
        first = argument.values[0]
        assert isinstance(first, ast.Constant), f"{module}: a type begins with a word"
        yield from (f"{first.value}{ending}" for ending in ENDINGS[module])
    else:
        yield ast.literal_eval(argument)


def writers() -> dict[str, set[str]]:
    """Return the types of effects that each module may leave in a transaction."""
    found: dict[str, set[str]] = {}
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr == "effect" and len(node.args) > 1:
                found.setdefault(module, set()).update(written_by(module, node.args[0]))
    return found


WRITERS: Final = writers()


@pytest.mark.parametrize("module", WRITERS)
def test_what_may_be_left_is_carried_out(module: str) -> None:
    left = WRITERS[module] - set(effect_handlers(None, None))
    if not left:
        return
    assert module in UNREACHED, f"nobody carries out {sorted(left)}"
    leads_there = UNREACHED[module].leads_there
    found = [name for name, tree in TREES.items() if any(map(leads_there, ast.walk(tree)))]
    assert not found, f"{found} lead to {sorted(left)}, which nobody carries out"


def test_nobody_waits_for_what_is_never_left() -> None:
    assert set(effect_handlers(None, None)) <= set().union(*WRITERS.values())


def test_the_writers_are_found() -> None:
    assert WRITERS["bountyexpo.actors.money.payment"] == {"payment.resume"}
    assert {"escrow.make_transfer", "escrow.send_evidence"} <= WRITERS[escrow_calls.__name__]
    assert {"withdrawal.make_payout", "withdrawal.start_retry"} <= WRITERS[
        withdrawal_calls.__name__
    ]


def test_what_leads_to_a_writer_would_be_seen() -> None:
    seen = {
        escrow_calls.__name__: "Funding(bounty_id=b, source=Source.CARD)",
        escrow_news.__name__: "escrow.hear(tx, known, event, about)",
        withdrawal_calls.__name__: "withdrawal.begin(tx, user_id)",
        f"{EFFECTS}.connect_account": f"from {EFFECTS} import connect_account",
    }
    assert seen.keys() == UNREACHED.keys()
    for module, text in seen.items():
        assert any(map(UNREACHED[module].leads_there, ast.walk(ast.parse(text)))), module
