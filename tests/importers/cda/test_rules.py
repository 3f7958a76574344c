"""The page docs/french-documents.md: all 45 rules, and the tests and the files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
ROOT = TESTS.parent
PAGE = ROOT / "docs" / "french-documents.md"
PLACES = ("importers/", "fhir_server/", "policy/", "tests/")


def rows() -> list[list[str]]:
    """Return the cells of every row of every table, the heads left out."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[-1] != "tested by"]


def test_the_table_has_every_rule() -> None:
    numbers = re.findall(r"^\| ([0-9]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 46)]


def test_the_tests_that_the_page_names_exist() -> None:
    written = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    assert named - written == set()
    assert len(named) > 45


def test_the_files_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`([\w./-]+/[\w./-]+)`", PAGE.read_text("utf-8")))
    places = {name for name in named if name.startswith(PLACES)}
    assert [name for name in sorted(places) if not (ROOT / name).exists()] == []
    assert len(places) > 40


def test_every_rule_names_a_place_and_a_test() -> None:
    assert [row for row in rows() if "`test_" not in row[-1] or not set(PLACES) & starts(row[-2])] == []


def starts(cell: str) -> set[str]:
    """Return the folders in which the files of a cell are."""
    return {f"{name}/" for name in re.findall(r"`(\w+)/", cell)}
