"""II as Identifier: a root with an extension, or a root that is the identifier itself.

Spec: https://hl7.org/fhir/R4/datatypes.html#identifier
"""

from __future__ import annotations

from typing import Any, Final

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes.absence import absent, is_masked, masked
from importers.cda.vocabulary import OID, UUID, system_of
from importers.cda.xml import XSI_TYPE, attr, children

Identifier = dict[str, Any]

URIS: Final = "urn:ietf:rfc:3986"
"""System of identifiers that are URIs by themselves."""


def identifier(cv: Conversion, node: Element | None) -> Identifier | None:
    """Return an `id` element as an Identifier, None if it identifies nothing.

    `urn:oid:` or `urn:uuid:` of the root is the system; without an extension it is the value itself.
    """
    if node is None:
        return None
    root, extension = attr(node, "root"), attr(node, "extension")
    if is_masked(node) or (root is None and extension is None):
        return _without_value(cv, node, root)
    cv.take(node, XSI_TYPE, "displayable", "extension")
    if root is None:
        cv.issue("warning", "identifier", "An identifier has no root: nobody knows whose it is.", node)
        result: Identifier = {"value": extension}
    else:
        result = _with_root(cv, node, root, extension)
    name = attr(node, "assigningAuthorityName")
    if name is not None:
        result["assigner"] = {"display": name}
        cv.take(node, "assigningAuthorityName")
    return result


def identifiers(cv: Conversion, node: Element, name: str = "id") -> list[Identifier]:
    """Return every identifier among the children called `name`, each once."""
    result: dict[str, Identifier] = {}
    nodes = children(node, name)
    if len(nodes) == 1:
        only = identifier(cv, nodes[0])
        return [] if only is None else [only]
    for each in nodes:
        found = identifier(cv, each)
        if found is not None:
            result.setdefault(repr(found), found)
    return list(result.values())


def uri_of(root: str) -> str | None:
    """Return `urn:oid:…` or `urn:uuid:…` (in lower case) of a root, None if it is neither."""
    if OID.fullmatch(root):
        return f"urn:oid:{root}"
    if UUID.fullmatch(root):
        return f"urn:uuid:{root.lower()}"
    return None


def _with_root(cv: Conversion, node: Element, root: str, extension: str | None) -> Identifier:
    if extension is None:
        uri = uri_of(root)
        cv.take(node, "root")
        if uri is not None:
            return {"system": URIS, "value": uri}
        cv.issue("warning", "identifier", "The root of an identifier is neither an OID nor a UUID.", node)
        return {"value": root}
    system = system_of(root)
    if system is None:
        text = "The root of an identifier is neither an OID nor a UUID: its value stands without a system."
        cv.issue("warning", "identifier", text, node)
        return {"value": extension}
    cv.take(node, "root")
    return {"system": system.uri, "value": extension}


def _without_value(cv: Conversion, node: Element, root: str | None) -> Identifier | None:
    if not is_masked(node):
        return masked(cv, node)
    nothing = absent(cv, node)
    system = None if root is None else system_of(root)
    if nothing is None or system is None:
        return nothing
    cv.take(node, "root", XSI_TYPE)
    return {"system": system.uri, "_value": nothing}
