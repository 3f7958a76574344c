"""Whether an item of a Questionnaire is asked, given the answers to others.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fhir_server.validation.questionnaire_items import Item, answer_of, objects
from fhir_server.validation.questionnaire_values import Incomparable, compare, same

Rows = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Level:
    """Items of a response that stand side by side."""

    rows: Rows
    _named: dict[Any, list[Mapping[str, Any]]] = field(default_factory=dict)

    def named(self, link_id: Any) -> list[Mapping[str, Any]]:
        """Return the items of that linkId, here and below."""
        if not self._named:
            for row in _below(self.rows):
                if isinstance(row.get("linkId"), str):
                    self._named.setdefault(row["linkId"], []).append(row)
        return self._named.get(link_id, []) if isinstance(link_id, str) else []


Answers = list[tuple[str, Any]]

_ORDERED: Mapping[str, Callable[[int], bool]] = MappingProxyType({
    ">": lambda order: order > 0,
    "<": lambda order: order < 0,
    ">=": lambda order: order >= 0,
    "<=": lambda order: order <= 0,
})  # fmt: skip
Evaluate = Callable[[str], bool | None]

_FHIRPATH = "text/fhirpath"
_EXPRESSION = "sdc-questionnaire-enableWhenExpression"


def is_enabled(item: Item, around: Sequence[Level], evaluate: Evaluate) -> bool | None:
    """Return whether an item is asked; None if only an expression knows that cannot be evaluated.

    `around` are the items of the response that surround it, the outermost first; `evaluate` gives the truth
    of a FHIRPath over the response.
    """
    expression = item.extension(_EXPRESSION)
    if isinstance(expression, Mapping):
        text = expression.get("expression")
        return evaluate(text) if expression.get("language") == _FHIRPATH and isinstance(text, str) else None
    conditions = objects(item.node.get("enableWhen"))
    if not conditions:
        return True
    met = [_is_met(condition, around) for condition in conditions]
    return any(met) if item.node.get("enableBehavior") == "any" else all(met)


def _is_met(condition: Mapping[str, Any], around: Sequence[Level]) -> bool:
    answers = _answers(condition.get("question"), around)
    operator = condition.get("operator")
    expected = answer_of(condition, "answer")
    if expected is None:
        return False
    if operator == "exists":
        return bool(answers) is (expected[1] is True)
    if operator == "=":
        return any(_same(answer, expected) for answer in answers)
    if operator == "!=":
        return bool(answers) and not any(_same(answer, expected) for answer in answers)
    test = _ORDERED.get(str(operator))
    return test is not None and any(_holds(test, answer, expected) for answer in answers)


def _same(answer: tuple[str, Any], expected: tuple[str, Any]) -> bool:
    return answer[0] == expected[0] and same(answer[0], answer[1], expected[1])


def _holds(test: Callable[[int], bool], answer: tuple[str, Any], expected: tuple[str, Any]) -> bool:
    try:
        return answer[0] == expected[0] and test(compare(answer[0], answer[1], expected[1]))
    except Incomparable:
        return False


def _answers(link_id: Any, around: Sequence[Level]) -> Answers:
    """The answers to a question: of the items nearest to the one that asks."""
    for level in reversed(around):
        found = level.named(link_id)
        if found:
            answers = (answer_of(answer) for row in found for answer in objects(row.get("answer")))
            return [answer for answer in answers if answer is not None]
    return []


def _below(rows: Rows) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        yield row
        yield from _below(objects(row.get("item")))
        for answer in objects(row.get("answer")):
            yield from _below(objects(answer.get("item")))
