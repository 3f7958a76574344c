"""How much work a backtracking matcher can have with a pattern: an upper bound, found without matching."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.fhirpath.regex_syntax import Choice, Pattern, Repeat, Sequence, Special

MAX_STEPS = 50_000_000
"""What is more takes too long; nothing is counted beyond it."""


@dataclass(frozen=True, slots=True)
class _Cost:
    """In how many ways a part can match from one place, and the steps to try them all."""

    ways: int
    steps: int


_ONE = _Cost(1, 1)


def most_steps(tree: Pattern, length: int) -> int:
    """Return how many steps it takes at most to look for a pattern in a text of that length.

    The answer is no more than `MAX_STEPS` + 1.
    """
    return _capped(_cost(tree, length).steps * (length + 1))


def _cost(tree: Pattern, length: int) -> _Cost:
    match tree:
        case Sequence(parts):
            return _one_after_the_other(parts, length)
        case Choice(parts):
            costs = [_cost(part, length) for part in parts]
            return _Cost(
                _capped(sum(each.ways for each in costs)), _capped(sum(each.steps for each in costs))
            )
        case Repeat():
            return _repeated(tree, length)
        case Special(inner, is_atomic) if inner is not None:
            found = _cost(inner, length)
            return _Cost(1, found.steps) if is_atomic else found
        case Special():
            return _Cost(1, length + 1)  # a back-reference compares so much of the text
    return _ONE


def _one_after_the_other(parts: tuple[Pattern, ...], length: int) -> _Cost:
    ways, steps = 1, 1
    for part in parts:
        found = _cost(part, length)
        steps = _capped(steps + ways * found.steps)
        ways = _capped(ways * found.ways)
    return _Cost(ways, steps)


def _repeated(tree: Repeat, length: int) -> _Cost:
    inner = _cost(tree.inner, length)
    most = max(tree.least, length if tree.most is None else min(tree.most, length))
    if inner.ways == 1:
        return _Cost(most - tree.least + 1, _capped((most + 1) * inner.steps))
    ways, steps, paths = 0, 0, 1
    for count in range(most + 1):
        steps = _capped(steps + paths * inner.steps)
        ways = _capped(ways + (paths if count >= tree.least else 0))
        paths = _capped(paths * inner.ways)
    return _Cost(ways, steps)


def _capped(number: int) -> int:
    return min(number, MAX_STEPS + 1)
