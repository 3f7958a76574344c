"""The wheel: built, installed in an empty environment elsewhere, it serves the demo record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.running import Running

ROOT = Path(__file__).parent.parent
PACKAGES = ("fhir_server", "policy", "profiles", "terminology", "importers", "conformance")
DATA = (".json", ".xml", ".txt", ".toml", ".csv", ".ndjson")

pytestmark = pytest.mark.wheel


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without the settings and paths of this one; return what it prints."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FHIR_", "PYTHON", "VIRTUAL"))
    }
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources so that nothing is left in the checkout."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", out, source, cwd=out)
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel and its locked dependencies alone."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", environment, cwd=environment)
    python = environment / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock", cwd=environment)
    run(*pip, "--no-deps", wheel, cwd=environment)
    return environment / "bin"


def test_the_wheel_holds_every_module_and_every_data_file(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.suffix in (".py", *DATA) and "__pycache__" not in file.parts
    }
    assert wanted - held == set()


def test_the_wheel_holds_neither_tests_nor_scratch(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_lock_has_all_that_the_wheel_needs(installed: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in run(installed / "python", "-m", "pip", "check", cwd=tmp_path)


def test_the_installed_server_serves_the_demo_record(installed: Path, tmp_path: Path) -> None:
    command = (str(installed / "fhir-server"), "serve", "--open", "--json", "--quiet", "--port", "0")
    with Running("--demo", "--data-dir", str(tmp_path / "data"), command=command, cwd=tmp_path) as server:
        loaded = server.event("demo")
        assert loaded["failed"] == 0
        with urllib.request.urlopen(f"{server.url}/Patient/demo-odile", timeout=30) as response:
            assert json.load(response)["birthDate"] == "1957-03-14"
