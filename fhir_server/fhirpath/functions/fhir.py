"""What FHIR adds.  Spec: https://hl7.org/fhir/R4/fhirpath.html#functions"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.table import Function, contextual, whole
from fhir_server.fhirpath.narrative import is_safe_narrative
from fhir_server.fhirpath.node import Items, Node
from fhir_server.fhirpath.resolution import resolve
from fhir_server.fhirpath.singletons import single, string

_BASE_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"


def _extension(items: Items, scope: Scope, url: Items) -> Items:
    wanted = string(url)
    scope.run.spend(len(items))
    return [
        Node(each, "Extension", item, "extension", index)
        for item in items
        if type(item) is Node
        for index, each in enumerate(item.extension)
        if each.get("url") == wanted
    ]


def _has_extension(items: Items, scope: Scope, url: Items) -> Items:
    return [bool(_extension(items, scope, url))]


def _has_value(items: Items) -> Items:
    return [len(items) == 1 and _is_primitive_value(items[0])]


def _get_value(items: Items) -> Items:
    return [items[0].system()] if len(items) == 1 and _is_primitive_value(items[0]) else []


def _is_primitive_value(item: Any) -> bool:
    return type(item) is Node and item.value is not None and type(item.value) is not dict


def _resolve(items: Items, scope: Scope) -> Items:
    scope.run.spend(len(items))
    found = (resolve(item, scope.run) for item in items if type(item) is Node or type(item) is str)
    return [node for node in found if node is not None]


def _member_of(items: Items, scope: Scope, value_set: Items) -> Items:
    item, canonical = single(items), string(value_set)
    asked = scope.run.environment.member_of
    if item is None or canonical is None or asked is None:
        return []
    answer = asked(item.value if type(item) is Node else item, canonical)
    return [] if answer is None else [answer]


def _conforms_to(items: Items, scope: Scope, profile: Items) -> Items:
    item, canonical = single(items), string(profile)
    if type(item) is not Node or canonical is None:
        return []
    asked = scope.run.environment.conforms_to
    answer = asked(item, canonical) if asked is not None else None
    if answer is None:
        name = canonical.removeprefix(_BASE_DEFINITION)
        if name == canonical or not scope.run.model.has_type(name):
            return []
        answer = scope.run.model.is_subtype(item.type, name)
    return [answer]


def _subsumption(swap: bool) -> Callable[..., Items]:
    def evaluate(items: Items, scope: Scope, other: Items) -> Items:
        mine, theirs = single(items), single(other)
        asked = scope.run.environment.subsumes
        if type(mine) is not Node or type(theirs) is not Node or asked is None:
            return []
        answer = asked(theirs.value, mine.value) if swap else asked(mine.value, theirs.value)
        return [] if answer is None else [answer]

    return evaluate


def _html_checks(items: Items) -> Items:
    item = single(items)
    return [] if type(item) is not Node else [is_safe_narrative(item.value)]


def _check_modifiers(items: Items, *urls: Items) -> Items:
    known = {string(url) for url in urls}
    for item in items:
        extensions = (
            item.value.get("modifierExtension", ()) if type(getattr(item, "value", None)) is dict else ()
        )
        if any(extension.get("url") not in known for extension in extensions):
            raise FhirPathError("an element has a modifier extension that is not among those expected")
    return items


def _element_definition(items: Items, scope: Scope) -> Items:
    asked = scope.run.environment.element_definition
    found = [asked(item) for item in items if type(item) is Node] if asked is not None else []
    return [Node(each, "ElementDefinition") for each in found if each is not None]


def _slice(items: Items, scope: Scope, profile: Items, name: Items) -> Items:
    asked, canonical, wanted = scope.run.environment.in_slice, string(profile), string(name)
    if asked is None or canonical is None or wanted is None:
        return []
    return [item for item in items if type(item) is Node and asked(item, canonical, wanted)]


FUNCTIONS = (
    Function("elementDefinition", contextual(_element_definition)),
    Function("slice", contextual(_slice), 2, 2),
    Function("extension", contextual(_extension), 1, 1),
    Function("hasExtension", contextual(_has_extension), 1, 1),
    Function("hasValue", whole(_has_value)),
    Function("getValue", whole(_get_value)),
    Function("resolve", contextual(_resolve)),
    Function("memberOf", contextual(_member_of), 1, 1),
    Function("conformsTo", contextual(_conforms_to), 1, 1),
    Function("subsumes", contextual(_subsumption(swap=False)), 1, 1),
    Function("subsumedBy", contextual(_subsumption(swap=True)), 1, 1),
    Function("htmlChecks", whole(_html_checks)),
    Function("htmlChecks2", whole(_html_checks)),
    Function("checkModifiers", whole(_check_modifiers), 1, 16),
)
