"""`fhir-server check`: the validation that every write goes through, without a server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fhir_server.commands.loading.inputs import Text, Unreadable, find_files, read_texts
from fhir_server.commands.loading.resource_text import is_resource, read_tree
from fhir_server.model.outcome import FhirError, Issue
from fhir_server.settings import SettingsRefused, read_settings
from fhir_server.starting import registry_of
from fhir_server.validation.structure import StructureValidator

EXIT_VALID, EXIT_INVALID, EXIT_NOT_POSSIBLE = 0, 1, 2
ERRORS = ("fatal", "error")

HELP = """Validate FHIR resources in files and folders, offline.

Takes .json, .ndjson, .jsonl and .xml, each also as .gz, and FHIR packages (.tgz), and prints every issue with
its place: the file, the line of an NDJSON file, and the FHIRPath of the element.

\b
Example:
  fhir-server check patient.json bundles/

\b
Exit codes:
  0  every resource is valid
  1  at least one is not
  2  not possible: no such file, wrong option or setting
"""


@dataclass(frozen=True, slots=True)
class Found:
    """The issues of one text."""

    place: str
    issues: tuple[Issue, ...]


@click.command(help=HELP)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings, for its packages.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per resource.")
def check(paths: tuple[Path, ...], config: Path | None, as_json: bool) -> None:
    """Validate and turn the result into an exit code."""
    try:
        files = find_files(paths)
        if not files:
            raise Unreadable("There is no .json, .ndjson, .jsonl, .xml (also .gz) or .tgz file to check.")
        settings = read_settings(os.environ, config)
        validator = StructureValidator(registry_of(settings))
        invalid = count = 0
        for found in _check(files, validator):
            count += 1
            invalid += any(issue.severity in ERRORS for issue in found.issues)
            _show(found, as_json)
    except (Unreadable, SettingsRefused) as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_NOT_POSSIBLE)
    if not as_json:
        click.echo(f"{count} checked, {invalid} not valid.")
    sys.exit(EXIT_INVALID if invalid else EXIT_VALID)


def _check(files: list[Path], validator: StructureValidator) -> Iterator[Found]:
    for file in files:
        for text in read_texts(file):
            issues = _issues(text, validator)
            if issues is not None:
                yield Found(text.place, issues)


def _issues(text: Text, validator: StructureValidator) -> tuple[Issue, ...] | None:
    """Return what is wrong with a text, or None if it is to be passed over."""
    try:
        tree = read_tree(text)
        return None if text.perhaps and not is_resource(tree) else tuple(validator.validate(tree))
    except FhirError as refusal:
        return refusal.issues


def _show(found: Found, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"place": found.place, "issues": [_as_tree(issue) for issue in found.issues]}))
        return
    for issue in found.issues:
        where = f" {issue.expression}:" if issue.expression else ""
        click.echo(f"{found.place}: {issue.severity}:{where} {issue.text} [{issue.situation}]")


def _as_tree(issue: Issue) -> dict[str, Any]:
    return {
        "severity": issue.severity,
        "code": issue.code,
        "situation": issue.situation,
        "expression": issue.expression,
        "text": issue.text,
    }
