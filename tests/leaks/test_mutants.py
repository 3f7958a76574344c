"""Each net is needed: whoever cuts one is caught by the two worlds."""

from __future__ import annotations

import ast
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.leaks.mutants import DROPPED, OTHERS, SECOND, Mutant, without_view
from tests.worlds.cast import PARTS
from tests.worlds.comparison import Difference, Tally, play
from tests.worlds.scenarios import Scenario, scenarios
from tests.worlds.world import Worlds

ROOT = Path(__file__).parent.parent.parent / "fhir_server"
EXAMPLES = 200
"""Scenarios after which a fault that nobody noticed counts as not caught."""
ASKING = frozenset({
    "read", "vread", "read_many", "history", "history_page", "history_count", "search", "count", "entry_values",
    "ids", "pointed", "coded",
})  # fmt: skip

MUTANTS = {
    **{f"{module}-{method}": Mutant(without_view(method, f"fhir_server.{module}"), *seen)
       for (module, method), seen in DROPPED.items()},
    **OTHERS,
}  # fmt: skip


def caught(worlds: Worlds, mutant: Mutant) -> bool:
    """Return whether the worlds are told apart."""
    found: list[Difference] = []

    @seed(0)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(scenario=scenarios(PARTS[mutant.part], mutant.doors, (6, 10)))
    def compared(scenario: Scenario) -> None:
        if found:  # hypothesis plays once more what failed
            raise found[0]
        try:
            play(worlds, scenario, Tally())
        except Difference as difference:
            found.append(difference)
            raise  # without shrinking, this ends the search

    if mutant.known is not None:
        return is_told_apart(worlds, mutant.known)
    with suppress(Difference):
        compared()
    return bool(found)


def is_told_apart(worlds: Worlds, scenario: Scenario) -> bool:
    """Return whether one scenario shows the fault."""
    try:
        play(worlds, scenario, Tally())
    except Difference:
        return True
    return False


@pytest.mark.parametrize("name", MUTANTS)
def test_a_net_that_is_cut_is_noticed(worlds: Worlds, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    mutant = MUTANTS[name]
    assert mutant.known is None or not is_told_apart(worlds, mutant.known)
    mutant.fault(monkeypatch)
    assert caught(worlds, mutant)


def places() -> set[tuple[str, str]]:
    """Return where interactions and operations ask the records: module and method."""
    return {
        (".".join(file.relative_to(ROOT).with_suffix("").parts), node.func.attr)
        for room in ("interactions", "operations")
        for file in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ASKING
        and named(node.func.value).strip("_") == "records"
    }


def named(node: ast.expr) -> str:
    """Return the last name of `context.records`, or of a variable."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_every_place_has_its_mutant() -> None:
    known = set(DROPPED) | set(SECOND)
    assert places() - known == set(), "drop the View there in a mutant, or say why nobody could tell"
    assert known - places() == set(), "nobody asks there any more"
