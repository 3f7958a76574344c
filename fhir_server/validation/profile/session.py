"""One validation: where issues go, what references reach, and what has been checked already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from fhir_server.fhirpath import Environment, Node
from fhir_server.model.outcome import Issue, Severity
from fhir_server.validation.profile.reach import Reach
from fhir_server.validation.report import Report

MAX_HOPS = 4
"""References followed one after the other, from a resource to one that its profile speaks of."""

Resolve: TypeAlias = Callable[[str], Mapping[str, Any] | None]
"""What a reference or canonical outside of the resource names, None where that is not to be had."""


class Broken(Exception):
    """Ends a trial: the element does not conform."""


class World(Protocol):
    """What a session asks of the compiled definitions."""

    def member_of(self, value: Any, value_set: str) -> bool | None:
        """Return whether the raw JSON of a code, Coding or CodeableConcept is in the set; None: not known."""
        ...

    def profile_check(self, canonical: str) -> Check | None:
        """Return the check of a profile, None if there is no such profile."""
        ...


class Session:
    """The state of one call of `Validator.validate`.

    `root` is the node of the whole resource, `profile` the label of the profile that is asking now.
    """

    __slots__ = (
        "_checked", "_environment", "_now", "_resolve", "_seen", "_trial", "_verdicts", "_world", "hops",
        "profile", "reach", "report", "root",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        root: Node,
        report: Report,
        resolve: Resolve | None = None,
        now: datetime | None = None,
    ) -> None:
        self.root = root
        self.report = report
        resolve = _remembered(resolve) if resolve is not None else None
        self.reach = Reach(root, resolve)
        self.profile: str | None = None
        self.hops = 0
        self._world = world
        self._resolve = resolve
        self._now = now
        self._environment: Environment | None = None
        self._trial = 0
        self._checked: set[_Mark] = set()
        self._seen: set[tuple[str, str, str]] = set()
        self._verdicts: dict[_Mark, bool] = {}

    @property
    def environment(self) -> Environment:
        """What invariants may ask of the world."""
        if self._environment is None:
            self._environment = Environment(
                resolve=self._resolve,
                target=self.reach.target,
                member_of=self._world.member_of,
                conforms_to=self._conforms_to,
                now=self._now,
            )
        return self._environment

    def environment_around(self, node: Node) -> Environment:
        """What an invariant of an element may ask, where that element is itself a resource.

        The resource that such a rule speaks of is the one around it.
        """
        holder = node.parent
        while holder is not None and not holder.is_resource:
            holder = holder.parent
        if holder is None:
            return self.environment
        root = holder
        while root.name == "contained" and root.parent is not None:
            root = root.parent
        return replace(self.environment, variables={"resource": holder, "rootResource": root})

    def fault(self, situation: str, text: str, place: Node | str, severity: Severity = "error") -> None:
        """Report what is wrong at a place.  Raises Broken in a trial, ReportFull after the last issue."""
        if self._trial:
            if severity == "error":
                raise Broken
            return
        path = place.path if isinstance(place, Node) else place
        self.put(Issue(situation, f"{path}{text}", path, severity, self.profile))

    def put(self, issue: Issue) -> None:
        """Add an issue, unless the same one is there already."""
        mark = (issue.situation, issue.text, issue.expression or "")
        if mark not in self._seen:
            self._seen.add(mark)
            self.report.put(issue)

    def passes(self, check: Check, node: Node) -> bool:
        """Return whether a check finds no error; nothing is reported."""
        self._trial += 1
        try:
            check(node, self)
        except Broken:
            return False
        finally:
            self._trial -= 1
        return True

    def once(self, check: Check, node: Node, label: str) -> None:
        """Run the check of a whole profile, at most once for each element; in a trial by its known verdict.

        A profile that comes back to an element that it is about to judge takes it for conforming.
        """
        mark = (id(node.value) if type(node.value) is dict else node.path, label)
        if not self._trial:
            if mark not in self._checked:
                self._checked.add(mark)
                self._as(label, check, node)
            return
        known = self._verdicts.get(mark)
        if known is None:
            self._verdicts[mark] = True
            known = self._verdicts[mark] = self.passes(check, node)
        if not known:
            raise Broken

    def _as(self, label: str, check: Check, node: Node) -> None:
        before, self.profile = self.profile, label
        try:
            check(node, self)
        finally:
            self.profile = before

    def _conforms_to(self, node: Node, canonical: str) -> bool | None:
        check = self._world.profile_check(canonical)
        return None if check is None else self.passes(check, node)


def _remembered(resolve: Resolve) -> Resolve:
    """Return what asks once for each text, and keeps the answers: verdicts go by the identity of objects."""
    known: dict[str, Mapping[str, Any] | None] = {}

    def find(text: str) -> Mapping[str, Any] | None:
        if text not in known:
            known[text] = resolve(text)
        return known[text]

    return find


_Mark: TypeAlias = tuple[int | str, str]
"""The identity of an object, or the place of a primitive; and the label of a profile."""

Check: TypeAlias = Callable[[Node, Session], None]
"""Reports what is wrong with an element, and with what is in it, to the session."""
