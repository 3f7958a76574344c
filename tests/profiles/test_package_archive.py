"""An archive is input from strangers: it is read within limits or refused with the reason."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from profiles import archive
from profiles.archive import archive_sha256, read_archive
from profiles.package import PackageError, PackageName, parse_package_name

OBJECT = b"{}"


def test_only_json_right_below_package_is_read(make_archive: Any) -> None:
    path = make_archive([
        ("package/a.json", b'{"n": 1}'),
        ("package/.index.json", OBJECT),
        ("package/example/b.json", OBJECT),
        ("other/c.json", OBJECT),
        ("package/readme.md", b"words"),
        ("d.json", OBJECT),
    ])  # fmt: skip
    assert [(member.name, member.tree) for member in read_archive(path)] == [("a.json", {"n": 1})]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("../evil.json", OBJECT, "leads outside", id="parent"),
        pytest.param("package/../../evil.json", OBJECT, "leads outside", id="parent-inside"),
        pytest.param("/etc/evil.json", OBJECT, "leads outside", id="absolute"),
        pytest.param("package\\..\\evil.json", OBJECT, "leads outside", id="backslash"),
        pytest.param("package/a.json", b"{", "is not JSON", id="broken-json"),
        pytest.param("package/a.json", b"[" * 100_000, "is not JSON", id="deep-json"),
        pytest.param("package/a.json", b'"\xff"', "is not JSON", id="not-utf8"),
        pytest.param("package/a.json", b"[]", "is not a JSON object", id="array"),
    ],
)
def test_a_hostile_member_is_refused(make_archive: Any, name: str, content: bytes, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        list(read_archive(make_archive([(name, content)])))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "links.tgz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("package/a.json")
        info.type = kind
        info.linkname = "/etc/hostname"
        tar.addfile(info)
    with pytest.raises(PackageError, match="link or a device"):
        list(read_archive(path))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04 a zip", id="zip"),
        pytest.param(gzip.compress(b"no tar" * 500), id="gzip-of-something-else"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "wrong.tgz"
    path.write_bytes(data)
    with pytest.raises(PackageError, match=r"wrong\.tgz is not a complete gzipped tar"):
        list(read_archive(path))


def test_a_cut_archive_is_refused(make_archive: Any, tmp_path: Path) -> None:
    whole = make_archive([("package/a.json", b'{"text": "%s"}' % bytes(range(97, 123)) * 1)]).read_bytes()
    cut = tmp_path / "cut.tgz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PackageError, match=r"cut\.tgz is not a complete gzipped tar"):
        list(read_archive(cut))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"nowhere\.tgz cannot be read: No such file"):
        archive_sha256(tmp_path / "nowhere.tgz")


def test_a_bomb_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_EXPANDED_BYTES", 1_000_000)
    path = tmp_path / "bomb.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for number in range(4):
            info = tarfile.TarInfo(f"package/{number}.bin")
            info.size = 400_000
            tar.addfile(info, io.BytesIO(bytes(400_000)))
    with pytest.raises(PackageError, match="expands to more than 1000000 bytes"):
        list(read_archive(path))


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        pytest.param("MAX_MEMBER_BYTES", 10, "at most 10 are read", id="member"),
        pytest.param("MAX_MEMBERS", 1, "more than 1 members", id="members"),
        pytest.param("MAX_ARCHIVE_BYTES", 5, "at most 5 are read", id="archive"),
    ],
)
def test_each_limit_holds(
    make_archive: Any, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    path = make_archive([("package/a.json", b'{"text": "long enough"}'), ("package/b.json", OBJECT)])
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(PackageError, match=message):
        list(read_archive(path))


def test_a_package_name_is_id_and_version() -> None:
    name = parse_package_name("hl7.fhir.r4.core#4.0.1")
    assert name == PackageName("hl7.fhir.r4.core", "4.0.1")
    assert (str(name), name.folder) == ("hl7.fhir.r4.core#4.0.1", "hl7.fhir.r4.core-4.0.1")


@pytest.mark.parametrize("text", ["", "a", "a#", "#1", "../a#1", "a/b#1", "a#1/..", "A#1", "a#..", "a#1\n"])
def test_other_package_names_are_refused(text: str) -> None:
    with pytest.raises(PackageError, match="write ID#VERSION"):
        parse_package_name(text)
