"""The facts of what is written, and of everything whose labels change with it, worked out before the commit.

A resource is settled together with those of its transaction, the sources that it takes labels from and, where
labels of something stored change, all that was derived from it.  What is already stored and only inherits is
relabelled in the same commit: no version of it is made.

The commit holds what this was worked out from against what is there (`Flow`): where a source gets or loses a
label while something is derived from it, whoever comes second works it out anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fhir_server.access.labelling import OPENING, class_in
from fhir_server.access.policy import WITHHELD_FROM_REPRESENTATIVES
from fhir_server.access.spread import (
    GIVEN,
    Effect,
    Node,
    is_resource,
    not_flowing,
    spread,
    unseen,
    without_own,
)
from fhir_server.interactions.context import Context
from fhir_server.interactions.inheriting import authors_of, gives_to, kept_from, not_inherited
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Access, Facts, Stored
from fhir_server.model.outcome import refuse
from fhir_server.model.unit_of_work import Flow, Relabel
from fhir_server.model.view import View

MOST: Final = 10_000
"""Resources whose labels one write may change."""
ONLY_SECRETS: Final = "This connection is secret: it deposits only what is withheld from representatives."
FLOW: Final = View.unrestricted("label-flow")
"""Sees the labels of all that is stored; what it reads is never answered."""
NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Draft:
    """A stamped resource of one owner that is to be written; `before` are the facts of what it follows.

    `named`: its id was chosen by who sent it, so that there can be references to it already.
    `drops` are labels that a choice gave it and that now end.
    `rewrites`: its labels or tags alone are written.
    """

    resource: dict[str, Any]
    owner: str | None
    before: Facts | None = None
    named: bool = False
    drops: frozenset[str] = NONE
    rewrites: bool = False

    @property
    def name(self) -> str:
        """`Type/id`."""
        return f"{self.resource['resourceType']}/{self.resource['id']}"


@dataclass(frozen=True, slots=True)
class Settled:
    """The facts of the drafts, in their order, and what else has to be relabelled with them."""

    facts: tuple[Facts, ...]
    relabels: tuple[Relabel, ...] = ()
    flows: tuple[Flow, ...] = ()


def settle(context: Context, request: Request, drafts: Sequence[Draft]) -> Settled:
    """Return the facts of what is to be written.

    Raises FhirError: `too-costly` where labels would change on more than can be written at once,
    `secret-needed` where a secret connection deposits what the representatives would see.
    """
    by_owner: dict[str | None, list[Draft]] = {}
    if not context.labelling.governs:
        return Settled(tuple(_plain(context, request, draft) for draft in drafts))
    for draft in drafts:
        by_owner.setdefault(draft.owner, []).append(draft)
    facts: dict[str, Facts] = {}
    relabels: list[Relabel] = []
    flows: list[Flow] = []
    for owner, drafted in by_owner.items():
        graph = _Graph(context, request, owner)
        graph.settle(drafted)
        facts.update(graph.settled)
        relabels.extend(graph.relabels())
        flows.extend(graph.flows(drafted[0].name))
    _check_secret(request, (facts[draft.name] for draft in drafts if draft.before is None))
    return Settled(tuple(facts[draft.name] for draft in drafts), tuple(relabels), tuple(flows))


def _plain(context: Context, request: Request, draft: Draft) -> Facts:
    """Return the facts of a draft where nothing is governed: what it says of itself, and nothing else."""
    labelling, resource = context.labelling, draft.resource
    labels, confidentiality = labelling.own(resource)
    visibility = labelling.policy.visibility(labelling.class_of(resource), confidentiality, labels)
    access = Access(labels, authors_of(request.actor))
    return Facts(resource["resourceType"], resource["id"], draft.owner, visibility, access)


def _given(context: Context, request: Request, draft: Draft) -> tuple[str, ...]:
    """Return the labels that choices give a draft, as sources; given once, they stay until dropped."""
    if draft.before is None:
        return context.labelling.given(request.view.given) if draft.owner is not None else ()
    kept = (name for name in draft.before.access.source if name.startswith(GIVEN))
    return tuple(name for name in kept if name.removeprefix(GIVEN) not in draft.drops)


def _since(request: Request, draft: Draft) -> Facts:
    """Return the facts before the write; of what is new, those that only say who deposits it."""
    resource, before = draft.resource, draft.before
    access = Access(authors=authors_of(request.actor)) if before is None else before.access
    visibility = 0 if before is None else before.visibility
    return Facts(resource["resourceType"], resource["id"], draft.owner, visibility, access)


def _check_secret(request: Request, deposited: Iterable[Facts]) -> None:
    if not request.actor.secret:
        return
    for facts in deposited:
        if facts.owner is not None and WITHHELD_FROM_REPRESENTATIVES not in facts.access.labels:
            raise refuse("secret-needed", ONLY_SECRETS, facts.resource_type)


def stored_facts(context: Context, request: Request, stored: Stored) -> Facts:
    """Return the facts of a version that was read without them: where nothing is governed, all of them."""
    return context.labelling.facts(
        exact_json.decode(stored.body), stored.resource_type, stored.id, stored.owner, now=request.now
    )


@dataclass
class _Graph:
    """What is written in one record, what it takes labels from and what takes labels from it."""

    context: Context
    request: Request
    owner: str | None
    nodes: dict[str, Node] = field(default_factory=dict)
    since: dict[str, Facts] = field(default_factory=dict)
    """The facts of each node before this write; of what is new, empty ones."""
    drafted: set[str] = field(default_factory=set)
    classes: dict[str, int] = field(default_factory=dict)
    read: dict[str, Stored] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    settled: dict[str, Facts] = field(default_factory=dict)
    sources: dict[str, Facts | None] = field(default_factory=dict)
    marks: tuple[bytes, ...] | None = None

    def settle(self, drafts: Sequence[Draft]) -> None:
        """Work out the facts of the drafts and of all that depends on them."""
        takes = {draft.name: self._takes(draft) for draft in drafts}
        self.drafted = set(takes)
        self._read(name for edges in takes.values() for name in edges if name not in takes)
        for draft in drafts:
            self._add(draft, takes[draft.name])
        self._give(drafts)
        self._pass_classes(takes)
        self.sources = {name: self._held(name) for name in sorted(self.asked - self.nodes.keys())}
        self._finish()
        fresh = {draft.name for draft in drafts if draft.before is None and not draft.named}
        changed = [name for name in self.nodes.keys() - fresh if self._passes_on(name)]
        if changed and self.owner is not None and not self.context.labelling.edges.is_empty:
            # Before what inherits is looked for: whatever comes in between changes the marks.
            self.marks = self.context.records.flow_marks(self.owner)
            self._follow(changed)
            self._finish()

    def flows(self, writer: str) -> Iterable[Flow]:
        """Return what the commit has to hold against what is there; nothing where no labels flow."""
        if self.owner is not None and (self.sources or self.marks is not None):
            yield Flow(self.owner, writer, tuple(self.sources.items()), self.marks)

    def relabels(self) -> Iterable[Relabel]:
        """Return what is stored already and gets other labels."""
        if self.owner is None:
            return
        for name in sorted(self.nodes.keys() - self.drafted):
            if self._differs(name):
                facts, before = self.settled[name], self.since[name]
                access = facts.access
                yield Relabel(
                    facts.resource_type, facts.id, self.owner, access.labels, facts.visibility,
                    access.source, access.from_, before,
                )  # fmt: skip

    def _takes(self, draft: Draft) -> Mapping[str, bool]:
        """Return what labels flow in from, by name: whether the type class passes too."""
        edges = self.context.labelling.edges
        if self.owner is None or edges.is_empty:
            return {}
        takes = dict(edges.takes(draft.resource))
        former = () if draft.before is None else draft.before.access.source
        doubtful = [name for name in former if name not in takes and is_resource(name)]
        self._read(doubtful)
        for name in doubtful:
            source = self.read.get(name)
            if source is None or source.facts is None:
                continue
            gives = {} if source.deleted else edges.gives(exact_json.decode(source.body))
            labels = set(source.facts.access.labels) - not_flowing(former).get(name, NONE)
            # To leave out a reference is no way to take off the label that came along it.
            if draft.name in gives or self.context.labelling.protected & labels:
                takes[name] = gives.get(draft.name, False)
        return takes

    def _add(self, draft: Draft, takes: Mapping[str, bool]) -> None:
        labelling, name = self.context.labelling, draft.name
        sources = (*takes, *self._not_inherited(draft, takes), *_given(self.context, self.request, draft))
        self.nodes[name] = labelling.node(draft.resource, sources, draft.before, self.request.now)
        self.classes[name] = labelling.class_of(draft.resource)
        self.since[name] = _since(self.request, draft)

    def _not_inherited(self, draft: Draft, takes: Mapping[str, bool]) -> Iterable[str]:
        into = draft.resource["resourceType"]
        former = () if draft.before is None else draft.before.access.source
        for name, passes_class in takes.items():
            facts = None if name in self.drafted else self._held(name)
            if facts is not None:
                yield from not_inherited(
                    self.request, into, facts, former, passes_class=passes_class, rewrites=draft.rewrites
                )

    def _give(self, drafts: Iterable[Draft]) -> None:
        """Let the drafts pass their labels on to what they point to, written with them or stored before."""
        if self.owner is None:
            return
        edges = self.context.labelling.edges
        gives = {draft.name: edges.gives(draft.resource) for draft in drafts}
        chosen = {draft.name: self._chosen(draft) for draft in drafts if gives[draft.name]}
        self._read(name for targets in gives.values() for name in targets if name not in self.nodes)
        for giver, targets in gives.items():
            for name, passes_class in targets.items():
                if not self._gives_to(giver, name):
                    continue
                if name not in self.nodes:
                    self._add_stored(self.read[name])
                if name not in self.drafted:
                    self._keep_from(name, giver, chosen[giver])
                self._give_to(name, giver, passes_class)
        # What else gives to them keeps its say, though it is not written here.
        given = {name for targets in gives.values() for name in targets if name in self.nodes}
        self._read(
            source for name in given for source in self.nodes[name].sources if source not in self.nodes
        )

    def _gives_to(self, giver: str, name: str) -> bool:
        facts = self._held(name)
        return name in self.drafted or (facts is not None and gives_to(self.request, giver, facts))

    def _chosen(self, draft: Draft) -> frozenset[str]:
        """Return the labels that a draft has by the person's choice alone."""
        given = {name.removeprefix(GIVEN) for name in _given(self.context, self.request, draft)}
        return frozenset(given.difference(self.context.labelling.own(draft.resource)[0]))

    def _keep_from(self, name: str, giver: str, labels: frozenset[str]) -> None:
        """Let labels not flow into something stored that newly has the giver as a source."""
        node, facts = self.nodes[name], self._held(name)
        if giver not in node.sources and facts is not None:
            kept = kept_from(facts, giver, labels)
            self.nodes[name] = replace(node, sources=(*node.sources, *kept))

    def _give_to(self, name: str, giver: str, passes_class: bool) -> None:
        node = self.nodes[name]
        if giver not in node.sources:
            self.nodes[name] = replace(node, sources=(*node.sources, giver))
        # Of several, the first says the class: to point to it anew is no way to move it to another.
        is_only = not any(is_resource(source) and source != giver for source in node.sources)
        if passes_class and self.classes[giver] and (is_only or not self.classes[name]):
            self.classes[name] = self.classes[giver]

    def _pass_classes(self, takes: Mapping[str, Mapping[str, bool]]) -> None:
        for name, edges in takes.items():
            for source, passes_class in edges.items():
                if not passes_class or unseen(source) in self.nodes[name].sources:
                    continue
                stored = self.read.get(source)
                of_stored = class_in(stored.facts) if stored is not None and stored.facts is not None else 0
                self.classes[name] = self.classes.get(source, of_stored) or self.classes[name]

    def _add_stored(self, stored: Stored) -> None:
        """Add something that is not written itself: only what it inherits can change."""
        assert stored.facts is not None
        name, facts = _name(stored), stored.facts
        sources = without_own(facts.access.source)
        self.since[name] = facts
        self.classes[name] = class_in(facts)
        if stored.deleted:
            # What it said of itself is gone with its text: what it was labelled, it stays.
            self.nodes[name] = Node(frozenset(facts.access.labels), sources, facts.access.from_)
            return
        resource = exact_json.decode(stored.body)
        labelling = self.context.labelling
        self.nodes[name] = labelling.node(resource, sources, facts, self.request.now)

    def _follow(self, changed: Iterable[str]) -> None:
        """Add everything that labels flow to from `changed`, however far.  Raises FhirError `too-costly`."""
        owner = self.owner
        assert owner is not None
        frontier = set(changed)
        followed: set[str] = set()
        while frontier:
            followed |= frontier
            found = self.context.records.flowing_from(owner, sorted(frontier))
            fresh = [stored for stored in found if _name(stored) not in self.nodes]
            if len(self.nodes) + len(fresh) > MOST:
                text = f"This would change the labels of more than {MOST} resources at once."
                raise refuse("too-costly", text)
            for stored in fresh:
                self._add_stored(stored)
            self._read(source for one in fresh for source in self.nodes[_name(one)].sources)
            # What is written itself is known already, but not yet what was derived from it.
            frontier = {_name(stored) for stored in found} - followed

    def _finish(self) -> None:
        outside = {name: stored.facts for name, stored in self.read.items() if stored.facts is not None}
        effects = spread(self.nodes, outside, OPENING)
        there = {name: set(facts.access.labels) for name, facts in outside.items()}
        there |= {name: set(effect.labels) for name, effect in effects.items()}
        for name, effect in effects.items():
            self.settled[name] = self._facts(name, effect, there)

    def _facts(self, name: str, effect: Effect, there: Mapping[str, set[str]]) -> Facts:
        labelling, node = self.context.labelling, self.nodes[name]
        # A label that its source has lost flows when it comes back.
        ended = {
            unseen(source, label)
            for source, labels in not_flowing(node.sources).items()
            for label in labels - there.get(source, NONE)
            if label or source not in there
        }
        if ended:
            node = replace(node, sources=tuple(one for one in node.sources if one not in ended))
        return labelling.settled(self.since[name], self.classes[name], node, effect)

    def _passes_on(self, name: str) -> bool:
        """Whether labels of what depends on it can change: also when it lost a reason for a label that it
        has from what depends on it.
        """
        new, old = self.settled[name].access, self.since[name].access
        is_labelled = bool(new.labels or old.labels)
        return is_labelled and (
            set(new.labels) != set(old.labels) or new.from_ != old.from_ or set(new.source) != set(old.source)
        )

    def _differs(self, name: str) -> bool:
        new, old = self.settled[name], self.since[name]
        return (
            set(new.access.labels) != set(old.access.labels)
            or new.access.from_ != old.access.from_
            or set(new.access.source) != set(old.access.source)
            or new.visibility != old.visibility
        )

    def _held(self, name: str) -> Facts | None:
        stored = self.read.get(name)
        return None if stored is None else stored.facts

    def _read(self, names: Iterable[str]) -> None:
        """Read what is stored of `names` in this record, with its facts; each is asked for once."""
        wanted: dict[str, list[str]] = {}
        for name in names:
            resource_type, _, id = name.partition("/")
            known = name in self.asked or not is_resource(name)
            if not known and resource_type in self.context.registry.resource_types:
                self.asked.add(name)
                wanted.setdefault(resource_type, []).append(id)
        for resource_type, ids in wanted.items():
            for stored in self.context.records.read_many(resource_type, ids, FLOW, facts=True).values():
                if stored.owner == self.owner:
                    self.read[_name(stored)] = stored


def _name(stored: Stored) -> str:
    return f"{stored.resource_type}/{stored.id}"
