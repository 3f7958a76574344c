"""How strict the base rules are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fhir_server.model.outcome import Severity

Level: TypeAlias = Severity | None
"""The severity of a rule's issues; None switches the rule off."""


@dataclass(frozen=True, slots=True)
class BaseOptions:
    """The level of each group of rules: an error only where nothing but a mistake explains what is there."""

    bindings: Level = "warning"
    """No code of an extensible value set; of a preferred one it is an information.  (Required: structure.)"""
    unknown_codes: Level = "warning"
    """A code that the code system, in the version that is here, does not have."""
    wrong_displays: Level = "warning"
    known_extensions: Level = "error"
    """An extension whose definition is here, at another place than it says."""
    core_contexts: Level = "warning"
    """The place of an extension of HL7 itself: its releases have both widened and narrowed their contexts."""
    unknown_extensions: Level = "information"
    """An extension that nobody here knows; one that modifies is a warning at least, unless this is None."""
    extension_domains: tuple[str, ...] = ()
    """What canonicals may begin with whose definitions are not asked for."""
    bundles: Level = "error"
    """Links between the entries of a document, and searchsets."""
    loose_links: Level = "warning"
    """A link that only type and id explain, though the fullUrl of the target says otherwise."""
    full_urls: Level = "warning"
    """A RESTful fullUrl that does not end with the type and id of the resource."""
    references: Level = "error"
    """A reference to something of another type than it says or may have."""
    unresolved: Level = None
    """A literal reference that the caller's `resolve` does not know."""
    narratives: Level = "warning"
    """Links, images, ids and attributes of narratives; elements are the business of structure."""
    texts: Level = "error"
    """URIs, ids, sizes of attachments."""
    relative_canonicals: Level = "warning"
    example_urls: Level = None
    html_in_texts: Level = None
    definitions: Level = "error"
    """SearchParameters and CapabilityStatements that contradict what they name."""
    questionnaires: Level = "error"
    """A QuestionnaireResponse that does not answer its Questionnaire."""
    vital_signs: Level = "warning"
    """An Observation of a vital sign without its LOINC code (or, a warning, not as R4 profiles it)."""


STRICT = BaseOptions(
    core_contexts="error",
    unknown_codes="error",
    wrong_displays="error",
    unknown_extensions="error",
    loose_links="error",
    full_urls="error",
    narratives="error",
    relative_canonicals="error",
    vital_signs="error",
)
"""As strict as the reference validator is when nothing is configured."""
