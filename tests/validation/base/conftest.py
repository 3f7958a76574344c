"""The base rules over R4 core, and a way to ask them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.checker import BaseChecker
from fhir_server.validation.base.options import STRICT
from profiles.definitions import ExtensionContext, Profile, ProfileElement
from profiles.overlay import with_profiles
from profiles.registry import Registry
from terminology.local import LocalConcepts

Faults: TypeAlias = Callable[..., list[tuple[str, str | None]]]
"""(resource, resolve=…) → the situation and place of each error."""

ON_NAME = "https://example.org/fhir/StructureDefinition/on-name"
MODIFIER = "https://example.org/fhir/StructureDefinition/modifier"


def extension_profile(url: str, context: str, *, modifier: bool = False) -> Profile:
    root = ProfileElement("Extension", "Extension", 0, None, (), modifier=modifier)
    return Profile(
        url=url,
        version=None,
        name="Extended",
        type="Extension",
        base="http://hl7.org/fhir/StructureDefinition/Extension",
        kind="complex-type",
        abstract=False,
        elements=(root,),
        invariants={},
        contexts=(ExtensionContext("element", context),),
    )


@pytest.fixture(scope="session")
def strict(registry: Registry) -> BaseChecker:
    extended = with_profiles(
        registry,
        [extension_profile(ON_NAME, "HumanName"), extension_profile(MODIFIER, "Patient", modifier=True)],
    )
    return BaseChecker(extended, LocalConcepts(extended), STRICT)


@pytest.fixture(scope="session")
def faults(strict: BaseChecker) -> Faults:
    def ask(resource: Any, resolve: Any = None) -> list[tuple[str, str | None]]:
        issues: list[Issue] = strict.issues(resource, resolve=resolve)
        return [(issue.situation, issue.expression) for issue in issues if issue.severity == "error"]

    return ask
