"""Whether a server may start over a database: never over facts that it would misread."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from fhir_server.access.policy import Policy
from fhir_server.settings import ON, Settings, SettingsRefused
from fhir_server.store.access_mark import OPEN, access_mark, holds_choices, holds_records, set_access_mark
from fhir_server.store.catalogue import Catalogue
from profiles.load import load_registry
from profiles.package import PackageError
from profiles.registry import Registry

DISREGARDS = (
    "In this database persons chose who may see their records, and --open disregards that. Serve it with "
    "FHIR_POLICY, or say FHIR_DISREGARD_CHOICES=on."
)
REINDEX = (
    "What is stored was not classified by this policy: it was written without access control, by an earlier "
    "version, or under a policy with other classes or levels. Run `fhir-server reindex` with the settings of "
    "this server, while no server is running."
)


def in_zone(settings: Settings, policy: Policy | None) -> Settings:
    """Return the settings with the zone of the policy, where they name none."""
    if settings.timezone is not None or policy is None:
        return settings
    return replace(settings, timezone=ZoneInfo(policy.timezone))


def registry_of(settings: Settings) -> Registry:
    """Return the definitions of the packages that the settings name.

    Raises SettingsRefused if one of them is not built or is damaged.
    """
    try:
        return load_registry(settings.packages, folder=settings.package_folders)
    except PackageError as fault:
        raise SettingsRefused([f"FHIR_PACKAGES: {fault}"]) from fault


def check_start(settings: Settings, policy: Policy | None, catalogue: Catalogue) -> None:
    """Note how the database is written from now on.

    `policy` None: without access control.  Raises SettingsRefused where what is stored forbids to start.
    """
    if policy is None:
        _check_open(settings, catalogue)
        return
    mark, wanted = access_mark(catalogue), policy.classification
    if mark == wanted:
        return
    if holds_records(catalogue):
        raise SettingsRefused([REINDEX])
    set_access_mark(catalogue, wanted)


def _check_open(settings: Settings, catalogue: Catalogue) -> None:
    if settings.disregard_choices != ON and holds_choices(catalogue):
        raise SettingsRefused([DISREGARDS])
    if access_mark(catalogue) != OPEN:
        set_access_mark(catalogue, OPEN)
