"""A policy file is read as a whole, or refused with every fault in it and the place of each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhir_server.access.policy import neutral_policy
from fhir_server.access.policy_file import PolicyRefused, load_policy, shipped_policies
from tests.access.realm import MATRIX, POLICY, write_realm

ROOT = Path(__file__).parent.parent.parent


def faults(folder: Path, *, policy: str = POLICY, matrix: str = MATRIX) -> tuple[str, ...]:
    with pytest.raises(PolicyRefused) as refused:
        load_policy(write_realm(folder, policy=policy, matrix=matrix))
    return refused.value.texts


def edited(old: str, new: str, text: str = POLICY) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


@pytest.mark.parametrize("name", shipped_policies())
def test_every_shipped_policy_loads(name: str) -> None:
    policy = load_policy(name)
    assert policy.id == name
    assert policy.rules


@pytest.mark.parametrize("file", sorted((ROOT / "policy").glob("*-sample.csv")), ids=lambda file: file.name)
def test_a_sample_says_that_it_is_one(file: Path) -> None:
    assert file.read_text("utf-8").startswith("# SAMPLE.")


def test_the_schema_is_closed_and_explained() -> None:
    schema = json.loads((ROOT / "policy" / "policy.schema.json").read_text("utf-8"))
    bare = [path for path, node in objects(schema, "$") if "additionalProperties" not in node]
    assert bare == []
    unexplained = [name for name, node in schema["properties"].items() if "description" not in node]
    assert unexplained == []


def objects(node: object, path: str) -> list[tuple[str, dict[str, object]]]:
    if isinstance(node, list):
        return [found for at, item in enumerate(node) for found in objects(item, f"{path}[{at}]")]
    if not isinstance(node, dict):
        return []
    here = [(path, node)] if node.get("type") == "object" else []
    return here + [found for key, item in node.items() for found in objects(item, f"{path}.{key}")]


@pytest.mark.parametrize(("old", "new", "expected"), [
    pytest.param('id = "isles"', 'id = "isles"\nmood = 3', "the file: Additional properties", id="unknown-key"),
    pytest.param('id = "isles"', "", "the file: 'id' is a required property", id="missing-key"),
    pytest.param('version = "7"', "version = 7", "version: 7 is not of type 'string'", id="wrong-type"),
    pytest.param('"Pacific/Chatham"', '"Pacific/Atlantis"', "timezone: there is no zone", id="zone"),
    pytest.param('"urn:isles:veil|untold"', '"untold"', "labels.withheld-from-person.codings[0]:", id="coding"),
    pytest.param("urn:isles:veil|untold", "urn:isles:veil|veiled", "already says `masked`", id="code-twice"),
    pytest.param(
        "[labels.taboo]", "[labels.choice]", "labels.choice: this label is the server's own", id="own-label"
    ),
    pytest.param(
        'set_by = ["islander"]', 'set_by = ["merman"]', "labels.masked.set_by: there is no role `merman`",
        id="unknown-role",
    ),
    pytest.param(
        'relations = ["wise"]', 'relations = ["witty"]', "rule[1].relations: there is no relation `witty`",
        id="unknown-relation",
    ),
    pytest.param(
        'HEALING = { mode = "daylight" }', 'HEALING = { mode = "daylight", roles = ["ghost"] }',
        "purposes.HEALING.roles: there is no role `ghost`", id="unknown-role-of-a-purpose",
    ),
    pytest.param(
        'modes = ["storm"]', 'modes = ["fog"]', "rule[4].modes: there is no mode `fog`", id="unknown-mode"
    ),
    pytest.param(
        'hides = ["taboo"]', 'hides = ["tabu"]', "rule[2].hides: there is no label `tabu`", id="unknown-label"
    ),
    pytest.param(
        'on = ["lighthouse"]', 'on = ["lamp"]', "rule[4].on: there is no switch `lamp`", id="unknown-switch"
    ),
    pytest.param(
        'lifted_by = { masked = "lighthouse" }', 'lifted_by = { masked = "lamp" }',
        "rule[4].lifted_by: there is no switch `lamp`", id="unknown-lifting-switch",
    ),
    pytest.param(
        'lifted_by = { masked = "lighthouse" }', 'lifted_by = { untold = "lighthouse" }',
        "rule[4].lifted_by: there is no label in `hides` `untold`", id="lifts-what-is-not-hidden",
    ),
    pytest.param(
        'professions = ["surgeon", "herbalist"]', 'professions = ["barber"]',
        "rule[4].professions: there is no profession `barber`", id="unknown-profession",
    ),
    pytest.param(
        'when = "storms-veil-nothing"', 'when = "whim"', "rule[4].when: there is no decision `whim`",
        id="unknown-decision",
    ),
    pytest.param(
        'roles = ["guild", "sailor"]\nrelations = ["guest"]', 'roles = ["guild"]\nrelations = ["banished"]',
        "rule[5]: never reached, rule[3] decides before it",
        id="unreachable-rule",
    ),
    pytest.param('name = "guest"', 'name = "storm"', "rule[5].name: rule[4] has the same name", id="same-name"),
    pytest.param(
        'reads = ["Patient"]', 'reads = ["record"]', "rule[6]: a rule about a population names its types",
        id="population-reads-records",
    ),
    pytest.param(
        'writing = "all"', "", "rule[2].writing: `writes` says what, `writing` whose", id="writes-of-whom"
    ),
    pytest.param('"P3D"', '"P3X"', "clocks.withheld-opens: `P3X` is no duration", id="clock"),
    pytest.param('"PT6H"', '"PT"', "relations.guest.duration: `PT` is no duration", id="duration"),
    pytest.param('source = "role"\nholders = ["elder"]', 'source = "role"\none_session = true',
                 "relations.wise.one_session: only an authorisation", id="session-of-a-role"),
    pytest.param('matrix = "isles.csv"', 'matrix = "../isles.csv"', "classes.matrix:", id="matrix-elsewhere"),
    pytest.param('matrix = "isles.csv"', 'matrix = "none.csv"', "none.csv cannot be read", id="no-matrix"),
    pytest.param(
        'brew = ["MedicationStatement"]', 'brew = ["Communication"]',
        "classes.types.song[0]: `Communication` is already in `brew`", id="type-in-two-classes",
    ),
    pytest.param(
        'brew = ["MedicationStatement"]', 'beer = ["MedicationStatement"]',
        "classes.types: there is no class `beer`", id="unknown-class",
    ),
    pytest.param(
        '["scar", "brew", "song"]', '["scar", "brew", "song", "dance"]',
        "matrix: there is no row for the class `dance`", id="class-without-row",
    ),
    pytest.param(
        '"Patient", "RelatedPerson"]', '"Patient", "Practitioner"]', "types.administrative[1]:",
        id="person-in-the-directory",
    ),
])  # fmt: skip
def test_a_fault_is_named_with_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = faults(tmp_path, policy=edited(old, new))
    assert any(expected in text for text in found), found


@pytest.mark.parametrize(("old", "new", "expected"), [
    pytest.param("surgeon,herbalist", "surgeon,barber", "column `barber`: the policy has no", id="profession"),
    pytest.param("tea,yes,yes,no", "tea,yes,yes", "matrix, line 4: 4 cells, not 5", id="cells"),
    pytest.param("tea,yes,yes,no", "tea,yes,maybe,no", "line 4, column `herbalist`: `yes` or `no`", id="cell"),
    pytest.param("tea,yes", "cut,yes", "matrix, line 4: the code stands in two rows", id="code-twice"),
    pytest.param("song,urn", "dance,urn", "matrix, line 5: the policy has no class `dance`", id="class"),
    pytest.param("song,urn", "brew,urn", "matrix, line 5: differs from line 4", id="class-that-differs"),
    pytest.param("class,code", "code,class", "matrix: the first line names the columns", id="columns"),
])  # fmt: skip
def test_a_fault_of_the_matrix_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    found = faults(tmp_path, matrix=edited(old, new, MATRIX))
    assert any(expected in text for text in found), found


def test_more_classes_than_have_room_are_refused(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(16)]
    listed = ", ".join(f'"{name}"' for name in ["scar", "brew", "song", *names])
    found = faults(tmp_path, policy=edited('"scar", "brew", "song"', listed))
    assert any("classes.names: 19 classes, at most 15 have room" in text for text in found)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    policy = edited('relations = ["wise"]', 'relations = ["witty"]')
    policy = edited('hides = ["taboo"]', 'hides = ["tabu"]', policy)
    found = faults(tmp_path, policy=policy, matrix=edited("tea,yes", "tea,oui", MATRIX))
    assert len(found) == 3


def test_what_is_not_toml_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, policy="id = ") == faults(tmp_path, policy="id = ")
    assert faults(tmp_path, policy="id = ")[0].startswith("the file is not TOML")


@pytest.mark.parametrize("name", ["atlantis", "/no/such/policy.toml"])
def test_a_policy_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(PolicyRefused):
        load_policy(name)


def test_a_decision_switches_rules_on_and_off(tmp_path: Path) -> None:
    assert "storm" in {rule.name for rule in load_policy(write_realm(tmp_path)).rules}
    off = edited("storms-veil-nothing = { value = true", "storms-veil-nothing = { value = false")
    assert "storm" not in {rule.name for rule in load_policy(write_realm(tmp_path, policy=off)).rules}


def test_the_generation_follows_every_byte(tmp_path: Path) -> None:
    first = load_policy(write_realm(tmp_path)).generation
    assert load_policy(write_realm(tmp_path)).generation == first
    assert load_policy(write_realm(tmp_path, policy=POLICY + "\n")).generation != first
    assert load_policy(write_realm(tmp_path, matrix=MATRIX + "\n")).generation != first


def test_the_clock_of_an_announcement_follows_the_calendar_of_the_realm() -> None:
    policy = load_policy("fr")
    assert policy.opens_at(datetime(2026, 1, 31, 22, 30, tzinfo=UTC)) == datetime(
        2026, 2, 28, 22, 30, tzinfo=UTC
    )
    # 23:30 UTC of 31 January is 1 February in Paris, and the month ends on 1 March.
    assert policy.opens_at(datetime(2026, 1, 31, 23, 30, tzinfo=UTC)) == datetime(
        2026, 2, 28, 23, 30, tzinfo=UTC
    )
    assert policy.opens_at(datetime(2026, 3, 10, 12, tzinfo=UTC)) == datetime(2026, 4, 10, 11, tzinfo=UTC)


def test_a_document_is_classified_by_its_code() -> None:
    policy = load_policy("fr")
    biology = {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]}
    assert policy.class_of({"resourceType": "DocumentReference", "type": biology}) == 1
    unlisted = {"coding": [{"system": "http://loinc.org", "code": "1-1"}]}
    assert policy.class_of({"resourceType": "DocumentReference", "type": unlisted}) == 0
    older = {"coding": [{"system": "urn:oid:1.2.250.1.213.1.1.4.12", "code": "EXPPAT_3"}]}
    number = policy.class_numbers["advance-directive"]
    assert policy.class_of({"resourceType": "DocumentReference", "type": older}) == number
    assert policy.class_of({"resourceType": "Observation"}) == policy.class_numbers["report"]


def test_every_type_of_a_person_has_a_class_or_is_classified_by_code() -> None:
    policy = load_policy("fr")
    typed = policy.class_by_type.keys() | policy.coded.keys() | policy.administrative
    assert not typed & policy.directory.types


def test_the_neutral_policy_says_nothing_but_confidentiality() -> None:
    policy = neutral_policy()
    assert (policy.rules, policy.flows, dict(policy.labels)) == ((), (), {})
    assert policy.confidentiality["http://terminology.hl7.org/CodeSystem/v3-Confidentiality|V"] == 2
    assert policy.class_of({"resourceType": "Observation"}) == 0
    assert policy.visibility(0, 2, ()) == 32
