"""Public test material through the door: it comes back to the literal, and is found."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.calls import FHIR_JSON, bundle, entry, patient, placeholder, send
from tests.http.conftest import MakeApp

pytestmark = pytest.mark.corpus

PARTS = 4
"""Into how many tests the corpus is cut, for workers to share."""

OURS = "urn:oid:1.2.6"


def literals(text: bytes) -> Any:
    """Return the tree with the literal of each number, members in order, without what the server decides."""

    def members(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        kept = [(key, value) for key, value in pairs if key not in ("versionId", "lastUpdated")]
        return [(key, value) for key, value in kept if (key, value) != ("meta", [])]

    number = "number {}".format
    return json.loads(text, object_pairs_hook=members, parse_int=number, parse_float=number)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_example_of_the_specification_comes_back_to_the_literal(
    client: FlaskClient, corpus: Path, part: int
) -> None:
    files = sorted((corpus / "r4-examples").glob("*.json"))
    assert len(files) == 516
    different = []
    for file in files[part::PARTS]:
        text = file.read_bytes()
        sent = json.loads(text)
        path = f"/{sent['resourceType']}/{sent['id']}"
        put = send(client, "PUT", path, text)
        read = send(client, "GET", path, headers={"Accept": FHIR_JSON})
        if put.status_code != 201 or put.data != read.data or literals(read.data) != literals(text):
            different.append((file.name, put.status_code, put.data[:400] if put.status_code != 201 else ""))
    assert different == []


def conditional(text: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a Bundle whose creates are all conditional on an identifier of ours, and its types by fullUrl."""
    made = json.loads(text)
    for one in made["entry"]:
        resource, value = one["resource"], one["fullUrl"]
        resource["identifier"] = [*resource.get("identifier", []), {"system": OURS, "value": value}]
        one["request"]["ifNoneExist"] = f"identifier={OURS}|{value}"
    return made, {one["fullUrl"]: one["resource"]["resourceType"] for one in made["entry"]}


@pytest.mark.parametrize("part", range(PARTS))
def test_synthetic_patients_are_loaded_once_however_often_they_are_sent(
    make_app: MakeApp, corpus: Path, part: int
) -> None:
    client = make_app().test_client()
    files = sorted((corpus / "synthea").glob("*.json.gz"))
    assert len(files) == 66
    known: dict[str, str] = {}
    for file in files[part::PARTS] * 2:
        made, types = conditional(gzip.decompress(file.read_bytes()))
        response = send(client, "POST", "", made)
        assert response.status_code == 200, (file.name, response.data[:1000])
        statuses = [one["response"]["status"][:3] for one in response.get_json()["entry"]]
        # Patients share hospitals: what an earlier Bundle brought is not created again either.
        assert statuses == ["200" if full_url in known else "201" for full_url in types]
        known |= types
    for resource_type, count in Counter(known.values()).items():
        found = send(client, "GET", f"/{resource_type}?_summary=count").get_json()["total"]
        assert (resource_type, found) == (resource_type, count)


def test_a_synthetic_patient_keeps_every_link_and_number(client: FlaskClient, corpus: Path) -> None:
    text = gzip.decompress(sorted((corpus / "synthea").glob("*.json.gz"))[0].read_bytes())
    sent = json.loads(text, parse_float=str)["entry"]
    answers = send(client, "POST", "", text).get_json()["entry"]
    addresses = {
        one["fullUrl"]: answer["response"]["location"].partition("/_history/")[0]
        for one, answer in zip(sent, answers, strict=True)
    }
    renamed = re.compile("|".join(map(re.escape, addresses)))
    raw = json.loads(text, parse_float=lambda number: f"number {number}", parse_int=lambda n: f"number {n}")
    for one, answer in zip(raw["entry"], answers, strict=True):
        place = answer["response"]["location"]
        read = json.loads(
            send(client, "GET", f"/{place}").data,
            parse_float=lambda number: f"number {number}",
            parse_int=lambda number: f"number {number}",
        )
        expected = json.loads(renamed.sub(lambda match: addresses[match[0]], json.dumps(one["resource"])))
        # A canonical or a string that looks like a placeholder stays; Synthea has none that matter here.
        del read["meta"], expected["meta"]
        assert read["id"] == place.split("/")[1]
        read["id"] = expected["id"] = ""
        assert read == expected


def french_documents(corpus: Path) -> list[dict[str, str]]:
    with (corpus / "french" / "index_cda.csv").open(encoding="utf-8") as index:
        return [row for row in csv.DictReader(index) if row["typeCode"]]


@pytest.mark.parametrize("part", range(3))
def test_a_french_document_is_deposited_and_found_by_patient_type_and_date(
    client: FlaskClient, corpus: Path, part: int
) -> None:
    for number, row in list(enumerate(french_documents(corpus)))[part::12]:
        content = (corpus / "french" / row["file"]).read_bytes()
        person, attached = placeholder(), placeholder()
        code = {"system": f"urn:oid:{row['typeCodeSystem']}", "code": row["typeCode"]}
        document = {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [code]},
            "subject": {"reference": person},
            "date": f"2026-03-{number % 28 + 1:02d}T10:00:00+01:00",
            "content": [{"attachment": {"contentType": "text/xml", "url": attached}}],
        }
        binary = {"contentType": "text/xml", "data": base64.b64encode(content).decode()}
        response = send(
            client, "POST", "",
            bundle(
                "transaction",
                entry("POST", "Binary", {"resourceType": "Binary", **binary}, attached),
                entry("POST", "DocumentReference", document),
                entry("POST", "Patient", patient(), person),
            ),
        )  # fmt: skip
        assert response.status_code == 200, response.data
        places = [one["response"]["location"] for one in response.get_json()["entry"]]
        owner = places[2].split("/")[1]
        query = f"patient={owner}&type={code['system']}|{code['code']}&date=ge2026-03-01&date=lt2026-04-01"
        found = send(client, "GET", f"/DocumentReference?{query}").get_json()
        assert found["total"] == 1
        attachment = found["entry"][0]["resource"]["content"][0]["attachment"]
        read = send(client, "GET", f"/{attachment['url']}", headers={"Accept": "text/xml"})
        assert read.data == content
        other = query.replace("2026-03-01", "2027-03-01").replace("2026-04-01", "2027-04-01")
        assert send(client, "GET", f"/DocumentReference?{other}").get_json()["total"] == 0
