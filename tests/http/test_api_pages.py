"""The pages of the API name every interaction, and only statuses and situations that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fhir_server.interactions.table import INTERACTIONS
from fhir_server.model.outcome import SITUATIONS

PAGES = Path(__file__).parents[2] / "docs" / "api"
ROW = re.compile(r"^\| (?P<status>[1-5]\d\d) \| (?P<text>.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("name", sorted({row.name for row in INTERACTIONS}))
def test_every_interaction_has_a_page_with_its_statuses(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {name}\n")
    assert ROW.search(page)
    assert f"({name}.md)" in (PAGES / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_a_named_situation_has_the_status_of_its_row(page: Path) -> None:
    wrong = []
    for row in ROW.finditer(page.read_text("utf-8")):
        for name in re.findall(r"`([a-z]+(?:-[a-z]+)+|deleted|exists|conflict)`", row["text"]):
            known = SITUATIONS.get(name)
            if known is not None and known.status != int(row["status"]):
                wrong.append((row["status"], name))
            if known is None and name not in ("batch-response", "transaction-response"):
                wrong.append((row["status"], name))
    assert wrong == []
