"""A run as JSON, for machines."""

from __future__ import annotations

import json
from typing import Any

from conformance.results import VERDICTS, Result, Run
from conformance.suite import LEVELS


def as_json(run: Run) -> str:
    """Return a run as JSON text: what was asked of whom, the totals of each level, every case."""
    written = {
        "base": run.base,
        "server": run.server,
        "fhirVersion": run.fhir_version,
        "seconds": round(run.seconds, 3),
        "conformant": run.is_conformant,
        "totals": {level: {verdict: run.count(verdict, level) for verdict in VERDICTS} for level in LEVELS},
        "cases": [_case(result) for result in run.results],
    }
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def _case(result: Result) -> dict[str, Any]:
    return {
        "suite": result.suite,
        "id": result.case.id,
        "level": result.case.level,
        "title": result.case.title,
        "spec": result.case.spec,
        "verdict": result.verdict,
        "reasons": list(result.reasons),
        "seconds": round(result.seconds, 3),
    }
