"""From the document of a policy file, checked before, to the Policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fhir_server.access.durations import parse_duration
from fhir_server.access.policy import (
    DirectoryRule,
    Flow,
    Label,
    Mode,
    NoticeRule,
    Policy,
    Relation,
)
from fhir_server.access.policy_matrix import Matrix
from fhir_server.access.policy_rules import RECORD, Rule, Types

_CONDITIONAL: Final = ("forbidden_together", "flow", "rule")
_SETS: Final = frozenset({
    "roles", "relations", "without", "modes", "professions", "situations", "states", "on", "off",
    "confidentialities", "hides", "withholds", "opens", "operations",
})  # fmt: skip


def settle_decisions(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document without the rows that a decision switches off.

    A row that names an unknown decision stays, with the name, for the checks to find.
    """
    decided = {name: row["value"] for name, row in document.get("decisions", {}).items()}
    settled = dict(document)
    for key in _CONDITIONAL:
        settled[key] = [row for row in document.get(key, ()) if _counts(row, decided)]
    notices = document.get("notices", {})
    settled["notices"] = {kind: row for kind, row in notices.items() if _counts(row, decided)}
    return settled


def build_policy(document: Mapping[str, Any], matrix: Matrix, generation: str) -> Policy:
    """Return the policy of a document without faults."""
    get = document.get
    labels = {name: _label(name, row) for name, row in get("labels", {}).items()}
    directory, types = get("directory", {}), get("types", {})
    return Policy(
        id=document["id"],
        version=document["version"],
        generation=generation,
        timezone=get("timezone", "UTC"),
        labels=_frozen(labels),
        forbidden_together=tuple(frozenset(row["labels"]) for row in document["forbidden_together"]),
        confidentiality=_frozen(get("confidentiality", {})),
        **_classes(document, matrix),
        professions=_frozen(_professions(get("professions", {}))),
        roles=frozenset(document["roles"]["names"]),
        forbidden_roles=frozenset(document["roles"].get("forbidden", ())),
        purposes=_frozen({
            code: Mode(row["mode"], row.get("needs_reason", False), frozenset(row.get("roles", ())))
            for code, row in document["purposes"].items()
        }),
        switches=_frozen(get("switches", {})),
        relations=_frozen({name: _relation(name, row) for name, row in get("relations", {}).items()}),
        directory=DirectoryRule(**{key: frozenset(names) for key, names in directory.items()}),
        person_systems=frozenset(get("persons", {}).get("identified_by", ())),
        administrative=frozenset(types.get("administrative", ())),
        undeletable=frozenset(types.get("undeletable", ())),
        unreadable=frozenset(types.get("unreadable", ())),
        flows=tuple(Flow(**_without_conditions(row)) for row in document["flow"]),
        rules=tuple(_rule(row, document) for row in document["rule"]),
        clocks=_frozen({name: parse_duration(text) for name, text in get("clocks", {}).items()}),
        notices=_frozen({
            kind: NoticeRule(kind, tuple(row["to"]))
            for kind, row in document["notices"].items()
        }),
        decisions=_frozen({name: row["value"] for name, row in get("decisions", {}).items()}),
        operations=frozenset(get("operations", {}).get("everyone", ())),
        hidden_at_most=get("hidden_at_most", 1000),
        label_of=_frozen({coding: label.name for label in labels.values() for coding in label.codings}),
    )  # fmt: skip


def class_numbers(document: Mapping[str, Any]) -> dict[str, int]:
    """Return the type classes by name, numbered from 1 in their order."""
    return {name: number for number, name in enumerate(document.get("classes", {}).get("names", ()), 1)}


def _counts(row: Mapping[str, Any], decided: Mapping[str, bool]) -> bool:
    return decided.get(row.get("when", ""), True) and not decided.get(row.get("unless", ""), False)


def _without_conditions(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("when", "unless")}


def _label(name: str, row: Mapping[str, Any]) -> Label:
    return Label(
        name, tuple(row["codings"]), frozenset(row.get("set_by", ())), frozenset(row.get("dropped_by", ()))
    )


def _classes(document: Mapping[str, Any], matrix: Matrix) -> dict[str, Any]:
    """Return everything that the Policy says of type classes."""
    classes, numbers = document.get("classes", {}), class_numbers(document)
    by_code = {code: numbers[name] for code, name in matrix.class_by_code.items()}
    for alias, system in classes.get("aliases", {}).items():
        for code, number in tuple(by_code.items()):
            if code.rpartition("|")[0] == system:
                by_code[f"{alias}|{code.rpartition('|')[2]}"] = number
    return {
        "class_numbers": _frozen(numbers),
        "class_by_type": _frozen({
            name: numbers[of] for of, names in classes.get("types", {}).items() for name in names
        }),
        "coded": _frozen(classes.get("coded", {})),
        "class_by_code": _frozen(by_code),
        "matrix": _frozen({
            profession: frozenset(numbers[name] for name in names)
            for profession, names in matrix.reads.items()
        }),
    }  # fmt: skip


def _professions(rows: Mapping[str, Iterable[str]]) -> dict[str, str]:
    names = {name: name for name in rows}
    return names | {coding: name for name, codings in rows.items() for coding in codings}


def _relation(name: str, row: Mapping[str, Any]) -> Relation:
    known: dict[str, Any] = dict(row)
    for key in ("holders", "set_by", "set_by_grown", "declared_by"):
        if key in known:
            known[key] = frozenset(known[key])
    for key in ("duration", "until_age", "declared_for"):
        if key in known:
            known[key] = parse_duration(known[key])
    return Relation(name, **known)


def _rule(row: Mapping[str, Any], document: Mapping[str, Any]) -> Rule:
    known = _without_conditions(row)
    for key in _SETS & known.keys():
        known[key] = frozenset(known[key])
    for key in ("reads", "writes"):
        if key in known:
            names = frozenset(known[key])
            known[key] = Types(RECORD in names, names - {RECORD})
    if "classes" in known:
        numbers = class_numbers(document)
        known["classes"] = frozenset(numbers[name] for name in known["classes"])
    if "lifted_by" in known:
        known["lifted_by"] = _frozen(known["lifted_by"])
    if "tells" in known:
        known["tells"] = tuple(known["tells"])
    return Rule(**known)


def _frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))
