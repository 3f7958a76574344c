"""Suites against a server: what it declares is asked, the rest is skipped and said to be."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from conformance.capability import lacking
from conformance.case_run import Asked, run_case
from conformance.exchange import FHIR_JSON, Request, Target, Unreachable
from conformance.literal_json import NotJson, decode
from conformance.paths import parse_path, select
from conformance.results import Result, Run, Verdict
from conformance.suite import Case, Suite

OUT_OF_TIME = "not run: the time of the whole run was over"


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is bounded: cases at a time, and seconds after which no case starts."""

    jobs: int = 4
    max_seconds: float = 600.0


def run_suites(
    target: Target,
    suites: Sequence[Suite],
    options: Options = Options(),
) -> Run:
    """Run the cases of suites and return what became of them, in their order.

    Raises Unreachable when the server has no CapabilityStatement.
    """
    started = time.monotonic()
    statement = declared(target)
    session = _Session(Asked(target, statement), secrets.token_hex(4), started + options.max_seconds)
    cases = [(suite, case) for suite in suites for case in suite.cases]
    with ThreadPoolExecutor(options.jobs) as together:
        numbered = [(number, suite, case) for number, (suite, case) in enumerate(cases, 1)]
        results = tuple(together.map(lambda given: session.result(*given), numbered))
    return Run(
        base=target.base,
        server=" ".join(_texts(statement, "software.name") + _texts(statement, "software.version")),
        fhir_version=" ".join(_texts(statement, "fhirVersion")),
        seconds=time.monotonic() - started,
        results=results,
    )


def declared(target: Target) -> Mapping[str, Any]:
    """Return the CapabilityStatement of a server.  Raises Unreachable."""
    answer = target.send(Request("GET", target.url("metadata"), {"Accept": FHIR_JSON}))
    try:
        statement = decode(answer.body)
    except NotJson:
        statement = None
    if (
        answer.status != 200
        or not isinstance(statement, dict)
        or statement.get("resourceType") != "CapabilityStatement"
    ):
        raise Unreachable(
            f"{target.url('metadata')} answers {answer.status} and no CapabilityStatement in JSON;"
            " BASE is the FHIR base URL, such as http://127.0.0.1:8080/fhir"
        )
    return statement


@dataclass(frozen=True, slots=True)
class _Session:
    asked: Asked
    run_id: str
    deadline: float

    def result(self, number: int, suite: Suite, case: Case) -> Result:
        lacks = lacking(self.asked.statement, case.needs)
        if lacks is not None:
            return Result(suite.name, case, "skipped", (f"not declared: {lacks}",))
        started = time.monotonic()
        if started > self.deadline:
            return Result(suite.name, case, "failed", (OUT_OF_TIME,))
        reasons = run_case(self.asked, case, suite.resources, f"c{self.run_id}-{number}")
        verdict: Verdict = "failed" if reasons else "passed"
        return Result(suite.name, case, verdict, reasons, time.monotonic() - started)


def _texts(statement: Mapping[str, Any], path: str) -> list[str]:
    return [str(value) for value in select(statement, parse_path(path))]
