"""Servers that are wrong on purpose must fail the right cases, and a right one must pass them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from conformance.exchange import Target
from conformance.results import Run
from conformance.runner import Options, run_suites
from conformance.suite_files import load_suites
from tests.conformance.runner_declared import everything_declared, without
from tests.conformance.runner_server import Defect, SmallServer
from tests.conformance.runner_serving import Answer, Ask, Reply, served

SUITES = {suite.name: suite for suite in load_suites()}

NOT_BUILT = {
    "delete": {"delete-with-stale-if-match"},
    "errors": {
        "null-value", "unknown-element", "unknown-element-has-a-place", "wrong-json-type", "malformed-date",
        "illegal-characters",
    },
    "headers": {"request-id-is-echoed", "request-id-is-made", "forwarded-host"},
    "history": {"history-at-a-time", "history-with-a-bad-sort"},
    "metadata": {"metadata-mode-terminology", "metadata-not-modified", "metadata-elements"},
    "paging": {"search-page-is-not-larger-than-asked", "search-paging-is-stable"},
    "summary": {
        "summary-true", "summary-text", "summary-data", "summary-count", "summary-of-a-read",
        "elements-of-a-read", "elements-keep-what-is-required", "summary-with-a-bad-value",
        "summary-together-with-elements",
    },
    "transaction": {
        "transaction-response-says-versions", "transaction-references-are-rewritten",
        "transaction-links-are-rewritten", "transaction-relative-references",
        "transaction-circular-references", "transaction-order", "transaction-if-none-exist",
    },
    "transaction_rules": {
        "transaction-conditional-reference", "transaction-conditional-reference-to-none",
        "transaction-conditional-reference-to-several", "transaction-conditional-reference-has-a-place",
        "transaction-same-resource-twice", "transaction-delete-and-update-of-one",
        "transaction-delete-before-conditional-create", "transaction-if-match", "transaction-with-a-search",
        "transaction-fullurl-unlike-the-id", "transaction-same-fullurl-twice",
    },
    "update": {"update-refuses-subsetted"},
}  # fmt: skip
"""What the small server does not do, although it declares the interaction: it takes the entries of a transaction
one by one as they stand, cuts nothing, has no pages of a search, and looks into few elements."""


def run_against(server: SmallServer, *names: str) -> Run:
    with served(server.answer) as base:
        server.base = base
        return run_suites(Target(base, timeout_s=60), [SUITES[name] for name in names], Options(jobs=4))


def failed(run: Run) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for result in run.ended("failed"):
        found.setdefault(result.suite, set()).add(result.case.id)
    return found


def test_a_right_server_fails_what_it_does_not_do_and_nothing_else() -> None:
    run = run_against(SmallServer(), *SUITES)

    assert failed(run) == NOT_BUILT
    assert run.count("passed") > 140


def on(method: str, change: Callable[[Ask, Reply], Reply], below: str = "") -> Defect:
    """A defect that changes the answers to a method at addresses that have `below` in them."""

    def defect(ask: Ask, right: Answer) -> Reply:
        reply = right(ask)
        return change(ask, reply) if ask.method == method and below in ask.path else reply

    return defect


def status(old: int, new: int) -> Callable[[Ask, Reply], Reply]:
    return lambda _ask, reply: replace(reply, status=new) if reply.status == old else reply


def tree(change: Callable[[Any], Any]) -> Callable[[Ask, Reply], Reply]:
    return lambda _ask, reply: replace(reply, tree=change(reply.tree)) if reply.tree else reply


def asked(change: Callable[[Ask], Ask]) -> Defect:
    return lambda ask, right: right(change(ask))


def capitalised(ask: Ask, right: Answer) -> Reply:
    return right(
        replace(ask, path=ask.path if ask.path == "metadata" else ask.path[:1].upper() + ask.path[1:])
    )


def without_header(ask: Ask, *names: str) -> Ask:
    kept = {name: value for name, value in ask.headers.items() if name.lower() not in names}
    return replace(ask, headers=kept)


def as_floats(reply: Reply) -> Reply:
    """As a server that reads numbers into floats; ints stay."""
    if reply.tree is None:
        return reply
    from conformance.literal_json import decode, encode

    return replace(reply, tree=decode(json.dumps(json.loads(encode(reply.tree)))))


def entry_changed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], Any]:
    return lambda bundle: (
        {**bundle, "entry": [change(entry) for entry in bundle["entry"]]} if "entry" in bundle else bundle
    )


def reversed_entries(bundle: Any) -> Any:
    return {**bundle, "entry": bundle["entry"][::-1]} if "entry" in bundle else bundle


def stop_at_first(ask: Ask, right: Answer) -> Reply:
    """A batch that is treated as a transaction."""
    return right(replace(ask, body=ask.body.replace(b'"batch"', b'"transaction"')) if not ask.path else ask)


def as_batch(ask: Ask, right: Answer) -> Reply:
    """A transaction that is treated as a batch."""
    if ask.path or b'"transaction"' not in ask.body:
        return right(ask)
    reply = right(replace(ask, body=ask.body.replace(b'"transaction"', b'"batch"')))
    return replace(reply, tree={**reply.tree, "type": "transaction-response"}) if reply.tree else reply


def with_resource(entry: dict[str, Any]) -> dict[str, Any]:
    return {"resource": {"resourceType": "Patient"}, **entry}


def one_more(bundle: Any) -> Any:
    return {**bundle, "entry": [*bundle["entry"], bundle["entry"][0]]} if "entry" in bundle else bundle


DEFECTS = [
    pytest.param("read", on("GET", status(410, 404)), {
        "read-deleted-id", "read-deleted-id-outcome", "vread-of-the-delete"}, id="forgets-deletes"),
    pytest.param("read", on("GET", lambda _, reply: reply.without("ETag")), {
        "read-etag-is-the-version", "vread-etag-is-the-version"}, id="no-etag"),
    pytest.param("read", on("GET", lambda _, reply: reply.without("Last-Modified")), {
        "read-last-modified-is-last-updated"}, id="no-last-modified"),
    pytest.param("read", on("GET", status(404, 200)), {
        "read-unknown-id", "read-unknown-id-outcome", "vread-unknown-version", "vread-unknown-id",
        "read-ids-are-case-sensitive", "read-id-with-an-underscore", "read-id-of-65-characters"},
        id="finds-everything"),
    pytest.param("conditional_read", asked(lambda ask: without_header(ask, "if-none-match")), {
        "not-modified-by-etag", "not-modified-by-strong-etag", "not-modified-among-several-etags",
        "not-modified-names-the-version", "etag-is-stronger-than-date"}, id="if-none-match-unknown"),
    pytest.param("conditional_read", asked(lambda ask: without_header(ask, "if-modified-since")), {
        "not-modified-since", "not-modified-since-in-old-forms"}, id="if-modified-since-unknown"),
    pytest.param("formats", asked(lambda ask: without_header(replace(ask, query={}), "accept")), {
        "accept-unsupported", "format-parameter-unsupported"}, id="gives-json-whatever-is-asked"),
    pytest.param("formats", asked(lambda ask: replace(
        without_header(ask, "content-type"), headers={**ask.headers, "Content-Type": "application/json"})), {
        "body-of-unknown-type", "body-without-type"}, id="takes-any-type-for-json"),
    pytest.param("errors", on("POST", status(422, 201)), {
        "empty-values", "unknown-code", "missing-required-element", "missing-required-element-is-named",
        "two-values-of-a-choice", "refused-means-not-stored"}, id="validates-nothing"),
    pytest.param("errors", capitalised, {"type-names-are-case-sensitive"}, id="type-names-in-any-case"),
    pytest.param("exact", lambda ask, right: as_floats(right(ask)), {
        "decimals-keep-their-digits", "exponents-keep-their-form", "decimals-survive-an-update",
        "extensions-keep-their-order"}, id="numbers-are-floats"),
    pytest.param("create", on("POST", lambda ask, reply: replace(reply, headers={
        **reply.headers, "Location": reply.headers["Location"].partition("/_history")[0]})
        if "Location" in reply.headers else reply), {"create-location-has-the-version"}, id="location-without-version"),
    pytest.param("create", asked(lambda ask: without_header(ask, "prefer")), {
        "create-return-minimal", "create-return-outcome"}, id="prefer-unknown"),
    pytest.param("update", asked(lambda ask: without_header(ask, "if-match")), {
        "if-match-stale", "if-match-stale-outcome", "if-match-malformed", "if-match-race"}, id="last-writer-wins"),
    pytest.param("update", on("PUT", status(201, 200)), {
        "update-as-create", "if-none-match-star-on-a-free-id", "update-brings-back"}, id="never-says-created"),
    pytest.param("delete", on("DELETE", status(204, 404)), {
        "delete-succeeds", "delete-again", "delete-unknown-id", "delete-hides-from-search",
        "delete-is-in-the-history", "delete-takes-a-version", "delete-again-is-no-version",
    }, id="deletes-with-404"),
    pytest.param("delete", on("GET", tree(entry_changed(with_resource)), "_history"), {
        "delete-is-in-the-history"}, id="deletes-have-resources"),
    pytest.param("history", on("GET", tree(reversed_entries), "_history"), {
        "history-of-an-instance", "history-says-how-versions-came", "history-says-versions-and-times"},
        id="oldest-first"),
    pytest.param("history", on("GET", tree(one_more), "_history"), {
        "history-of-an-instance", "history-says-how-versions-came", "history-says-versions-and-times",
        "history-total", "history-pages-cover-it-once", "history-page-is-not-larger-than-asked",
        "history-paging-is-stable", "history-since-is-inclusive"}, id="repeats-an-entry"),
    pytest.param("history", asked(lambda ask: replace(ask, query={
        key: value for key, value in ask.query.items() if key != "upto"})), {
        "history-pages-cover-it-once", "history-paging-is-stable"}, id="pages-never-end"),
    pytest.param("conditional", asked(lambda ask: without_header(ask, "if-none-exist")), {
        "create-if-none-exist-with-a-match", "create-if-none-exist-names-the-match",
        "create-if-none-exist-with-several-matches", "create-if-none-exist-race",
        "create-if-none-exist-without-criteria"}, id="if-none-exist-unknown"),
    pytest.param("batch", stop_at_first, {
        "batch-answers-each-entry", "batch-entries-are-independent", "batch-failure-has-an-outcome",
        "batch-empty"},
        id="a-batch-is-a-transaction"),
    pytest.param("transaction", as_batch, {
        "transaction-is-all-or-nothing", "transaction-failure-names-the-entry", "transaction-undoes-deletes"},
        id="a-transaction-is-a-batch"),
    pytest.param("transaction_rules", as_batch, {
        "transaction-read-of-nothing", "transaction-entry-without-a-request"}, id="a-transaction-is-a-batch-too"),
    pytest.param("metadata", on("GET", tree(lambda told: {**told, "fhirVersion": "3.0.1"}), "metadata"), {
        "metadata-is-a-capability-statement"}, id="another-fhir-version"),
    pytest.param("metadata", on("GET", lambda ask, reply: replace(reply, status=501)
        if ask.query.get("identifier") else reply, "Observation"), {
        "metadata-declared-parameters-are-served"}, id="declares-what-it-has-not"),
    pytest.param("headers", asked(lambda ask: without_header(ask, "prefer")), {
        "prefer-handling-strict"}, id="handling-unknown"),
    pytest.param("headers", on("HEAD", status(200, 501)), {"head-is-get-without-a-body"}, id="no-head"),
    pytest.param("summary", on("GET", tree(lambda found: {**found, "meta": {"tag": [{"code": "SUBSETTED"}]}}),
        "Patient/"), {"summary-is-not-stored"}, id="the-tag-sticks"),
]  # fmt: skip


@pytest.mark.parametrize(("suite", "defect", "caught"), DEFECTS)
def test_a_defect_fails_its_cases_and_no_others(suite: str, defect: Defect, caught: set[str]) -> None:
    run = run_against(SmallServer(defect), suite)

    assert failed(run).get(suite, set()) - NOT_BUILT.get(suite, set()) == caught


@pytest.mark.parametrize("reply", [
    pytest.param(Reply(200, {}), id="yes"),
    pytest.param(Reply(500, content=b"<html>Oops</html>", headers={"Content-Type": "text/html"}), id="broken"),
])  # fmt: skip
@pytest.mark.parametrize("flags", [
    pytest.param({}, id="declares-everything"),
    pytest.param({"updateCreate": False, "conditionalDelete": "single"}, id="declares-less"),
])  # fmt: skip
def test_a_server_that_says_the_same_to_everything_passes_nothing(
    reply: Reply, flags: dict[str, Any]
) -> None:
    statement = without(everything_declared(), **flags)
    told = Reply(200, statement)

    def answer(ask: Ask) -> Reply:
        return told if ask.path == "metadata" and not ask.query and ask.method == "GET" else reply

    with served(answer) as base:
        run = run_suites(Target(base, timeout_s=60), list(SUITES.values()), Options(jobs=4))

    passed = {result.case.id for result in run.ended("passed")}
    assert passed - ABOUT_METADATA - A_BARE_200_IS_RIGHT == set()
    assert run.count("skipped") < 30


ABOUT_METADATA = {
    "metadata-names-a-format-it-gives", "metadata-declares-search-parameters-by-definition",
    "metadata-declares-no-empty-elements",
}  # fmt: skip
"""The statement that these servers make about themselves is right."""

A_BARE_200_IS_RIGHT = {"delete-unknown-id", "delete-where-nothing-matches"}
