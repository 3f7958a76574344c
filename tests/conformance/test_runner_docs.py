"""docs/conformance.md names every word that a suite may use."""

from __future__ import annotations

import json
import re
from pathlib import Path

from conformance.capability import parse_need
from conformance.filters import FILTERS
from conformance.json_checks import KINDS
from conformance.suite_files import SCHEMA, SUITES, load_suites
from conformance.templates import ATTRIBUTES

PAGE = (Path(__file__).parent.parent.parent / "docs/conformance.md").read_text("utf-8")
TERMS = json.loads(SCHEMA.read_text("utf-8"))["$defs"]


def test_every_suite_is_named() -> None:
    assert [suite.name for suite in load_suites() if f"`{suite.name}`" not in PAGE] == []


def test_every_word_is_explained() -> None:
    words = {
        *KINDS,
        *TERMS["expect"]["properties"],
        *TERMS["xml"]["properties"],
        *TERMS["step"]["properties"],
    }
    assert sorted(word for word in words - {"xpath", "expect"} if f"`{word}`" not in PAGE) == []


def test_every_filter_and_attribute_is_explained() -> None:
    assert sorted(name for name in FILTERS if f"|{name}" not in PAGE) == []
    assert sorted(name for name in ATTRIBUTES if f"{{{{p.{name}}}}}" not in PAGE) == []


def test_every_feature_on_the_page_can_be_asked() -> None:
    features = PAGE.partition("### Features")[2].partition("##")[0]
    needs = [need for need in re.findall(r"`([^`]+)`", features) if need not in ("needs", "!")]
    assert len(needs) > 8
    for need in needs:
        parse_need(need)


def test_the_folder_says_how_to_add_a_case() -> None:
    example = (SUITES / "__init__.py").read_text("utf-8")
    assert "[[case]]" in example
    assert "requirements.csv" in example
