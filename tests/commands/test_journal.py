"""The journal of a load: what was answered is not sent again, and a key belongs to one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_server.commands.loading.journal import Journal, JournalRefused

BASE = "http://127.0.0.1:8080/fhir"


def test_what_was_added_is_held_by_the_next_run(tmp_path: Path) -> None:
    first = Journal.open(tmp_path / "j", BASE)
    first.add("aa")
    first.close()
    second = Journal.open(tmp_path / "j", BASE)
    assert second.holds("aa")
    assert not second.holds("bb")
    second.close()


def test_what_was_added_survives_a_run_that_was_killed(tmp_path: Path) -> None:
    killed = Journal.open(tmp_path / "j", BASE)
    killed.add("aa")
    second = Journal.open(tmp_path / "j", BASE)
    assert second.holds("aa")
    second.close()
    killed.close()


def test_a_line_that_was_cut_off_is_sent_again(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", BASE)
    journal.add("a" * 64)
    journal.close()
    (tmp_path / "j").write_bytes((tmp_path / "j").read_bytes() + b"bbbb")
    again = Journal.open(tmp_path / "j", BASE)
    again.add("c" * 64)
    again.close()
    final = Journal.open(tmp_path / "j", BASE)
    assert final.holds("a" * 64)
    assert final.holds("c" * 64)
    assert not final.holds("bbbb" + "c" * 64)
    final.close()


def test_a_key_is_the_same_in_a_resumed_run_and_another_in_a_new_one(tmp_path: Path) -> None:
    first = Journal.open(tmp_path / "j", BASE)
    first.close()
    again = Journal.open(tmp_path / "j", BASE)
    again.close()
    other = Journal.open(None, BASE)
    assert first.key("aa") == again.key("aa") != other.key("aa")
    assert first.key("aa") != first.key("bb")


@pytest.mark.parametrize(("content", "reason"), [
    pytest.param("not a journal\n", "not the journal of a load", id="another-file"),
    pytest.param('{"base_url": "http://other/fhir", "run": "1"}\n', "to http://other/fhir", id="other-server"),
    pytest.param('"text"\n', "not the journal of a load", id="json-of-another-kind"),
    pytest.param("é\n", "cannot be used", id="not-ascii"),
])  # fmt: skip
def test_a_file_that_is_not_the_journal_of_this_load_is_refused(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "j").write_text(content, "utf-8")
    with pytest.raises(JournalRefused, match=reason):
        Journal.open(tmp_path / "j", BASE)
    assert (tmp_path / "j").read_text("utf-8") == content
