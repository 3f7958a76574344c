"""`Reference`: the form of its text, and whether the element may point to that type.

Spec: https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from fhir_server.model.outcome import Issue
from fhir_server.validation.shapes import Local, Rule

_ID = r"[A-Za-z0-9\-.]{1,64}"
_FORM = re.compile(
    rf"(?P<relative>[A-Z][A-Za-z]*)/{_ID}(?:/_history/{_ID})?(?:#\S+)?\Z"
    r"|(?P<urn>urn):(?:uuid:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|oid:[0-2](?:\.(?:0|[1-9][0-9]*))+)\Z"
    r"|(?P<conditional>[A-Z][A-Za-z]*)\?\S+\Z"
    r"|(?P<contained>#)"
    r"|(?P<absolute>(?!urn:(?:uuid|oid):)[A-Za-z][A-Za-z0-9+.\-]*):\S+\Z"
)
Faults: TypeAlias = Callable[[dict[str, Any], str, Local], Iterator[Issue]]

_TYPED = frozenset({"relative", "conditional"})
_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"


def reference_rule(targets: frozenset[str], resource_types: frozenset[str]) -> Rule:
    """Return the rule for References that may point to `targets`, names of resource types."""
    faults = _faults(targets, resource_types)
    return Rule(_holds(targets, faults), faults)


def _holds(targets: frozenset[str], faults: Faults) -> Callable[[dict[str, Any], Local], bool]:
    match_form = _FORM.match

    def holds(node: dict[str, Any], local: Local) -> bool:
        if "type" in node:
            return next(faults(node, "", local), None) is None
        text = node.get("reference")
        if text is None:
            return True
        form = match_form(text)
        if form is None:
            return False
        kind = form.lastgroup
        if kind in _TYPED:
            return form[kind] in targets
        return kind != "contained" or local.get(text[1:]) in targets

    return holds


def _faults(targets: frozenset[str], resource_types: frozenset[str]) -> Faults:
    def faults(node: dict[str, Any], path: str, local: Local) -> Iterator[Issue]:
        pointed: str | None = None
        text = node.get("reference")
        if text is not None:
            issue, pointed = _target(text, f"{path}.reference", local, resource_types)
            if issue is not None:
                yield issue
                return
            if pointed is not None and pointed not in targets:
                yield _wrong_target(pointed, f"{path}.reference", targets)
        yield from _declared_type(node.get("type"), pointed, f"{path}.type", targets, resource_types)

    return faults


def _target(
    text: str, path: str, local: Local, resource_types: frozenset[str]
) -> tuple[Issue | None, str | None]:
    """Return what is wrong with the text, else the resource type that it names (None if it names none)."""
    form = _FORM.match(text)
    if form is None:
        return _malformed(path), None
    if form.lastgroup == "contained":
        pointed = local.get(text[1:])
        if pointed is None:
            return _unresolved(path), None
        return None, pointed
    if form.lastgroup not in _TYPED:
        return None, None
    pointed = form[form.lastgroup]
    if pointed not in resource_types:
        return Issue("illegal-reference", f"{path} names a resource type that does not exist.", path), None
    return None, pointed


def _malformed(path: str) -> Issue:
    return Issue(
        "illegal-reference",
        f"{path} must be `Type/id`, an absolute URL, `urn:uuid:…` or `urn:oid:…`, `#id` of a contained "
        "resource, or `Type?criteria` in a transaction; ids are 1 to 64 letters, digits, `-` and `.`.",
        path,
    )


def _unresolved(path: str) -> Issue:
    return Issue("unresolved-reference", f"{path}: no contained resource has this id (ref-1).", path)


def _wrong_target(pointed: str, path: str, targets: frozenset[str]) -> Issue:
    allowed = ", ".join(sorted(targets))
    return Issue("illegal-reference", f"{path} may point to {allowed}, not to {pointed}.", path)


def _declared_type(
    declared: str | None,
    pointed: str | None,
    path: str,
    targets: frozenset[str],
    resource_types: frozenset[str],
) -> Iterator[Issue]:
    if declared is None:
        return
    name = declared.removeprefix(_DEFINITIONS)
    if name not in resource_types:
        return
    if pointed is not None and name != pointed:
        yield Issue(
            "illegal-reference", f"{path} says {name}, but the reference is to a resource of {pointed}.", path
        )
    elif name not in targets:
        yield _wrong_target(name, path, targets)
