"""Where a server listens: loopback or not, taken or free."""

from __future__ import annotations

import errno
import ipaddress
import socket


class AddressRefused(Exception):
    """The server cannot listen there; the text says why and what to do."""


def is_loopback(host: str) -> bool:
    """Return whether only programs of this machine can reach `host`, an IP address or `localhost`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reserve(host: str, port: int) -> tuple[socket.socket, int]:
    """Return a socket that holds the address for this process, and its port (chosen if `port` is 0).

    The socket does not listen: the workers do, on the same address.  It must stay open as long as they run.
    Raises AddressRefused if the address is taken, forbidden or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if port:
            _probe(family, host, port)
        held = _hold(family, host, port)
    except OSError as reason:
        raise AddressRefused(_explain(host, port, reason)) from None
    return held, held.getsockname()[1]


def origin(host: str, port: int) -> str:
    """Return `http://host:port`."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _probe(family: int, host: str, port: int) -> None:
    # Without SO_REUSEPORT: two servers on one port would otherwise share its connections in silence.
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _hold(family: int, host: str, port: int) -> socket.socket:
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, port))
        # Two sockets that both allow it may share an address while none listens: the probe of another
        # server would pass.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        held.close()
        raise
    return held


def _explain(host: str, port: int, reason: OSError) -> str:
    if reason.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken by another program; choose another one with --port."
    if reason.errno == errno.EACCES:
        return f"Port {port} needs rights that this user does not have; choose one above 1023 with --port."
    if isinstance(reason, socket.gaierror) or reason.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; choose another one with --host."
    return f"The server cannot listen on port {port} of {host}: {reason.strerror}."
