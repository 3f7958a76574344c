"""Which objects keep which rules beyond their slots: two tables, read by the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.validation.bundle_rules import bundle_faults, full_url_disagreements
from fhir_server.validation.contained import contained_faults, repeated_id_faults
from fhir_server.validation.shapes import Rule, rule

RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType({
    "Bundle": (rule(bundle_faults),),
})  # fmt: skip
"""By type name, or path of a backbone element."""

STRICT_RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType({
    "Bundle": (rule(full_url_disagreements),),
})  # fmt: skip
"""The same for what only a strict validator refuses: examples of the specification break these."""

CONTAINER_RULES = (rule(repeated_id_faults),)
"""Kept by every resource that can contain others."""

CONTAINED_RULES = (rule(contained_faults),)
"""Kept by every resource that is contained in another."""

EXACTLY_ONE: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "Extension": ("extension", "value"),
})  # fmt: skip
"""By type name: elements of which one must be present, and not two (ext-1)."""
