"""Which rule is asked where: one table, read by the checker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.bundles import bundle_faults
from fhir_server.validation.base.codes import binding_faults, coding_faults
from fhir_server.validation.base.definitions import (
    capability_faults,
    include_faults,
    parameter_faults,
    profile_faults,
    questionnaire_faults,
    supplement_faults,
)
from fhir_server.validation.base.extensions import extension_faults
from fhir_server.validation.base.narratives import narrative_faults
from fhir_server.validation.base.references import reference_faults
from fhir_server.validation.base.texts import (
    attachment_faults,
    canonical_faults,
    repeated_id_faults,
    string_faults,
    uri_faults,
)
from fhir_server.validation.base.vital_signs import vital_sign_faults
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World
from fhir_server.validation.questionnaire_response import response_faults

BaseRule: TypeAlias = Callable[[Place, World], Iterable[Issue]]

_CODED = ("bindings", binding_faults)
_URI = ("texts", uri_faults)

ON_TYPE: Mapping[str, tuple[tuple[str, BaseRule], ...]] = MappingProxyType({
    "Attachment": (("texts", attachment_faults),),
    "Bundle": (("bundles", bundle_faults),),
    "CodeSystem": (("definitions", supplement_faults),),
    "CodeableConcept": (_CODED,),
    "Coding": (_CODED, ("unknown_codes", coding_faults)),
    "Extension": (("texts", extension_faults),),
    "Observation": (("vital_signs", vital_sign_faults),),
    "Questionnaire": (("definitions", questionnaire_faults),),
    "QuestionnaireResponse": (("questionnaires", response_faults),),
    "Reference": (("references", reference_faults),),
    "SearchParameter": (("definitions", parameter_faults),),
    "StructureDefinition": (("definitions", profile_faults),),
    "canonical": (("texts", canonical_faults),),
    "markdown": (("html_in_texts", string_faults),),
    "oid": (_URI,),
    "string": (("html_in_texts", string_faults),),
    "uri": (_URI,),
    "url": (_URI,),
    "uuid": (_URI,),
    "xhtml": (("narratives", narrative_faults),),
})  # fmt: skip
"""By type of the element: the field of `BaseOptions` that gives the level, and the rule."""

ON_ELEMENT: Mapping[str, tuple[tuple[str, BaseRule], ...]] = MappingProxyType({
    "CapabilityStatement.rest.resource.searchParam": (("definitions", capability_faults),),
    "ValueSet.compose.include": (("definitions", include_faults),),
})  # fmt: skip
"""By element path, for elements defined in place."""

ON_RESOURCE: tuple[tuple[str, BaseRule], ...] = (("texts", repeated_id_faults),)
"""Asked of every resource, contained ones too."""
