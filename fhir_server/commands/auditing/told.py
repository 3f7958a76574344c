"""What a verification found, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from fhir_server.access.batches import WINDOW
from fhir_server.access.checkpoints import format_time
from fhir_server.store.audit_check import Report

SHOWN_FINDINGS: Final = 100

NO_COPIES: Final = (
    "There is no second place of checkpoints (FHIR_AUDIT_EXPORT, --copies): whoever holds the key and the "
    "database could have rewritten all of it."
)
NOTHING_PROVEN: Final = "There is no checkpoint yet: nothing is proven."


def lines_of(report: Report, *, has_copies: bool, now: datetime) -> list[str]:
    """Return the report as lines of text."""
    findings = [f"{finding.kind}: {finding.text}" for finding in report.findings[:SHOWN_FINDINGS]]
    if len(report.findings) > SHOWN_FINDINGS:
        findings.append(f"… and {len(report.findings) - SHOWN_FINDINGS} more; --json lists all.")
    counts = f"{report.entries} entries in {report.batches} batches, {len(report.findings)} findings."
    return [*findings, *unknowns(report, has_copies=has_copies, now=now), counts]


def unknowns(report: Report, *, has_copies: bool, now: datetime) -> list[str]:
    """Return what the verification cannot know, one sentence each."""
    told = [
        f"Missing: {span.last - span.first + 1} number(s) from {span.first} of worker {span.worker}: never "
        "written, or deleted before a checkpoint."
        for span in report.missing
    ]
    if report.last is None:
        told.append(NOTHING_PROVEN)
    if report.pending:
        told.append(f"{report.pending} entries came after the last checkpoint: nothing is known of them.")
    if report.oldest_pending is not None and report.oldest_pending < now - WINDOW:
        told.append(f"The oldest of them is of {format_time(report.oldest_pending)}: no sequencer runs.")
    if not has_copies:
        told.append(NO_COPIES)
    return told


def tree_of(report: Report, *, has_copies: bool, now: datetime) -> dict[str, Any]:
    """Return the report as one JSON object."""
    last = report.last
    return {
        "batches": report.batches,
        "entries": report.entries,
        "findings": [asdict(finding) for finding in report.findings],
        "missing": [span._asdict() for span in report.missing],
        "pending": report.pending,
        "unknown": unknowns(report, has_copies=has_copies, now=now),
        "last": None
        if last is None
        else {"batch": last.number, "size": last.size, "time": format_time(last.time)},
    }
