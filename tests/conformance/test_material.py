"""The Bundles that are sent: the same every time, complete in themselves, legal."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conformance.load.bundle import Bundle, cut, read_bundles, texts
from conformance.load.generate import generate
from conformance.load.material import material
from conformance.load.target import LoadRefused
from fhir_server.model import exact_json
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry


def entry(name: str, *needs: str) -> dict[str, Any]:
    resource = {"resourceType": "Basic", "subject": [{"reference": need} for need in needs]}
    return {"fullUrl": name, "resource": resource, "request": {"method": "POST", "url": "Basic"}}


def assert_complete(bundle: Bundle) -> None:
    """Every urn:uuid that is named is an entry."""
    own = {entry["fullUrl"] for entry in bundle.entries}
    named = {text for text in texts(bundle.entries) if text.startswith("urn:uuid:")}

    assert len(own) == len(bundle.entries)
    assert named <= own


def test_same_seed_makes_the_same_bytes() -> None:
    first, again, other = (generate(2, seed=seed) for seed in (5, 5, 6))

    assert [bundle.body for bundle in first] == [bundle.body for bundle in again]
    assert first[0].body != first[1].body != other[0].body


def test_generated_bundle_is_one_person_with_full_pages() -> None:
    (bundle,) = generate(1)
    resources = [entry["resource"] for entry in bundle.entries]
    codes = Counter(
        resource["code"]["coding"][0]["code"]
        for resource in resources
        if resource["resourceType"] == "Observation"
    )

    assert Counter(resource["resourceType"] for resource in resources) == {
        "Patient": 1,
        "Encounter": 19,
        "Observation": 280,
    }
    assert sum(count >= 20 for count in codes.values()) >= 5
    assert_complete(bundle)


def test_generated_resources_are_valid(registry: Registry) -> None:
    validator = StructureValidator(registry)
    (bundle,) = generate(1)
    tree = exact_json.decode(bundle.body)

    assert validator.validate(tree, "Bundle") == []


def test_cut_takes_only_entries_whose_references_it_holds() -> None:
    bundle = Bundle((entry("urn:a"), entry("urn:b", "urn:late"), entry("urn:c", "urn:a"), entry("urn:late")))

    taken = cut(bundle, 3)

    assert taken is not None
    assert [found["fullUrl"] for found in taken.entries] == ["urn:a", "urn:c", "urn:late"]


def test_cut_of_a_small_bundle_is_none() -> None:
    assert cut(Bundle((entry("urn:a"),)), 2) is None


def test_body_is_a_transaction_of_the_entries() -> None:
    tree = json.loads(Bundle((entry("urn:é"),)).body)

    assert (tree["resourceType"], tree["type"]) == ("Bundle", "transaction")
    assert tree["entry"] == [entry("urn:é")]


def test_directory_is_read_plain_and_zipped(tmp_path: Path) -> None:
    bundles = generate(2, entries=30)
    (tmp_path / "a.json").write_bytes(bundles[0].body)
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(bundles[1].body))
    (tmp_path / "notes.txt").write_text("not a Bundle")

    assert [found.body for found in read_bundles(tmp_path)] == [bundle.body for bundle in bundles]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({}, "There are no Bundles", id="empty"),
        pytest.param({"a.json": "{"}, "a.json is not a FHIR Bundle", id="no-json"),
        pytest.param({"a.json": "[]"}, "a.json is not a FHIR Bundle", id="no-object"),
        pytest.param({"a.json": '{"type": "batch", "entry": []}'}, "not a transaction", id="batch"),
    ],
)
def test_directory_that_cannot_be_used_is_refused(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(LoadRefused, match=reason):
        read_bundles(tmp_path)


@pytest.mark.corpus
def test_synthea_gives_complete_bundles_of_300_and_whole_ones(corpus: Path) -> None:
    found = material(corpus / "synthea", 4)

    assert [len(bundle.entries) for bundle in found.planted] == [300] * 8
    assert len(found.whole) == 66
    for bundle in found.planted[:4]:
        assert_complete(bundle)
