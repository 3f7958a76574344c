"""Medicines: whether they are taken still, when they were ordered, and amounts that nobody said."""

from __future__ import annotations

import pytest

from tests.importers.cda.entries.medicines import PRODUCT, administration, taken
from tests.importers.cda.entries.statements import one, section_of
from tests.importers.cda.whole import body, converted, only, section


@pytest.mark.parametrize(
    ("state", "attributes", "expected"),
    [
        pytest.param("active", "", "active", id="active"),
        pytest.param("completed", "", "unknown", id="recorded-and-no-word-of-its-end"),
        pytest.param("suspended", "", "on-hold", id="suspended"),
        pytest.param("aborted", "", "stopped", id="aborted"),
        pytest.param("active", 'negationInd="true"', "not-taken", id="negated"),
        pytest.param("normal", "", "unknown", id="not-a-status-of-r4"),
    ],
)
def test_status_of_what_is_taken(state: str, attributes: str, expected: str) -> None:
    assert taken(f'<statusCode code="{state}"/>{PRODUCT}', attributes)["status"] == expected


@pytest.mark.parametrize(
    ("time", "section", "expected"),
    [
        pytest.param('<low value="20190811"/><high nullFlavor="UNK"/>', "10160-0", "active", id="goes-on"),
        pytest.param('<low value="20190811"/>', "10183-2", "active", id="goes-on-after-discharge"),
        pytest.param('<low value="20191203"/><high value="2099"/>', "10183-2", "active", id="ends-later"),
        pytest.param('<low value="2018"/><high value="20180902"/>', "10160-0", "completed", id="is-over"),
        pytest.param('<low value="2018"/><high value="2020"/>', "10160-0", "completed", id="may-be-over"),
        pytest.param('<low nullFlavor="UNK"/>', "10160-0", "unknown", id="nobody-knows-since-when"),
        pytest.param('<low value="20190811"/>', "42346-7", "unknown", id="taken-before-admission"),
        pytest.param('<low value="20190811"/>', "18610-6", "completed", id="was-given"),
    ],
)
def test_completed_does_not_end_what_is_still_taken(time: str, section: str, expected: str) -> None:
    times = f'<effectiveTime xsi:type="IVL_TS">{time}</effectiveTime>'
    entry = administration(f'<statusCode code="completed"/>{times}{PRODUCT}')
    cv = section_of(entry, code=section, written="20201003101500+0200")
    assert one(cv, "MedicationStatement")["status"] == expected


def test_completed_is_believed_where_the_template_says_what_it_means() -> None:
    entry = (
        '<substanceAdministration classCode="SBADM" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.16"/><statusCode code="completed"/>'
        f'<effectiveTime xsi:type="IVL_TS"><low value="2019"/></effectiveTime>{PRODUCT}'
        "</substanceAdministration>"
    )
    assert one(section_of(entry, code="10160-0"), "MedicationStatement")["status"] == "completed"


def test_that_no_medicines_are_known_is_no_course_that_ended() -> None:
    none = (
        "<consumable><manufacturedProduct><manufacturedMaterial>"
        '<code code="no-known-medications" codeSystem="2.16.840.1.113883.5.1150.1"/>'
        "</manufacturedMaterial></manufacturedProduct></consumable>"
    )
    assert taken(f'<statusCode code="completed"/>{none}')["status"] == "unknown"


def test_a_plan_that_was_recorded_was_not_thereby_carried_out() -> None:
    entry = administration(f'<statusCode code="completed"/>{PRODUCT}', mood="INT")
    assert one(section_of(entry), "MedicationRequest")["status"] == "unknown"


AUTHOR = (
    '<author><time value="{}"/><assignedAuthor><id root="2.999.1" extension="{}"/>'
    "<assignedPerson><name><family>A</family></name></assignedPerson></assignedAuthor></author>"
)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param("", "2020-10-03", id="with-the-document-of-its-author"),
        pytest.param(AUTHOR.format("20190711", 7), "2019-07-11", id="said-itself"),
        pytest.param(AUTHOR.format("", 7).replace(' value=""', ""), None, id="of-another-author"),
    ],
)
def test_an_order_is_written_when_its_author_says(own: str, expected: str | None) -> None:
    order = administration(f"{PRODUCT}{own}", "83", "INT")
    inside = body(section(f"<entry>{order}</entry>", code="57828-6"))
    result = converted(after=f"{AUTHOR.format('20201003', 1)}{inside}")
    assert only(result, "MedicationRequest").get("authoredOn") == expected


def test_that_it_is_taken_as_needed_and_not_for_what_is_only_that() -> None:
    criterion = (
        '<precondition typeCode="PRCN"><criterion><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>'
        '<value xsi:type="CD" nullFlavor="NI"/></criterion></precondition>'
    )
    (dosage,) = taken(f"{PRODUCT}{criterion}")["dosage"]
    assert dosage["asNeededBoolean"] is True
    assert "asNeededCodeableConcept" not in dosage


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        pytest.param("", "unknown", id="nothing-said"),
        pytest.param('<doseQuantity nullFlavor="NASK"/>', "not-asked", id="said-why"),
        pytest.param('<doseQuantity><low value="1"/></doseQuantity>', "unsupported", id="an-interval"),
    ],
)
def test_what_was_given_without_an_amount_says_why(inner: str, reason: str) -> None:
    route = '<routeCode code="20045000" codeSystem="0.4.0.127.0.16.1.1.2.1"/>'
    given = administration(f"{route}{inner}{PRODUCT}", "151")
    dose = one(section_of(given), "MedicationAdministration")["dosage"]["dose"]
    assert dose["extension"][0]["valueCode"] == reason
