"""Whether an answer is what a step expects: every fault of it, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from conformance import json_checks, xml_checks
from conformance.exchange import FHIR_JSON, FHIR_XML, Answer
from conformance.literal_json import NotJson, decode
from conformance.paths import parse_path, select, write_path
from conformance.suite import Expectation, OutcomeCheck
from conformance.templates import Holes

SEVERITIES = frozenset({"fatal", "error", "warning", "information"})
MEDIA = {"json": frozenset({FHIR_JSON}), "xml": frozenset({FHIR_XML})}
"""The words that a suite uses for the media types of FHIR."""
SHOWN = 200


def faults(answer: Answer, expected: Expectation, holes: Holes) -> Iterator[str]:
    """Yield what is wrong with an answer.  Raises BadTemplate where an expectation cannot be said."""
    for part in PARTS:
        yield from part(answer, expected, holes)


def _status(answer: Answer, expected: Expectation, _holes: Holes) -> Iterator[str]:
    if expected.status and answer.status not in expected.status:
        wanted = " or ".join(str(status) for status in expected.status)
        yield f"status is {answer.status}, expected {wanted}{_said(answer)}"


def _headers(answer: Answer, expected: Expectation, holes: Holes) -> Iterator[str]:
    for name, pattern in expected.headers.items():
        value, wanted = answer.header(name), holes.fill(pattern)
        if value is None:
            yield f"header {name} is missing"
        elif not re.search(wanted, value):
            yield f"header {name} is {value!r}, expected to match {wanted}"
    for name in expected.no_headers:
        if answer.header(name) is not None:
            yield f"header {name} is {answer.header(name)!r}, expected none"


def _media(answer: Answer, expected: Expectation, _holes: Holes) -> Iterator[str]:
    if expected.media is None:
        return
    wanted = MEDIA.get(expected.media, frozenset({expected.media}))
    if answer.media_type not in wanted:
        yield f"Content-Type is {answer.header('Content-Type')!r}, expected {' or '.join(sorted(wanted))}"


def _body(answer: Answer, expected: Expectation, holes: Holes) -> Iterator[str]:
    if expected.empty is not None and expected.empty != (not answer.body):
        yield f"the body has {len(answer.body)} bytes, expected {'none' if expected.empty else 'some'}"
    if expected.text is not None:
        wanted = holes.fill(expected.text)
        if answer.body != wanted.encode():
            yield f"the body is {answer.body[:SHOWN]!r}, expected {wanted[:SHOWN]!r}"


def _json(answer: Answer, expected: Expectation, holes: Holes) -> Iterator[str]:
    if not expected.json:
        return
    try:
        tree = decode(answer.body)
    except NotJson as error:
        yield f"the body is {error}"
        return
    for check in expected.json:
        fault = json_checks.check(check.kind, select(tree, check.path), holes.fill_all(check.expected))
        if fault is not None:
            yield f"{write_path(check.path) or 'the body'} {fault}"


def _xml(answer: Answer, expected: Expectation, holes: Holes) -> Iterator[str]:
    if not expected.xml:
        return
    try:
        root = xml_checks.parse(answer.body)
    except xml_checks.NotXml as error:
        yield f"the body is {error}"
        return
    for check in expected.xml:
        nodes = xml_checks.select(root, holes.fill(check.xpath))
        fault = xml_checks.check(check.kind, nodes, holes.fill_all(check.expected))
        if fault is not None:
            yield f"{check.xpath} {fault}"


def _outcome(answer: Answer, expected: Expectation, _holes: Holes) -> Iterator[str]:
    if expected.outcome is None:
        return
    if answer.media_type not in MEDIA["json"]:
        yield f"the outcome is {answer.header('Content-Type')!r}, expected {FHIR_JSON}"
    try:
        tree = decode(answer.body)
    except NotJson as error:
        yield f"the outcome is {error}"
        return
    issues = select(tree, parse_path("issue"))
    if select(tree, parse_path("resourceType")) != ["OperationOutcome"] or not issues:
        yield "the body is not an OperationOutcome with an issue"
        return
    for issue in issues:
        if not isinstance(issue, dict) or issue.get("severity") not in SEVERITIES or not issue.get("code"):
            yield "an issue of the OperationOutcome has no severity or no code"
    if not any(_is_wanted(issue, expected.outcome) for issue in issues):
        yield f"no issue is like {_described(expected.outcome)}: {json_checks.shown(issues)}"


def _is_wanted(issue: Any, wanted: OutcomeCheck) -> bool:
    if not isinstance(issue, dict):
        return False
    if wanted.codes and issue.get("code") not in wanted.codes:
        return False
    if wanted.expression is None:
        return True
    return any(re.search(wanted.expression, str(text)) for text in issue.get("expression", ()))


def _described(wanted: OutcomeCheck) -> str:
    code = f"code {' or '.join(wanted.codes)}" if wanted.codes else "any code"
    return code if wanted.expression is None else f"{code} with an expression like {wanted.expression}"


def _said(answer: Answer) -> str:
    """What the server gives as its reason, for the person who reads the report."""
    try:
        tree = decode(answer.body)
    except NotJson:
        return ""
    for path in ("issue.diagnostics", "issue.details.text"):
        if texts := select(tree, parse_path(path)):
            return f": {str(texts[0])[:SHOWN]}"
    return ""


PARTS: tuple[Callable[[Answer, Expectation, Holes], Iterator[str]], ...] = (
    _status, _headers, _media, _body, _json, _xml, _outcome,
)  # fmt: skip
