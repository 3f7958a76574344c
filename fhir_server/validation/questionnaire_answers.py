"""One answer against its question: type, options, value set, limits.

Spec: https://hl7.org/fhir/R4/questionnaireresponse.html#notes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.patterns import matches_full
from fhir_server.model.number import decimal, is_number, literal
from fhir_server.model.outcome import Issue
from fhir_server.validation.base.texts import decoded_size
from fhir_server.validation.base.world import World, fault
from fhir_server.validation.questionnaire_items import Item, answer_of, extension_value, objects
from fhir_server.validation.questionnaire_values import Incomparable, compare, same

_TYPES: Mapping[str, frozenset[str]] = MappingProxyType({
    "boolean": frozenset({"Boolean"}),
    "decimal": frozenset({"Decimal"}),
    "integer": frozenset({"Integer"}),
    "date": frozenset({"Date"}),
    "dateTime": frozenset({"DateTime"}),
    "time": frozenset({"Time"}),
    "string": frozenset({"String"}),
    "text": frozenset({"String"}),
    "url": frozenset({"Uri"}),
    "choice": frozenset({"Coding", "String", "Date", "Time", "Integer", "Reference"}),
    "open-choice": frozenset({"Coding", "String", "Date", "Time", "Integer", "Reference"}),
    "attachment": frozenset({"Attachment"}),
    "reference": frozenset({"Reference"}),
    "quantity": frozenset({"Quantity"}),
})  # fmt: skip
"""Type of a question → types of `value[x]` that answer it."""
_SILENT = frozenset({"group", "display", "question"})
_RELATIVE = re.compile(r"(?:.*/)?(?P<type>[A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/.+)?\Z")


def answer_faults(item: Item, answer: Mapping[str, Any], path: str, world: World) -> Iterator[Issue]:
    """Yield what is wrong with one answer; `path` is that of the answer."""
    level = world.options.questionnaires
    found = answer_of(answer)
    if found is None:
        return
    kind, value = found
    place = f"{path}.value"
    if item.type in _SILENT:
        yield fault(level, "illegal-value", f"an item of type {item.type} has no answers.", path)
    elif kind not in _TYPES.get(item.type, frozenset((kind,))):
        yield fault(level, "wrong-type", f"a question of type {item.type} is not answered so.", place)
    else:
        yield from _option_faults(item, kind, value, place, world)
        for check in _CHECKS:
            text = check(item, kind, value, world)
            if text is not None:
                yield fault(level, "illegal-value", text, place)


def exclusive_faults(item: Item, answers: list[dict[str, Any]], path: str, world: World) -> Iterator[Issue]:
    """Yield a fault where an option that excludes all others is not the only answer."""
    alone = [
        option
        for node in objects(item.node.get("answerOption"))
        if extension_value(node, "questionnaire-optionExclusive") is True
        and (option := answer_of(node)) is not None
    ]
    given = [found for answer in answers if (found := answer_of(answer)) is not None]
    if len(given) > 1 and any(_is_one(answer, alone) for answer in given):
        text = "one of the answers excludes all others."
        yield fault(world.options.questionnaires, "illegal-value", text, f"{path}.answer")


def _is_one(answer: tuple[str, Any], options: list[tuple[str, Any]]) -> bool:
    return any(answer[0] == kind and same(kind, answer[1], value) for kind, value in options)


def _option_faults(item: Item, kind: str, value: Any, place: str, world: World) -> Iterator[Issue]:
    level = world.options.questionnaires
    options = [found for node in objects(item.node.get("answerOption")) if (found := answer_of(node))]
    if options:
        is_free = item.type == "open-choice" and kind == "String"
        if not is_free and not _is_one((kind, value), options):
            yield fault(level, "code-not-in-value-set", "is none of the options.", place)
        return
    value_set = item.node.get("answerValueSet")
    if not isinstance(value_set, str) or value_set.startswith("#"):
        return
    members = world.concepts.members(value_set)
    if members is None:
        return
    if kind == "Coding" and isinstance(value, Mapping):
        pair = (value.get("system"), value.get("code"))
        if pair not in members:
            yield fault(level, "code-not-in-value-set", "is not in the value set of the question.", place)
    elif kind == "String" and item.type == "string" and value not in _words(members, world):
        yield fault(level, "code-not-in-value-set", "is not in the value set of the question.", place)


def _words(members: Any, world: World) -> set[str | None]:
    words: set[str | None] = set()
    for system, code in members:
        words.update((code, world.concepts.lookup(system, code)))
    return words


def _length(item: Item, _kind: str, value: Any, _world: World) -> str | None:
    limit = item.node.get("maxLength")
    if type(limit) is int and isinstance(value, str) and len(value) > limit:
        return f"is longer than the {limit} characters allowed."
    return None


def _low(item: Item, kind: str, value: Any, _world: World) -> str | None:
    for name in ("minValue", "questionnaire-minQuantity", "sdc-questionnaire-minQuantity"):
        limit = item.extension(name)
        if limit is not None:
            return _beyond(kind, value, limit, -1, "is below the lowest value allowed.")
    return None


def _high(item: Item, kind: str, value: Any, _world: World) -> str | None:
    for name in ("maxValue", "questionnaire-maxQuantity", "sdc-questionnaire-maxQuantity"):
        limit = item.extension(name)
        if limit is not None:
            return _beyond(kind, value, limit, 1, "is above the highest value allowed.")
    return None


def _beyond(kind: str, value: Any, limit: Any, side: int, text: str) -> str | None:
    try:
        return text if compare(kind, value, limit) == side else None
    except Incomparable:
        return "cannot be compared with the limit of the question: other units, or none."


def _places(item: Item, _kind: str, value: Any, _world: World) -> str | None:
    limit = item.extension("maxDecimalPlaces")
    if type(limit) is not int or not is_number(value):
        return None
    places = len(literal(value).lower().partition("e")[0].partition(".")[2])
    return f"has more than the {limit} decimal places allowed." if places > limit else None


def _pattern(item: Item, _kind: str, value: Any, _world: World) -> str | None:
    pattern = item.extension("regex")
    if not isinstance(pattern, str) or not isinstance(value, str):
        return None
    try:
        fits = matches_full(value, pattern)
    except FhirPathError:
        return None  # a pattern that nobody can read forbids nothing
    return None if fits else "has not the form that the question asks for."


def _media(item: Item, kind: str, value: Any, _world: World) -> str | None:
    if kind != "Attachment" or not isinstance(value, Mapping):
        return None
    allowed = [
        each.get("valueCode")
        for each in objects(item.node.get("extension"))
        if str(each.get("url")).endswith("/mimeType")
    ]
    if allowed and value.get("contentType") not in allowed:
        return "is of a media type that the question does not allow."
    limit, data = item.extension("maxSize"), value.get("data")
    size = decoded_size(data) if isinstance(data, str) else value.get("size")
    if is_number(limit) and type(size) is int and size > decimal(limit):
        return "is larger than the question allows."
    return None


def _unit(item: Item, kind: str, value: Any, world: World) -> str | None:
    value_set = item.extension("questionnaire-unitValueSet")
    if kind != "Quantity" or not isinstance(value_set, str) or not isinstance(value, Mapping):
        return None
    members = world.concepts.members(value_set)
    if members is None or (value.get("system"), value.get("code")) in members:
        return None
    return "has a unit that is not in the value set of the question."


def _target(item: Item, kind: str, value: Any, world: World) -> str | None:
    text = value.get("reference") if kind == "Reference" and isinstance(value, Mapping) else None
    form = _RELATIVE.match(text) if isinstance(text, str) else None
    if form is None:
        return None
    allowed = {
        each.get("valueCode")
        for each in objects(item.node.get("extension"))
        if str(each.get("url")).endswith("/questionnaire-referenceResource")
    }
    if form["type"] not in world.registry.resource_types:
        return "refers to a resource type that does not exist."
    if allowed and form["type"] not in allowed:
        return "refers to a resource type that the question does not allow."
    return None


_CHECKS: tuple[Callable[[Item, str, Any, World], str | None], ...] = (
    _length, _low, _high, _places, _pattern, _media, _unit, _target,
)  # fmt: skip
"""What else an answer must keep; each returns what is wrong."""
