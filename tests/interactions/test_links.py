"""Every place of every resource type where a link can stand, against a walk of the definitions."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.interactions.transaction.links import LinkFault, Links
from profiles.load import load_registry
from profiles.registry import Registry
from tests.instances import choices, maximal
from tests.validation.structure_walk import Site, walk

URIS = {"uri", "url", "oid", "uuid"}
TEXTS = {"string", "canonical", "markdown"}
PLACEHOLDER = "urn:uuid:8bdb1e3c-6d6f-4b6c-8d59-8e3a3c4b4f10"
RESOURCE_TYPES = sorted(load_registry().resource_types - {"Bundle"})


class Marks:
    """Resolves the placeholder to what says by which method it was asked for."""

    def reference(self, text: str) -> str:
        return "Patient/reference" if text == PLACEHOLDER else text

    def uri(self, text: str) -> str:
        return "Patient/uri" if text == PLACEHOLDER else text

    def name(self, text: str) -> str:
        return "Patient/name" if text == PLACEHOLDER else text


class Refuses(Marks):
    """Refuses the placeholder in references."""

    def reference(self, text: str) -> str:
        if text == PLACEHOLDER:
            raise LinkFault("unresolved-reference", "no")
        return text


def _is_reference(site: Site) -> bool:
    return site.parent.at == "Reference" and site.key == "reference"


def _expected(site: Site) -> str | None:
    """Return what stands at a site afterwards, None where nothing is put there."""
    if _is_reference(site):
        return "Patient/reference"
    if site.code in URIS:
        names = site.key == "url" and (site.parent.is_resource or site.parent.at == "Extension")
        return "Patient/name" if names or site.key == "system" else "Patient/uri"
    return PLACEHOLDER if site.code in TEXTS else None


def _put(resource: dict[str, Any], site: Site, value: str) -> None:
    target: Any = resource
    for step in site.parent.steps:
        target = target[step]
    if site.index is None:
        target[site.key] = value
    else:
        target[site.key][site.index] = value


def _variants(registry: Registry, resource_type: str) -> Iterator[dict[str, Any]]:
    # Extensions can hold every type: one resource type shows all of them.
    all_of_them = choices(registry, "Extension") if resource_type == "Basic" else 2
    for variant in range(all_of_them):
        yield maximal(registry, resource_type, variant)


@pytest.fixture(scope="module")
def links(registry: Registry) -> Links:
    return Links(registry)


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
def test_links_are_rewritten_and_nothing_else(registry: Registry, links: Links, resource_type: str) -> None:
    for resource in _variants(registry, resource_type):
        sites = [site for site in walk(registry, resource).sites if site.value is not None]
        expected = copy.deepcopy(resource)
        for site in sites:
            after = _expected(site)
            if after is not None:
                _put(resource, site, PLACEHOLDER)
                _put(expected, site, after)
        sent = copy.deepcopy(resource)
        assert links.rewrite(resource, Marks()) == expected
        assert resource == sent


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES[::8])
def test_a_fault_has_the_place_of_its_link(registry: Registry, links: Links, resource_type: str) -> None:
    resource = maximal(registry, resource_type, 1)
    sites = [site for site in walk(registry, resource).sites if _is_reference(site)]
    for site in sites[::5]:
        faulty = copy.deepcopy(resource)
        _put(faulty, site, PLACEHOLDER)
        with pytest.raises(LinkFault) as fault:
            links.rewrite(faulty, Refuses())
        assert fault.value.issue(resource_type).expression == site.path


def test_what_does_not_change_is_shared(registry: Registry, links: Links) -> None:
    resource = maximal(registry, "Observation")
    assert links.rewrite(resource, Marks()) is resource


def test_the_narrative_is_rewritten_in_its_attributes_only(links: Links) -> None:
    def narrative(one: str, other: str) -> dict[str, Any]:
        div = f'<div><a title="{PLACEHOLDER}" href="{one}">{PLACEHOLDER}</a><img  src = \'{other}\'/></div>'
        return {"resourceType": "Patient", "text": {"status": "generated", "div": div}}

    before = narrative(PLACEHOLDER, "https://example.org/a?b&amp;c")
    after = links.rewrite(before, Marks())
    assert after == narrative("Patient/uri", "https://example.org/a?b&amp;c")


def test_the_resources_of_a_stored_bundle_are_left_alone(links: Links) -> None:
    inner = {"resourceType": "Patient", "managingOrganization": {"reference": PLACEHOLDER}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}]}
    assert links.rewrite(bundle, Marks()) is bundle


def test_the_resources_of_parameters_are_rewritten(links: Links) -> None:
    inner = {"resourceType": "Patient", "managingOrganization": {"reference": PLACEHOLDER}}
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "part": [{"name": "b", "resource": inner}]}],
    }
    after = links.rewrite(parameters, Marks())
    moved = after["parameter"][0]["part"][0]["resource"]["managingOrganization"]
    assert moved == {"reference": "Patient/reference"}
