"""The servers that may be measured: only those on this machine's loopback."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit


class LoadRefused(Exception):
    """A measurement cannot be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A FHIR base URL on loopback.  `path` has no slash at the end."""

    name: str
    host: str
    """A numeric address: looked up once, so that no request can leave for another one."""
    port: int
    path: str
    token: str = ""
    """Sent with every request, where there is one."""

    @property
    def url(self) -> str:
        """The base URL, numeric host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.path}"


def parse_target(name: str, url: str) -> Target:
    """Return the target that `url` names.

    Raises LoadRefused: not an http URL, an unknown host, or a host with any address outside loopback.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or 80
    except ValueError as error:
        raise LoadRefused(f"{url!r} has no legal port number.") from error
    if parts.scheme != "http" or not parts.hostname or parts.query or parts.fragment:
        raise LoadRefused(f"{url!r} is not a plain http:// base URL, like http://127.0.0.1:8080/fhir.")
    return Target(name, _loopback_address(parts.hostname), port, parts.path.rstrip("/"))


def _loopback_address(host: str) -> str:
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise LoadRefused(f"The host {host!r} is unknown here.") from error
    outside = sorted(address for address in found if not ipaddress.ip_address(address).is_loopback)
    if outside:
        raise LoadRefused(
            f"{host!r} is not on this machine's loopback ({outside[0]}): "
            "a load is only ever sent to 127.0.0.1, ::1 or localhost."
        )
    return "127.0.0.1" if "127.0.0.1" in found else min(found)
