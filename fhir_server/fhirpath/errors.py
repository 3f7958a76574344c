"""What can go wrong with a FHIRPath expression: its text, or its evaluation."""

from __future__ import annotations


class FhirPathError(Exception):
    """An expression cannot be evaluated; the message says why and holds no value of the data."""


class FhirPathSyntaxError(FhirPathError):
    """The text is no expression that this engine can compile; `position` counts characters from 0."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(f"at character {position}: {message}")
        self.position = position
        self.message = message


class WorkLimitExceeded(FhirPathError):
    """The evaluation took more steps than its environment allows."""
