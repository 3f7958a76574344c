"""The command line.  A command is imported only when it is asked for, so that each starts fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType

import click

COMMANDS: Mapping[str, str] = MappingProxyType({
    "serve": "Serve FHIR, with a MongoDB of its own if none is given.",
    "token": "Make development tokens for a governed server, and revoke them.",
    "load": "Load files and folders into a running server.",
    "import": "Import clinical documents into a running server, and account for every one.",
    "reindex": "Compute search entries anew, beside a running server.",
    "keys": "Show, rotate and destroy the keys that seal records.",
    "audit": "Prove that the access log is what it was: verify, export, checkpoints.",
    "check": "Validate files and folders, offline.",
    "package": "Turn a FHIR package into definitions the server knows.",
})  # fmt: skip
"""Name → one line; the command of that name is in `fhir_server.commands.<name>`."""
WORDS: Mapping[str, str] = MappingProxyType({"import": "import_documents"})
"""Names that are words of the language, and what their modules are called."""


class Lazy(click.Group):
    """A group whose commands are imported when they are run or their help is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        name = WORDS.get(cmd_name, cmd_name)
        module = importlib.import_module(f"fhir_server.commands.{name}")
        command = getattr(module, name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


HELP = """A FHIR R4 server for one person's health record.

Settings are FHIR_* variables or one TOML file (--config); docs/settings.md lists them.

\b
Example:
  fhir-server serve --open --demo
"""


@click.group(cls=Lazy, help=HELP)
@click.version_option(package_name="fhir-server")
def main() -> None:
    """Run a command."""
