"""The address that a client used, as a reverse proxy that is trusted tells it.

Spec: https://www.rfc-editor.org/rfc/rfc7239
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

Environ = Mapping[str, Any]
Network = IPv4Network | IPv6Network

SCHEMES = frozenset({"http", "https"})
_HOST = re.compile(r"(?:[A-Za-z0-9.\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:[0-9]{1,5})?\Z")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~\-]+){1,8}\Z")
_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^\s",;]*))\s*')


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose word is taken; what anyone else sends in these headers is passed over."""

    networks: tuple[Network, ...] = ()

    def base_url(self, environ: Environ, base_url: str, path: str) -> str:
        """Return the root of links: `base_url`, or what a trusted proxy says that the client used.

        `path` is where the API is on this server (`/fhir`).  Where several proxies in a row have written
        into one header, the nearest one is believed.
        """
        if not self.networks or not self._is_trusted(environ.get("REMOTE_ADDR")):
            return base_url
        said = _forwarded(environ) if "HTTP_FORWARDED" in environ else _x_forwarded(environ)
        host = said.get("host", "")
        match = _HOST.match(host)
        if match is None:
            return base_url
        scheme = said.get("proto", "").lower()
        if scheme not in SCHEMES:
            scheme = base_url.partition(":")[0]
        prefix = said.get("prefix", "").rstrip("/")
        return f"{scheme}://{host}{prefix if _PREFIX.match(prefix) else ''}{path}"

    def _is_trusted(self, address: str | None) -> bool:
        try:
            peer = ip_address(address or "")
        except ValueError:
            return False
        return any(peer in network for network in self.networks)


def _forwarded(environ: Environ) -> Mapping[str, str]:
    nearest = str(environ["HTTP_FORWARDED"]).rpartition(",")[2]
    said = {}
    for part in nearest.split(";"):
        match = _PAIR.match(part)
        if match is not None:
            said[match[1].lower()] = match[2] if match[2] is not None else match[3]
    return said


def _x_forwarded(environ: Environ) -> Mapping[str, str]:
    said = {
        name: str(environ[key]).rpartition(",")[2].strip()
        for name, key in (
            ("host", "HTTP_X_FORWARDED_HOST"),
            ("proto", "HTTP_X_FORWARDED_PROTO"),
            ("port", "HTTP_X_FORWARDED_PORT"),
            ("prefix", "HTTP_X_FORWARDED_PREFIX"),
        )
        if key in environ
    }
    port = said.pop("port", "")
    usual = {"https": "443", "http": "80"}.get(said.get("proto", "").lower())
    match = _HOST.match(said.get("host", ""))
    if match is not None and match["port"] is None and port.isascii() and port.isdigit() and port != usual:
        said["host"] += f":{port}"
    return said
