"""Documents that are made to harm: refused with the reason or converted, in bounded memory and work.

What the reader itself refuses (entities, encodings, namespaces …) is in `test_reader`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_server.cli import main
from importers.cda.convert import convert
from importers.result import Unreadable
from tests.importers.cda.attacked import ATTACKS, CODE, MIB, entry, of, wrapped
from tests.importers.cda.whole import OPTIONS, document, only, section

GROWTH_BYTES = 300 * MIB


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in ATTACKS])
def test_an_attack_is_refused_or_converted_with_little_memory_and_work(name: str) -> None:
    """The process has limits of memory and of processor time: beyond them it ends without a word."""
    command = [sys.executable, "-m", "tests.importers.cda.attacked", name]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-500:]
    outcome, _, growth = ended.stdout.split()
    assert outcome == ATTACKS[name][1]
    assert int(growth) < GROWTH_BYTES


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(document(title="<title>\x00</title>"), "malformed", id="nul"),
        pytest.param(document(title="<title>&#0;</title>"), "malformed", id="nul-as-a-reference"),
        pytest.param(document(title="<title>&#xD800;</title>"), "malformed", id="half-a-character"),
        pytest.param(document().replace(b"Doe", b"\xc3\x28"), "encoding", id="not-utf-8"),
        pytest.param(document().replace(b"Doe", b"\xed\xa0\x80"), "encoding", id="surrogates-in-utf-8"),
        pytest.param(document().replace(b"Doe", b"\xc0\xaf"), "encoding", id="overlong-utf-8"),
        pytest.param(b"\xff\xfe" + document().decode().encode("utf-16-le")[:-1], "encoding", id="odd-utf-16"),
        pytest.param(
            b'<?xml version="1.0" encoding="us-ascii"?>' + document().replace(b"Doe", "Doé".encode()),
            "encoding",
            id="lies-about-ascii",
        ),
        pytest.param(
            b'<?xml version="1.0" encoding="cp037"?>' + document(),
            "encoding",
            id="an-encoding-that-is-not-read",
        ),
        pytest.param(document().replace(b"urn:hl7-org:v3", b"urn:hl7-org:v2"), "namespace", id="namespace"),
        pytest.param(document(title='<title a="1" a="2"/>'), "malformed", id="one-attribute-twice"),
    ],
)
def test_broken_bytes_are_refused_with_their_reason(data: bytes, kind: str) -> None:
    with pytest.raises(Unreadable) as refused:
        convert(data, OPTIONS)
    assert refused.value.kind == kind
    assert "Doe" not in refused.value.text


@pytest.mark.parametrize(
    "content", [pytest.param("JVBERi0xLjcKJ", id="cut-off"), pytest.param("JVBER*0x", id="no-base64")]
)
def test_a_broken_file_is_reported_and_the_original_kept(content: str) -> None:
    result = convert(wrapped(content), OPTIONS)
    assert "media" in {issue.kind for issue in result.issues}
    assert only(result, "Binary")["contentType"] != "application/pdf"
    assert "/ClinicalDocument/component/nonXMLBody/text/text()" in result.unmapped


@pytest.mark.parametrize(
    "type_name",
    [
        pytest.param("", id="empty"),
        pytest.param(":", id="colon"),
        pytest.param("a:b:c", id="several-colons"),
        pytest.param("nowhere:PQ", id="undeclared-prefix"),
        pytest.param("PQ" * 5_000, id="very-long"),
        pytest.param("__class__", id="a-name-of-python"),
        pytest.param("SXPR_TS", id="a-type-of-times"),
        pytest.param("\u202e", id="a-sign-of-direction"),
    ],
)
def test_a_type_of_nowhere_is_reported_and_nothing_invented(type_name: str) -> None:
    value = f'<value xsi:type="{type_name}" value="1.5" unit="mg"/>'
    result = convert(of(section(entry(f"<code {CODE}/>{value}"))), OPTIONS)
    assert bytes(only(result, "Observation")["valueQuantity"]["value"]) == b"1.5"
    texts = [issue.text for issue in result.issues if issue.xpath and issue.xpath.endswith("/value")]
    assert texts
    assert max(map(len, texts)) < 200


def test_the_rest_of_a_batch_goes_on(tmp_path: Path) -> None:
    """Without a server; with one it is the same command and the same account."""
    attacks = ("sections-in-sections", "a-huge-attribute", "100000-siblings", "one-text-said-often")
    for number in range(3):
        top = f'<id root="2.999.5" extension="G{number}"/>'
        (tmp_path / f"{2 * number}.xml").write_bytes(document(top=top))
    for number, name in enumerate(attacks):
        (tmp_path / f"{number}-bad.xml").write_bytes(ATTACKS[name][0]())
    done = CliRunner().invoke(main, ["import", "--dry-run", "--json", "--jobs", "1", str(tmp_path)])
    account = json.loads(done.stdout)
    assert done.exit_code == 1
    assert account["outcomes"] == {"stored": 0, "already-there": 0, "converted": 3, "refused": len(attacks)}
    assert account["refusals"] == {"unreadable-document": len(attacks)}
