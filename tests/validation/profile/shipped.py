"""A validator over all packages that are shipped, and files of the corpus."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fhir_server.model import exact_json
from fhir_server.model.outcome import Issue
from fhir_server.validation.base.checker import BaseChecker
from fhir_server.validation.base.options import BaseOptions
from fhir_server.validation.validator import Validator, ValidatorOptions
from profiles.load import R4_CORE, list_packages, load_registry
from profiles.registry import Registry
from terminology.local import LocalConcepts

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def shipped_registry() -> Registry:
    """Return the definitions of every package below `profiles/data`, R4 first."""
    names = [f"{package.id}#{package.version}" for package in list_packages()]
    return load_registry([R4_CORE, *(name for name in names if name != R4_CORE)])


def validator_of(registry: Registry) -> Validator:
    """Return a validator of everything: structure, invariants, base rules, profiles."""
    concepts = LocalConcepts(registry)
    options = ValidatorOptions(best_practice=False, now=lambda: NOW)
    return Validator(registry, concepts, options, rules=[BaseChecker(registry, concepts, BaseOptions()).rule])


def plain_validator_of(registry: Registry) -> Validator:
    """Return a validator without base rules, which are looked at elsewhere."""
    return Validator(
        registry, LocalConcepts(registry), ValidatorOptions(best_practice=False, now=lambda: NOW)
    )


def errors(issues: list[Issue]) -> list[Issue]:
    return [issue for issue in issues if issue.severity in ("error", "fatal")]


def resources_of(archive: Path) -> Iterator[tuple[str, Any]]:
    """Yield the examples of a package."""
    with tarfile.open(archive) as opened:
        for member in opened:
            name = Path(member.name)
            if name.suffix == ".json" and name.parent.name == "example" and not name.name.startswith("."):
                stream = opened.extractfile(member)
                assert stream is not None
                resource = exact_json.decode(stream.read())
                if isinstance(resource, dict) and "resourceType" in resource:
                    yield name.name, resource


def resources_below(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the resources in a folder."""
    for path in sorted(folder.rglob("*.json")):
        resource = exact_json.decode(path.read_bytes())
        if isinstance(resource, dict) and "resourceType" in resource:
            yield path.name, resource
