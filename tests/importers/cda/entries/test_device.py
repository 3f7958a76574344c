"""Devices: used ones are facts, ordered ones are requests."""

from __future__ import annotations

import pytest

from tests.importers.cda.entries.statements import behind, codes, kinds, made, one, section_of

DEVICE = (
    '<participant typeCode="DEV"><participantRole classCode="MANU"><id root="1.2.3" extension="sn"/>'
    '<playingDevice classCode="DEV"><code code="J0101" codeSystem="1.2.250.1.213.2.68"/>'
    "<manufacturerModelName>Model 5</manufacturerModelName></playingDevice>"
    "<scopingEntity><desc>Maker</desc></scopingEntity></participantRole></participant>"
)
FR = '<templateId root="1.2.250.1.213.1.1.3.20"/>'


def supply(inner: str = DEVICE, mood: str = "EVN", time: str = '<low value="20190811"/>') -> str:
    return (
        f'<supply classCode="SPLY" moodCode="{mood}">{FR}'
        f'<effectiveTime xsi:type="IVL_TS">{time}</effectiveTime><quantity value="2"/>{inner}</supply>'
    )


@pytest.mark.parametrize(
    ("time", "status"),
    [
        pytest.param('<low value="20190811"/>', "active", id="goes-on"),
        pytest.param('<low value="2019"/><high value="2020"/>', "completed", id="has-ended"),
    ],
)
def test_a_device_in_use(time: str, status: str) -> None:
    cv = section_of(supply(time=time))
    use = one(cv, "DeviceUseStatement")
    assert use["status"] == status
    device = behind(cv, use["device"])
    assert codes(device["type"]) == ["J0101"]
    assert device["deviceName"] == [{"name": "Model 5", "type": "model-name"}]
    assert (device["manufacturer"], device["identifier"][0]["value"]) == ("Maker", "sn")


def test_an_ordered_device_is_a_request_with_its_number() -> None:
    cv = section_of(supply(mood="INT"))
    request = one(cv, "DeviceRequest")
    assert request["intent"] == "plan"
    assert request["parameter"][0]["valueQuantity"]["value"] == 2
    assert made(cv, "DeviceUseStatement") == []


def test_what_is_intended_in_a_section_of_prescriptions_is_an_order() -> None:
    prescriptions = ("1.2.250.1.213.1.1.2.222",)
    [order] = made(section_of(supply(mood="INT"), templates=prescriptions), "DeviceRequest")
    [proposal] = made(section_of(supply(mood="PRP"), templates=prescriptions), "DeviceRequest")
    assert (order["intent"], proposal["intent"]) == ("order", "proposal")


def test_an_order_says_how_often_again_and_for_how_long() -> None:
    more = '<repeatNumber value="0"/><expectedUseTime><width value="60" unit="d"/></expectedUseTime>'
    request = one(section_of(supply(inner=more + DEVICE, mood="INT")), "DeviceRequest")
    said = {each["code"]["text"]: each["valueQuantity"] for each in request["parameter"]}
    assert said["number of repeats"] == {"value": 0}
    assert said["expected time of use"] == {
        "value": 60, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d",
    }  # fmt: skip
    assert said.keys() == {"quantity", "number of repeats", "expected time of use"}


def test_a_supply_that_names_no_device_invents_none() -> None:
    cv = section_of(supply(inner="").replace("</supply>", "</supply>"))
    assert made(cv, "Device") == made(cv, "DeviceUseStatement") == []
    assert kinds(cv)
