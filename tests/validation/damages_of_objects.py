"""Damage to whole objects: what they have, lack, contain, and Bundles of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from profiles.registry import Registry
from tests.instances import PRIMITIVES
from tests.validation.damage import NOTE, Damage, Tree
from tests.validation.structure_walk import Place, Walk, follow

# Damage to one object


def _object(
    name: str,
    situation: str,
    when: Callable[[Place], bool],
    apply: Callable[[Tree, Place, Random, Registry], str],
) -> Damage:
    """Return the damage that `apply` does to an object, already found in the copy."""

    def targets(found: Walk, _registry: Registry) -> Iterator[Place]:
        return (place for place in found.places if when(place))

    def applied(root: Tree, place: Place, random: Random, registry: Registry) -> str:
        return apply(follow(root, place.steps), place, random, registry)

    return Damage(name, situation, targets, applied)


def _unknown_key(node: Tree, place: Place, random: Random, registry: Registry) -> str:
    node["notAnElement"] = "x"
    return f"{place.path}.notAnElement"


def _required_keys(place: Place) -> list[tuple[str, str]]:
    """Return (JSON key, element name) of what is required and there, one key alone standing for it."""
    return [
        (key, element.name.removesuffix("[x]"))
        for element in place.children()
        if element.min > 0
        for key in place.keys
        if _is_key_of(key, element.name) and "_" + key not in place.keys
    ]


def _is_key_of(key: str, name: str) -> bool:
    stem = name.removesuffix("[x]")
    return key == name or (stem != name and key.startswith(stem) and key[len(stem) : len(stem) + 1].isupper())


def _missing(node: Tree, place: Place, random: Random, registry: Registry) -> str:
    key, name = random.choice(_required_keys(place))
    del node[key]
    return f"{place.path}.{name}"


def _choices(place: Place, foreign: bool) -> list[tuple[str, str, str]]:
    """Return (key that is there, element name, another key): of a type of the choice, or `foreign` to it."""
    found = []
    for element in place.children():
        stem = element.name.removesuffix("[x]")
        keys = {stem + item.code[0].upper() + item.code[1:] for item in element.types}
        others = {stem + item for item in ("Signature", "Money", "Oid", "Timing")} - keys
        for key in place.keys if element.is_choice else ():
            if key in keys and "_" + key not in place.keys:
                found += [(key, stem, other) for other in sorted(others if foreign else keys - {key})]
    return found


def _second_choice(node: Tree, place: Place, random: Random, registry: Registry) -> str:
    key, name, other = random.choice(_choices(place, foreign=False))
    node[other] = node[key]
    return f"{place.path}.{name}"


def _foreign_choice(node: Tree, place: Place, random: Random, registry: Registry) -> str:
    key, name, other = random.choice(_choices(place, foreign=True))
    node[other] = node.pop(key)
    return f"{place.path}.{name}"


def _is_extension(place: Place) -> bool:
    return place.at == "Extension" and len(place.keys) == 2


def _value_key(place: Place) -> str:
    return next(key for key in place.keys if key != "url")


def _both(node: Tree, place: Place, random: Random, registry: Registry) -> str:
    if _value_key(place) == "extension":
        node["valueString"] = "x"
    else:
        node["extension"] = [NOTE]
    return f"{place.path}.value"


def _neither(node: Tree, place: Place, random: Random, registry: Registry) -> str:
    del node[_value_key(place)]
    return f"{place.path}.value"


def _no_url(node: Tree, place: Place, random: Random, registry: Registry) -> str:
    del node["url"]
    return f"{place.path}.url"


def _no_type(node: Tree, place: Place, random: Random, registry: Registry) -> str:
    node["resourceType"] = "Pacient"
    return f"{place.path if place.steps else 'Resource'}.resourceType"


_OBJECTS = (
    _object("unknown-key", "unknown-element", lambda _: True, _unknown_key),
    _object("missing-element", "missing-element",
            lambda place: len(place.keys) > 1 and bool(_required_keys(place)), _missing),
    _object("second-type-of-a-choice", "cardinality", lambda place: bool(_choices(place, False)),
            _second_choice),
    _object("foreign-type-of-a-choice", "wrong-type", lambda place: bool(_choices(place, True)),
            _foreign_choice),
    _object("extension-with-both", "cardinality", _is_extension, _both),
    _object("extension-with-neither", "missing-element", _is_extension, _neither),
    _object("extension-without-url", "missing-element", _is_extension, _no_url),
    _object("resource-of-no-type", "illegal-value", lambda place: place.is_resource, _no_type),
)  # fmt: skip


# Damage to contained resources and Bundles


def _contained(name: str, situation: str, change: Callable[[list[Tree]], None], below: str) -> Damage:
    def targets(found: Walk, _registry: Registry) -> Iterator[Place]:
        return (place for place in found.places[:1] if "contained" in place.keys)

    def apply(root: Tree, place: Place, random: Random, registry: Registry) -> str:
        change(root["contained"])
        return f"{place.path}.contained{below}"

    return Damage(name, situation, targets, apply)


_BASIC = {"resourceType": "Basic", "id": "deeper", "code": {"text": "x"}}

_CONTAINED = (
    _contained("contained-in-contained", "invariant",
               lambda items: items.insert(0, _BASIC | {"contained": [_BASIC]}), "[0].contained"),
    _contained("contained-twice", "invariant", lambda items: items.insert(1, dict(items[0])), "[1].id"),
    _contained("contained-without-id", "missing-element", lambda items: items[0].pop("id"), "[0].id"),
    _contained("contained-with-version", "invariant",
               lambda items: items[0].update({"meta": {"versionId": "1"}}), "[0].meta.versionId"),
    _contained("contained-with-update-time", "invariant",
               lambda items: items[0].update({"meta": {"lastUpdated": PRIMITIVES["instant"]}}),
               "[0].meta.lastUpdated"),
    _contained("contained-with-label", "invariant",
               lambda items: items[0].update({"meta": {"security": [{"code": "R"}]}}), "[0].meta.security"),
)  # fmt: skip


def _bundle(name: str, situation: str, place: str, strict: bool = False, **changes: Any) -> Damage:
    """Return the damage of putting the resource in a Bundle, changed; `entry_…` changes its one entry."""

    def targets(found: Walk, _registry: Registry) -> Iterator[Place]:
        return (item for item in found.places[:1] if item.at not in ("Composition", "MessageHeader"))

    def apply(root: Tree, item: Place, random: Random, registry: Registry) -> str:
        resource = dict(root)
        resource["id"] = "a"
        entry = {"fullUrl": f"https://example.org/{item.at}/a", "resource": resource}
        entry |= {key[6:]: value for key, value in changes.items() if key.startswith("entry_")}
        root.clear()
        root |= {"resourceType": "Bundle", "type": "collection", "entry": [entry, *changes.get("more", ())]}
        root |= {
            key: value for key, value in changes.items() if not key.startswith("entry_") and key != "more"
        }
        if changes.get("more") == "again":
            root["entry"] = [entry, entry]
        if entry["fullUrl"] == "another":
            entry["fullUrl"] = f"https://example.org/{item.at}/b"
        return f"Bundle.{place}"

    return Damage(name, situation, targets, apply, strict)


_DOCUMENT = {
    "type": "document",
    "identifier": {"system": "https://example.org", "value": "1"},
    "timestamp": PRIMITIVES["instant"],
}
_COMPOSED: Tree = {
    "resourceType": "Composition",
    "status": "final",
    "type": {"text": "x"},
    "date": "2024",
    "author": [{"display": "x"}],
    "title": "x",
}
_REQUEST = {"method": "GET", "url": "Patient/1"}

_BUNDLES = (
    _bundle("total-of-a-collection", "invariant", "total", total=1),
    _bundle("search-in-a-collection", "invariant", "entry[0].search", entry_search={"mode": "match"}),
    _bundle("request-in-a-collection", "invariant", "entry[0].request", entry_request=_REQUEST),
    _bundle("transaction-without-request", "invariant", "entry[0].request", type="transaction"),
    _bundle("response-in-a-collection", "invariant", "entry[0].response", entry_response={"status": "200"}),
    _bundle("history-without-response", "invariant", "entry[0].response", type="history",
            entry_request=_REQUEST),
    _bundle("entry-of-nothing", "invariant", "entry[1]",
            more=[{"link": [{"relation": "self", "url": "https://example.org"}]}]),
    _bundle("same-full-url", "invariant", "entry[1].fullUrl", more="again"),
    _bundle("full-url-of-a-version", "invariant", "entry[0].fullUrl",
            entry_fullUrl="https://example.org/Patient/a/_history/1"),
    _bundle("relative-full-url", "invariant", "entry[0].fullUrl", entry_fullUrl="Patient/a"),
    _bundle("full-url-of-another-id", "invariant", "entry[0].fullUrl", strict=True, entry_fullUrl="another"),
    _bundle("document-without-composition", "invariant", "entry[0].resource", **_DOCUMENT),
    _bundle("document-without-identifier", "invariant", "identifier",
            **_DOCUMENT | {"entry_resource": _COMPOSED, "identifier": {"value": "1"}}),
    _bundle("message-without-header", "invariant", "entry[0].resource", type="message"),
)  # fmt: skip

OBJECT_DAMAGES = (*_OBJECTS, *_CONTAINED, *_BUNDLES)
