"""The report as Markdown, to be pasted into docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conformance.load.ceiling import Ceiling
from conformance.load.floor.database import Storage
from conformance.load.report import Circumstances, Report
from conformance.load.results import Cell, Side

MIB = 1024 * 1024
GIB = 1024 * MIB

CELL_HEAD = (
    "workload", "connections", "base", "requests/s", "resources/s", "p50 ms", "p95 ms", "p99 ms", "errors",
    "server CPU ms", "mongod CPU ms", "client CPU ms", "server RSS MiB", "largest worker MiB",
)  # fmt: skip
RATIO_HEAD = ("workload", "connections", "measured", "lowest", "highest", "pairs", "target", "")
P99_HEAD = ("workload", "connections", "p99 compared", "at most", "")
CEILING_HEAD = (
    "connections", "null server requests/s", "client CPU ms", "fastest measured", "requests/s", "room", "",
)  # fmt: skip
WORTH = 100
"""Documents below which a collection says nothing: its files have a least size."""
STORAGE_HEAD = ("collection", "documents", "BSON B", "storage B", "index B")


def as_markdown(report: Report) -> str:
    """Return the report as sections of tables; CPU figures are per request."""
    parts = [
        _circumstances(report.circumstances),
        "### Against the targets",
        _table(RATIO_HEAD, (_ratio_row(cell) for cell in report.cells if cell.target is not None)),
        "### Figures",
        _table(CELL_HEAD, (_side_row(cell, side) for cell in report.cells for side in cell.sides)),
        "### The clients",
        _table(CEILING_HEAD, (_ceiling_row(ceiling) for ceiling in report.ceilings)),
        "### Bytes per resource",
        _table(STORAGE_HEAD, _storage_rows(report.storage)),
    ]
    slow = [cell for cell in report.cells if cell.p99_target is not None]
    if slow:
        parts.insert(3, _table(P99_HEAD, (_p99_row(cell) for cell in slow)))
    if report.cut:
        parts.insert(1, "**The time was over before everything was measured.**")
    return "\n\n".join(parts) + "\n"


def _circumstances(facts: Circumstances) -> str:
    machine = facts.machine
    return (
        f"{facts.date}. {machine.cores} cores ({machine.processor}), {machine.memory_bytes / GIB:.0f} GiB, "
        f"{machine.system}, Python {machine.python}, MongoDB {facts.mongodb or 'not known'}; "
        f"load before the start {machine.load_average_before:.2f}, stolen by the host "
        f"{facts.steal_share:.1%}. {facts.workers} workers × {facts.threads} threads; "
        f"{facts.client_processes} client processes on the same machine; "
        f"{facts.rounds} rounds of {facts.seconds:g} s. {facts.resources:,} resources posted before "
        f"({facts.material})."
    )


def _ratio_row(cell: Cell) -> Sequence[object]:
    judged = "no figure" if cell.met is None else ("met" if cell.met else "**missed**")
    if cell.ratio is None:
        rate = f"{cell.sides[0].resources_per_s:,.0f} resources/s" if cell.sides else ""
        return cell.title, cell.connections, rate, "", "", "", f"{cell.target:,.0f}", judged
    ratio = cell.ratio
    shares = (f"{share:.0%}" for share in (ratio.median, ratio.lowest, ratio.highest))
    return cell.title, cell.connections, *shares, ratio.pairs, f"{cell.target:.0%}", judged


def _p99_row(cell: Cell) -> Sequence[object]:
    if cell.p99_ratio is None:
        return cell.title, cell.connections, "", f"{cell.p99_target:g}×", "no figure"
    judged = "**missed**" if cell.is_slow else "met"
    return cell.title, cell.connections, f"{cell.p99_ratio:.2f}×", f"{cell.p99_target:g}×", judged


def _side_row(cell: Cell, side: Side) -> Sequence[object]:
    latency = side.latency
    marks = ("", "", "") if latency is None else (latency.p50_ms, latency.p95_ms, latency.p99_ms)
    return (
        cell.title,
        cell.connections,
        side.base,
        f"{side.requests_per_s:,.1f}",
        f"{side.resources_per_s:,.0f}",
        *marks,
        sum(side.errors.values()),
        f"{side.server_cpu_ms_per_request:.3f}",
        f"{side.mongod_cpu_ms_per_request:.3f}",
        f"{side.client_cpu_ms_per_request:.3f}",
        f"{side.server_rss_bytes / MIB:.0f}",
        f"{side.largest_server_rss_bytes / MIB:.0f}",
    )


def _ceiling_row(ceiling: Ceiling) -> Sequence[object]:
    return (
        ceiling.connections,
        f"{ceiling.requests_per_s:,.0f}",
        f"{ceiling.client_cpu_ms_per_request:.3f}",
        ceiling.fastest_base,
        f"{ceiling.fastest_requests_per_s:,.0f}",
        f"{ceiling.room:.1f}×",
        "not the bottleneck" if ceiling.proven else "**may be the bottleneck**",
    )


def _storage_rows(found: Sequence[Storage]) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = [
        (
            entry.collection,
            f"{entry.documents:,}",
            *(
                f"{size / entry.documents:,.0f}"
                for size in (entry.data_bytes, entry.storage_bytes, entry.index_bytes)
            ),
        )
        for entry in sorted(found, key=lambda entry: -entry.documents)
        if entry.documents >= WORTH
    ]
    return rows


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines) if len(lines) > 2 else "(none)"


def _row(fields: Iterable[object]) -> str:
    return "| " + " | ".join(str(field).replace("|", "\\|") for field in fields) + " |"
