"""What the tool may know: HTTP, and in the floor's folder pymongo; nothing of the server."""

from __future__ import annotations

import ast
from pathlib import Path

import conformance

ROOT = Path(conformance.__file__).parent
OURS = {"fhir_server", "profiles", "terminology", "importers"}
MONGODB = {"pymongo", "bson", "gridfs"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_conformance_imports_nothing_of_the_server() -> None:
    offenders = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if imported(path) & OURS}

    assert offenders == set()


def test_only_the_floor_knows_mongodb() -> None:
    knowing = {
        path.relative_to(ROOT).parent.as_posix() for path in ROOT.rglob("*.py") if imported(path) & MONGODB
    }

    assert knowing == {"load/floor"}
