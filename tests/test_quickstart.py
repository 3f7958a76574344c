"""The pages that show commands are run: what they print is what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server import demo
from tests.running import Running

DOCS = Path(__file__).parent.parent / "docs"
PRINTED_BASE = "http://127.0.0.1:8080/fhir"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


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


def blocks(page: str) -> list[tuple[str, str]]:
    return [(match["language"], match["text"]) for match in BLOCK.finditer((DOCS / page).read_text("utf-8"))]


def shell(text: str, server: Running, cwd: Path) -> str:
    """Run a block with the address of the test's server in place of the printed one; return what it prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text.replace(PRINTED_BASE, server.url)],
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env={**environment, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_quickstart_prints_what_it_says(server: Running, tmp_path: Path) -> None:
    printed, compared = "", 0
    for language, text in blocks("quickstart.md"):
        if language == "sh":
            printed = shell(text, server, tmp_path)
        if language == "text":
            for line in text.splitlines():
                assert line in printed
                compared += 1
    assert compared >= 10


@pytest.mark.parametrize("example", [pytest.param(known, id=known.title) for known in demo.REQUESTS])
def test_the_requests_of_the_demo_work_as_printed(
    server: Running, tmp_path: Path, example: demo.Example
) -> None:
    printed = shell(example.line.format(base=server.url), server, tmp_path)
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
