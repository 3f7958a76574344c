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


def test_a_supply_that_names_no_device_invents_none() -> None:
    cv = section_of(supply(inner="").replace("</supply>", "</supply>"))
    assert made(cv, "Device") == made(cv, "DeviceUseStatement") == []
    assert kinds(cv)
