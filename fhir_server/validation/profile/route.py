"""The paths of discriminators: from a slice of a definition, and from an element of an instance.

Member steps, `$this`, `resolve()`, `extension(url)`, `ofType(Type)`; that is all that FHIR allows there.
Spec: https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fhir_server.fhirpath import FhirPathSyntaxError, Node, TypeModel
from fhir_server.fhirpath.navigation import add_slot
from fhir_server.fhirpath.node import Items
from fhir_server.fhirpath.parser import parse
from fhir_server.fhirpath.syntax import Call, Expression, Member, TypeTest, Variable
from fhir_server.fhirpath.syntax import Literal as Written
from fhir_server.validation.profile.session import Session


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `name` is that of the element, the url of the extension, the type; empty for `resolve`."""

    kind: Literal["member", "extension", "type", "resolve"]
    name: str = ""


Route: TypeAlias = tuple[Step, ...]


class NoRoute(ValueError):
    """The path is none that a discriminator may have."""


def route_of(path: str) -> Route:
    """Return the steps of a discriminator's path.  Raises NoRoute."""
    try:
        return tuple(_steps(parse(path)))
    except FhirPathSyntaxError as error:
        raise NoRoute(str(error)) from error


def _steps(node: Expression | None) -> list[Step]:
    match node:
        case None | Variable("$this"):
            return []
        case Member(source, name):
            return [*_steps(source), Step("member", name)]
        case Call(source, "resolve", ()):
            return [*_steps(source), Step("resolve")]
        case Call(source, "extension", (Written(str(url)),)):
            return [*_steps(source), Step("extension", url)]
        case TypeTest("ofType" | "as", source, wanted):
            return [*_steps(source), Step("type", wanted.name)]
    raise NoRoute("a discriminator cannot use such an expression")


def walk(route: Sequence[Step], node: Node, model: TypeModel, session: Session) -> list[Node]:
    """Return the elements of an instance at the end of a route."""
    nodes = [node]
    for step in route:
        nodes = [found for each in nodes for found in _next(step, each, model, session)]
    return nodes


def _next(step: Step, node: Node, model: TypeModel, session: Session) -> list[Node]:
    if step.kind == "resolve":
        target = session.reach.target(node)
        return [] if target is None else [target]
    if step.kind == "type":
        return [node] if model.is_subtype(node.type, step.name) else []
    name = "extension" if step.kind == "extension" else step.name
    holder = node.value if type(node.value) is dict else node.sibling
    out: Items = []
    if holder is not None:
        for slot in model.slots(node.type, name):
            add_slot(node, holder, slot, out)
    if step.kind == "extension":
        return [found for found in out if type(found.value) is dict and found.value.get("url") == step.name]
    return out
