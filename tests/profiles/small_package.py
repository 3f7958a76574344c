"""A small package of our own making, with one of everything, and the parts to make others."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Members = Sequence[tuple[str, bytes | Mapping[str, Any]]]

NAME = "test.definitions#1.0.0"
MANIFEST = {
    "name": "test.definitions",
    "version": "1.0.0",
    "fhirVersions": ["4.0.1"],
    "license": "CC0-1.0",
    "canonical": "http://example.org/fhir",
}
TYPE = "http://hl7.org/fhir/StructureDefinition/"
OWN = "http://example.org/fhir/"


def write_archive(folder: Path, members: Members, name: str = "archive.tgz") -> Path:
    """Write a gzipped tar of these members (a mapping is written as JSON) and return its path."""
    path = folder / name
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def element(path: str, low: int = 0, high: str = "1", **more: Any) -> dict[str, Any]:
    """An ElementDefinition as a package writes it."""
    return {"id": path, "path": path, "short": "words", "min": low, "max": high, **more}


def structure(
    name: str, kind: str, base: str | None, *elements: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """A StructureDefinition with a snapshot."""
    tree = {
        "resourceType": "StructureDefinition",
        "id": name,
        "url": TYPE + name,
        "kind": kind,
        "abstract": False,
        "type": name,
        "derivation": "specialization",
        "snapshot": {"element": [element(name, high="*"), *elements]},
    }
    return tree | ({} if base is None else {"baseDefinition": TYPE + base}) | more


def profile(id: str, base: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A StructureDefinition that constrains a Dog, with a differential only; each row is an element."""
    return {
        "resourceType": "StructureDefinition",
        "id": id,
        "url": OWN + id,
        "version": "1",
        "name": id,
        "kind": "resource",
        "abstract": False,
        "type": "Dog",
        "baseDefinition": base,
        "derivation": "constraint",
        "differential": {"element": list(rows)},
    } | more


def row(id: str, **said: Any) -> dict[str, Any]:
    """An element of a differential: path and slice name follow from the id."""
    path = ".".join(step.partition(":")[0] for step in id.split("."))
    slice_name = id.rpartition(".")[2].partition(":")[2]
    return {"id": id, "path": path} | ({"sliceName": slice_name} if slice_name else {}) | said


def parameter(
    id: str, code: str, bases: Sequence[str], expression: str | None, **more: Any
) -> dict[str, Any]:
    """A SearchParameter."""
    tree = {
        "resourceType": "SearchParameter",
        "id": id,
        "url": f"{OWN}SearchParameter/{id}",
        "code": code,
        "base": list(bases),
        "type": "token",
        "description": "words",
    }
    return tree | ({} if expression is None else {"expression": expression}) | more


CONCEPTS = [
    {"code": "animal", "display": "Animal", "definition": "words", "concept": [
        {"code": "dog", "display": "Dog", "concept": [{"code": "poodle", "display": "Poodle"}]},
        {"code": "cat"},
    ]},
    {"code": "plant", "display": "Plant"},
    {"code": "pet", "display": "Pet", "property": [
        {"code": "child", "valueCode": "dog"}, {"code": "child", "valueCode": "cat"},
    ]},
]  # fmt: skip
LIVING = f"{OWN}CodeSystem/living"
FOREIGN = "http://elsewhere.example.org/codes"


def code_system(id: str = "living", **more: Any) -> dict[str, Any]:
    """A CodeSystem; by default the complete one of living things."""
    return {
        "resourceType": "CodeSystem",
        "id": id,
        "url": f"{OWN}CodeSystem/{id}",
        "content": "complete",
        "caseSensitive": True,
        "concept": CONCEPTS,
    } | more


def value_set(
    id: str, *include: Mapping[str, Any], exclude: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """A ValueSet composed of these."""
    compose: dict[str, Any] = {"include": list(include)}
    if exclude:
        compose["exclude"] = list(exclude)
    return {"resourceType": "ValueSet", "id": id, "url": f"{OWN}ValueSet/{id}", "compose": compose}


def members() -> list[tuple[str, Mapping[str, Any]]]:
    """The members of the archive: the manifest and one resource of each kind and quirk."""
    invariant = {"key": "dog-1", "severity": "error", "human": "words", "expression": "name.exists()"}
    fhir_type = {"url": TYPE + "structuredefinition-fhir-type", "valueUrl": "string"}
    regex = {"url": TYPE + "regex", "valueString": "[a-z]+"}
    max_set = {"url": TYPE + "elementdefinition-maxValueSet", "valueCanonical": f"{OWN}ValueSet/all|1"}
    resources = [
        structure("Resource", "resource", None, abstract=True),
        structure("DomainResource", "resource", "Resource", abstract=True),
        structure(
            "string", "primitive-type", "Element",
            element("string.value", type=[
                {"code": "http://hl7.org/fhirpath/System.String", "extension": [fhir_type, regex]},
            ]),
        ),
        structure(
            "Dog", "resource", "DomainResource",
            element("Dog.owner", 1, "*", type=[
                {"code": "Reference", "targetProfile": [TYPE + "Dog", OWN + "Profile"]},
            ], isSummary=True),
            element("Dog.kind", type=[{"code": "code"}], isModifier=True, constraint=[invariant], binding={
                "strength": "required", "valueSet": f"{OWN}ValueSet/kinds|1.0.0", "extension": [max_set],
            }),
            element("Dog.puppy", high="*", contentReference="#Dog"),
            element("Dog.colour", type=[{"code": "code"}], binding={"strength": "example"}),
        ),
        structure("Cage", "resource", "Resource"),
        profile("Profile", TYPE + "Dog", row("Dog.owner", max="1")),
        parameter("Resource-id", "_id", ["Resource"], "Resource.id"),
        parameter("DomainResource-text", "_text", ["DomainResource"], None),
        parameter("Dog-kind", "kind", ["Dog"], "Dog.kind", comparator=["eq"], multipleOr=False),
        parameter("example-one", "kind", ["Dog"], "Dog.kind"),
        parameter("Dog-chip", "chip", ["Dog"], "Dog.extension('http://example.org/chip')"),
        parameter("Dog-nothing", "nothing", ["Dog"], None),
        parameter("nobody", "nobody", [], "Dog.kind"),
        {"resourceType": "CompartmentDefinition", "id": "dog", "url": OWN + "c", "code": "Dog",
         "resource": [{"code": "Dog", "param": ["kind"]}, {"code": "Cage"}]},
        {"resourceType": "OperationDefinition", "id": "bark", "url": OWN + "bark", "code": "bark",
         "system": False, "type": True, "instance": True, "resource": ["Dog"],
         "parameter": [{"name": "loud", "use": "in", "min": 0, "max": "*", "part": [
             {"name": "how", "use": "in", "min": 1, "max": "1", "type": "string"}]}]},
        code_system(),
        code_system("partial", content="fragment"),
        code_system("licensed", copyright="A License is needed."),
        value_set("kinds", {"system": FOREIGN, "concept": [{"code": "x", "display": "X"}]}),
        value_set("others", {"system": FOREIGN, "concept": [{"code": "y"}]}),
        value_set("all", {"system": LIVING}),
    ]  # fmt: skip
    named = [(f"package/{tree['resourceType']}-{tree['id']}.json", tree) for tree in resources]
    return [("package/package.json", MANIFEST), *named]
