"""The suites themselves: files that are right, and joined to the requirements both ways."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from lxml import etree

from conformance import literal_json
from conformance.requirements import faults, load_requirements
from conformance.suite import LEVELS, Case, Step, Suite
from conformance.suite_files import SuiteError, load_suites
from conformance.templates import HOLE, REPEAT
from conformance.xml_checks import NAMESPACES

SUITES = load_suites()
CASES = [(suite, case) for suite in SUITES for case in suite.cases]
BUILT_IN = re.compile(r"base|unique|n|uuid\d*|declared\.(type|name|value)")

each_suite = pytest.mark.parametrize("suite", [pytest.param(suite, id=suite.name) for suite in SUITES])

GOOD = """
title = "t"
[[case]]
id = "a-case"
title = "t"
level = "SHALL"
spec = "https://hl7.org/fhir/R4/http.html"
[[case.step]]
send = "GET metadata"
expect.status = 200
"""


def steps(case: Case) -> list[Step]:
    return [*case.setup, *case.steps]


def texts(suite: Suite, step: Step) -> list[str]:
    """All templates of a step, those of its bodies included."""
    body = suite.resources[step.body] if step.body else ""
    repeated = [suite.resources[found[2]] for found in map(REPEAT.fullmatch, HOLE.findall(body)) if found]
    expected = [str(check.expected) for check in (*step.expect.json, *step.expect.xml)]
    return [
        step.url, step.raw or "", step.expect.text or "", body, *step.headers.values(),
        *step.expect.headers.values(), *repeated, *expected,
    ]  # fmt: skip


def test_there_is_a_suite_for_each_chapter_and_cases_of_each_level() -> None:
    assert len(SUITES) >= 20
    assert len(CASES) >= 280
    assert {case.level for _, case in CASES} == set(LEVELS)


@each_suite
def test_each_hole_of_a_case_can_be_filled_by_what_went_before(suite: Suite) -> None:
    for case in suite.cases:
        saved: set[str] = set()
        for step in steps(case):
            assert step.body is None or step.body in suite.resources, case.id
            for hole in chain.from_iterable(HOLE.findall(text) for text in texts(suite, step)):
                if repeat := REPEAT.fullmatch(hole):
                    assert repeat[2] in suite.resources, case.id
                elif not BUILT_IN.fullmatch(hole.partition("|")[0]):
                    assert re.split(r"[.:@]", hole)[0] in saved, (case.id, hole)
            saved |= {step.save} if step.save else set()


@each_suite
def test_each_pattern_and_xpath_of_a_case_can_be_read(suite: Suite) -> None:
    for step in chain.from_iterable(map(steps, suite.cases)):
        for pattern in step.expect.headers.values():
            re.compile(HOLE.sub("x", pattern))
        for check in step.expect.json:
            if check.kind == "matches":
                re.compile(HOLE.sub("x", check.expected))
            if check.kind == "includes":
                literal_json.decode(HOLE.sub("x", check.expected))
        for node in step.expect.xml:
            etree.XPath(HOLE.sub("x", node.xpath), namespaces=NAMESPACES)


@each_suite
def test_a_case_says_something_of_the_last_answer(suite: Suite) -> None:
    for case in suite.cases:
        expect = case.steps[-1].expect
        assert any([expect.status, expect.headers, expect.json, expect.xml, expect.tally]), case.id


@each_suite
def test_a_case_asks_for_the_interactions_that_it_uses(suite: Suite) -> None:
    """A server that does not declare `create` is not asked to create for the sake of another feature."""
    for case in suite.cases:
        for step in case.setup:
            if step.method == "POST" and re.fullmatch(r"[A-Z]\w+", step.url):
                assert {f"{step.url}.create", f"{step.url}?identifier"} & set(case.needs), case.id


def test_requirements_and_cases_are_joined_both_ways() -> None:
    assert list(faults(load_requirements(), SUITES)) == []


def test_a_join_that_is_broken_is_found() -> None:
    requirements = load_requirements()
    first = requirements[0]
    assert any("no requirement names" in fault for fault in faults(requirements[1:], SUITES))
    for wrong, fault in [
        (replace(first, cases=("no-such-case",)), "which no suite has"),
        (replace(first, level="SHOULD"), "different places or levels"),
        (replace(first, spec="https://example.org"), "different places or levels"),
        (replace(first, level="MUST"), "has the level"),
        (replace(first, cases=()), "or a reason"),
        (replace(first, id=requirements[1].id), "there twice"),
    ]:
        found = list(faults((wrong, *requirements[1:]), SUITES))
        assert any(fault in text for text in found), fault


def written(directory: Path, text: str) -> Path:
    (directory / "one.toml").write_text(text, encoding="utf-8")
    return directory


def test_a_right_file_is_read(tmp_path: Path) -> None:
    (suite,) = load_suites(written(tmp_path, GOOD))
    assert (suite.name, suite.cases[0].steps[0].method, suite.cases[0].steps[0].url) == (
        "one",
        "GET",
        "metadata",
    )


@pytest.mark.parametrize(("old", "new", "message"), [
    pytest.param('title = "t"\n[[', "[[", "'title' is a required", id="no-title"),
    pytest.param('"SHALL"', '"MUST"', "'MUST'", id="an-unknown-level"),
    pytest.param('"a-case"', '"A case"', "does not match", id="an-id-in-another-form"),
    pytest.param("expect.status = 200", "expect.stat = 200", "'stat'", id="an-unknown-word"),
    pytest.param("expect.status = 200", "", "not valid", id="nothing-expected"),
    pytest.param("GET metadata", "FETCH metadata", "does not match", id="an-unknown-method"),
    pytest.param("expect.status = 200", 'expect.json = [{path = "a["}]', "path", id="a-check-without-a-word"),
    pytest.param("expect.status = 200", 'expect.json = [{path = "a[", present = true}]', "selector", id="a-bad-path"),
    pytest.param('title = "t"\nlevel', 'title = "t"\nneeds = ["flying"]\nlevel', "flying", id="an-unknown-need"),
    pytest.param("GET metadata", "GET metadata\"\nraw=\"a\"\nbody=\"b", "should not be valid", id="two-bodies"),
    pytest.param("status = 200", "status =", "Invalid value", id="no-toml"),
])  # fmt: skip
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(SuiteError, match=r"one\.toml") as refused:
        load_suites(written(tmp_path, GOOD.replace(old, new, 1)))
    assert message in str(refused.value)


def test_an_id_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(SuiteError, match="a-case"):
        load_suites(written(tmp_path, GOOD))
