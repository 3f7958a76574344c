"""The settings of a server: read once at the start, one frozen value handed down.

`SETTINGS` is the whole list; `docs/settings.md` is proven complete against it by a test.  A variable
`FHIR_<NAME>` wins over the key `<name>` of a TOML file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, tzinfo
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from fhir_server import settings_values as values
from fhir_server.model.outcome import DEFAULT_CANONICAL_BASE
from fhir_server.settings_sealing import sealing_faults
from fhir_server.settings_values import IllegalValue
from profiles.package import DATA

PREFIX = "FHIR_"
FOREIGN = frozenset({"FHIR_CORPUS", "FHIR_TOKEN"})
"""Variables with our prefix that tests or clients read and the server does not."""

EVERY_TYPE = ("*",)
SINGLE, MULTIPLE = "single", "multiple"
OFF, ENFORCE = "off", "enforce"
STRUCTURE: Final = "structure"
PROFILES: Final = "profiles"
ON = "on"

DIRECTORY_TYPES = (
    "ActivityDefinition", "CapabilityStatement", "ChargeItemDefinition", "CodeSystem",
    "CompartmentDefinition", "ConceptMap", "Endpoint", "EventDefinition", "ExampleScenario",
    "GraphDefinition", "HealthcareService",
    "ImplementationGuide", "InsurancePlan", "Library", "Location", "Measure", "Medication",
    "MedicationKnowledge", "MessageDefinition", "NamingSystem", "OperationDefinition", "Organization",
    "OrganizationAffiliation", "PlanDefinition", "Practitioner", "PractitionerRole", "Questionnaire",
    "SearchParameter", "StructureDefinition", "StructureMap", "Substance", "TerminologyCapabilities",
    "TestScript", "ValueSet",
)  # fmt: skip
"""Resource types that are about no person."""


class SettingsRefused(Exception):
    """The settings cannot be used; `faults` are sentences, one for each wrong name or value."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server needs to know at its start; each field but `open` is a row of `SETTINGS`."""

    mongodb_uri: str | None = field(default=None, repr=False)
    """Not in `repr`: it can hold a password.  None: the embedded database."""
    database: str = "fhir"
    data_dir: Path = Path("fhir-data")
    base_url: str = "http://127.0.0.1:8080/fhir"
    """Without a slash at the end."""
    packages: tuple[str, ...] = ("hl7.fhir.r4.core#4.0.1",)
    policy: str | None = None
    """The name of a policy that comes with the server, or the path of a file."""
    development_tokens: str = OFF
    """`ON`: also where the server can be reached from other machines."""
    token_key_file: Path | None = None
    """None: `token.key` in the data directory."""
    production: str = OFF
    disregard_choices: str = OFF
    """`ON`: `--open` starts although persons made choices."""
    timezone: tzinfo | None = None
    """None: that of the policy."""
    native_types: tuple[str, ...] = ()
    """Resource types, or `EVERY_TYPE`."""
    cross_person_types: tuple[str, ...] = ("Patient", *DIRECTORY_TYPES)
    """Resource types, or `EVERY_TYPE`."""
    sealing: str = OFF
    """`OFF` or `ON`."""
    key_vault: str | None = field(default=None, repr=False)
    """A directory or a MongoDB URI, which can hold a password."""
    key_master_file: Path | None = None
    audit_key_file: Path | None = None
    """None: `audit-key.pem` in the data directory, where access is governed."""
    audit_export: Path | None = None
    canonical_base: str = DEFAULT_CANONICAL_BASE
    """Without a slash at the end."""
    max_body_bytes: int = 32 * 1024 * 1024
    body_timeout: int = 30
    """Seconds."""
    max_entries: int = 1000
    conditional_delete: str = SINGLE
    """`SINGLE` or `MULTIPLE`."""
    referential_integrity: str = OFF
    """`OFF` or `ENFORCE`."""
    validation: Literal["structure", "profiles"] = STRUCTURE
    """`STRUCTURE` or `PROFILES`."""
    required_profiles: tuple[str, ...] = ()
    """`Type=canonical`."""
    cors_origins: tuple[str, ...] = ()
    """Origins, or `*`."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    page_size: int = 20
    page_size_max: int = 500
    open: bool = False
    """Whether everyone may do everything.  Only a command line says so: no variable, no file."""

    @property
    def package_folders(self) -> tuple[Path, ...]:
        """Where built packages are looked for: those of this installation, then those that ship."""
        return (self.data_dir / "packages", DATA)

    @property
    def zone(self) -> tzinfo:
        """The zone of dates without one."""
        return self.timezone or UTC


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: `read` makes the value from a text or a TOML value, or raises IllegalValue."""

    name: str
    """The field of `Settings`, the key in a TOML file and, in capitals after `FHIR_`, the variable."""
    read: Callable[[object], Any]
    kind: str
    """The type, as the documentation names it."""
    help: str

    @property
    def variable(self) -> str:
        """The name in the environment."""
        return PREFIX + self.name.upper()


SETTINGS: tuple[Setting, ...] = (
    Setting("mongodb_uri", values.mongodb_uri, "mongodb:// URI",
            "The MongoDB replica set to use. Unset: a MongoDB of our own, embedded in the data directory."),
    Setting("database", values.database_name, "name",
            "The name of the database in MongoDB."),
    Setting("data_dir", values.path, "directory",
            "Where the embedded MongoDB and the server's own files are kept. One server at a time."),
    Setting("base_url", values.base_url, "http(s) URL",
            "The address that clients see: the root of every Location, fullUrl and next link. "
            "Unset: made of the host and port of `serve`."),
    Setting("packages", values.packages, "list of id#version",
            "The FHIR packages whose definitions the server knows (see packages.md); what they need comes "
            "with them, and the later one counts."),
    Setting("policy", values.policy, "name or TOML file",
            "The policy of a realm: who may see and do what. Needed without `--open`, not applied with it."),
    Setting("development_tokens", values.one_of(OFF, ON), "off or on",
            "Whether development tokens (see access.md) are accepted on an address that other machines "
            "reach. On a loopback address they are."),
    Setting("token_key_file", values.path, "file",
            "The key of development tokens, 32 bytes, mode 0600. Unset: `token.key` in the data directory, "
            "made at the first start."),
    Setting("production", values.one_of(OFF, ON), "off or on",
            "Whether real records are served: refuses to start with development tokens and with `--open`."),
    Setting("disregard_choices", values.one_of(OFF, ON), "off or on",
            "Whether `--open` may serve a database in which persons chose who sees their records."),
    Setting("timezone", values.timezone, "IANA time zone",
            "The zone of dates without one when they are searched, and of the days of the journal. Unset: "
            "that of the policy, UTC with `--open`."),
    Setting("native_types", values.type_names, "list of resource types or *",
            "Types that are also kept as native BSON, for direct queries (see mongodb.md)."),
    Setting("cross_person_types", values.type_names, "list of resource types or *",
            "Types with an index for searches across persons. Unset with `--open`: *."),
    Setting("sealing", values.one_of(OFF, ON), "off or on",
            "Whether the bodies of persons' records are encrypted, each person's with keys of their own (see "
            "sealing.md). Once on, it stays on."),
    Setting("key_vault", values.key_vault, "directory or mongodb:// URI",
            "Where the keys of persons are kept, wrapped: not in the database of the records, nor in its "
            "backups. A URI names a database too."),
    Setting("key_master_file", values.path, "file",
            "The master keys that wrap the keys of persons: 64 hexadecimal digits a line, the last one is in "
            "use."),
    Setting("audit_key_file", values.path, "file",
            "The Ed25519 key (PEM, mode 0600) that signs the checkpoints of the access log, see "
            "audit-proof.md. Unset: `audit-key.pem` in the data directory, made at the first start; with "
            "`--open`: none is made."),
    Setting("audit_export", values.path, "directory",
            "The second place of the checkpoints: files that are only appended to, best on another machine."),
    Setting("canonical_base", values.base_url, "http(s) URL",
            "The root of the canonical URLs of our own code systems, operations and extensions."),
    Setting("max_body_bytes", values.positive, "bytes",
            "The largest request body; larger ones are answered 413."),
    Setting("body_timeout", values.positive, "seconds",
            "How long each 4096 bytes of a request body are awaited; after that the request is answered 408 "
            "and its connection ends. A fifth of it where all threads of a worker wait for bodies."),
    Setting("max_entries", values.positive, "entries",
            "The most entries of a batch or transaction; more are answered 413."),
    Setting("conditional_delete", values.one_of(SINGLE, MULTIPLE), "single or multiple",
            "What a conditional delete does where several resources match: refuse with 412, or delete them, "
            "at most FHIR_MAX_ENTRIES at once."),
    Setting("referential_integrity", values.one_of(OFF, ENFORCE), "off or enforce",
            "Whether references to resources that do not exist here, and deletions of what is referenced, "
            "are refused."),
    Setting("validation", values.one_of(STRUCTURE, PROFILES), "structure or profiles",
            "What every write is held to: its structure, or the rules of FHIR and the profiles that it names "
            "(`meta.profile`) too."),
    Setting("required_profiles", values.required_profiles, "list of Type=canonical",
            "Profiles that resources of a type have to conform to, whether they name them or not."),
    Setting("cors_origins", values.origins, "list of origins or *",
            "Web origins whose pages may call the API from a browser: https://app.example.org."),
    Setting("trusted_proxies", values.networks, "list of addresses or networks",
            "Reverse proxies whose Forwarded and X-Forwarded-* headers say which address clients use. "
            "Set FHIR_BASE_URL where there is only one."),
    Setting("page_size", values.positive, "resources",
            "Resources on a page when the client sends no `_count`."),
    Setting("page_size_max", values.positive, "resources",
            "The most resources on a page, whatever `_count` says."),
)  # fmt: skip

NOTHING: Mapping[str, Any] = MappingProxyType({})


def read_settings(
    environment: Mapping[str, str],
    file: Path | None = None,
    *,
    defaults: Mapping[str, Any] = NOTHING,
    chosen: Mapping[str, Any] = NOTHING,
) -> Settings:
    """Return the settings of an environment and, below it, of a TOML file.

    `defaults` (by field) stand where neither names a field; `chosen` stand over both.
    Raises SettingsRefused with every fault found, not just the first.
    """
    faults: list[str] = []
    found = dict(defaults)
    found.update(_read(_file_entries(file, faults), faults))
    found.update(_read(_environment_entries(environment, faults), faults))
    found.update(chosen)
    if not faults:
        settings = Settings(**found)
        faults.extend(_disagreements(settings))
    if faults:
        raise SettingsRefused(faults)
    return settings


def default_of(setting: Setting) -> Any:
    """Return what a setting is when nothing is said."""
    return next(known.default for known in fields(Settings) if known.name == setting.name)


def refuse_unknown_types(settings: Settings, known: Iterable[str]) -> None:
    """Raise SettingsRefused if a setting names a resource type that is not in `known`."""
    types = sorted(known)
    faults = [
        f"{PREFIX}{name.upper()} names the resource type {type_name!r}, which does not exist"
        f"{_nearest(type_name, types)}"
        for name in ("native_types", "cross_person_types", "required_profiles")
        for type_name in (item.partition("=")[0] for item in getattr(settings, name))
        if type_name not in types and type_name != "*"
    ]
    if faults:
        raise SettingsRefused(faults)


# One place of a value: how a message names it, the row and the raw value.
_Entry = tuple[str, Setting, object]


def _read(entries: Iterable[_Entry], faults: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place, setting, raw in entries:
        try:
            found[setting.name] = setting.read(raw)
        except IllegalValue as reason:
            faults.append(f"{place}: {reason}")
    return found


def _environment_entries(environment: Mapping[str, str], faults: list[str]) -> list[_Entry]:
    rows = {setting.variable: setting for setting in SETTINGS}
    entries: list[_Entry] = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in FOREIGN:
            continue
        if name not in rows:
            faults.append(f"The variable {name} is not a setting{_nearest(name, rows)}")
        elif environment[name] != "":
            entries.append((name, rows[name], environment[name]))
    return entries


def _file_entries(file: Path | None, faults: list[str]) -> list[_Entry]:
    if file is None:
        return []
    rows = {setting.name: setting for setting in SETTINGS}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as reason:
        faults.append(f"The settings file {file} cannot be read: {reason.strerror}.")
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        faults.append(f"The settings file {file} is not TOML: {reason}.")
        return []
    for key in content.keys() - rows.keys():
        faults.append(f"The key {key} of {file} is not a setting{_nearest(key, rows)}")
    return [(f"{key} of {file}", rows[key], content[key]) for key in content if key in rows]


def _disagreements(settings: Settings) -> list[str]:
    if settings.page_size > settings.page_size_max:
        return ["FHIR_PAGE_SIZE is larger than FHIR_PAGE_SIZE_MAX."]
    if settings.production == ON and settings.development_tokens == ON:
        return ["FHIR_PRODUCTION and FHIR_DEVELOPMENT_TOKENS are both on: such tokens open no real record."]
    return sealing_faults(
        on=settings.sealing == ON,
        vault=settings.key_vault,
        master_file=settings.key_master_file,
        data_dir=settings.data_dir,
        native_types=settings.native_types,
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    # Without the prefix: it would make every variable near to every other.
    bare = {candidate.removeprefix(PREFIX).lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX).lower(), bare, n=1, cutoff=0.5)
    return f"; did you mean {bare[close[0]]}?" if close else "."
