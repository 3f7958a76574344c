"""What goes over the wire, seen by the driver's own listener."""

from __future__ import annotations

from typing import Any

from pymongo import monitoring


class Wire(monitoring.CommandListener):
    """Remembers every command that was started."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands.append((event.command_name, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def names(self) -> list[str]:
        """Return the commands since the last call."""
        names = [name for name, _ in self.commands]
        self.commands.clear()
        return names
