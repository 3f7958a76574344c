"""How a Python function becomes a FHIRPath function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.node import Items

Maker = Callable[[Evaluator, tuple[Evaluator, ...]], Evaluator]
Converter = Callable[[Items], Any]


@dataclass(frozen=True, slots=True)
class Function:
    """`make(source, arguments)` returns the evaluator of a call with `least` to `most` arguments."""

    name: str
    make: Maker
    least: int = 0
    most: int = 0


def whole(operation: Callable[..., Items]) -> Maker:
    """Make a call of `operation(items, *argument_collections)`."""

    def make(source: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
        if not arguments:
            return lambda scope: operation(source(scope))
        return lambda scope: operation(source(scope), *[argument(scope) for argument in arguments])

    return make


def contextual(operation: Callable[..., Items]) -> Maker:
    """Make a call of `operation(items, scope, *argument_collections)`."""

    def make(source: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
        return lambda scope: operation(source(scope), scope, *[argument(scope) for argument in arguments])

    return make


def lazy(operation: Callable[..., Items]) -> Maker:
    """Make a call of `operation(items, scope, *argument_evaluators)`, which it evaluates itself."""

    def make(source: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
        return lambda scope: operation(source(scope), scope, *arguments)

    return make


def scalar(operation: Callable[..., Any], source_as: Converter, *arguments_as: Converter) -> Maker:
    """Make a call over single values.

    `operation` gets the converted input and arguments and returns a value, or None for empty.  It is not
    called when the input or an argument that was written is empty: the result is empty then.
    """

    def make(source: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
        pairs = tuple(zip(arguments_as, arguments))

        def evaluate(scope: Scope) -> Items:
            values = [source_as(source(scope))]
            for convert, argument in pairs:
                values.append(convert(argument(scope)))
            if None in values:
                return []
            result = operation(*values)
            return [] if result is None else [result]

        return evaluate

    return make


def each(items: Items, scope: Scope, evaluator: Evaluator) -> Iterator[tuple[Any, Items]]:
    """Yield every item with the result of `evaluator` for it, `$this` and `$index` set."""
    run = scope.run
    run.spend(len(items))
    inner = Scope([], run, -1, scope.total)
    for index, item in enumerate(items):
        inner.focus = [item]
        inner.index = index
        yield item, evaluator(inner)
