"""The pages that show commands are run: what they print is what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fhir_server import demo
from tests.running import SERVE, Running

DOCS = Path(__file__).parent.parent / "docs"
PRINTED_BASE = "http://127.0.0.1:8080/fhir"
PRINTED_TOKENS = "data/demo/tokens.sh"
TERMINAL = "set -a; [ ! -f .terminal ] || . ./.terminal\n{}\n{{ declare -px | grep -v '^declare -[a-z]*r'; declare -f; }} > .terminal"
"""A block between the variables and functions of the blocks before it and of those after it."""
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Governed:
    """A running governed server, and what it says of its demo."""

    running: Running
    demo: dict[str, Any]


@pytest.fixture(scope="module")
def server(database_uri: str) -> Iterator[Running]:
    from pymongo import MongoClient

    name = f"test_docs_{os.getpid()}_{os.urandom(4).hex()}"
    environment = {
        "FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": name, "FHIR_NATIVE_TYPES": "Observation",
    }  # fmt: skip
    with Running("--demo", environment=environment) as running:
        loaded = running.event("demo")
        assert loaded["failed"] == 0
        running.database = name
        yield running
    with MongoClient[dict[str, object]](database_uri) as client:
        client.drop_database(name)


@pytest.fixture(scope="module")
def governed(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    """What `make demo` starts."""
    from pymongo import MongoClient

    name = f"test_docs_{os.getpid()}_{os.urandom(4).hex()}"
    environment = {"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": name, "FHIR_POLICY": "fr"}
    directory = tmp_path_factory.mktemp("data")
    command = [one for one in SERVE if one != "--open"]
    with Running("--demo", "--data-dir", str(directory), command=command, environment=environment) as running:
        yield Governed(running, running.event("demo"))
    with MongoClient[dict[str, object]](database_uri) as client:
        client.drop_database(name)


def blocks(page: str) -> list[tuple[str, str]]:
    return [(match["language"], match["text"]) for match in BLOCK.finditer((DOCS / page).read_text("utf-8"))]


def shell(text: str, url: str, cwd: Path, tokens: str = PRINTED_TOKENS) -> str:
    """Run a block as one goes on in one terminal; return what it prints.

    The address of the test's server and its tokens take the place of the printed ones.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_")}
    placed = text.replace(PRINTED_BASE, url).replace(PRINTED_TOKENS, tokens)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", TERMINAL.format(placed)],
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env={**environment, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def printed_as_said(page: str, url: str, cwd: Path, tokens: str = PRINTED_TOKENS) -> int:
    """Run the shell blocks of a page; return how many lines were compared."""
    printed, compared = "", 0
    for language, text in blocks(page):
        if language == "sh":
            printed = shell(text, url, cwd, tokens)
        if language == "text":
            for line in text.splitlines():
                assert line in printed, printed
                compared += 1
    return compared


def test_the_quickstart_prints_what_it_says(governed: Governed, tmp_path: Path) -> None:
    tokens = str(governed.demo["tokens"])
    (tmp_path / "docs").symlink_to(DOCS)
    assert printed_as_said("quickstart.md", governed.running.url, tmp_path, tokens) >= 23


def test_the_page_about_open_servers_prints_what_it_says(server: Running, tmp_path: Path) -> None:
    assert printed_as_said("open.md", server.url, tmp_path) >= 10


@pytest.mark.parametrize("example", [pytest.param(known, id=known.title) for known in demo.REQUESTS])
def test_the_requests_of_the_demo_work_as_printed(
    server: Running, tmp_path: Path, example: demo.Example
) -> None:
    printed = shell(example.line.format(base=server.url), server.url, tmp_path)
    assert "demo-odile" in printed or printed == (demo.FOLDER / "letter.cda.xml").read_text("utf-8")
    assert "OperationOutcome" not in printed


def test_the_direct_queries_of_mongodb_md_answer(
    server: Running, database_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "\n".join(text for language, text in blocks("mongodb.md") if language == "python")
    assert '["fhir"]' in code
    names: dict[str, Any] = {"uri": database_uri}
    exec(compile(code.replace('["fhir"]', f"[{server.database!r}]"), "mongodb.md", "exec"), names)
    names["client"].close()
    printed = capsys.readouterr().out
    assert "'count': 3" in printed
    assert "Decimal128('7.10')" in printed
    assert printed.splitlines()[-1] == "3"
