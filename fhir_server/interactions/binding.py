"""Which person a request names, told from the request alone: nothing is looked up.

`names` holds the answers; this file asks the address, the parameters and the body for them.  Entries of a
transaction are one request: `transaction.naming` joins what each of them names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from fhir_server.interactions.dispatch import Interaction, parse_query
from fhir_server.interactions.names import (
    AnyNames,
    Directory,
    Names,
    NamesIdentifier,
    NamesResource,
    NewPerson,
    Nobody,
    Nothing,
    one_of,
)
from fhir_server.interactions.request import Pairs, Request
from fhir_server.model.outcome import FhirError
from fhir_server.model.reference import ReferenceKind, is_id, parse_reference
from fhir_server.search.compartments import Compartment
from fhir_server.search.escape import split_bar, split_unescaped
from fhir_server.search.owner import Owners
from fhir_server.search.owner_rules import owner_rule
from profiles.registry import Registry

PATIENT: Final = "Patient"
BASE: Final = frozenset({"transaction", "batch"})
BY_BODY: Final = frozenset({"create", "update"})
PERSON_PARAMETERS: Final = ("patient", "subject")
"""Parameters of a search or an operation that can name the person, whatever the type."""

IDENTIFIER: Final = "identifier"
TYPE: Final = "_type"
"""The parameter in which a search over several types names them."""


class Binder:
    """Tells what requests name; immutable but for its cache of parameters by type."""

    def __init__(self, registry: Registry, owners: Owners, directory: Collection[str], base_url: str) -> None:
        self._registry = registry
        self._owners = owners
        self.directory = frozenset(directory)
        """Types that are of no person."""
        self._base_url = base_url
        self._parameters: dict[str, frozenset[str]] = {}

    def of(self, interaction: Interaction, request: Request) -> AnyNames:
        """Return what a single request names; a batch or transaction names nothing here."""
        resource_type = request.resource_type
        if interaction.public or interaction.name in BASE or (interaction.impersonal and not request.id):
            return Nothing()
        if interaction.names is not None:
            return interaction.names(self, request)
        if resource_type in self.directory:
            return Directory()
        if request.id:
            return self._instance(interaction, request)
        if request.compartment is not None:
            return self._within(request.compartment, request)
        if interaction.name == "search-system":
            return self._of_types(request)
        by_query = self.of_query(resource_type, request.query)
        if interaction.name in BY_BODY:
            return one_of([self._created(interaction, request), by_query])
        if interaction.name.startswith("$"):
            return one_of([by_query, self._of_parameters(request.body)])
        return by_query

    def naming(self, resource: Mapping[str, Any]) -> Iterable[str]:
        """Return the references by which a body says whose record it is part of, as they were sent."""
        return self._owners.naming(resource)

    def below_base(self, url: str) -> str:
        """Return an address relative to the base, where it was absolute."""
        return url.removeprefix(self._base_url + "/")

    def of_query(self, resource_type: str, query: Pairs) -> AnyNames:
        """Return what the criteria of a search name."""
        if resource_type in self.directory:
            return Directory()
        found = [named for name, value in query for named in self._of_pair(resource_type, name, value)]
        return one_of(found)

    def of_resource(self, resource: Any) -> AnyNames:
        """Return what a body names; it need not be a legal resource."""
        resource_type = resource.get("resourceType") if isinstance(resource, Mapping) else None
        if not isinstance(resource, Mapping) or not isinstance(resource_type, str):
            return Nobody()
        if resource_type in self.directory:
            return Directory()
        return one_of(self.of_reference(text) for text in self._owners.naming(resource))

    def of_reference(self, text: str) -> AnyNames:
        """Return what a `Reference.reference` names."""
        reference = parse_reference(text, self._base_url)
        if reference.kind is ReferenceKind.CONDITIONAL and reference.type == PATIENT:
            return self.of_criteria(PATIENT, reference.query or "")
        if reference.kind is not ReferenceKind.RELATIVE or reference.type in self.directory:
            return Nobody()
        assert reference.type is not None and reference.id is not None
        return self.of_address(reference.type, reference.id)

    def of_address(self, resource_type: str, id: str) -> AnyNames:
        """Return what `Type/id` names."""
        if resource_type in self.directory:
            return Directory()
        return Names(id) if resource_type == PATIENT else NamesResource(resource_type, id)

    def of_criteria(self, resource_type: str, text: str) -> AnyNames:
        """Return what criteria in a text (`If-None-Exist`, a conditional reference) name."""
        try:
            return self.of_query(resource_type, parse_query(text.lstrip("?")))
        except FhirError:
            return Nobody()  # whoever reads the criteria next refuses them

    def new_person(self, if_none_exist: str | None) -> AnyNames:
        """Return what the create of a Patient names."""
        if if_none_exist is None:
            return NewPerson()
        named = self.of_criteria(PATIENT, if_none_exist)
        return (
            NamesIdentifier(named.identifier, creates=True) if isinstance(named, NamesIdentifier) else named
        )

    def bound(self, resource_type: str, query: Pairs, owner: str) -> Pairs:
        """Return the query with chains to the person's identifier as the person whom they name."""
        chained = {
            name: code
            for name, _ in query
            for code in [_chain(name)]
            if code is not None and code in self._of_type(resource_type)
        }
        if not chained:
            return query
        return tuple((chained[n], f"{PATIENT}/{owner}") if n in chained else (n, v) for n, v in query)

    def _within(self, compartment: Compartment, request: Request) -> AnyNames:
        """Return what the search of a compartment names: the person whose it is, or who else is asked for."""
        by_query = self.of_query(request.resource_type, request.query) if request.resource_type else Nobody()
        if compartment.resource_type in self.directory:
            return by_query
        return one_of([self.of_address(compartment.resource_type, compartment.id), by_query])

    def _of_types(self, request: Request) -> AnyNames:
        """Return what a search over several types names: of each that is of a person, that person."""
        named = [self.of_query(resource_type, request.query) for resource_type in sorted(_types(request))]
        return Nobody() if any(isinstance(one, Nobody) for one in named) else one_of(named)

    def searched(self, request: Request) -> Iterable[str]:
        """Return the types that a search over several is about: those of persons, where there are any."""
        within = request.compartment
        all_of = (
            self._registry.compartments.get(within.resource_type, {}) if within else self._registry.parameters
        )
        asked = _types(request) or set(all_of)
        return asked - self.directory or asked

    def _instance(self, interaction: Interaction, request: Request) -> AnyNames:
        resource_type, id = request.resource_type, request.id
        if resource_type == PATIENT or interaction.name != "update":
            return self.of_address(resource_type, id)
        # By what the new version says: a resource that is not in that record is as good as absent.
        named = self.of_resource(request.body)
        return named if isinstance(named, Names | NamesIdentifier) else NamesResource(resource_type, id)

    def _created(self, interaction: Interaction, request: Request) -> AnyNames:
        if request.resource_type != PATIENT:
            return self.of_resource(request.body)
        if interaction.name == "create":
            return self.new_person(request.conditions.if_none_exist)
        id = request.body.get("id") if isinstance(request.body, Mapping) else None
        return Names(id) if isinstance(id, str) and is_id(id) else Nobody()

    def _of_parameters(self, body: Any) -> AnyNames:
        given = body.get("parameter") if isinstance(body, Mapping) else None
        found: list[AnyNames] = []
        for one in given if isinstance(given, list) else ():
            if not isinstance(one, Mapping) or one.get("name") not in PERSON_PARAMETERS:
                continue
            value = one.get("valueReference")
            text = value.get("reference") if isinstance(value, Mapping) else one.get("valueString")
            if isinstance(text, str):
                found.append(self.of_reference(text))
        return one_of(found)

    def _of_pair(self, resource_type: str, name: str, value: str) -> Iterable[AnyNames]:
        if resource_type == PATIENT:
            if name == "_id":
                return [Names(text) for text in split_unescaped(value, ",") if is_id(text)]
            return _identified(value) if name == IDENTIFIER else ()
        codes = self._of_type(resource_type)
        if _chain(name) in codes or (name.partition(":")[0] in codes and name.endswith(f":{IDENTIFIER}")):
            return _identified(value)
        code, colon, modifier = name.partition(":")
        if code not in codes or (colon and modifier != PATIENT):
            return ()
        return [self._of_value(text) for text in split_unescaped(value, ",") if text]

    def _of_value(self, text: str) -> AnyNames:
        if is_id(text):
            return Names(text)
        named = self.of_reference(text)
        return named if isinstance(named, Names) else Nobody()

    def _of_type(self, resource_type: str) -> frozenset[str]:
        """Return the parameters by which a search of a type names a person."""
        known = self._parameters.get(resource_type)
        if known is None:
            rule = owner_rule(self._registry, resource_type)
            definitions = self._registry.parameters.get(resource_type, {})
            known = frozenset(
                code
                for code in (*rule.deciding, *PERSON_PARAMETERS)
                if code in definitions and PATIENT in definitions[code].targets
            )
            self._parameters[resource_type] = known
        return known


def _types(request: Request) -> set[str]:
    """Return the types that a search over several names."""
    given = [value for name, value in request.query if name == TYPE]
    return {name.strip() for value in given for name in value.split(",") if name.strip()}


def _chain(name: str) -> str | None:
    """Return the parameter before `.identifier`, None where the name is no such chain."""
    code, dot, rest = name.partition(".")
    return code.removesuffix(f":{PATIENT}") if dot and rest == IDENTIFIER else None


def _identified(value: str) -> Iterable[AnyNames]:
    for text in split_unescaped(value, ","):
        system, code = split_bar(text)
        if system is not None and code:
            yield NamesIdentifier(f"{system}|{code}")
