"""The table of the rules in docs/import-cda.md: all 45, and the tests that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "docs" / "import-cda.md"


def test_the_table_has_every_rule() -> None:
    numbers = re.findall(r"^\| ([0-9]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 46)]


def test_the_tests_that_the_table_names_exist() -> None:
    written = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    assert named - written == set()
    assert len(named) > 45
