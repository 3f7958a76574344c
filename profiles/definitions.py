"""Definitions as facts: elements, search parameters and compartments, free of prose.

They are generated from official packages by `profiles.build` and never typed by hand.
Spec: https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

BindingStrength = Literal["required", "extensible", "preferred", "example"]
Kind = Literal["primitive-type", "complex-type", "resource", "logical"]


@dataclass(frozen=True, slots=True)
class Binding:
    """A coded element's value set; `value_set` is a canonical with its version cut off.

    `max_value_set` is the set that no code may lie outside of, even where the binding itself is open.
    """

    strength: BindingStrength
    value_set: str
    max_value_set: str | None = None


@dataclass(frozen=True, slots=True)
class TypeRef:
    """One allowed type.  `targets` are resource types (or profile canonicals) a Reference may point to.

    `code` is a FHIR type name; the FHIRPath system types of `id`, `url` and `value` are written as the
    FHIR primitive they stand for (`string`, `uri` …).  `profiles` are canonicals that the value itself has to
    conform to (`…/SimpleQuantity`).
    """

    code: str
    targets: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ElementDefinition:
    """One element of a snapshot.

    `path` is as in the StructureDefinition (`Observation.value[x]`).  `max=None` stands for `*`.
    `content` names the path whose children this element repeats (contentReference), else None.
    """

    path: str
    min: int
    max: int | None
    types: tuple[TypeRef, ...]
    binding: Binding | None = None
    content: str | None = None
    summary: bool = False
    modifier: bool = False
    constraints: tuple[str, ...] = ()
    """Keys into `StructureDefinition.invariants`."""

    @property
    def name(self) -> str:
        """The last step, `value[x]` for a choice."""
        return self.path.rpartition(".")[2]

    @property
    def is_choice(self) -> bool:
        """Whether the JSON name carries the type (`valueQuantity`)."""
        return self.path.endswith("[x]")


@dataclass(frozen=True, slots=True)
class Invariant:
    """A constraint: `expression` is FHIRPath, `human` what an issue calls it (its key, if nothing better).

    The sentence of the specification is prose and is not carried.
    """

    key: str
    severity: Literal["error", "warning"]
    expression: str
    human: str


@dataclass(frozen=True, slots=True)
class StructureDefinition:
    """A type: `elements` in snapshot order, the root first."""

    name: str
    url: str
    kind: Kind
    base: str | None
    """The type that it specialises (`DomainResource`); None for Element and Resource."""
    abstract: bool
    elements: tuple[ElementDefinition, ...]
    invariants: Mapping[str, Invariant]
    pattern: str | None = None
    """The regular expression of a primitive's text, exactly as the specification prints it, else None.

    A fact, not a check: some of them backtrack without end on hostile text (`base64Binary`), some are
    looser than the words beside them.
    """


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite parameter; `definition` is the canonical of the part's own parameter."""

    definition: str
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter as the specification defines it; `expression` covers all of its bases."""

    url: str
    code: str
    type: Literal["number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"]
    bases: tuple[str, ...]
    expression: str | None
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    multiple_or: bool = True
    multiple_and: bool = True
    modifiers: tuple[str, ...] = ()
    comparators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """A complete code system: `concepts` maps every code to its display term (`""` where it has none).

    `parents` maps a code to the codes right above it; codes at the top are missing.
    """

    url: str
    concepts: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]]
    case_sensitive: bool = True

    def below(self, code: str) -> frozenset[str]:
        """Return the code and every code under it; empty if the system does not have it."""
        if code not in self.concepts:
            return frozenset()
        children: dict[str, list[str]] = {}
        for child, parents in self.parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(child)
        found, waiting = {code}, [code]
        while waiting:
            fresh = [child for child in children.get(waiting.pop(), ()) if child not in found]
            found.update(fresh)
            waiting.extend(fresh)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class ValueSet:
    """The codes of a value set that can be enumerated from its package alone.

    `systems` maps a code system to its codes with their display terms.
    """

    url: str
    systems: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class OperationParameter:
    """One parameter of an operation; `parts` are those of a parameter that has no type of its own."""

    name: str
    use: Literal["in", "out"]
    min: int
    max: int | None
    type: str | None = None
    targets: tuple[str, ...] = ()
    search_type: str | None = None
    parts: tuple[OperationParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class OperationDefinition:
    """An operation; `code` is its name without `$`, the flags say at which levels it can be called."""

    url: str
    code: str
    system: bool
    type: bool
    instance: bool
    affects_state: bool
    resources: tuple[str, ...]
    parameters: tuple[OperationParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Discriminator:
    """How a slice is recognised: what the `path`, below the sliced element, is compared for."""

    type: Literal["value", "exists", "pattern", "type", "profile"]
    path: str


@dataclass(frozen=True, slots=True)
class Slicing:
    """How the repetitions of an element fall into slices."""

    discriminators: tuple[Discriminator, ...]
    rules: Literal["open", "closed", "openAtEnd"]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class NarrativeControl:
    """What a profile asks of a narrative.

    `languages`: `_no` (no sections by language), `_yes` (sections by language only), `_resource` (one in the
    language of the resource), or the code of a language that one must be in.  `sources`: how bad a text is
    that stands in no element whose class says where it comes from; None: nothing is asked.
    Spec: http://hl7.org/fhir/StructureDefinition/narrative-language-control, …/narrative-source-control
    """

    languages: tuple[str, ...] = ()
    sources: Literal["error", "warning", "information"] | None = None


@dataclass(frozen=True, slots=True)
class ProfileElement:
    """One element of the snapshot of a profile.

    `id` is that of the StructureDefinition (`Observation.component:systolic.value[x]`).  `fixed` and
    `pattern` are JSON trees with their number literals, None where there is none; `minimum` and `maximum`
    likewise, for primitives and quantities; for a date they may be a Duration, back from or on from now.
    `content` names the id of the element whose children this one repeats.
    """

    id: str
    path: str
    min: int
    max: int | None
    types: tuple[TypeRef, ...]
    slice_name: str | None = None
    slicing: Slicing | None = None
    fixed: Any = None
    pattern: Any = None
    minimum: Any = None
    maximum: Any = None
    max_length: int | None = None
    binding: Binding | None = None
    content: str | None = None
    summary: bool = False
    modifier: bool = False
    must_support: bool = False
    constraints: tuple[str, ...] = ()
    """Keys into `Profile.invariants`."""
    min_length: int | None = None
    alternatives: tuple[str, ...] = ()
    """Canonicals of the extensions one of which has to be there where a primitive has no value."""
    further: tuple[Binding, ...] = ()
    """Bindings that hold beside `binding`."""
    narrative: NarrativeControl | None = None


@dataclass(frozen=True, slots=True)
class ExtensionContext:
    """Where an extension may stand; `expression` is an element id, a FHIRPath or an extension's canonical."""

    type: Literal["fhirpath", "element", "extension"]
    expression: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A StructureDefinition that constrains a type: a profile, or the definition of an extension.

    `elements` is the whole snapshot, the root first, in its order.  `type` is the name of the constrained
    type (`Observation`, `Extension`, `Quantity`), `base` the canonical of what it constrains.
    """

    url: str
    version: str | None
    name: str
    type: str
    base: str
    kind: Kind
    abstract: bool
    elements: tuple[ProfileElement, ...]
    invariants: Mapping[str, Invariant]
    contexts: tuple[ExtensionContext, ...] = ()
    context_invariants: tuple[str, ...] = ()
    follows: str | None = None
    """The canonical of a published definition whose rules a definition of our own takes up."""
