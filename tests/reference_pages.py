"""The pages of docs/ that are made from the code: `make docs` writes them, a test compares them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import click

from fhir_server.cli import main
from fhir_server.model.outcome import SITUATIONS
from fhir_server.settings import DIRECTORY_TYPES, SETTINGS, Setting, default_of
from importers.cda.extensions import DEFINITIONS

ROOT = Path(__file__).parent.parent
WIDTH = 100

CLI_HEAD = """# Command line

The help of every command, written by `make docs`; a test compares it.
"""

EXTENSIONS_HEAD = """# Extensions of imported documents

What a CDA document says that R4 has no element and HL7 no extension for, below
`[canonical base]/StructureDefinition/`. Made from the code by `make docs`; a test compares it. See
[CDA documents as FHIR](import-cda.md).

| name | on | value | what it says |
|---|---|---|---|
"""

SETTINGS_HEAD = """# Settings

Read once, when the server starts. A variable wins over a key of the TOML file that `--config` names; the
file wins over the default; `--data-dir` wins over both. A name that is no setting and a value that cannot be
read stop the start, each with a sentence that says what is expected and, for a name, the nearest one that
exists. An empty variable counts as unset.

```toml
# settings.toml, for `fhir-server serve --open --config settings.toml`
data_dir = "/srv/fhir"
timezone = "Europe/Paris"
page_size = 50
native_types = ["Observation", "Condition"]
```

Whether everyone may do everything is no setting: only the flag `--open` of `serve` says so.

| variable | key | type | default | meaning |
|---|---|---|---|---|
"""

SETTINGS_FOOT = """
Types about no person, which with Patient are the default of `FHIR_CROSS_PERSON_TYPES`: {types}.

`FHIR_CORPUS` is read by the tests alone: the folder with public test material.
"""

ERRORS_HEAD = """# Situations

Every refusal is an OperationOutcome. Its `issue.details.coding.code` is one of these, in the code system
`[FHIR_CANONICAL_BASE]/CodeSystem/situation`: switch on it, never on the text.

| situation | HTTP status | issue.code |
|---|---|---|
"""


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield every command and group with its full name and a context, the root first."""
    yield from _below("fhir-server", main, None)


def cli_page() -> str:
    """Return docs/cli.md."""
    parts = [CLI_HEAD]
    for name, command, context in commands():
        parts.append(f"## {name}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def settings_page() -> str:
    """Return docs/settings.md."""
    rows = "".join(_row(setting) for setting in SETTINGS)
    return SETTINGS_HEAD + rows + SETTINGS_FOOT.format(types=", ".join(DIRECTORY_TYPES))


def errors_page() -> str:
    """Return docs/errors.md."""
    rows = (f"| {name} | {row.status} | {row.code} |\n" for name, row in SITUATIONS.items())
    return ERRORS_HEAD + "".join(rows)


def extensions_page() -> str:
    """Return the page of our own extensions in what importers make."""
    rows = []
    for name, known in sorted(DEFINITIONS.items()):
        value = known.value or ", ".join(f"{part}: {kind}" for part, kind in known.parts)
        rows.append(f"| `{name}` | {', '.join(known.contexts)} | {value} | {known.text} |\n")
    return EXTENSIONS_HEAD + "".join(rows)


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType({
    "docs/cli.md": cli_page,
    "docs/settings.md": settings_page,
    "docs/errors.md": errors_page,
    "docs/import-extensions.md": extensions_page,
})  # fmt: skip


def _row(setting: Setting) -> str:
    return f"| `{setting.variable}` | `{setting.name}` | {setting.kind} | {_default(setting)} | {setting.help} |\n"


def _default(setting: Setting) -> str:
    default = default_of(setting)
    if setting.name == "cross_person_types":
        return "Patient and the types below"
    if isinstance(default, tuple):
        return ", ".join(f"`{item}`" for item in default) or "none"
    return "unset" if default is None else f"`{default}`"


def _below(
    name: str, command: click.Command, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, parent, info_name=name.rpartition(" ")[2], terminal_width=WIDTH)
    context.max_content_width = WIDTH
    yield name, command, context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from _below(f"{name} {below}", found, context)


if __name__ == "__main__":
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"{path}\n")
