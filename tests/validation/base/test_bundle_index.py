"""Which entries of a Bundle a reference names.

Spec: https://hl7.org/fhir/R4/bundle.html#references
"""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.validation.base.bundle_index import BundleIndex

ONE, TWO = "https://one.example.org/fhir", "https://two.example.org/fhir"
URN = "urn:uuid:aaaaaaaa-0000-4000-8000-000000000001"


def entry(full_url: str | None, id: str, version: str | None = None) -> dict[str, Any]:
    resource: dict[str, Any] = {"resourceType": "Patient", "id": id}
    if version is not None:
        resource["meta"] = {"versionId": version}
    return {"resource": resource} if full_url is None else {"fullUrl": full_url, "resource": resource}


ENTRIES = (
    entry(f"{ONE}/Patient/p", "p"), entry(f"{TWO}/Patient/p", "p"), entry(URN, "u"), entry(None, "bare"),
    entry(f"{ONE}/Patient/v", "v", "1"), entry(f"{ONE}/Patient/v", "v", "2"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "beside", "expected"),
    [
        pytest.param(f"{ONE}/Patient/p", None, [0], id="full-url"),
        pytest.param(f"{ONE}/Patient/p#part", None, [0], id="part-of-it"),
        pytest.param(URN, f"{ONE}/Observation/o", [2], id="urn"),
        pytest.param("Patient/p", f"{ONE}/Observation/o", [0], id="base-of-its-own-entry"),
        pytest.param("Patient/p", f"{TWO}/Observation/o", [1], id="base-of-another"),
        pytest.param("Patient/u", f"{ONE}/Observation/o", [], id="nothing-at-that-base"),
        pytest.param("Patient/u", URN, [], id="beside-a-urn"),
        pytest.param("Patient/bare", None, [3], id="without-full-url"),
        pytest.param("Patient/p", None, [0, 1], id="without-full-url-by-any-name"),
        pytest.param(f"{ONE}/Patient/v", None, [4, 5], id="of-any-version"),
        pytest.param(f"{ONE}/Patient/v/_history/2", None, [5], id="of-one-version"),
        pytest.param(f"{ONE}/Patient/v/_history/3", None, [], id="of-a-version-that-is-not-there"),
        pytest.param(f"{ONE}/Patient/p/_history/1", None, [], id="version-of-what-has-none"),
    ],
)
def test_a_reference_names_the_entries_that_it_leads_to(
    reference: str, beside: str | None, expected: list[int]
) -> None:
    index = BundleIndex.of({"resourceType": "Bundle", "entry": list(ENTRIES)})
    assert [index.entries.index(found) for found in index.matches(reference, beside)] == expected
