"""`.ci/install`, which `make demo` and `make test` begin with, says in one sentence what is missing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

INSTALL = Path(__file__).parent.parent / ".ci" / "install"
NAMES = ("python3", "python3.13", "python3.12", "python3.11")

TOO_OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.10.12" && exit 0\nexit 1\n'
# Answers the question for its version with yes, prints it, and has no module venv.
WITHOUT_VENV = f"""#!/bin/sh
case "$2" in *venv*) exit 1 ;; esac
exec {sys.executable} "$@"
"""


def install(tmp_path: Path, python: str | None) -> subprocess.CompletedProcess[str]:
    """Run the script in an empty folder on a machine whose Python is the given script."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for tool in ("sh", "sed"):
        (commands / tool).symlink_to(str(shutil.which(tool)))
    for name in NAMES if python is not None else ():
        (commands / name).write_text(str(python), "utf-8")
        (commands / name).chmod(stat.S_IRWXU)
    return subprocess.run(
        ["sh", str(INSTALL), "requirements.lock"],
        cwd=tmp_path, env={"PATH": str(commands)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("python", "sentence"), [
    pytest.param(TOO_OLD, "Python 3.11, 3.12 or 3.13 is needed, and python3 here is 3.10.12", id="too-old"),
    pytest.param(None, "Python 3.11, 3.12 or 3.13 is needed, and python3 here is missing: apt-get", id="no-python"),
    pytest.param(WITHOUT_VENV, "Python's module venv is missing: apt-get install python3.", id="no-venv"),
])  # fmt: skip
def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path, python: str | None, sentence: str) -> None:
    done = install(tmp_path, python)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / ".venv").exists()


def test_every_script_is_sound() -> None:
    for script in sorted(INSTALL.parent.iterdir()):
        shell = "bash" if "bash" in script.read_text("utf-8").splitlines()[0] else "sh"
        subprocess.run([shell, "-n", os.fspath(script)], check=True)
