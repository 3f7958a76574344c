"""UCUM units: the table against UCUM's own definitions, and the reading of unit codes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_server.fhirpath import units
from fhir_server.fhirpath.units import measure

KNOWN = sorted({*units._BASE, *units._METRIC, *units._CUSTOMARY})
# These stand in UCUM as numbers or as other units; here they are units of their own.
BASE = frozenset({"m", "s", "g", "rad", "K", "C", "cd", "mol", "[iU]", "[arb'U]"})
NAMESPACE = "{http://unitsofmeasure.org/ucum-essence}"
PART = re.compile(
    r"(?P<operator>[./]?)(?P<unit>10\*|\[[^\]]+\]|[^./0-9+-]*(?:\[[^\]]+\])?[^./0-9+-]*)(?P<number>[+-]?[0-9]*)"
)


class Essence:
    """UCUM's definitions, reduced by the letter; independent of the code under test."""

    def __init__(self, path: Path) -> None:
        root = ET.parse(path).getroot()
        self.prefixes = {
            each.get("Code", ""): Decimal(each.find(f"{NAMESPACE}value").get("value"))  # type: ignore[union-attr, arg-type]
            for each in root.iter(f"{NAMESPACE}prefix")
        }
        self.units = {each.get("Code", ""): each for each in root.iter(f"{NAMESPACE}unit")}

    def reduce(self, name: str) -> tuple[Decimal, dict[str, int]]:
        """Return factor and dimensions of a unit or of a prefixed one."""
        if name in BASE:
            return Decimal(1), {name: 1}
        if name not in self.units:
            prefix = next(
                each for each in self.prefixes if name.startswith(each) and self.is_metric(name, each)
            )
            factor, dimensions = self.reduce(name[len(prefix) :])
            return factor * self.prefixes[prefix], dimensions
        value = self.units[name].find(f"{NAMESPACE}value")
        assert value is not None
        factor, dimensions = self.product(value.get("Unit", "1"))
        return factor * Decimal(value.get("value", "1")), dimensions

    def is_metric(self, name: str, prefix: str) -> bool:
        rest = name[len(prefix) :]
        return rest in BASE or (rest in self.units and self.units[rest].get("isMetric") == "yes")

    def product(self, text: str) -> tuple[Decimal, dict[str, int]]:
        factor, dimensions = Decimal(1), dict[str, int]()
        for match in PART.finditer(text):
            if not match.group():
                continue
            sign = -1 if match["operator"] == "/" else 1
            if match["unit"] in ("", "10*"):
                number = Decimal(10) ** int(match["number"]) if match["unit"] else Decimal(match["number"])
                factor *= number**sign
                continue
            own, parts = self.reduce(match["unit"])
            exponent = int(match["number"] or 1) * sign
            factor *= own**exponent
            for name, each in parts.items():
                dimensions[name] = dimensions.get(name, 0) + each * exponent
        return factor, {name: exponent for name, exponent in dimensions.items() if exponent}


@pytest.fixture(scope="module")
def essence(corpus: Path) -> Essence:
    return Essence(corpus / "ucum" / "ucum-essence.xml")


@pytest.mark.corpus
@pytest.mark.parametrize("code", [each for each in KNOWN if each != "[IU]"])
def test_every_unit_of_the_table_is_what_ucum_says(essence: Essence, code: str) -> None:
    found = measure(code)
    factor, dimensions = essence.reduce(code)
    assert found is not None
    assert dict(found.dimensions) == dimensions
    assert abs(found.factor / factor - 1) < Decimal("1e-20")


@pytest.mark.corpus
def test_every_prefix_is_what_ucum_says(essence: Essence) -> None:
    for prefix, exponent in units._PREFIXES.items():
        assert essence.prefixes[prefix] == Decimal(10) ** exponent


@pytest.mark.corpus
@pytest.mark.parametrize(
    "code", sorted(set(units._BASE) - {"[arb'U]"}) + sorted(set(units._METRIC) - {"[IU]"})
)
def test_units_that_take_prefixes_are_metric(essence: Essence, code: str) -> None:
    assert essence.units[code].get("isMetric") == "yes" if code in essence.units else code in BASE
    prefixed, plain = measure("k" + code), measure(code)
    assert prefixed is not None
    assert plain is not None
    assert abs(prefixed.factor / plain.factor - 1000) < Decimal("1e-20")


@pytest.mark.parametrize(
    ("code", "other", "ratio"),
    [
        pytest.param("mg/dL", "g/L", "0.01", id="prefixes-on-both-sides"),
        pytest.param("kg/m2", "g/m2", "1000", id="exponents"),
        pytest.param("m/s/s", "m.s-2", "1", id="division-goes-from-left-to-right"),
        pytest.param("g/(m.s)", "g/m/s", "1", id="parentheses"),
        pytest.param("/min", "1/min", "1", id="leading-slash"),
        pytest.param("10*3/uL", "10^9/L", "1", id="powers-of-ten"),
        pytest.param("{beats}/min", "/min", "1", id="annotation-as-a-number"),
        pytest.param("mg{total}", "mg", "1", id="annotation-behind-a-unit"),
        pytest.param("mm[Hg]", "Pa", "133.322", id="bracketed-metric-unit"),
        pytest.param("m[iU]/mL", "[iU]/L", "1", id="prefixed-arbitrary-unit"),
        pytest.param("cm[H2O]", "m[H2O]", "0.01", id="brackets-with-a-digit"),
    ],
)
def test_code_reads_as_a_multiple_of_another(code: str, other: str, ratio: str) -> None:
    mine, base = measure(code), measure(other)
    assert mine is not None
    assert base is not None
    assert mine.dimensions == base.dimensions
    assert mine.factor / base.factor == Decimal(ratio)


@pytest.mark.parametrize(
    "code", ["", "parsec/", "m..s", "(m", "m)", "Cel", "[degF]", "kmin", "m-", "0", "m 2", "x" * 65, "m1000"]
)
def test_what_the_table_cannot_tell_is_unknown(code: str) -> None:
    assert measure(code) is None
