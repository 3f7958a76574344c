"""The cases of the public validator suite for R4: what is validated, with what, and what was expected."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FOLDER = "validator"
NO_MODULE = "(none)"
SCORED = (
    NO_MODULE, "general", "profile", "references", "bundle", "extensions", "xhtml", "invariants", "sd",
    "base", "api", "security", "xver",
)  # fmt: skip
"""The modules that at least 95 % of the comparisons have to agree in."""
QUESTIONNAIRE = "questionnaire"

_SERVER = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-server"
"""Names the terminology server that an issue came from."""

Part = Literal["base", "profile"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One resource, validated in one way, beside what the reference validator found.

    A case that names a profile makes two: `base` without the profile, `profile` with it.
    `error_expected` is None where there is nothing to compare with.
    """

    key: str
    module: str
    part: Part
    file: Path
    definitions: tuple[Path, ...]
    packages: tuple[str, ...]
    profile: Path | None
    options: Mapping[str, Any]
    error_expected: bool | None
    by_server: bool
    """Whether every error that is expected came from a terminology server."""


def comparisons(corpus: Path) -> list[Comparison]:
    """Return every comparison of the manifest that its authors have not switched off."""
    folder = corpus / FOLDER
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    seen: Counter[str] = Counter()
    found: list[Comparison] = []
    for case in manifest["test-cases"]:
        seen[case["name"]] += 1
        number = seen[case["name"]]
        name = case["name"] if number == 1 else f"{case['name']}#{number}"
        if case.get("use-test", True) and (folder / case["file"]).is_file():
            found.extend(_comparisons(folder, case, name))
    return found


def _comparisons(folder: Path, case: Mapping[str, Any], name: str) -> Iterator[Comparison]:
    named = [*case.get("supporting", ()), *case.get("profiles", ())]
    yield _comparison(folder, case, name, "base", named, case.get("java"))
    profile = case.get("profile")
    if profile is not None and profile.get("use-test", True) and (folder / profile["source"]).is_file():
        named = [*named, profile["source"], *profile.get("supporting", ())]
        yield _comparison(folder, case, name, "profile", named, profile.get("java"))


def _comparison(
    folder: Path, case: Mapping[str, Any], name: str, part: Part, named: list[str], outcome: Any
) -> Comparison:
    profile = case["profile"] if part == "profile" else {}
    errors = _errors(folder / "outcomes", outcome)
    by_server = bool(errors) and all(map(_is_by_server, errors or ()))
    return Comparison(
        key=f"{name} {part}",
        module=case.get("module", NO_MODULE),
        part=part,
        file=folder / case["file"],
        definitions=tuple(folder / each for each in named if (folder / each).exists()),
        packages=(*case.get("packages", ()), *profile.get("packages", ())),
        profile=folder / profile["source"] if profile else None,
        options={**case, **profile},
        error_expected=None if by_server else bool(errors) if errors is not None else None,
        by_server=by_server,
    )


def _errors(folder: Path, outcome: Any) -> list[Mapping[str, Any]] | None:
    """Return the errors of an outcome, inline or the name of its file; None if there is none for R4."""
    if isinstance(outcome, str):
        path = folder / outcome
        if "/R5." in outcome or not path.exists():
            return None
        outcome = json.loads(path.read_text("utf-8"))
    if outcome is None:
        return None
    if "errorCount" in outcome:
        return [{}] * outcome["errorCount"]
    issues = outcome.get("outcome", outcome).get("issue", ())
    return [issue for issue in issues if issue["severity"] in ("error", "fatal")]


def _is_by_server(issue: Mapping[str, Any]) -> bool:
    return any(each["url"] == _SERVER for each in issue.get("extension", ()))
