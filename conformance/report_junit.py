"""A run as JUnit XML, for continuous integration: a suite is a testsuite, a case is a testcase.

A SHOULD or MAY that is not met is written as skipped with its reason: only a SHALL breaks a build.
"""

from __future__ import annotations

import re
from itertools import groupby

from lxml import etree

from conformance.results import Result, Run

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(run: Run) -> bytes:
    """Return a run as a JUnit XML document."""
    root = etree.Element("testsuites", name=_clean(f"FHIR R4 conformance of {run.base}"))
    for name, group in groupby(run.results, key=lambda result: result.suite):
        results = list(group)
        suite = etree.SubElement(
            root, "testsuite", name=name, tests=str(len(results)),
            failures=str(sum(map(_breaks, results))),
            skipped=str(sum(result.verdict != "passed" and not _breaks(result) for result in results)),
            time=f"{sum(result.seconds for result in results):.3f}",
        )  # fmt: skip
        for result in results:
            _write(suite, result)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _write(suite: etree._Element, result: Result) -> None:
    case = etree.SubElement(
        suite, "testcase", classname=f"{result.suite}.{result.case.level}", name=result.case.id,
        time=f"{result.seconds:.3f}",
    )  # fmt: skip
    if result.verdict == "passed":
        return
    text = _clean("\n".join([result.case.title, *result.reasons, result.case.spec]))
    if _breaks(result):
        etree.SubElement(case, "failure", message=_clean(result.reasons[0])).text = text
    else:
        etree.SubElement(case, "skipped", message=_clean(result.reasons[0])).text = text


def _breaks(result: Result) -> bool:
    return result.verdict == "failed" and result.case.level == "SHALL"


def _clean(text: str) -> str:
    return NOT_XML.sub("�", text)
