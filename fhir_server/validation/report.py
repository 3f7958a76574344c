"""The issues of one resource, up to a limit, and how their places are written."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Raw

from fhir_server.model.outcome import Issue

MAX_ISSUES = 100
_MAX_NAME = 64
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_JSON_WORDS = {
    dict: "an object", list: "an array", str: "a string", bool: "a boolean",
    int: "a number", Raw: "a number", type(None): "null",
}  # fmt: skip


class ReportFull(Exception):
    """No more issues are wanted; the walk ends here."""


class Report:
    """Collects issues; raises ReportFull once `MAX_ISSUES` are there, with a last one that says so."""

    __slots__ = ("issues",)

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def add(self, situation: str, text: str, expression: str) -> None:
        """Add an error at a place."""
        self.put(Issue(situation, text, expression))

    def put(self, issue: Issue) -> None:
        """Add an issue as it is."""
        if len(self.issues) == MAX_ISSUES:
            text = f"More than {MAX_ISSUES} issues; only the first {MAX_ISSUES} are listed."
            self.issues.append(Issue("more-issues", text, severity="information"))
            raise ReportFull
        self.issues.append(issue)


def step(path: str, name: str) -> str:
    """Return the FHIRPath of the child `name`; a name that is no identifier is delimited and cut."""
    if _IDENTIFIER.match(name) is not None and len(name) <= _MAX_NAME:
        return f"{path}.{name}"
    shown = name[:_MAX_NAME].encode("unicode_escape").decode("ascii").replace("`", "\\`")
    return f"{path}.`{shown}`"


def json_word(value: Any) -> str:
    """Return what JSON calls the value, with its article."""
    return _JSON_WORDS.get(type(value), "something else")
