"""Positions within a distance of a point."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.number import number
from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import EARTH_RADIUS_M, AmountWithin, And, Index
from profiles.registry import Registry
from tests.search.shelf import Shelf

PLACES = {
    "paris": ("48.8566", "2.3522"),
    "versailles": ("48.8049", "2.1204"),
    "london": ("51.5074", "-0.1278"),
    "suva": ("-18.1248", "178.4501"),
    "apia": ("-13.8507", "-171.7514"),
    "pole": ("90", "0"),
    "beyond-the-pole": ("89", "180"),
}


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    shelf = Shelf(registry, [_location(id, *place) for id, place in PLACES.items()])
    shelf.add({"resourceType": "Location", "id": "nowhere"})
    shelf.add(_location("impossible", "91", "0"))
    return shelf


def _location(id: str, latitude: str, longitude: str) -> dict[str, Any]:
    position = {"latitude": number(latitude), "longitude": number(longitude)}
    return {"resourceType": "Location", "id": id, "position": position}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param("48.8566|2.3522|1|km", {"paris"}, id="one-kilometre"),
        pytest.param("48.8566|2.3522|17|km", {"paris"}, id="just-too-near"),
        pytest.param("48.8566|2.3522|19|km", {"paris", "versailles"}, id="just-far-enough"),
        pytest.param("48.8566|2.3522|19", {"paris", "versailles"}, id="kilometres-when-no-unit-is-named"),
        pytest.param("48.8566|2.3522", {"paris", "versailles"}, id="the-default-distance"),
        pytest.param("48.8566|2.3522||", {"paris", "versailles"}, id="nothing-named"),
        pytest.param("48.8566|2.3522|19000|m", {"paris", "versailles"}, id="metres"),
        pytest.param("48.8566|2.3522|11|[mi_i]", {"paris"}, id="miles-just-too-near"),
        pytest.param("48.8566|2.3522|12|mi", {"paris", "versailles"}, id="miles-by-their-common-name"),
        pytest.param("48.8566|2.3522|0|km", {"paris"}, id="there"),
        pytest.param("-17|-179|1100|km", {"suva", "apia"}, id="across-the-date-line"),
        pytest.param("89.5|90|200|km", {"pole", "beyond-the-pole"}, id="around-the-pole"),
        pytest.param("0|0|30000|km", set(PLACES), id="the-whole-earth"),
        pytest.param("48.8566|2.3522|1|km,51.5074|-0.1278|1|km", {"paris", "london"}, id="either"),
    ],
)
def test_what_is_within_the_distance_is_found(shelf: Shelf, value: str, found: set[str]) -> None:
    assert shelf.search(f"Location?near={value}") == found


def test_a_position_that_is_none_on_earth_is_missing(shelf: Shelf) -> None:
    assert shelf.search("Location?near:missing=true") == {"nowhere", "impossible"}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("48.85", id="no-longitude"),
        pytest.param("48.85|2.35|1|km|1", id="too-many"),
        pytest.param("148|2|1|km", id="longitude-first"),
        pytest.param("48|181", id="no-longitude-on-earth"),
        pytest.param("a|b", id="no-numbers"),
        pytest.param("48|2|-1|km", id="below-zero"),
        pytest.param("48|2|1|kg", id="no-length"),
        pytest.param("48|2|1|parsnips", id="no-unit"),
        pytest.param("1e2|2|1", id="exponent"),
        pytest.param("nan|2|1", id="not-a-number"),
    ],
)
def test_a_place_that_is_none_is_refused(shelf: Shelf, value: str) -> None:
    with pytest.raises(FhirError) as refused:
        shelf.search(f"Location?near={value}")
    assert refused.value.issues[0].situation == "illegal-parameter-value"


DEGREES = st.floats(-90, 90).map(lambda value: round(value, 6))


@settings(deadline=None)
@given(DEGREES, st.floats(-180, 180), DEGREES, st.floats(-180, 180), st.floats(0, 20_100))
def test_the_rectangle_holds_whatever_the_circle_holds(
    registry: Registry, lat: float, lon: float, to_lat: float, to_lon: float, km: float
) -> None:
    shelf = Shelf(registry, [_location("x", f"{to_lat:.6f}", f"{to_lon:.6f}")])
    found = shelf.search(f"Location?near={lat:.6f}|{lon:.6f}|{km:.3f}|km")
    north, to_north = math.radians(round(lat, 6)), math.radians(to_lat)
    east = math.radians(round(to_lon, 6) - round(lon, 6))
    cosine = math.sin(north) * math.sin(to_north) + math.cos(north) * math.cos(to_north) * math.cos(east)
    away = math.acos(max(-1.0, min(1.0, cosine))) * EARTH_RADIUS_M / 1000
    if abs(away - round(km, 3)) > 0.2:  # near a point or its opposite the cosine cannot tell 0.2 km
        assert found == ({"x"} if away < km else set())


def test_across_persons_the_rectangle_opens_the_index_of_numbers(shelf: Shelf) -> None:
    plan = shelf.plan("Location?near=48.8566|2.3522|1|km")
    assert plan.index is Index.NUMBER
    assert isinstance(plan.driver, AmountWithin)
    assert not any(isinstance(condition, And) for condition in plan.conditions)
