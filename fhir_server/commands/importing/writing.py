"""The report as a file: HTML to be read, CSV and JSON to be counted again."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from fhir_server.commands.importing.report import Report, as_tree, names_of

STYLE = (
    "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #bbb;padding:.2em .6em}"
    "th,td{text-align:left}td.n{text-align:right}td{overflow-wrap:anywhere}"
)
FORMULAS = ("=", "+", "-", "@")
Row = Sequence[str | int]


def write_report(report: Report, path: Path, *, names: bool = True) -> None:
    """Write the report in the form that the suffix of `path` says.  Raises ValueError, OSError."""
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise ValueError(f"A report is a file named {', '.join(FORMS)}.")
    path.write_text(form(report, names), encoding="utf-8")


def as_json(report: Report, names: bool) -> str:
    """Return the report as JSON."""
    return json.dumps(as_tree(report, names=names), indent=2, ensure_ascii=False) + "\n"


def as_csv(report: Report, names: bool) -> str:
    """Return one line for each count and each file: section, name, count, text."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("section", "name", "count", "text"))
    for section, _, rows in _sections(report, names):
        for row in rows:
            name, count, *more = row
            lines.writerow((section, _harmless(str(name)), count, _harmless("; ".join(map(str, more)))))
    return text.getvalue()


def as_html(report: Report, names: bool) -> str:
    """Return a page that stands alone."""
    parts = [
        "<!doctype html>", '<html lang="en"><head><meta charset="utf-8"><title>Import</title>',
        f"<style>{STYLE}</style></head><body><h1>Import</h1>",
    ]  # fmt: skip
    for section, heads, rows in _sections(report, names):
        written = list(rows)
        parts.append(f"<h2>{html.escape(section)}</h2>")
        parts.append(_table(heads, written) if written else "<p>None.</p>")
    return "\n".join([*parts, "</body></html>", ""])


def _sections(report: Report, names: bool) -> Iterator[tuple[str, Row, Iterable[Row]]]:
    outcomes = {"files in": report.files_in, **report.outcomes}
    if report.left:
        outcomes["not come to"] = report.left
    yield "files", ("outcome", "files"), outcomes.items()
    yield "refusals", ("reason", "files"), report.refusals.items()
    yield "resources made", ("type", "resources"), report.resources.items()
    yield "resources there already", ("type", "resources"), report.found.items()
    yield "unmapped", ("XPath", "elements and attributes"), _most_first(report.unmapped)
    yield (
        "templates",
        ("template", "entries met", "structured"),
        ((name, met, made) for name, (met, made) in report.templates.items()),
    )
    yield "issues", ("kind", "issues"), report.issues.items()
    yield "each file", ("file", "resources", "outcome", "reason"), (
        (
            names_of(one, place, names), sum(one.resources.values()), one.outcome,
            "" if one.refusal is None else f"{one.refusal.kind}: {one.refusal.text}",
        )
        for place, one in enumerate(report.files, 1)
    )  # fmt: skip


def _most_first(counts: Mapping[str, int]) -> Iterable[Row]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _table(heads: Row, rows: Iterable[Row]) -> str:
    head = "".join(f"<th>{html.escape(str(text))}</th>" for text in heads)
    body = "\n".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}</table>"


def _cell(value: str | int) -> str:
    return f'<td class="n">{value}</td>' if isinstance(value, int) else f"<td>{html.escape(value)}</td>"


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return "'" + text if text.lstrip()[:1] in FORMULAS or text[:1].isspace() else text


FORMS: Mapping[str, Callable[[Report, bool], str]] = {".html": as_html, ".csv": as_csv, ".json": as_json}
