"""`fhir-server check`: the validation of a server, without a server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fhir_server.commands.checking.neighbours import Neighbours
from fhir_server.commands.loading.inputs import Text, Unreadable, find_files, read_texts
from fhir_server.commands.loading.resource_text import is_resource, read_tree
from fhir_server.interactions.demands import PROFILES, STRUCTURE
from fhir_server.interactions.validating import whole_validator
from fhir_server.model.outcome import FhirError, Issue
from fhir_server.settings import SettingsRefused, read_settings
from fhir_server.settings_values import IllegalValue
from fhir_server.settings_values import packages as read_packages
from fhir_server.starting import registry_of
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry

EXIT_VALID, EXIT_INVALID, EXIT_NOT_POSSIBLE = 0, 1, 2
ERRORS = ("fatal", "error")
ADVICE = "information"

Judge = Callable[[Any], list[Issue]]
"""From a tree to what is wrong with it."""

HELP = """Validate FHIR resources in files and folders, offline.

Takes .json, .ndjson, .jsonl and .xml, each also as .gz, and FHIR packages (.tgz), and prints every error and
warning with its place: the file, the line of an NDJSON file, and the FHIRPath of the element. References lead
to other files and to entries of Bundles.

\b
Levels:
  structure  what every server is held to at least
  profiles   also the rules of FHIR, bindings, extensions, and the profiles
             that a resource names (meta.profile) or --profile does

\b
Example:
  fhir-server check patient.json bundles/
  fhir-server check --packages hl7.fhir.uv.ips#2.0.0 \\
    --profile http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips summary.json

\b
Exit codes:
  0  no resource has an error
  1  at least one has
  2  not possible: no such file, wrong option or setting, unknown profile
"""


@dataclass(frozen=True, slots=True)
class Found:
    """The issues of one text."""

    place: str
    issues: tuple[Issue, ...]


@click.command(help=HELP)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="CANONICAL",
    help="A profile that every resource has to conform to; may be repeated.",
)
@click.option(
    "--level",
    type=click.Choice([STRUCTURE, PROFILES]),
    default=PROFILES,
    show_default=True,
    help="How far to go.",
)
@click.option("--packages", metavar="ID#VERSION,…", help="The packages to know, instead of FHIR_PACKAGES.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings, for its packages.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per resource.")  # fmt: skip
def check(
    paths: tuple[Path, ...],
    profiles: tuple[str, ...],
    level: str,
    packages: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Validate and turn the result into an exit code."""
    try:
        files = find_files(paths)
        if not files:
            raise Unreadable("There is no .json, .ndjson, .jsonl, .xml (also .gz) or .tgz file to check.")
        judge = _judge(_registry(packages, config), files, profiles, level)
        invalid = count = 0
        for found in _check(files, judge):
            count += 1
            invalid += any(issue.severity in ERRORS for issue in found.issues)
            _show(found, as_json)
    except (Unreadable, SettingsRefused, IllegalValue) as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_NOT_POSSIBLE)
    if not as_json:
        click.echo(f"{count} checked, {invalid} not valid.")
    sys.exit(EXIT_INVALID if invalid else EXIT_VALID)


def _registry(packages: str | None, config: Path | None) -> Registry:
    chosen = {} if packages is None else {"packages": read_packages(packages)}
    return registry_of(read_settings(os.environ, config, chosen=chosen))


def _judge(registry: Registry, files: list[Path], profiles: Sequence[str], level: str) -> Judge:
    structure = StructureValidator(registry)
    if level == STRUCTURE:
        if profiles:
            raise Unreadable("--profile asks for more than --level structure.")
        return structure.validate
    for canonical in profiles:
        if registry.profile(canonical) is None and not _is_type(registry, canonical):
            raise Unreadable(f"The packages have no profile {canonical}. --packages names others.")
    validator = whole_validator(registry, structure, best_practice=False)
    neighbours = Neighbours(files)
    return lambda tree: validator.validate(tree, profiles=profiles, resolve=neighbours)


def _is_type(registry: Registry, canonical: str) -> bool:
    return canonical.removeprefix("http://hl7.org/fhir/StructureDefinition/") in registry.structures


def _check(files: list[Path], judge: Judge) -> Iterator[Found]:
    for file in files:
        for text in read_texts(file):
            issues = _issues(text, judge)
            if issues is not None:
                yield Found(text.place, issues)


def _issues(text: Text, judge: Judge) -> tuple[Issue, ...] | None:
    """Return what is wrong with a text, or None if it is to be passed over."""
    try:
        tree = read_tree(text)
        return None if text.perhaps and not is_resource(tree) else tuple(judge(tree))
    except FhirError as refusal:
        return refusal.issues


def _show(found: Found, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"place": found.place, "issues": [_as_tree(issue) for issue in found.issues]}))
        return
    for issue in found.issues:
        if issue.severity == ADVICE:
            continue
        where = f" {issue.expression}:" if issue.expression else ""
        text = issue.text.removeprefix(f"{issue.expression}: ")
        asked = f" ({issue.profile})" if issue.profile else ""
        click.echo(f"{found.place}: {issue.severity}:{where} {text}{asked} [{issue.situation}]")


def _as_tree(issue: Issue) -> dict[str, Any]:
    return {
        "severity": issue.severity,
        "code": issue.code,
        "situation": issue.situation,
        "expression": issue.expression,
        "text": issue.text,
        "profile": issue.profile,
    }
