"""XML Patch on an XML document.  Spec: https://www.rfc-editor.org/rfc/rfc5261

Selectors are a bounded part of XPath: steps, positions and equality, no axes and no descents, so that a
patch can be evaluated in time that is linear in the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from lxml import etree

from fhir_server.model.outcome import FhirError, refuse

_NAME = r"(?:[A-Za-z_][\w.-]*:)?(?:[A-Za-z_][\w.-]*|\*)"
_LITERAL = r"(?:\"[^\"]*\"|'[^']*')"
_PREDICATE = rf"\[\s*(?:[0-9]{{1,6}}|(?:@?{_NAME}(?:/@?{_NAME})*|\.)\s*=\s*{_LITERAL})\s*\]"
_STEP = rf"(?:{_NAME}|text\(\)|comment\(\)|\.)(?:{_PREDICATE})*"
_SELECTOR = re.compile(rf"/?{_STEP}(?:/{_STEP})*(?:/(?P<attribute>@{_NAME}))?\Z")
_MAX_SELECTOR = 1000
_FHIR = "http://hl7.org/fhir"
_POSITIONS = frozenset({None, "before", "after", "prepend"})


def apply_xml_patch(root: Any, patch: Any) -> Any:
    """Return a copy of the element `root` with the operations of the element `patch` applied in order.

    Raises FhirError `malformed-patch` or `patch-failed`, the expression being `operation[2]`.
    """
    operations = [child for child in patch if isinstance(child.tag, str)]
    if not operations:
        raise refuse("malformed-patch", "The patch holds no operation: add, replace or remove is expected.")
    tree = etree.ElementTree(deepcopy(root))
    for place, operation in enumerate(operations):
        handler = _HANDLERS.get(etree.QName(operation).localname)
        if handler is None:
            raise _refusal(place, "malformed-patch", "add, replace or remove is expected")
        try:
            handler(tree, operation)
        except _Fault as fault:
            raise _refusal(place, fault.situation, str(fault)) from None
    result = tree.getroot()
    if result is None:
        raise _refusal(len(operations) - 1, "patch-failed", "the whole document cannot be removed")
    return result


class _Fault(Exception):
    """What is wrong with one operation."""

    def __init__(self, situation: str, what: str) -> None:
        super().__init__(what)
        self.situation = situation


def _refusal(place: int, situation: str, what: str) -> FhirError:
    return refuse(situation, f"operation[{place}]: {what}.", f"operation[{place}]")


def _add(tree: Any, operation: Any) -> None:
    kind = operation.get("type")
    target = _element(tree, operation)
    if kind is not None and kind.startswith("namespace::"):
        return  # prefixes carry no content: FHIR resources have one namespace and no prefixed values
    if kind is not None:
        if not re.match(rf"@{_NAME}\Z", kind):
            raise _Fault("malformed-patch", "`type` is `@` and the name of an attribute")
        if kind[1:] in target.attrib:
            raise _Fault("patch-failed", "the attribute is already there")
        target.set(kind[1:], operation.text or "")
        return
    position = operation.get("pos")
    if position not in _POSITIONS:
        raise _Fault("malformed-patch", "`pos` is before, after or prepend")
    _insert(target, operation, position)


def _insert(target: Any, operation: Any, position: str | None) -> None:
    text, nodes = operation.text or "", [deepcopy(child) for child in operation]
    if position in ("before", "after"):
        parent = target.getparent()
        if parent is None:
            raise _Fault("patch-failed", "nothing can stand beside the root element")
        at = parent.index(target) + (position == "after")
        _append_text(parent, at - 1, text)
        parent[at:at] = nodes
        return
    at = 0 if position == "prepend" else len(target)
    _append_text(target, at - 1, text)
    target[at:at] = nodes


def _replace(tree: Any, operation: Any) -> None:
    found = _one(tree, operation)
    children = [deepcopy(child) for child in operation]
    if isinstance(found, str):
        if children:
            raise _Fault("malformed-patch", "a text or an attribute is replaced by text")
        _set_text(found, operation.text or "")
        return
    if len(children) != 1 or (operation.text or "").strip():
        raise _Fault("malformed-patch", "an element is replaced by exactly one element")
    parent = found.getparent()
    children[0].tail = found.tail
    if parent is None:
        tree._setroot(children[0])
    else:
        parent.replace(found, children[0])


def _remove(tree: Any, operation: Any) -> None:
    found = _one(tree, operation)
    if isinstance(found, str):
        _set_text(found, None)
        return
    parent = found.getparent()
    if parent is None:
        raise _Fault("patch-failed", "the whole document cannot be removed")
    _append_text(parent, parent.index(found) - 1, found.tail or "")
    found.tail = None
    parent.remove(found)


_HANDLERS: Mapping[str, Callable[[Any, Any], None]] = MappingProxyType(
    {"add": _add, "replace": _replace, "remove": _remove}
)


def _element(tree: Any, operation: Any) -> Any:
    found = _one(tree, operation)
    if isinstance(found, str):
        raise _Fault("patch-failed", "the selector names a text, an element is expected")
    return found


def _one(tree: Any, operation: Any) -> Any:
    """Return the one node, text or attribute value that `sel` names."""
    selector = operation.get("sel", "")
    match = _SELECTOR.match(selector) if len(selector) <= _MAX_SELECTOR else None
    if match is None:
        raise _Fault("malformed-patch", "`sel` is a path such as f:Patient/f:name[1]/f:family/@value")
    prefixes = {prefix: uri for prefix, uri in operation.nsmap.items() if prefix is not None}
    try:
        found = tree.xpath("/" + selector.removeprefix("/"), namespaces={"f": _FHIR, **prefixes})
    except etree.XPathError:
        raise _Fault("malformed-patch", "the selector uses a prefix that is not declared") from None
    if len(found) != 1:
        raise _Fault("patch-failed", f"the selector must name one node, it names {len(found)}")
    return found[0]


def _append_text(parent: Any, before: int, text: str) -> None:
    """Add text after the child at `before` (-1: before the first child)."""
    if not text:
        return
    if before < 0:
        parent.text = (parent.text or "") + text
    else:
        parent[before].tail = (parent[before].tail or "") + text


def _set_text(found: Any, text: str | None) -> None:
    owner = found.getparent()
    if found.is_attribute:
        if text is None:
            del owner.attrib[found.attrname]
        else:
            owner.set(found.attrname, text)
    elif found.is_tail:
        owner.tail = text
    else:
        owner.text = text
