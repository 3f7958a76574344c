"""FHIR XML to trees, hardened: no document type, no entities, no network, bounded depth.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from fhir_server.http.xml.document import root_of, text_of
from fhir_server.http.xml.narrative import narratives
from fhir_server.http.xml.shapes import Form, Shape, Shapes
from fhir_server.model.exact_json import MAX_DEPTH
from fhir_server.model.number import number
from fhir_server.model.outcome import FhirError, refuse

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_DIV = f"{{{XHTML}}}div"
_NUMERIC = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
_BOOLEANS = {"true": True, "false": False}
_MAX_DIGITS = 4000


class XmlReader:
    """Reads the resources of one Registry's types."""

    __slots__ = ("_shapes",)

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def read(self, data: bytes) -> dict[str, Any]:
        """Return the tree of an XML resource.

        What XML can say and JSON cannot is refused here, with its place: FhirError `malformed-xml`,
        `illegal-character`, `too-deep`, `unknown-element`, `cardinality`, `empty-body`.  Whether values
        are legal is for validation to say.
        """
        text = text_of(data)
        return _Reading(self._shapes, text).resource(root_of(text), None)


class _Reading:
    """One document: `path` leads from the root to the element that is being read."""

    __slots__ = ("_divs", "_path", "_shapes")

    def __init__(self, shapes: Shapes, text: str) -> None:
        self._shapes = shapes
        self._path: list[str] = []
        self._divs: Iterator[str] = narratives(text)

    def resource(self, node: Any, step: str | None) -> dict[str, Any]:
        name = self._local(node, FHIR)
        if not self._shapes.is_resource_type(name):
            raise self._refuse("unknown-element", "an element named like a FHIR resource type is expected")
        if step is None:
            self._path.append(name)
        tree: dict[str, Any] = {"resourceType": name}
        self._no_attributes(node, ())
        self._children(node, name, tree)
        return tree

    def _children(self, node: Any, type_name: str, tree: dict[str, Any]) -> None:
        if len(self._path) > MAX_DEPTH:
            raise self._refuse("too-deep", f"nested more than {MAX_DEPTH} deep")
        shapes = self._shapes.of(type_name)
        self._no_text(node.text)
        counts: dict[str, int] = {}
        for child in node:
            if not isinstance(child.tag, str):
                self._no_text(child.tail)
                continue
            is_div = child.tag == _DIV
            key = self._local(child, XHTML if is_div else FHIR)
            shape = shapes.get(key)
            place = counts.get(key, 0)
            counts[key] = place + 1
            plain = _plain_value(child) if shape is not None and shape.form is Form.PRIMITIVE else None
            if plain is not None and shape is not None and (place == 0 or shape.is_list):
                _put_primitive(tree, shape, _value(plain, shape.type), None, place)
                self._no_text(child.tail)
                continue
            self._path.append(f"{key}[{place}]" if shape is not None and shape.is_list else key)
            if shape is None or shape.form is Form.ATTRIBUTE or is_div != (shape.form is Form.XHTML):
                raise self._refuse("unknown-element", f"`{type_name}` has no such element")
            if place > 0 and not shape.is_list:
                raise self._refuse("cardinality", "the element can stand here only once")
            self._element(child, shape, tree, place)
            self._path.pop()
            self._no_text(child.tail)

    def _element(self, node: Any, shape: Shape, tree: dict[str, Any], place: int) -> None:
        if shape.form is Form.PRIMITIVE:
            value, companion = self._primitive(node, shape)
            _put_primitive(tree, shape, value, companion, place)
            return
        value = self._value(node, shape)
        if shape.is_list:
            tree.setdefault(shape.key, []).append(value)
        else:
            tree[shape.key] = value

    def _value(self, node: Any, shape: Shape) -> Any:
        if shape.form is Form.XHTML:
            return self._narrative(node)
        if shape.form is Form.RESOURCE:
            self._no_attributes(node, ())
            inner = [child for child in node if isinstance(child.tag, str)]
            if len(inner) != 1:
                raise self._refuse("cardinality", "exactly one resource is expected inside this element")
            return self.resource(inner[0], shape.key)
        tree: dict[str, Any] = {}
        if node.attrib:
            shapes = self._shapes.of(shape.type)
            allowed = tuple(key for key in ("id", "url") if _is_attribute(shapes, key))
            self._no_attributes(node, allowed)
            tree.update((key, node.attrib[key]) for key in allowed if key in node.attrib)
        self._children(node, shape.type, tree)
        return tree

    def _primitive(self, node: Any, shape: Shape) -> tuple[Any, dict[str, Any] | None]:
        self._no_attributes(node, ("value", "id"))
        companion: dict[str, Any] = {}
        if "id" in node.attrib:
            companion["id"] = node.attrib["id"]
        if len(node) or node.text is not None:
            self._children(node, "Element", companion)
        value = node.attrib.get("value")
        if value is None and not companion:
            raise self._refuse("empty-element", "the element has neither a value nor an extension")
        return (None if value is None else _value(value, shape.type)), companion or None

    def _narrative(self, node: Any) -> str:
        if node.prefix is None:
            div = next(self._divs, None)
            if div is not None and "xmlns" in div.partition(">")[0]:
                return div
        written: str = etree.tostring(node, encoding="unicode", with_tail=False)
        return written

    def _local(self, node: Any, namespace: str) -> str:
        found, _, local = node.tag.rpartition("}")
        if found[1:] == namespace:
            return str(local)
        name = etree.QName(node)
        self._path.append(name.localname)
        raise self._refuse("unknown-element", f"the element is not in the namespace {namespace}")

    def _no_attributes(self, node: Any, allowed: tuple[str, ...]) -> None:
        for attribute in node.attrib:
            if attribute not in allowed and not attribute.startswith(
                "{http://www.w3.org/2001/XMLSchema-instance}"
            ):
                raise self._refuse("unknown-element", "the element has an attribute that FHIR does not know")

    def _no_text(self, text: str | None) -> None:
        if text is not None and not text.isspace():
            raise self._refuse("malformed-xml", "text stands where only elements are expected")

    def _refuse(self, situation: str, what: str) -> FhirError:
        place = ".".join(self._path)
        return refuse(situation, f"{place or 'The document'}: {what}.", place or None)


def _plain_value(node: Any) -> str | None:
    """Return the value of a primitive that has nothing but a value, as most have; else None."""
    attributes = node.items()
    if len(attributes) != 1 or len(node) or node.text is not None:
        return None
    name, value = attributes[0]
    return value if name == "value" else None


def _is_attribute(shapes: Any, key: str) -> bool:
    shape = shapes.get(key)
    return shape is not None and shape.form is Form.ATTRIBUTE


def _value(text: str, type_name: str) -> Any:
    if type_name == "boolean":
        return _BOOLEANS.get(text, text)
    if type_name in _NUMERIC and len(text) <= _MAX_DIGITS and _JSON_NUMBER.match(text) is not None:
        return number(text)
    return text


def _put_primitive(
    tree: dict[str, Any], shape: Shape, value: Any, companion: dict[str, Any] | None, place: int
) -> None:
    beside = "_" + shape.key
    if not shape.is_list:
        if value is not None:
            tree[shape.key] = value
        if companion is not None:
            tree[beside] = companion
        return
    _put_at(tree, shape.key, value, place)
    _put_at(tree, beside, companion, place)


def _put_at(tree: dict[str, Any], key: str, item: Any, place: int) -> None:
    """Place an item of a list that exists only once one of its items does; the others are null."""
    items = tree.get(key)
    if items is None:
        if item is None:
            return
        items = tree[key] = [None] * place
    items.append(item)
