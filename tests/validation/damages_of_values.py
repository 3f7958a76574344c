"""Damage to the values of elements: of one, or of all under one key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from msgspec import Raw

from profiles.registry import Registry
from tests.instances import PRIMITIVES
from tests.validation.damage import NOTE, Damage, Tree
from tests.validation.structure_walk import Site, Walk, follow

STRINGS = frozenset(PRIMITIVES) - {"boolean", "integer", "unsignedInt", "positiveInt", "decimal", "xhtml"}
WHOLE = frozenset({"integer", "unsignedInt", "positiveInt"})
NUMBERS = WHOLE | {"decimal"}
_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}\Z")


# Damage to one value


def _is_bound(registry: Registry, site: Site) -> bool:
    binding = site.element.binding
    return binding is not None and binding.strength == "required" and binding.value_set in registry.value_sets


def _replaced(
    name: str,
    situation: str,
    value: Any,
    codes: frozenset[str] | None = None,
    when: Callable[[Site, Registry], bool] = lambda _site, _registry: True,
    below: str = "",
    strict: bool = False,
) -> Damage:
    """Return the damage that puts `value` at a site whose type is one of `codes` (None: any)."""

    def targets(found: Walk, registry: Registry) -> Iterator[Site]:
        return (
            site for site in found.sites if (codes is None or site.code in codes) and when(site, registry)
        )

    def apply(root: Tree, site: Site, random: Random, registry: Registry) -> str:
        node = follow(root, site.parent.steps)
        holder, key = (node, site.key) if site.index is None else (node[site.key], site.index)
        holder[key] = value(site, registry) if callable(value) else value
        return site.path + below

    return Damage(name, situation, targets, apply, strict)


def _is_object(site: Site, _registry: Registry) -> bool:
    return type(site.value) is dict and site.code != "Resource"


def _is_free_code(site: Site, registry: Registry) -> bool:
    return site.code == "code" and not _is_bound(registry, site)


def _is_literal(site: Site, _registry: Registry) -> bool:
    return site.element.path == "Reference.reference"


def _is_typed(site: Site, _registry: Registry) -> bool:
    return _RELATIVE.match(site.value.get("reference", "")) is not None


def _other_type(site: Site, _registry: Registry) -> Tree:
    pointed = site.value["reference"].partition("/")[0]
    return site.value | {"type": "Basic" if pointed != "Basic" else "Group"}


def _has_closed_targets(site: Site, registry: Registry) -> bool:
    return site.type is not None and len(site.type.targets) > 0 and "Resource" not in site.type.targets


def _to_other_target(site: Site, registry: Registry) -> Tree:
    assert site.type is not None
    other = next(name for name in sorted(registry.resource_types) if name not in site.type.targets)
    return {"reference": f"{other}/1"}


def _div(content: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{content}</div>'


_LAUGHS = '<!DOCTYPE div [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + _div("&b;")
_DATES = frozenset({"date", "dateTime"})
_TEXTS = frozenset({"string", "markdown"})
_URIS = frozenset({"uri", "url", "canonical"})
_XHTML = frozenset({"xhtml"})
_REFERENCE = frozenset({"Reference"})

_VALUES = (
    _replaced("null", "empty-element", None, when=lambda site, _: not site.has_twin),
    _replaced("object-for-primitive", "wrong-type", {"value": "x"}, STRINGS | NUMBERS),
    _replaced("text-for-object", "wrong-type", "x", when=_is_object),
    _replaced("empty-object", "empty-element", {}, when=_is_object),
    _replaced("nothing-but-an-id", "empty-element", {"id": "x"}, when=_is_object),
    _replaced("empty-string", "empty-element", "", STRINGS),
    _replaced("number-for-string", "wrong-type", 5, STRINGS),
    _replaced("string-for-number", "wrong-type", "5", NUMBERS),
    _replaced("string-for-boolean", "wrong-type", "true", frozenset({"boolean"})),
    _replaced("boolean-for-number", "wrong-type", True, NUMBERS),
    _replaced("day-of-no-calendar", "illegal-value", "2023-02-29", _DATES),
    _replaced("date-of-another-format", "illegal-value", "28/02/2023", _DATES),
    _replaced("date-time-without-zone", "illegal-value", "2024-02-29T08:15:30", frozenset({"dateTime"})),
    _replaced("date-time-without-seconds", "illegal-value", "2024-02-29T08:15Z", frozenset({"dateTime"})),
    _replaced("time-in-date", "illegal-value", "2024-02-29T08:15:30Z", frozenset({"date"})),
    _replaced("instant-without-time", "illegal-value", "2024-02-29", frozenset({"instant"})),
    _replaced("time-with-zone", "illegal-value", "08:15:30Z", frozenset({"time"})),
    _replaced("code-outside-its-value-set", "code-not-in-value-set", "no-such-code", frozenset({"code"}),
              lambda site, registry: _is_bound(registry, site)),
    _replaced("concept-outside-its-value-set", "code-not-in-value-set",
              {"coding": [{"system": "https://example.org", "code": "x"}]}, frozenset({"CodeableConcept"}),
              lambda site, registry: _is_bound(registry, site), below=".coding"),
    _replaced("code-with-two-spaces", "illegal-value", "a  b", when=_is_free_code),
    _replaced("white-space-only", "illegal-value", " \t\r\n", _TEXTS),
    _replaced("control-character", "illegal-value", "a\x01b", _TEXTS),
    _replaced("string-too-long", "illegal-value", "x" * (1024 * 1024 + 1), _TEXTS),
    _replaced("uri-with-space", "illegal-value", "https://example.org/a b", _URIS),
    _replaced("base64-without-padding", "illegal-value", "SGVsbG8", frozenset({"base64Binary"})),
    _replaced("oid-without-prefix", "illegal-value", "1.2.3", frozenset({"oid"})),
    _replaced("uuid-too-short", "illegal-value", "urn:uuid:c757873d", frozenset({"uuid"})),
    _replaced("integer-too-large", "illegal-value", 2147483648, WHOLE),
    _replaced("fraction-for-integer", "illegal-value", Raw(b"1.5"), WHOLE),
    _replaced("zero-for-positive", "illegal-value", 0, frozenset({"positiveInt"})),
    _replaced("negative-for-unsigned", "illegal-value", -1, frozenset({"unsignedInt"})),
    _replaced("illegal-id", "illegal-value", "a_b", when=lambda site, _: site.name == "id"
              and site.parent.is_resource),
    _replaced("reference-of-no-form", "illegal-reference", "somewhere", when=_is_literal),
    _replaced("reference-with-illegal-id", "illegal-reference", "Patient/a_b", when=_is_literal),
    _replaced("reference-to-no-type", "illegal-reference", "Nonsense/1", when=_is_literal),
    _replaced("reference-with-broken-uuid", "illegal-reference", "urn:uuid:1", when=_is_literal),
    _replaced("reference-to-nothing-contained", "unresolved-reference", "#nowhere", when=_is_literal),
    _replaced("reference-of-another-type", "illegal-reference", _other_type, _REFERENCE, _is_typed,
              below=".type"),
    _replaced("reference-to-wrong-target", "illegal-reference", _to_other_target, _REFERENCE,
              _has_closed_targets, below=".reference", strict=True),
    _replaced("narrative-not-well-formed", "illegal-value", _div("<p>"), _XHTML),
    _replaced("narrative-with-entities", "illegal-value", _LAUGHS, _XHTML),
    _replaced("narrative-with-script", "illegal-value", _div("<script>x</script>"), _XHTML),
    _replaced("narrative-with-event", "illegal-value", _div('<p onclick="x()">x</p>'), _XHTML),
    _replaced("narrative-of-another-root", "illegal-value", '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
              _XHTML),
)  # fmt: skip


# Damage to all values of one key


def _whole(
    name: str,
    situation: str,
    when: Callable[[Site], bool],
    change: Callable[[Tree, str], None],
    place: Callable[[Site], str] = lambda site: site.element_path,
) -> Damage:
    """Return the damage that changes an object at the key of a site."""

    def targets(found: Walk, _registry: Registry) -> Iterator[Site]:
        return (site for site in found.sites if site.index in (None, 0) and when(site))

    def apply(root: Tree, site: Site, random: Random, registry: Registry) -> str:
        change(follow(root, site.parent.steps), site.key)
        return place(site)

    return Damage(name, situation, targets, apply)


def _is_many(site: Site) -> bool:
    return site.index is not None


def _is_single(site: Site) -> bool:
    return site.index is None


def _is_primitive(site: Site) -> bool:
    return site.code in PRIMITIVES and site.code != "xhtml" and not site.has_twin and site.name != "id"


def _set(value: Any, prefix: str = "") -> Callable[[Tree, str], None]:
    return lambda node, key: node.update({prefix + key: value})


_KEYS = (
    _whole("empty-array", "empty-element", _is_many, _set([])),
    _whole("single-for-array", "cardinality", _is_many, lambda node, key: node.update({key: node[key][0]})),
    _whole("array-for-single", "cardinality", _is_single, lambda node, key: node.update({key: [node[key]]})),
    _whole("null-for-array", "empty-element", _is_many, _set(None)),
    _whole("twins-of-another-length", "cardinality", lambda site: _is_many(site) and _is_primitive(site),
           lambda node, key: node.update({"_" + key: [None] * len(node[key]) + [{"extension": [NOTE]}]})),
    _whole("twins-all-null", "empty-element", lambda site: _is_many(site) and _is_primitive(site),
           lambda node, key: node.update({"_" + key: [None] * len(node[key])})),
    _whole("twin-of-an-object", "unknown-element", lambda site: type(site.value) is dict,
           _set({"extension": [NOTE]}, "_"), lambda site: f"{site.parent.path}._{site.key}"),
    _whole("twin-with-a-value", "unknown-element", lambda site: _is_single(site) and _is_primitive(site),
           _set({"value": "x"}, "_"), lambda site: f"{site.path}.value"),
    _whole("twin-that-is-empty", "empty-element", lambda site: _is_single(site) and _is_primitive(site),
           _set({}, "_")),
)  # fmt: skip


VALUE_DAMAGES = (*_VALUES, *_KEYS)
