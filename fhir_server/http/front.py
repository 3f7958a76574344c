"""The hot addresses answered before the framework: a read by id and a search of one type, by GET.

They are most of what a server is asked, and finding their interaction takes the framework as long as a query
takes the driver of the database.  What is written in any other way, down to a single character, is left to
the framework; both lead to the same exchange, and the answers are the same to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from fhir_server.http.answers import Answer, response_of
from fhir_server.http.binary import BINARY
from fhir_server.http.exchange import PREFIX, Exchange
from fhir_server.interactions.dispatch import Address, Interaction

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIEnvironment as Environ

Application = Callable[["Environ", "StartResponse"], Iterable[bytes]]

TYPE: Final = "/<resource_type>"
INSTANCE: Final = "/<resource_type>/<id>"
HOT: Final = (TYPE, INSTANCE)

OK: Final = 200
OK_LINE: Final = "200 OK"

_PATH: Final = re.compile(rf"{PREFIX}/([A-Z][A-Za-z]{{0,63}})(?:/([A-Za-z0-9\-.]{{1,64}}))?", re.ASCII)
_VARIABLE: Final = "<"


class Front:
    """A WSGI application in front of another one, which answers everything but the hot addresses.

    Immutable; shared by all threads of a worker.
    """

    def __init__(
        self, behind: Application, exchange: Exchange, shapes: Mapping[str, Mapping[str, Interaction]]
    ) -> None:
        """Take the rows of the table by address, then by method.

        Raises ValueError where an address that is no pattern looks like a hot one.
        """
        for shape in shapes:
            if _VARIABLE not in shape and _PATH.fullmatch(PREFIX + shape):
                raise ValueError(f"{shape} would be taken for an address of a type.")
        self.behind = behind
        """What answers all other addresses."""
        self.exchange = exchange
        """What carries the requests."""
        self._shapes = shapes
        self._search, self._read = (shapes[shape]["GET"] for shape in HOT)

    def before(self, other: Application) -> Front:
        """Return the same in front of another application."""
        return Front(other, self.exchange, self._shapes)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        address = self._address(environ)
        if address is None:
            return self.behind(environ, start_response)
        return _sent(self.exchange.answered(environ, address), environ, start_response)

    def _address(self, environ: Environ) -> Address | None:
        """Return the hot address that a request has, None where it is for the framework."""
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_UPGRADE" in environ:
            return None
        found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        if found is None:
            return None
        resource_type, id = found.groups()
        if resource_type == BINARY:
            return None
        return Address(self._search, resource_type) if id is None else Address(self._read, resource_type, id)


def _sent(answer: Answer, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Write an answer out; the framework knows what is special about any status but 200."""
    if answer.status != OK or answer.content_type is None:
        return response_of(answer)(environ, start_response)
    length = str(len(answer.body))
    fields = [*answer.fields, ("Content-Type", answer.content_type), ("Content-Length", length)]
    start_response(OK_LINE, fields)
    return (answer.body,)
