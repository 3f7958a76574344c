"""Packages of our own: a TOML table of rules, expanded to the definitions that it stands for.

`own/` holds the tables; each says in its head what it is.  A row of a profile is the id of an element and
what is said about it; paths and slice names follow from the id.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from profiles.archive import Member
from profiles.package import PackageError
from profiles.read_profile import FAULTS, FOLLOWS, fault_text

Facts = dict[str, Any]

RULES = ".toml"
"""How the name of a table ends."""
_UCUM = "http://unitsofmeasure.org"


def read_rules(path: Path) -> Iterator[Member]:
    """Yield the manifest and the definitions that a table stands for.

    Raises PackageError if it is no table of rules.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        members = list(_members(table))
    except OSError as error:
        raise PackageError(f"{path.name} cannot be read: {error.strerror}.") from error
    except (*FAULTS, tomllib.TOMLDecodeError) as error:
        raise PackageError(f"{path.name} is no table of rules: {fault_text(error)}.") from error
    yield from members


def rules_sha256(path: Path) -> str:
    """Return the hexadecimal digest of a table."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _members(table: Facts) -> Iterator[Member]:
    head = table["package"]
    yield Member("package.json", _manifest(head))
    base, version = head["base"], head["version"]
    for row in table.get("value_set", ()):
        yield _member(_value_set(row, base, version))
    for row in table.get("profile", ()):
        yield _member(_profile(row, base, version))
    measures = table.get("measures", {})
    for row in measures.get("profile", ()):
        rows = [*measures["common"], *_quantity(row.get("unit"))]
        yield _member(_profile({"type": "Observation", "elements": rows, **row}, base, version))


def _member(tree: Facts) -> Member:
    return Member(f"{tree['resourceType']}-{tree['id']}.json", tree)


def _manifest(head: Facts) -> Facts:
    return {
        "name": head["id"],
        "version": head["version"],
        "license": head["licence"],
        "canonical": head["base"],
        "fhirVersions": ["4.0.1"],
        "dependencies": head["dependencies"],
    }


def _value_set(row: Facts, base: str, version: str) -> Facts:
    concepts = [{"code": code, "display": display} for code, display in row["codes"].items()]
    include = [{"system": row["system"], "concept": concepts}]
    return _named("ValueSet", row, base, version) | {"compose": {"include": include}}


def _profile(row: Facts, base: str, version: str) -> Facts:
    kind = "complex-type" if row["type"] == "Extension" else "resource"
    contexts = [{"type": "element", "expression": name} for name in row.get("context", ())]
    return _named("StructureDefinition", row, base, version) | {
        "extension": [{"url": FOLLOWS, "valueCanonical": row["follows"]}],
        "name": row["id"],
        "kind": kind,
        "abstract": False,
        "type": row["type"],
        "baseDefinition": row["base"],
        "derivation": "constraint",
        "context": contexts,
        "differential": {"element": [_element(id, said, base) for id, said in row["elements"]]},
    }


def _named(kind: str, row: Facts, base: str, version: str) -> Facts:
    url = f"{base}/{kind}/{row['id']}"
    return {"resourceType": kind, "id": row["id"], "url": url, "version": version}


def _element(id: str, said: Mapping[str, Any], base: str) -> Facts:
    path = ".".join(step.partition(":")[0] for step in id.split("."))
    slice_name = id.rpartition(".")[2].partition(":")[2]
    rules = [{**rule, "source": f"{base}/"} for rule in said.get("constraint", ())]
    constraint = {"constraint": rules} if rules else {}
    return (
        {"id": id, "path": path} | ({"sliceName": slice_name} if slice_name else {}) | dict(said) | constraint
    )


def _quantity(unit: str | None) -> Sequence[Any]:
    if unit is None:
        return ()
    pattern = {"system": _UCUM, "code": unit}
    return (["Observation.value[x]:valueQuantity", {"patternQuantity": pattern}],)
