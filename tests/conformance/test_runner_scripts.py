"""Cases of features that the small server lacks, against answers that are written out: right ones, then wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from conformance.exchange import Target
from conformance.literal_json import decode
from conformance.runner import Options, run_suites
from conformance.suite import Suite
from conformance.suite_files import load_suites
from tests.conformance.runner_declared import everything_declared
from tests.conformance.runner_serving import PREFIX, Ask, Reply, served

SUITES = load_suites()


@dataclass
class Script:
    """Answers requests one after the other; `{base}` in a header or tree is the base URL."""

    replies: Sequence[Reply]
    base: str = ""
    asked: list[Ask] = field(default_factory=list)

    def answer(self, ask: Ask) -> Reply:
        if ask.path == "metadata":
            return Reply(200, everything_declared())
        self.asked.append(ask)
        if len(self.asked) > len(self.replies):
            return Reply(500)
        reply = self.replies[len(self.asked) - 1]
        headers = {name: value.replace("{base}", self.base) for name, value in reply.headers.items()}
        return replace(reply, tree=_based(reply.tree, self.base), headers=headers)


def _based(tree: Any, base: str) -> Any:
    if isinstance(tree, str):
        return tree.replace("{base}", base)
    if isinstance(tree, list):
        return [_based(item, base) for item in tree]
    return {key: _based(value, base) for key, value in tree.items()} if isinstance(tree, dict) else tree


def reasons(case_id: str, replies: Sequence[Reply]) -> tuple[str, ...]:
    """Return what is wrong with a case that is answered so."""
    script = Script(replies)
    with served(script.answer) as base:
        script.base = base
        run = run_suites(Target(base, timeout_s=60), [only(case_id)], Options(jobs=1))
    (result,) = run.results
    assert result.verdict != "skipped"
    if result.verdict == "passed":
        assert len(script.asked) == len(replies)
    return result.reasons


def only(case_id: str) -> Suite:
    (suite,) = [suite for suite in SUITES if any(case.id == case_id for case in suite.cases)]
    return replace(suite, cases=tuple(case for case in suite.cases if case.id == case_id))


def made(reference: str) -> Reply:
    return Reply(201, None, {"Location": f"{{base}}/{reference}/_history/1", "ETag": 'W/"1"'})


def json(text: str, status: int = 200, **headers: str) -> Reply:
    return Reply(status, decode(text), headers)


def raw(text: str, media: str, status: int = 200) -> Reply:
    return Reply(status, None, {"Content-Type": media}, text.encode())


def xml(text: str) -> Reply:
    return raw(
        text.replace("<Observation>", '<Observation xmlns="http://hl7.org/fhir">'), "application/fhir+xml"
    )


def outcome(status: int, expression: str = "") -> Reply:
    place = f', "expression": ["{expression}"]' if expression else ""
    issue = f'{{"severity": "error", "code": "invalid"{place}}}'
    return json(f'{{"resourceType": "OperationOutcome", "issue": [{issue}]}}', status)


def decimals(value: str, second: str) -> Reply:
    return xml(f"<Observation><valueQuantity><value value='{value}'/></valueQuantity><component><valueQuantity>"
               f"<value value='{second}'/></valueQuantity></component></Observation>")  # fmt: skip


DECIMALS = json('{"valueQuantity": {"value": 1.00}, "component": [{"valueQuantity": {"value": 0.010}}]}')
MANIFEST = """{"transactionTime": "2026-01-01T00:00:00Z", "request": "{base}/$export", "requiresAccessToken": false,
 "output": [{"type": "Patient", "url": "{base}/files/1"}], "error": []}"""
NDJSON = raw('{"resourceType": "Patient"}\n', "application/fhir+ndjson")
STARTED = Reply(202, None, {"Content-Location": "{base}/jobs/1"})
PATIENT = '{"resourceType": "Patient", "id": "1", "gender": "female", "meta": {"versionId": "%s"}, %s}'
CORS = {
    "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET,POST",
    "Access-Control-Allow-Headers": "Content-Type,If-None-Exist",
}  # fmt: skip


def subsumption(code: str) -> Reply:
    return json(
        f'{{"resourceType": "Parameters", "parameter": [{{"name": "outcome", "valueCode": "{code}"}}]}}'
    )


def history(*ids: str) -> Reply:
    entries = ",".join(f'{{"resource": {{"id": "{id}"}}}}' for id in ids)
    return json(f'{{"resourceType": "Bundle", "type": "history", "entry": [{entries}]}}')


SCRIPTS = [
    pytest.param("xml-keeps-decimals", [made("Observation/1"), DECIMALS, decimals("1.00", "0.010")], [
        (1, json('{"valueQuantity": {"value": 1.0}, "component": [{"valueQuantity": {"value": 0.010}}]}')),
        (2, decimals("1.0", "0.010")),
        (2, decimals("1.00", "1.0E-2")),
        (2, raw("<Observation>", "application/fhir+xml")),
        (2, DECIMALS),
    ], id="xml"),
    pytest.param("xml-errors-in-xml", [raw(
        '<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/></issue></OperationOutcome>',
        "application/fhir+xml", 404)], [(0, outcome(404))], id="xml-errors"),
    pytest.param("json-patch-keeps-decimals", [
        made("Observation/1"), Reply(200),
        json('{"valueQuantity": {"value": 70.50}, "component": [{"valueQuantity": {"value": 0.10}}]}')], [
        (2, json('{"valueQuantity": {"value": 70.5}, "component": [{"valueQuantity": {"value": 0.10}}]}')),
        (2, json('{"valueQuantity": {"value": 70.50}, "component": [{"valueQuantity": {"value": 0.1}}]}')),
        (1, outcome(422)),
    ], id="patch-decimals"),
    pytest.param("json-patch-test-fails", [
        made("Patient/1"), outcome(422), json(PATIENT % ("1", '"active": true'))], [
        (1, Reply(200)),
        (2, json(PATIENT % ("2", '"active": true'))),
    ], id="patch-test"),
    pytest.param("patch-of-an-unknown-type", [made("Patient/1"), outcome(415)], [
        (1, Reply(200)), (1, outcome(500))], id="patch-type"),
    pytest.param("fhirpath-patch-lists", [
        made("Patient/1"), Reply(200), json('{"name": [{"given": ["Bea", "Ada", "Cea", "Dea"]}]}')], [
        (2, json('{"name": [{"given": ["Ada", "Cea", "Bea", "Dea"]}]}')),
        (2, json('{"name": [{"given": ["Bea", "Ada", "Cea"]}]}')),
    ], id="fhirpath-patch"),
    pytest.param("xml-patch-of-nothing", [
        made("Patient/1"), outcome(400), json('{"birthDate": "1970-01-02"}')], [
        (1, Reply(200)),
        (2, json('{"birthDate": "1930-01-01"}')),
    ], id="xml-patch"),
    pytest.param("binary-raw-out", [made("Binary/1"), raw("hello, conformance", "text/plain; charset=utf-8")], [
        (1, raw("hello, conformance\n", "text/plain")),
        (1, raw("hello, conformance", "application/octet-stream")),
        (1, json('{"resourceType": "Binary", "data": "aGVsbG8sIGNvbmZvcm1hbmNl"}')),
    ], id="binary"),
    pytest.param("validate-invalid", [outcome(200, "Patient.name[1].famly")], [
        (0, outcome(400, "Patient.name[1].famly")),
        (0, outcome(200)),
        (0, outcome(200, "Patient.name[0]")),
    ], id="validate"),
    pytest.param("export-is-asynchronous", [
        made("Patient/1"), STARTED, Reply(202), json(MANIFEST), NDJSON], [
        (1, json(MANIFEST)),
        (3, json(MANIFEST.replace('"Patient"', '"Observation"'))),
        (3, json("{}")),
        (4, raw("{}", "text/html")),
    ], id="export"),
    pytest.param("everything-of-nobody", [outcome(404)], [(0, history()), (0, Reply(404))], id="everything"),
    pytest.param("subsumes", [
        made("CodeSystem/1"), subsumption("subsumes"), subsumption("not-subsumed")], [
        (1, subsumption("subsumed-by")),
        (2, subsumption("equivalent")),
    ], id="terminology"),
    pytest.param("cors-preflight", [Reply(204, None, CORS)], [
        (0, Reply(204)),
        (0, Reply(204, None, {**CORS, "Access-Control-Allow-Headers": "Content-Type"})),
        (0, Reply(405, None, CORS)),
    ], id="cors"),
    pytest.param("delete-where-several-match-multiple", [
        made("Patient/1"), made("Patient/2"), Reply(204), outcome(410), outcome(410)], [
        (4, json('{"resourceType": "Patient"}')),
        (2, outcome(412)),
    ], id="conditional-delete"),
    pytest.param("history-of-everything", [
        made("Patient/1"), json('{"meta": {"lastUpdated": "2026-01-01T00:00:00Z"}}'), made("Observation/2"),
        history("2", "1")], [
        (3, history("1")),
        (3, history("2")),
        (3, outcome(400)),
    ], id="history-system"),
]  # fmt: skip


@pytest.mark.parametrize(("case_id", "right", "wrongs"), SCRIPTS)
def test_right_answers_pass(case_id: str, right: list[Reply], wrongs: list[tuple[int, Reply]]) -> None:
    assert reasons(case_id, right) == ()


@pytest.mark.parametrize(("case_id", "right", "wrongs"), SCRIPTS)
def test_each_wrong_answer_fails(case_id: str, right: list[Reply], wrongs: list[tuple[int, Reply]]) -> None:
    for index, wrong in wrongs:
        assert reasons(case_id, [*right[:index], wrong, *right[index + 1 :]]), (index, wrong)


def test_a_walk_gathers_the_pages_and_stops_at_a_chain_without_end() -> None:
    def page(number: int, following: str | None) -> Reply:
        link = [{"relation": "next", "url": f"{{base}}/page/{following}"}] if following else []
        return Reply(200, {"type": "history", "link": link, "entry": [
            {"resource": {"meta": {"versionId": str(number), "lastUpdated": "2026-01-01T00:00:00Z"}}}]})  # fmt: skip

    changed = [made("Patient/1"), *[Reply(200)] * 4]
    pages = [page(number, str(number) if number > 1 else None) for number in range(5, 0, -1)]
    assert reasons("history-pages-cover-it-once", [*changed, *pages]) == ()
    endless = reasons("history-pages-cover-it-once", [*changed, *[page(5, "5")] * 9])
    assert "still a next link" in endless[0]


def test_a_link_to_another_host_is_not_followed() -> None:
    elsewhere = Reply(200, {"link": [{"relation": "next", "url": f"http://elsewhere.example.org{PREFIX}"}]})
    found = reasons("history-paging-is-stable", [made("Patient/1"), Reply(200), elsewhere, Reply(200)])
    assert "not on the server under test" in found[0]
