"""The verdicts on the public validator suite agree with those of the reference validator."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from profiles.registry import Registry
from tests.validation.suite.judging import Judge, Verdict
from tests.validation.suite.material import QUESTIONNAIRE, SCORED, comparisons
from tests.validation.suite.page import PAGE, of_modules, page_of, share

pytestmark = pytest.mark.corpus

LEAST_COMPARED = 440
LEAST_SCORED = 0.95
KNOWN = Path(__file__).parent / "known_disagreements.toml"
WRITE = "FHIR_WRITE_PAGES"


@pytest.fixture(scope="module")
def verdicts(corpus: Path, registry: Registry) -> list[Verdict]:
    judge = Judge(corpus, registry)
    return [judge.judge(comparison) for comparison in comparisons(corpus)]


@pytest.fixture(scope="module")
def causes() -> Mapping[str, str]:
    known = tomllib.loads(KNOWN.read_text("utf-8"))["disagreement"]
    return {key: each["cause"] for each in known for key in each["comparisons"]}


def test_the_suite_is_there(verdicts: list[Verdict]) -> None:
    compared, _ = share(verdicts)
    assert compared >= LEAST_COMPARED


def test_every_disagreement_is_known_and_every_known_one_is_there(
    verdicts: list[Verdict], causes: Mapping[str, str]
) -> None:
    found = {verdict.comparison.key for verdict in verdicts if verdict.agrees is False}
    assert {"unlisted": sorted(found - causes.keys()), "gone": sorted(causes.keys() - found)} == {
        "unlisted": [],
        "gone": [],
    }


@pytest.mark.parametrize(
    ("modules", "least"),
    [
        pytest.param(SCORED, LEAST_SCORED, id="scored"),
        pytest.param((QUESTIONNAIRE,), 0.80, id="questionnaire"),
    ],
)
def test_enough_agree(verdicts: list[Verdict], modules: tuple[str, ...], least: float) -> None:
    compared, agree = share(of_modules(verdicts, modules))
    assert agree / compared >= least


def test_the_page_says_what_was_found(verdicts: list[Verdict], causes: Mapping[str, str]) -> None:
    text = page_of(verdicts, causes)
    if os.environ.get(WRITE):
        PAGE.write_text(text, "utf-8")
    assert PAGE.read_text("utf-8") == text
