"""`fhir-server import`: every file accounted for, whatever it is and however often the command stops."""

from __future__ import annotations

import csv
import json
import os
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli import main
from fhir_server.commands.importing.import_run import import_files
from fhir_server.commands.importing.inputs import find_files
from fhir_server.commands.importing.journal import ImportJournal, JournalRefused
from fhir_server.commands.importing.report import (
    ALREADY_THERE,
    REFUSED,
    STORED,
    DoesNotClose,
    FileResult,
    Refusal,
    Report,
)
from fhir_server.commands.importing.writing import write_report
from fhir_server.commands.loading.journal import Journal
from fhir_server.commands.loading.sender import Sender
from tests.http.calls import new_id
from tests.http.imported import document
from tests.running import Running

NOWHERE = "http://127.0.0.1:9/fhir"


def run(base: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["import", "--base", base, *map(str, arguments)])


def run_json(base: str, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    result = run(base, "--json", *arguments)
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents, one of them twice, and three files that are none."""
    folder = tmp_path / "export"
    (folder / "deeper").mkdir(parents=True)
    person = new_id()
    first = document(new_id(), person)
    (folder / "1.xml").write_bytes(first)
    (folder / "deeper" / "2.XML").write_bytes(document(new_id(), person))
    (folder / "again.xml").write_bytes(first)
    (folder / "broken.xml").write_bytes(b"<ClinicalDocument")
    (folder / "picture.pdf").write_bytes(b"%PDF")
    (folder / "all.zip").write_bytes(b"PK")
    return folder


def test_every_file_is_accounted_for(server: Running, folder: Path) -> None:
    code, account = run_json(server.url, "--jobs", "1", folder)
    assert code == 1
    assert account["files_in"] == sum(account["outcomes"].values()) == len(account["files"]) == 6
    assert account["outcomes"] == {"stored": 2, "already-there": 1, "converted": 0, "refused": 3}
    assert account["refusals"] == {"archive": 1, "no-document": 1, "unreadable-document": 1}
    assert account["resources"]["DocumentReference"] == 2
    assert account["resources"]["Patient"] == 1
    assert account["resources_found"]["Patient"] == 1


def test_the_second_time_everything_is_there(server: Running, folder: Path) -> None:
    for name in ("broken.xml", "picture.pdf", "all.zip"):
        (folder / name).unlink()
    assert run_json(server.url, folder)[0] == 0
    code, account = run_json(server.url, "--jobs", "4", folder)
    assert (code, account["outcomes"]["already-there"]) == (0, 3)
    assert account["resources"] == {}


def test_a_dry_run_needs_no_server_and_stores_nothing(folder: Path) -> None:
    code, account = run_json(NOWHERE, "--dry-run", "--jobs", "1", folder)
    assert code == 1
    assert account["outcomes"] == {"stored": 0, "already-there": 0, "converted": 3, "refused": 3}
    assert account["resources"]["AllergyIntolerance"] == 3
    pairs = account["templates"].values()
    assert pairs
    assert all(0 <= pair["structured"] <= pair["met"] > 0 for pair in pairs)


def test_without_a_server_nothing_is_possible(folder: Path) -> None:
    result = run(NOWHERE, folder)
    assert result.exit_code == 2
    assert "does not answer" in result.stderr


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    result = run(NOWHERE, tmp_path / "nothing")
    assert (result.exit_code, "does not exist" in result.stderr) == (2, True)


def test_a_stopped_run_goes_on_with_the_whole_account(server: Running, folder: Path, tmp_path: Path) -> None:
    files, path = find_files([folder]), tmp_path / "journal"
    stopped = threading.Event()
    seen: list[FileResult] = []

    def stop_after_one(result: FileResult) -> None:
        seen.append(result)
        stopped.set()

    first = ImportJournal.open(path, server.url)
    with Sender(server.url, Journal.open(None, server.url), stopped) as sender:
        results = import_files(files, sender, first, connections=1, stopped=stopped, progress=stop_after_one)
    first.close()
    report = Report(results, len(files), stopped=True)
    report.check()
    assert 0 < report.left < len(files)
    code, account = run_json(server.url, "--resume", path, "--jobs", "1", folder)
    assert code == 1
    assert account["outcomes"] == {"stored": 2, "already-there": 1, "converted": 0, "refused": 3}


def test_the_journal_of_another_server_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    ImportJournal.open(path, "http://one.example.org").close()
    with pytest.raises(JournalRefused):
        ImportJournal.open(path, "http://two.example.org")


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with_two = ImportJournal.open(path, NOWHERE)
    done = FileResult("a.xml", STORED, document="DocumentReference/1", templates={"t": (2, 1)})
    with_two.add("one", done)
    with_two.add("two", done)
    with_two.close()
    path.write_text(path.read_text("utf-8")[:-20], "utf-8")
    again = ImportJournal.open(path, NOWHERE)
    assert again.find("one", "a.xml") == done
    assert again.find("two", "a.xml") is None
    again.close()


@pytest.mark.parametrize("names", [pytest.param(True, id="named"), pytest.param(False, id="nameless")])
@pytest.mark.parametrize("suffix", [".html", ".csv", ".json"])
def test_a_report_tells_all_and_runs_nothing(tmp_path: Path, suffix: str, names: bool) -> None:
    odd = tmp_path / "=<script>alert(1)<!--.xml"
    odd.write_bytes(document(new_id(), "secret-number"))
    path = tmp_path / f"report{suffix}"
    options = [] if names else ["--no-names"]
    assert run(NOWHERE, "--dry-run", "--jobs", "1", "--report", path, *options, odd).exit_code == 0
    text = path.read_text("utf-8")
    assert "secret-number" not in text
    assert "AllergyIntolerance" in text
    assert ("alert(1)" in text) is names
    assert suffix != ".html" or "<script" not in text
    if suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as lines:
            assert all(len(row) == 4 for row in csv.reader(lines))


def test_what_is_no_readable_document_is_counted_and_refused(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "deeper").mkdir(parents=True)
    (folder / "empty.xml").write_bytes(b"")
    (folder / "mail.xml").write_bytes(b"PK\x03\x04rest")
    (folder / "export.XDM").write_bytes(b"anything")
    (folder / "gone.xml").symlink_to(folder / "nothing.xml")
    (folder / "deeper" / "up").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.xml")
    code, account = run_json(NOWHERE, "--dry-run", "--jobs", "1", folder)
    assert code == 1
    assert account["files_in"] == account["outcomes"]["refused"] == len(account["files"]) == 6
    assert account["refusals"] == {"archive": 2, "empty-file": 1, "link": 1, "no-file": 2}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_counted_and_refused(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "closed").mkdir(parents=True)
    (folder / "secret.xml").write_bytes(b"<a/>")
    (folder / "secret.xml").chmod(0)
    (folder / "closed").chmod(0)
    account = run_json(NOWHERE, "--dry-run", "--jobs", "1", folder)[1]
    (folder / "closed").chmod(0o700)
    assert account["refusals"] == {"unreadable-file": 1, "unreadable-folder": 1}


@pytest.mark.parametrize("suffix", [".html", ".csv", ".json"])
def test_a_name_that_is_no_text_is_spelled_out(tmp_path: Path, suffix: str) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path / "a") + b"\xff\x1b[31m.xml"))
    odd.write_bytes(document(new_id(), new_id()))
    path = tmp_path / f"report{suffix}"
    assert run(NOWHERE, "--dry-run", "--jobs", "1", "--report", path, odd).exit_code == 0
    text = path.read_text("utf-8")
    assert "udcff" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", " =1", "\r\n=1"])
def test_no_cell_of_a_report_is_a_formula(tmp_path: Path, text: str) -> None:
    results = (FileResult(text, REFUSED, Refusal(text, "x")), FileResult("b", STORED, unmapped={text: 1}))
    path = tmp_path / "report.csv"
    write_report(Report(results, 2), path)
    with path.open(encoding="utf-8", newline="") as lines:
        cells = [cell for row in csv.reader(lines) for cell in row]
    assert not [cell for cell in cells if cell.lstrip()[:1] in ("=", "+", "-", "@")]


def test_a_dry_run_takes_a_zone(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_bytes(document(new_id(), new_id()))
    assert run(NOWHERE, "--dry-run", "--timezone", "Europe/Paris", tmp_path / "1.xml").exit_code == 0
    assert run(NOWHERE, "--dry-run", "--timezone", "Nowhere/None", tmp_path / "1.xml").exit_code == 2


def test_a_report_of_another_form_is_refused_before_anything_is_done(folder: Path) -> None:
    assert run(NOWHERE, "--dry-run", "--report", "report.pdf", folder).exit_code == 2


REASON = Refusal("archive", "…")


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(Report((), 1), id="a-file-is-missing"),
        pytest.param(Report((FileResult("a", STORED), FileResult("a", STORED)), 2), id="one-twice"),
        pytest.param(Report((FileResult("a", STORED),), 0), id="one-too-many"),
        pytest.param(Report((FileResult("a", REFUSED),), 1), id="a-refusal-without-reason"),
        pytest.param(Report((FileResult("a", STORED, REASON),), 1), id="a-reason-without-refusal"),
        pytest.param(Report((FileResult("a", "lost"),), 1), id="an-unknown-outcome"),
        pytest.param(
            Report((FileResult("a", STORED, templates={"t": (1, 2)}),), 1), id="more-structured-than-met"
        ),
    ],
)
def test_an_account_that_does_not_close_is_a_fault(report: Report) -> None:
    with pytest.raises(DoesNotClose):
        report.check()


def test_what_was_there_already_is_not_counted_again() -> None:
    both = (
        FileResult("a", STORED, resources={"Patient": 1}, unmapped={"/x": 2}),
        FileResult("b", ALREADY_THERE, resources={}, unmapped={"/x": 2}),
    )
    report = Report(both, 2)
    report.check()
    assert (dict(report.resources), dict(report.unmapped)) == ({"Patient": 1}, {"/x": 2})


def test_what_is_stored_is_found_on_the_server(server: Running, folder: Path) -> None:
    code, account = run_json(server.url, folder / "1.xml")
    assert code == 0
    [line] = account["files"]
    with urllib.request.urlopen(f"{server.url}/{line['document']}", timeout=30) as answer:
        assert json.load(answer)["status"] == "current"
