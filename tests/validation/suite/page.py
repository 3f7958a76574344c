"""What `docs/validation-suite.md` says, made from the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.validation.suite.judging import Verdict
from tests.validation.suite.material import QUESTIONNAIRE, SCORED

PAGE = Path(__file__).parents[3] / "docs" / "validation-suite.md"

_HEAD = """# The public validator suite

`tests/validation/suite` reads the R4 cases of FHIR/fhir-test-cases and validates each with the whole validator:
structure, invariants, base rules as strict as the reference validator's (`base.options.STRICT`), and the profiles that
the case names. What is compared is whether there is an error at all, never texts. A case that names a profile makes two
comparisons: without the profile and with it. Not compared: cases that the suite switches off, cases without a recorded
outcome for R4, cases whose every expected error came from a terminology server (its outcome says so), and cases whose
packages are not to be had here; the last are listed at the end.

`fhir_server/validation/base/options.py` names each group of base rules and its level. By default a rule is an error only
where nothing but a mistake explains what is there; no example of the specification, of the IPS guides or of the EU has
one. Nothing of this is asked on write unless the caller puts `BaseChecker(…).rule` among the rules of the Validator.

A test compares this page with what it finds (`FHIR_WRITE_PAGES=1` writes it again), and fails for a disagreement that
is not in `known_disagreements.toml`, and for one that is and has gone.
"""


def page_of(verdicts: Sequence[Verdict], causes: Mapping[str, str]) -> str:
    """Return the text of the page."""
    parts = [
        _HEAD,
        "## By module\n",
        *_tables(verdicts),
        "## Disagreements\n",
        *_disagreements(verdicts, causes),
        "\n## Not compared: packages that are not here\n",
        *_absent(verdicts),
    ]
    return "\n".join(parts) + "\n"


def share(verdicts: Iterable[Verdict]) -> tuple[int, int]:
    """Return how many comparisons there were, and how many agreed."""
    judged = [verdict.agrees for verdict in verdicts if verdict.agrees is not None]
    return len(judged), sum(judged)


def of_modules(verdicts: Iterable[Verdict], modules: Iterable[str]) -> list[Verdict]:
    """Return the verdicts of these modules."""
    wanted = frozenset(modules)
    return [verdict for verdict in verdicts if verdict.comparison.module in wanted]


def _tables(verdicts: Sequence[Verdict]) -> list[str]:
    others = sorted({verdict.comparison.module for verdict in verdicts} - {*SCORED, QUESTIONNAIRE})
    lines = ["| module | compared | agree | % |", "|---|---|---|---|"]
    lines += [_row(module, of_modules(verdicts, [module])) for module in SCORED]
    lines.append(_row("**all of the above**", of_modules(verdicts, SCORED)))
    lines.append(_row(QUESTIONNAIRE, of_modules(verdicts, [QUESTIONNAIRE])))
    lines += [_row(module, of_modules(verdicts, [module])) for module in others]
    return [*lines, ""]


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    compared, agree = share(verdicts)
    percent = f"{100 * agree / compared:.1f}" if compared else "-"
    return f"| {name} | {compared} | {agree} | {percent} |"


def _disagreements(verdicts: Sequence[Verdict], causes: Mapping[str, str]) -> list[str]:
    lines = ["| module | comparison | reference validator | cause |", "|---|---|---|---|"]
    found = [verdict for verdict in verdicts if verdict.agrees is False]
    for verdict in sorted(found, key=lambda each: (each.comparison.module, each.comparison.key)):
        comparison = verdict.comparison
        said = "error" if comparison.error_expected else "no error"
        cause = causes.get(comparison.key, "")
        lines.append(f"| {comparison.module} | {comparison.key} | {said} | {cause} |")
    return lines


def _absent(verdicts: Sequence[Verdict]) -> list[str]:
    lines = ["| module | comparison | packages |", "|---|---|---|"]
    for verdict in sorted(verdicts, key=lambda each: (each.comparison.module, each.comparison.key)):
        if verdict.missing:
            packages = ", ".join(verdict.missing)
            lines.append(f"| {verdict.comparison.module} | {verdict.comparison.key} | {packages} |")
    return lines
