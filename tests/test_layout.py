"""The house rules that a linter does not know: sizes, names, docstrings, and who may make a View."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("fhir_server", "profiles", "terminology", "importers", "conformance")
SOURCES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))

MAX_LINES = 400
MAX_FUNCTION_LINES = 40

NAMELESS = frozenset({"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"})

# Written in parts so that this file does not find itself.
MACHINE_PATHS = re.compile("|".join(re.escape("/" + name + "/") for name in ("work", "farm", "root")))
REGISTRIES = re.compile(r"--(?:extra-)?index-url|--find-links|https?://")

MAKERS_OF_VIEWS = frozenset({"fhir_server/model/view.py", "fhir_server/access/decide.py"})
"""Where `View(…)` may stand."""

USERS_OF_UNRESTRICTED = frozenset({
    "fhir_server/app.py",
    "fhir_server/commands/reindex.py",
    "fhir_server/interactions/definitions_source.py",
    "fhir_server/interactions/mirroring.py",
    "fhir_server/interactions/relabelling.py",
})  # fmt: skip
"""Where `View.unrestricted(…)` may stand: the application of `--open`, jobs that show nobody anything."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def functions(file: Path) -> Iterator[Function]:
    yield from (node for node in ast.walk(tree_of(file)) if isinstance(node, Function))


def lines_without_docstring(function: Function) -> int:
    """Return how many lines the code of a function takes, signature included."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        assert first.end_lineno is not None
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_there_are_sources_to_look_at() -> None:
    assert len(SOURCES) > 30


def test_a_file_has_at_most_400_lines() -> None:
    long = {name_of(file): len(file.read_text("utf-8").splitlines()) for file in SOURCES}
    assert {name: lines for name, lines in long.items() if lines > MAX_LINES} == {}


def test_a_function_has_at_most_40_lines() -> None:
    long = {
        f"{name_of(file)}:{function.lineno} {function.name}": lines_without_docstring(function)
        for file in SOURCES
        for function in functions(file)
    }
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION_LINES} == {}


def test_a_module_is_named_after_what_it_is_about() -> None:
    parts = {name_of(file): set(file.relative_to(ROOT).with_suffix("").parts) for file in SOURCES}
    assert [name for name, words in parts.items() if words & NAMELESS] == []


def test_every_module_has_a_docstring() -> None:
    assert [name_of(file) for file in SOURCES if not ast.get_docstring(tree_of(file))] == []


def test_every_public_function_and_class_has_a_docstring() -> None:
    bare = [
        f"{name_of(file)}:{node.lineno} {node.name}"
        for file in SOURCES
        for node in tree_of(file).body
        if isinstance(node, Function | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert bare == []


def test_a_view_is_made_by_access_alone() -> None:
    makers = {
        name_of(file)
        for file in SOURCES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and makes_view(node)
    }
    assert makers <= MAKERS_OF_VIEWS


def test_the_unrestricted_view_is_made_where_open_is_decided() -> None:
    users = {
        name_of(file)
        for file in SOURCES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute) and node.attr == "unrestricted" and is_view(node.value)
    }
    assert users <= USERS_OF_UNRESTRICTED


@pytest.mark.parametrize(("code", "made"), [
    pytest.param("View(actor=a)", True, id="constructor"),
    pytest.param("view.View(a)", True, id="constructor-by-module"),
    pytest.param("replace(view, owner=None)", True, id="copy-with-a-change"),
    pytest.param("dataclasses.replace(self._view, owner=None)", True, id="copy-of-an-attribute"),
    pytest.param("copy(request.view)", False, id="reading"),
    pytest.param("replace(settings, open=True)", False, id="copy-of-something-else"),
])  # fmt: skip
def test_the_walk_sees_a_view_being_made(code: str, made: bool) -> None:
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert makes_view(call) is made


def makes_view(call: ast.Call) -> bool:
    """Return whether a call constructs a View, or copies one with changes."""
    if is_view(call.func):
        return True
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return called == "replace" and bool(call.args) and last_name(call.args[0]).lower().strip("_") == "view"


def is_view(node: ast.expr) -> bool:
    return last_name(node) == "View"


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def texts() -> list[Path]:
    """Return the files that are under version control, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("this is not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_path_of_a_machine() -> None:
    assert [
        name_of(file) for file in texts() if MACHINE_PATHS.search(file.read_text("utf-8", "replace"))
    ] == []


def test_a_lock_file_names_no_registry() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert locks
    assert [file.name for file in locks if REGISTRIES.search(file.read_text("utf-8"))] == []


def test_every_script_can_be_run() -> None:
    scripts = [file for file in (ROOT / ".ci").iterdir() if file.is_file()]
    assert scripts
    assert [file.name for file in scripts if not file.stat().st_mode & 0o100] == []
