"""What validation costs inside one process; not a test, and not collected as one.

    .venv/bin/python -m tests.measure.validation --corpus DIR

prints a Markdown table: microseconds of CPU per resource by level, and with all that `$validate` asks, over Synthea
Observations, examples of the IPS and of the French guides, and a document of 60 entries; and what compiling costs in
time and memory.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click

from conformance.load.machine import machine
from conformance.load.usage import usage
from fhir_server.model import exact_json
from fhir_server.validation.base.checker import BaseChecker
from fhir_server.validation.validator import Level, Validator
from profiles.load import R4_CORE, list_packages, load_registry
from profiles.registry import Registry
from terminology.local import LocalConcepts

NS_PER_US = 1_000
MIB = 1024 * 1024
REPEATS = 40
DOCUMENT_ENTRIES = 60
LEVELS: Sequence[Level] = ("structure", "base", "profiles")
IPS = "eu/ips-2.0.0-json"
FRENCH_PATIENT = "https://fhir-server.example.org/StructureDefinition/fr-patient-ins"


def tree_of(path: Path) -> Any:
    return exact_json.decode(path.read_bytes())


def observations(corpus: Path) -> list[Any]:
    """Return the Observations of one Synthea patient."""
    path = sorted((corpus / "synthea").glob("*.gz"))[0]
    bundle = json.loads(gzip.decompress(path.read_bytes()))
    found = [
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Observation"
    ]
    return [exact_json.decode(json.dumps(each).encode()) for each in found]


def document(corpus: Path) -> Any:
    """Return the IPS with all sections, its later entries repeated until there are enough."""
    bundle = deepcopy(tree_of(corpus / IPS / "Bundle-bundle-ips-all-sections.json"))
    entries = bundle["entry"]
    for number in range(DOCUMENT_ENTRIES - len(entries)):
        entry = deepcopy(entries[5 + number])
        entry["fullUrl"] = f"urn:uuid:00000000-0000-4000-8000-{number:012d}"
        entries.append(entry)
    return bundle


def subjects(corpus: Path) -> Iterator[tuple[str, list[Any], Sequence[str]]]:
    """Yield (name, resources, profiles asked for beside those that they claim)."""
    from tests.validation.profile.test_must_show import document_reference, french_patient

    yield "Synthea Observation", observations(corpus), ()
    for name in ("Patient-eumfh-39-07", "Observation-hemoglobin", "MedicationStatement-eumfh-39-07-1"):
        yield f"IPS {name.partition('-')[0]}", [tree_of(corpus / IPS / f"{name}.json")], ()
    yield "French Patient with INS", [french_patient()], (FRENCH_PATIENT,)
    yield "PDSm DocumentReference", [document_reference("10")], ()
    yield f"IPS document of {DOCUMENT_ENTRIES} entries", [document(corpus)], ()


def best(run: Callable[[], object]) -> float:
    """Return the shortest of a few runs in microseconds of CPU: what else runs on the machine counts less."""
    shortest = sys.maxsize
    for _ in range(REPEATS):
        start = time.thread_time_ns()
        run()
        shortest = min(shortest, time.thread_time_ns() - start)
    return shortest / NS_PER_US


def cost(validator: Validator, resources: Sequence[Any], asked: Sequence[str], level: Level) -> float:
    """Return the median over the resources of the best run of each, in microseconds."""
    validator.validate(resources[0], profiles=asked, level=level)
    return median(best(partial(validator.validate, each, profiles=asked, level=level)) for each in resources)


def rows(validator: Validator, whole: Validator, corpus: Path) -> Iterator[str]:
    """Yield the lines of the table; `whole` asks the base rules too, as `$validate` does."""
    for name, resources, asked in subjects(corpus):
        figures = [cost(validator, resources, asked, level) for level in LEVELS]
        figures.append(cost(whole, resources, asked, LEVELS[-1]))
        yield f"| {name} | " + " | ".join(f"{figure:,.0f} µs" for figure in figures) + " |"


def compile_all(validator: Validator, registry: Registry) -> int:
    """Hold a resource to every profile once, which compiles it, and return how many there are."""
    for canonical in registry.profiles:
        validator.validate({"resourceType": "Basic"}, profiles=[canonical])
    return len({profile.url for profile in registry.profiles.values()})


@click.command(help=__doc__)
@click.option("--corpus", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
def main(corpus: Path) -> None:
    names = [f"{package.id}#{package.version}" for package in list_packages()]
    start = time.process_time()
    registry = load_registry([R4_CORE, *(name for name in names if name != R4_CORE)])
    loaded = time.process_time() - start
    concepts = LocalConcepts(registry)
    validator = Validator(registry, concepts)
    whole = Validator(registry, concepts, rules=[BaseChecker(registry, concepts).rule])
    facts = machine()
    print(f"{facts.cores} cores ({facts.processor}), {facts.system}")
    print(f"\n{len(names)} packages loaded in {loaded:.2f} s of CPU\n")
    print("| resource | structure | with the rules of FHIR | with its profiles | as `$validate` asks |")
    print("| --- | --- | --- | --- | --- |")
    for line in rows(validator, whole, corpus):
        print(line)
    print(f"\nmemory of the process after it: {usage([os.getpid()]).rss_bytes / MIB:.0f} MiB")
    start = time.process_time()
    count = compile_all(validator, registry)
    spent = time.process_time() - start
    memory = usage([os.getpid()]).rss_bytes / MIB
    print(f"all {count} profiles unpacked and compiled: {spent:.1f} s of CPU, {memory:.0f} MiB")


if __name__ == "__main__":
    main()
