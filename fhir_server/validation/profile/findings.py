"""The issues of a whole validation: advice is limited by itself, so that it never crowds out an error."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_server.model.outcome import Issue
from fhir_server.validation.report import MAX_ISSUES, Report, ReportFull

_ERRORS = frozenset({"fatal", "error"})


class Findings(Report):
    """Up to `MAX_ISSUES` errors and as many warnings; raises ReportFull after the last error."""

    __slots__ = ("_advice", "_errors")

    def __init__(self, issues: Iterable[Issue] = ()) -> None:
        """`issues` were found before, and count as they are."""
        super().__init__()
        self.issues.extend(issues)
        self._errors = sum(issue.severity in _ERRORS for issue in self.issues)
        self._advice = len(self.issues) - self._errors

    def put(self, issue: Issue) -> None:
        """Add an issue, or say once that there are more."""
        if issue.severity in _ERRORS:
            if self._errors == MAX_ISSUES:
                self.issues.append(_more("issues"))
                raise ReportFull
            self._errors += 1
            self.issues.append(issue)
        elif self._advice < MAX_ISSUES:
            self._advice += 1
            self.issues.append(issue)
        elif self._advice == MAX_ISSUES:
            self._advice += 1
            self.issues.append(_more("warnings"))


def _more(what: str) -> Issue:
    text = f"More than {MAX_ISSUES} {what}; only the first {MAX_ISSUES} are listed."
    return Issue("more-issues", text, severity="information")
