"""QuestionnaireResponses: items that the Questionnaire has, answers to what it asks, nothing missing.

Spec: https://hl7.org/fhir/R4/questionnaireresponse.html#notes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.fhirpath import Environment, FhirPathError, compile
from fhir_server.model.outcome import Issue
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault
from fhir_server.validation.questionnaire_answers import answer_faults, exclusive_faults
from fhir_server.validation.questionnaire_enabling import Evaluate, Level, is_enabled
from fhir_server.validation.questionnaire_items import Item, items_of, objects
from profiles.type_model import RegistryTypeModel

_FINISHED = frozenset({"completed", "amended"})
"""Responses that have to answer what is required."""

_Placed = list[tuple[str, dict[str, Any]]]


def response_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield what is wrong with a QuestionnaireResponse, if its Questionnaire is to be had."""
    canonical = place.value.get("questionnaire")
    questionnaire = _questionnaire(canonical, place, world) if isinstance(canonical, str) else None
    if questionnaire is None:
        return
    if questionnaire.get("resourceType") != "Questionnaire":
        text = "leads to something else than a Questionnaire."
        yield fault(world.options.questionnaires, "illegal-reference", text, f"{place.path}.questionnaire")
        return
    finished = place.value.get("status") in _FINISHED

    def evaluate(expression: str) -> bool | None:
        return _truth(expression, place.value, questionnaire, world)

    walk = _Walk(world, finished, evaluate, frozenset(_link_ids(items_of(questionnaire))))
    rows = _placed(place.value, place.path)
    yield from walk.level(items_of(questionnaire), rows, place.path, ())


def _questionnaire(canonical: str, place: Place, world: World) -> Mapping[str, Any] | None:
    if canonical.startswith("#"):
        for contained in objects(place.scope.outer.resource.get("contained")):
            if contained.get("id") == canonical[1:]:
                return contained
        return None
    return world.resolve(canonical) if world.resolve is not None else None


def _truth(
    expression: str, response: Mapping[str, Any], questionnaire: Mapping[str, Any], world: World
) -> bool | None:
    environment = Environment(resolve=world.resolve, variables={"questionnaire": questionnaire})
    try:
        compiled = compile(expression, types=RegistryTypeModel(world.registry))
        return compiled.truth(response, environment) is True
    except FhirPathError:
        return None


def _link_ids(items: Sequence[Item]) -> Iterator[str]:
    for item in items:
        yield item.link_id
        yield from _link_ids(item.children)


def _placed(holder: Mapping[str, Any], path: str) -> _Placed:
    rows = holder.get("item")
    return [
        (f"{path}.item[{index}]", row)
        for index, row in enumerate(rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
    ]


@dataclass(frozen=True, slots=True)
class _Walk:
    """One response beside its Questionnaire."""

    world: World
    finished: bool
    evaluate: Evaluate
    link_ids: frozenset[str]

    def level(
        self, items: Sequence[Item], rows: _Placed, path: str, around: tuple[Level, ...]
    ) -> Iterator[Issue]:
        """Yield the faults of the items at one place, and of all below."""
        around = (*around, Level([row for _, row in rows]))
        known = {item.link_id for item in items}
        own: dict[Any, _Placed] = {}
        for place, row in rows:
            if row.get("linkId") not in known:
                yield self._unknown(row.get("linkId"), place)
            else:
                own.setdefault(row["linkId"], []).append((place, row))
        for item in items:
            yield from self._item(item, own.get(item.link_id, []), path, around)

    def _unknown(self, link_id: Any, place: str) -> Issue:
        elsewhere = link_id in self.link_ids
        text = "stands elsewhere in the questionnaire." if elsewhere else "is not in the questionnaire."
        return fault(self.world.options.questionnaires, "unknown-element", text, f"{place}.linkId")

    def _item(self, item: Item, rows: _Placed, path: str, around: tuple[Level, ...]) -> Iterator[Issue]:
        enabled = is_enabled(item, around, self.evaluate)
        if enabled is False:
            for place, row in rows:
                if _is_answered(row):
                    yield self._fault("has answers, though it is not enabled.", place)
            return
        if item.required and enabled and self.finished:
            yield from self._missing(item, rows, path)
        if len(rows) > 1 and not item.repeats:
            yield self._fault("does not repeat, but another item has the same linkId.", rows[1][0])
        for place, row in rows:
            if item.type == "group":
                yield from self.level(item.children, _placed(row, place), place, around)
            yield from self._answers(item, row, place, around)
        yield from self._occurrences(item, rows)

    def _missing(self, item: Item, rows: _Placed, path: str) -> Iterator[Issue]:
        if item.type != "display" and not any(_is_answered(row) for _, row in rows):
            at = rows[0][0] if rows else f"{path}.item"
            yield self._fault(f"the required item {item.link_id!r} is not answered.", at, "missing-element")

    def _answers(
        self, item: Item, row: Mapping[str, Any], place: str, around: tuple[Level, ...]
    ) -> Iterator[Issue]:
        answers = objects(row.get("answer"))
        if len(answers) > 1 and not item.repeats:
            yield self._fault("does not repeat, but has several answers.", f"{place}.answer")
        for index, answer in enumerate(answers):
            at = f"{place}.answer[{index}]"
            yield from answer_faults(item, answer, at, self.world)
            if item.type != "group":
                yield from self.level(item.children, _placed(answer, at), at, around)
        yield from exclusive_faults(item, answers, place, self.world)

    def _occurrences(self, item: Item, rows: _Placed) -> Iterator[Issue]:
        count = sum(len(objects(row.get("answer"))) or 1 for _, row in rows)
        most, least = item.extension("questionnaire-maxOccurs"), item.extension("questionnaire-minOccurs")
        if type(most) is int and count > most:
            yield self._fault(f"has more than {most} answers.", rows[0][0])
        if type(least) is int and rows and count < least and self.finished:
            yield self._fault(f"has fewer than {least} answers.", rows[0][0])

    def _fault(self, text: str, place: str, situation: str = "illegal-value") -> Issue:
        return fault(self.world.options.questionnaires, situation, text, place)


def _is_answered(row: Mapping[str, Any]) -> bool:
    return bool(row.get("answer")) or any(_is_answered(each) for each in objects(row.get("item")))
