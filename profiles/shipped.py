"""The packages that come with the server: which, from which archive, and in which order they are built.

`python -m profiles.shipped FOLDER` builds all of them again from a folder that holds their archives.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from profiles.build import BuildReport, build_package
from profiles.package import DATA, parse_package_name
from profiles.source import find_archive

OWN = Path(__file__).parent / "own"
"""Where the rules of our own packages lie."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """One package: its name, and where its archive or folder lies below the folder of archives.

    `source` is None for what an installed distribution carries.  `own`: the source lies in this repository.
    `selected`: only what the other packages refer to is kept.
    """

    name: str
    source: str | None
    own: bool = False
    selected: bool = False


SHIPPED: tuple[Shipped, ...] = (
    Shipped("hl7.fhir.r4.core#4.0.1", None),
    Shipped("hl7.terminology.r4#7.0.1", "packages/hl7.terminology.r4-7.0.1.tgz", selected=True),
    Shipped(
        "hl7.fhir.uv.extensions.r4#5.3.0-ballot-tc1",
        "packages/hl7.fhir.uv.extensions.r4-5.3.0-ballot-tc1.tgz",
    ),
    Shipped("hl7.fhir.uv.xver-r5.r4#0.1.0-derived", "packages/hl7.fhir.uv.xver-r5.r4-0.1.0-derived.tgz"),
    Shipped("hl7.fhir.uv.ips#1.1.0", "eu/ips-1.1.0"),
    Shipped("hl7.fhir.uv.ips#2.0.0", "packages/hl7.fhir.uv.ips-2.0.0.tgz"),
    Shipped("ihe.iti.balp#1.1.5-current", "packages/ihe.iti.balp-1.1.5-current.tgz"),
    Shipped("ihe.iti.mhd#4.2.4-current", "packages/ihe.iti.mhd-4.2.4-current.tgz"),
    Shipped(
        "hl7.fhir.eu.extensions.r4#1.2.1-ci-build", "packages/hl7.fhir.eu.extensions.r4-1.2.1-ci-build.tgz"
    ),
    Shipped("hl7.fhir.eu.base#2.0.0", "packages/hl7.fhir.eu.base-2.0.0.tgz"),
    Shipped("hl7.fhir.eu.eps#1.0.0-xtehr", "packages/hl7.fhir.eu.eps-1.0.0-xtehr.tgz"),
    Shipped("hl7.fhir.eu.laboratory#2.0.0", "packages/hl7.fhir.eu.laboratory-2.0.0.tgz"),
    Shipped("hl7.fhir.eu.hdr#1.0.0-ci", "packages/hl7.fhir.eu.hdr-1.0.0-ci.tgz"),
    Shipped("ans.fhir.fr.annuaire#1.2.0-snapshot-2", "packages/ans.fhir.fr.annuaire-1.2.0-snapshot-2.tgz"),
    Shipped("ans.fhir.fr.pdsm#3.1.1", "packages/ans.fhir.fr.pdsm-3.1.1.tgz"),
    Shipped("fhir-server.fr#0.1.0", "fhir-server.fr.toml", own=True),
)
"""In the order in which they are built: each behind those that it is built over."""


def build_shipped(archives: Path, out: Path, wanted: Sequence[Shipped] = SHIPPED) -> list[BuildReport]:
    """Build the packages into `out`, from the archives below a folder.  Raises PackageError."""
    others = [_source(each, archives) for each in SHIPPED if not each.selected and each.source is not None]
    return [
        build_package(
            _source(each, archives),
            out,
            parse_package_name(each.name),
            needed_by=others if each.selected else None,
        )
        for each in wanted
    ]


def _source(each: Shipped, archives: Path) -> Path:
    if each.source is None:
        return find_archive(parse_package_name(each.name))
    return (OWN if each.own else archives) / each.source


def main(arguments: Sequence[str], say: Callable[[str], object] = sys.stdout.write) -> None:
    """Build every package that is shipped; the one argument is the folder of archives."""
    # Into an empty folder: a package must not be built over what is only built after it.
    with tempfile.TemporaryDirectory(dir=DATA.parent) as fresh:
        for report in build_shipped(Path(arguments[0]), Path(fresh)):
            place = DATA / report.folder.name
            shutil.rmtree(place, ignore_errors=True)
            report.folder.rename(place)
            say(f"{report.package}: {dict(report.counts)}, {len(report.left_out)} left out\n")


if __name__ == "__main__":
    main(sys.argv[1:])
