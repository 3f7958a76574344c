"""A run as tables for a terminal."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conformance.results import Run
from conformance.suite import LEVELS, Level

MARKS = {"SHALL": "red", "SHOULD": "yellow", "MAY": "cyan"}


def print_run(run: Run, console: Console) -> None:
    """Print the totals by suite, every failure with its place in the specification, and what was skipped."""
    console.print(f"{run.base}  {escape(run.server)}  FHIR {run.fhir_version}", soft_wrap=True)
    console.print(_totals(run))
    for result in run.ended("failed"):
        mark = MARKS[result.case.level]
        name = f"[{mark}]{result.case.level} {result.suite}/{result.case.id}[/{mark}]"
        console.print(f"{name}  {escape(result.case.title)}", soft_wrap=True)
        for reason in result.reasons:
            console.print(f"    {escape(reason)}", soft_wrap=True)
        console.print(f"    {result.case.spec}\n", style="dim", soft_wrap=True)
    skipped = Counter(result.reasons[0] for result in run.ended("skipped"))
    for reason, count in sorted(skipped.items()):
        console.print(f"{count} skipped, {escape(reason)}", style="dim")
    console.print(_verdict(run))


def _totals(run: Run) -> Table:
    """Cases that passed out of those that were asked, by suite and level."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("passed / asked", no_wrap=True)
    for name in (*LEVELS, "skipped"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in dict.fromkeys(result.suite for result in run.results):
        table.add_row(name, *(_cell(run, level, name) for level in LEVELS), _skipped(run, name))
    table.add_section()
    table.add_row("all", *(_cell(run, level, None) for level in LEVELS), _skipped(run, None))
    return table


def _cell(run: Run, level: Level, suite: str | None) -> str:
    passed, failed = run.count("passed", level, suite), run.count("failed", level, suite)
    if passed + failed == 0:
        return ""
    text = f"{passed}/{passed + failed}"
    return f"[{MARKS[level]}]{text}[/{MARKS[level]}]" if failed else text


def _skipped(run: Run, suite: str | None) -> str:
    return str(run.count("skipped", None, suite) or "")


def _verdict(run: Run) -> str:
    failed = run.count("failed", "SHALL")
    seconds = f"{run.seconds:.1f} s"
    if failed:
        return f"[bold red]{failed} SHALL not met[/bold red] ({seconds})"
    return f"[bold green]every SHALL that was asked is met[/bold green] ({seconds})"
