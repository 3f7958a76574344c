"""Imaging studies with their series and instances."""

from __future__ import annotations

import pytest

from importers.cda.report_lines import unmapped
from tests.importers.cda.entries.statements import one, section_of

DCM = 'codeSystem="1.2.840.10008.2.16.4"'
INSTANCE = (
    '<entryRelationship typeCode="COMP"><observation classCode="DGIMG" moodCode="EVN">'
    '<templateId root="1.2.840.10008.9.18"/><id root="1.2.250.1.1.1"/>'
    '<code code="1.2.840.10008.5.1.4.1.1.2" codeSystem="1.2.840.10008.2.6.1" displayName="CT Image Storage"/>'
    "</observation></entryRelationship>"
)


def study(series_id: str = '<id root="1.2.250.1.1"/>') -> str:
    return (
        '<act classCode="ACT" moodCode="EVN"><templateId root="1.2.840.10008.9.16"/><id root="1.2.250.1"/>'
        f'<code code="113014" {DCM}/><effectiveTime value="20210108113000+0100"/>'
        '<entryRelationship typeCode="COMP"><act classCode="ACT" moodCode="EVN">'
        f'<templateId root="1.2.840.10008.9.17"/>{series_id}<code code="113015" {DCM}>'
        f'<qualifier><name code="121139" {DCM}/><value code="CT" {DCM}/></qualifier></code>'
        f"{INSTANCE}</act></entryRelationship></act>"
    )


def test_a_study_has_its_series_and_instances() -> None:
    found = one(section_of(study()), "ImagingStudy")
    assert found["identifier"] == [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.250.1"}]
    assert found["started"] == "2021-01-08T11:30:00+01:00"
    assert [each["code"] for each in found["modality"]] == ["CT"]
    (series,) = found["series"]
    (instance,) = series["instance"]
    assert (series["uid"], instance["uid"]) == ("1.2.250.1.1", "1.2.250.1.1.1")
    assert instance["sopClass"]["code"] == "urn:oid:1.2.840.10008.5.1.4.1.1.2"


def test_a_series_without_a_uid_invents_none() -> None:
    (series,) = one(section_of(study("")), "ImagingStudy")["series"]
    assert "uid" not in series
    assert series["_uid"]["extension"][0]["valueCode"] == "unknown"


@pytest.mark.parametrize(
    "root",
    [
        "http://[",
        "1.2.250..1",
        "1.2." + "3" * 61,
        "0f8b1b1e-5f1c-4f7a-9d0e-1c2b3a4d5e6f",
        '1.2" extension="A7',
    ],
)
def test_what_is_no_uid_is_listed_instead_of_written(root: str) -> None:
    made = section_of(study(f'<id root="{root}"/>'))
    (series,) = one(made, "ImagingStudy")["series"]
    assert "uid" not in series
    assert any(path.endswith("/id/@root") for path in unmapped(made))


def test_a_uid_is_the_root_and_the_extension_when_that_is_one() -> None:
    made = section_of(study('<id root="1.2" extension="7.8"/>'))
    assert one(made, "ImagingStudy")["series"][0]["uid"] == "1.2.7.8"
