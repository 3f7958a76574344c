"""The documentation is complete and its links hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fhir_server.settings import SETTINGS
from fhir_server.store.catalogue import SERVICE_INDEXES
from tests.reference_pages import PAGES, commands

ROOT = Path(__file__).parent.parent
PAGES_WITH_LINKS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("changelog/*.md")),
]
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("path", sorted(PAGES))
def test_a_page_made_from_the_code_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == PAGES[path](), "run `make docs`"


@pytest.mark.parametrize("setting", [pytest.param(known, id=known.name) for known in SETTINGS])
def test_every_setting_is_documented(setting: object) -> None:
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{setting.variable}` |")]
    assert setting.help in row


def test_every_command_shows_an_example_its_exit_codes_and_a_json_form() -> None:
    bare = []
    for name, command, context in commands():
        text = command.get_help(context)
        if not hasattr(command, "commands") and " " in name and name != "fhir-server package":
            bare += [f"{name}: {part}" for part in ("Example:", "Exit codes:", "--json") if part not in text]
    assert bare == []


@pytest.mark.parametrize("name", sorted(SERVICE_INDEXES))
def test_every_collection_of_ours_is_documented(name: str) -> None:
    page = (ROOT / "docs/mongodb.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert any(f"`{name}`" in row.split("|")[1] for row in rows)


def test_readme_begins_with_two_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    first_block = readme.split("```")[1].splitlines()[1:]
    assert [line.split("#")[0].strip() for line in first_block] == ["make demo", "make test"]


def test_readme_says_that_no_licence_is_granted() -> None:
    assert "No licence is granted yet." in (ROOT / "README.md").read_text("utf-8")


def test_notice_names_every_dependency() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = (ROOT / "NOTICE").read_text("utf-8").lower()
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["embedded"],
        *project["dependency-groups"]["dev"],
    ]
    names = [re.split(r"[\[<>=~!; ]", requirement)[0].lower() for requirement in wanted]
    assert [name for name in names if name not in named] == []


@pytest.mark.parametrize("page", PAGES_WITH_LINKS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_repository_hold(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text("utf-8"))]
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_a_decision_says_why_what_and_what_follows() -> None:
    decisions = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert decisions
    wanted = ("## Context", "## Decision", "## Status", "## Consequences")
    assert [
        file.name for file in decisions if not all(part in file.read_text("utf-8") for part in wanted)
    ] == []


def test_fragments_of_the_changelog_are_named_by_kind() -> None:
    kinds = {"added", "changed", "fixed", "removed", "security"}
    fragments = [file for file in (ROOT / "changelog").iterdir() if file.name != "README.md"]
    assert [
        file.name for file in fragments if file.suffix != ".md" or file.stem.split(".")[-1] not in kinds
    ] == []
