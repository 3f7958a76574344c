"""Everything that an interaction can reach: ports, compiled definitions and limits, handed down by `app`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from fhir_server.access.labelling import Labelling
from fhir_server.access.policy import Policy, neutral_policy
from fhir_server.access.ports import AuditSink, Choices, Proofs
from fhir_server.interactions.demands import Demands
from fhir_server.interactions.gate import Gate, OpenGate
from fhir_server.interactions.patching.patches import Patches
from fhir_server.interactions.ports import Blobs, Journal, Records, Replay
from fhir_server.model.clock import Clock
from fhir_server.model.ids import Ids
from fhir_server.search.cursor import Cursors
from fhir_server.search.index import Indexer
from fhir_server.search.memory import Memory
from fhir_server.search.owner import Owners
from fhir_server.search.ports import Systems
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry

if TYPE_CHECKING:
    from fhir_server.interactions.capabilities import Statement
    from fhir_server.interactions.definitions import Definitions
    from fhir_server.interactions.dispatch import Dispatcher
    from fhir_server.interactions.integrity import Integrity
    from fhir_server.interactions.subsets import Subsets
    from fhir_server.interactions.transaction.links import Links


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request."""

    max_entries: int = 1000
    """Entries of a batch or transaction."""
    page_size: int = 20
    page_size_max: int = 500
    conditional_deletes: int = 1
    """The most resources that one conditional delete deletes; 1 means that several matches are refused."""
    attempts: int = 5
    """How often a write without a precondition is planned anew after another one came first."""


@dataclass(frozen=True, slots=True)
class Context:
    """One server's parts.  Immutable; shared by all threads of a worker."""

    records: Records
    blobs: Blobs
    audit: AuditSink
    systems: Systems
    replay: Replay
    registry: Registry
    validator: StructureValidator
    definitions: Definitions
    """The profiles, value sets and code systems that validation uses, posted ones among them."""
    indexer: Indexer
    owners: Owners
    cursors: Cursors
    clock: Clock
    ids: Ids
    dispatcher: Dispatcher
    links: Links
    patches: Patches
    statement: Statement
    subsets: Subsets
    base_url: str
    """The root of every Location, fullUrl and link; no slash at the end."""
    canonical_base: str
    limits: Limits = Limits()
    zone: tzinfo = UTC
    """The zone of dates that have none."""
    cross_person_types: frozenset[str] = frozenset()
    """Types with an index for searches across persons."""
    update_create: bool = False
    """Whether a PUT to an unknown id may create."""
    integrity: Integrity | None = None
    """Refuses references to nothing and deletions of what is referenced; None: both are allowed."""
    demands: Demands = field(default_factory=Demands)
    """How far what is written is validated."""
    gate: Gate = field(default_factory=OpenGate)
    labelling: Labelling = field(default_factory=lambda: Labelling(neutral_policy()))
    """What labels mean and where they flow."""
    policy: Policy | None = None
    """The policy that governs; None: access is not governed."""
    choices: Choices | None = None
    """What each person chose; None: access is not governed."""
    journal: Journal | None = None
    """Reads the access log; None: AuditEvent is a type like any other."""
    proofs: Proofs | None = None
    """Proves entries of the access log; None: access is not governed."""
    searches: Memory = field(default_factory=Memory)
    """Searches that were understood."""
    audit_waits: bool = True
    """Whether an answer waits until its audit entry is durable."""

    def url(self, relative: str) -> str:
        """Return the absolute URL of `Type/id…` on this server."""
        return f"{self.base_url}/{relative}"
