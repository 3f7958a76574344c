"""`fhir-server package`: turns official FHIR packages into the definitions that the server loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from profiles.build import BuildReport, build_package
from profiles.load import list_packages
from profiles.package import DATA, PackageError, parse_package_name
from profiles.registry import Package
from profiles.source import find_archive

EXIT_FAILED = 1

EXIT_CODES = """\b
Exit codes:
  0  done
  1  not done: the archive, the folder or the built files are at fault
  2  wrong option or argument
"""

BUILD_HELP = f"""Build the package PACKAGE, written ID#VERSION (quote it: # begins a comment in a shell).

Reads the official archive and keeps facts only: types and their elements, search parameters, compartments,
operations, code systems, and the value sets that can be enumerated from the package alone. The result does
not depend on when or where it is built. An older build of the same package is replaced.

\b
Example:
  fhir-server package build 'hl7.fhir.r4.core#4.0.1'
  fhir-server package build 'hl7.fhir.uv.ips#2.0.0' --archive hl7.fhir.uv.ips-2.0.0.tgz --out packages

{EXIT_CODES}"""

LIST_HELP = f"""List the packages that are built.

\b
Example:
  fhir-server package list --json

{EXIT_CODES}"""

GROUP_HELP = """Turn FHIR packages into definitions that the server knows.

\b
Example:
  fhir-server package build 'hl7.fhir.r4.core#4.0.1'
"""


@click.group(help=GROUP_HELP)
def package() -> None:
    """Hold the subcommands."""


@package.command(help=BUILD_HELP)
@click.argument("name", metavar="PACKAGE")
@click.option(
    "--archive",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The official .tgz; without it, the one of an installed distribution.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA,
    help="Folder to build into; without it, where the server's own packages lie.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def build(context: click.Context, name: str, archive: Path | None, out: Path, as_json: bool) -> None:
    """Build, showing each file on a terminal, and print what was built."""
    try:
        wanted = parse_package_name(name)
    except PackageError as error:
        raise click.BadParameter(str(error), param_hint="PACKAGE") from error
    console = Console(stderr=True)
    try:
        with console.status(f"Reading {wanted}") as status:
            report = build_package(
                archive or find_archive(wanted),
                out,
                wanted,
                progress=lambda member: status.update(f"Reading {member}"),
            )
    except PackageError as error:
        _fail(context, error)
    click.echo(json.dumps(_report_facts(report)) if as_json else _report_text(report))


@package.command(name="list", help=LIST_HELP)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA,
    help="Folder to look into; without it, where the server's own packages lie.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_context
def list_built(context: click.Context, folder: Path, as_json: bool) -> None:
    """Print one line for each package."""
    try:
        found = list_packages(folder)
    except PackageError as error:
        _fail(context, error)
    if as_json:
        click.echo(json.dumps([_package_facts(built) for built in found]))
        return
    for built in found:
        click.echo(f"{built.id}#{built.version}  {built.licence}  sha256 {built.sha256}")


def _fail(context: click.Context, error: PackageError) -> NoReturn:
    click.echo(f"Error: {error}", err=True)
    context.exit(EXIT_FAILED)


def _package_facts(built: Package) -> dict[str, str]:
    return {
        "id": built.id,
        "version": built.version,
        "sha256": built.sha256,
        "licence": built.licence,
    }


def _report_facts(report: BuildReport) -> dict[str, Any]:
    return {
        "id": report.package.id,
        "version": report.package.version,
        "sha256": report.sha256,
        "licence": report.licence,
        "folder": str(report.folder),
        "counts": dict(report.counts),
        "left_out": dict(report.left_out),
        "passed_over": dict(report.passed_over),
    }


def _report_text(report: BuildReport) -> str:
    counts = "\n".join(f"  {count:6}  {kind}" for kind, count in report.counts.items())
    passed_over = ", ".join(f"{count} {kind}" for kind, count in report.passed_over.items())
    return (
        f"{report.package} ({report.licence}) is built in {report.folder}\n{counts}\n"
        f"  {len(report.left_out):6}  left out, each with its reason in left-out.json\n"
        f"Of no use to the server yet and passed over: {passed_over or 'nothing'}"
    )
