"""`fhir-server package`: turns official FHIR packages into the definitions that the server loads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from fhir_server.settings import SettingsRefused, read_settings
from profiles.build import BuildReport, build_package
from profiles.load import list_packages
from profiles.package import DATA, PackageError, PackageName, parse_package_name
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

Reads the official archive and keeps facts only: types, profiles with their snapshots, search parameters,
compartments, operations, code systems, and the value sets that can be enumerated. The packages that it
depends on are used as far as they are built. An older build of the same package is replaced.

\b
Example:
  fhir-server package build 'hl7.fhir.r4.core#4.0.1'
  fhir-server package build 'hl7.fhir.uv.ips#2.0.0' --archive hl7.fhir.uv.ips-2.0.0.tgz --out packages

{EXIT_CODES}"""

LOAD_HELP = f"""Build official archives into FHIR_DATA_DIR/packages, where the server finds them.

Running servers validate with it from then on. Name it in FHIR_PACKAGES for its search parameters and
operations too, and start them again. Load what a package depends on before it. An archive that is refused
changes nothing: an older build of the same package stays.

\b
Example:
  fhir-server package load hl7.fhir.uv.ipa-1.1.0.tgz

{EXIT_CODES}"""

LIST_HELP = f"""List the packages that are built: those that ship, and those in FHIR_DATA_DIR/packages.

\b
Example:
  fhir-server package list --json

{EXIT_CODES}"""

GROUP_HELP = """Turn FHIR packages into definitions that the server knows.

\b
Example:
  fhir-server package load hl7.fhir.uv.ipa-1.1.0.tgz
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
@click.option(
    "--needed-by",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Keep only the value sets and code systems that this archive refers to; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def build(
    context: click.Context,
    name: str,
    archive: Path | None,
    out: Path,
    needed_by: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Build, showing each file on a terminal, and print what was built."""
    try:
        wanted = parse_package_name(name)
    except PackageError as error:
        raise click.BadParameter(str(error), param_hint="PACKAGE") from error
    try:
        source = archive or find_archive(wanted)
        report = _built(source, out, wanted, needed_by or None)
    except PackageError as error:
        _fail(context, error)
    click.echo(json.dumps(_report_facts(report)) if as_json else _report_text(report))


@package.command(help=LOAD_HELP)
@click.argument("archives", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings, for its data_dir.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per archive.")
@click.pass_context
def load(context: click.Context, archives: tuple[Path, ...], config: Path | None, as_json: bool) -> None:
    """Build each archive; one that is refused does not stop the others."""
    out, *_ = _folders(config)
    refused = False
    for archive in archives:
        try:
            report = _built(archive, out)
        except PackageError as error:
            refused = True
            click.echo(f"Error: {error}", err=True)
            continue
        click.echo(json.dumps(_report_facts(report)) if as_json else _report_text(report))
    context.exit(EXIT_FAILED if refused else 0)


@package.command(name="list", help=LIST_HELP)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Look into this folder only.",
)
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings, for its data_dir.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_context
def list_built(context: click.Context, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """Print one line for each package."""
    folders = _folders(config) if folder is None else (folder,)
    try:
        found = [(built, place) for place in reversed(folders) for built in list_packages(place)]
    except PackageError as error:
        _fail(context, error)
    if as_json:
        click.echo(json.dumps([_package_facts(built, place) for built, place in found]))
        return
    for built, place in found:
        loaded = "" if place == DATA else f"  in {place}"
        click.echo(f"{built.id}#{built.version}  {built.licence}  sha256 {built.sha256}{loaded}")


def _folders(config: Path | None) -> tuple[Path, ...]:
    try:
        return read_settings(os.environ, config).package_folders
    except SettingsRefused as refusal:
        raise click.UsageError(str(refusal)) from refusal


def _built(
    archive: Path, out: Path, wanted: PackageName | None = None, needed_by: tuple[Path, ...] | None = None
) -> BuildReport:
    with Console(stderr=True).status(f"Reading {archive.name}") as status:
        return build_package(
            archive,
            out,
            wanted,
            progress=lambda member: status.update(f"Reading {member}"),
            folders=(DATA,),
            needed_by=needed_by,
        )


def _fail(context: click.Context, error: PackageError) -> NoReturn:
    click.echo(f"Error: {error}", err=True)
    context.exit(EXIT_FAILED)


def _package_facts(built: Package, place: Path) -> dict[str, Any]:
    return {
        "id": built.id,
        "version": built.version,
        "sha256": built.sha256,
        "licence": built.licence,
        "depends": list(built.depends),
        "shipped": place == DATA,
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
        "warnings": list(report.warnings),
        "missing": list(report.missing),
    }


def _report_text(report: BuildReport) -> str:
    counts = "\n".join(f"  {count:6}  {kind}" for kind, count in report.counts.items())
    passed_over = ", ".join(f"{count} {kind}" for kind, count in report.passed_over.items())
    missing = [f"\nNot built here, so not known: {', '.join(report.missing)}"] if report.missing else []
    warnings = [f"\nWarning: {warning}" for warning in report.warnings]
    return (
        f"{report.package} ({report.licence}) is built in {report.folder}\n{counts}\n"
        f"  {len(report.left_out):6}  left out, each with its reason in left-out.json\n"
        f"Of no use to the server yet and passed over: {passed_over or 'nothing'}"
    ) + "".join((*missing, *warnings))
