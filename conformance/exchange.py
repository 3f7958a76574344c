"""One HTTP request and its answer, as they are: no redirects, no decompression, no retries."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

MAX_BODY_BYTES = 64 * 1024 * 1024
URL_SAFE = "%/:?=&,;$+*!'()@~[]"
FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"


class Unreachable(Exception):
    """No answer came: the server cannot be reached, broke off, or was too slow."""


@dataclass(frozen=True, slots=True)
class Request:
    """`url` is absolute; `headers` are all that is sent apart from Host and Content-Length."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` are by lower-case name; several of one name are joined by commas, as HTTP allows."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the header of that name in any case, or None."""
        return self.headers.get(name.lower())

    @property
    def media_type(self) -> str:
        """The media type of the body in lower case without parameters, or an empty text."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Target:
    """The server under test.  `base` is its FHIR base URL without a slash at the end."""

    base: str
    token: str | None = None
    timeout_s: float = 20.0

    def url(self, reference: str) -> str:
        """Return the absolute URL of a reference below the base; absolute ones stay."""
        if reference.startswith(("http://", "https://")):
            return reference
        below = "" if reference.startswith("?") else "/"
        return f"{self.base}{below}{reference}" if reference else self.base

    def send(self, request: Request) -> Answer:
        """Return the answer to a request.  Raises Unreachable.

        The token goes only to the origin of `base`: an address elsewhere is refused, not followed.
        """
        wanted, own = urlsplit(request.url), urlsplit(self.base)
        if (wanted.scheme, wanted.netloc) != (own.scheme, own.netloc):
            raise Unreachable(f"the address {request.url} is not on the server under test, {self.base}")
        address = quote(wanted.path + (f"?{wanted.query}" if wanted.query else ""), safe=URL_SAFE)
        headers = dict(request.headers)
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        try:
            return self._exchange(request, address or "/", headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"{request.method} {request.url}: {error or type(error).__name__}") from None

    def _exchange(self, request: Request, address: str, headers: Mapping[str, str]) -> Answer:
        connection = self._connection()
        try:
            connection.request(request.method, address, body=request.body, headers=dict(headers))
            response = connection.getresponse()
            body = response.read(MAX_BODY_BYTES)
            found: dict[str, str] = {}
            for name, value in response.getheaders():
                known = found.get(name.lower())
                found[name.lower()] = value if known is None else f"{known}, {value}"
            return Answer(response.status, found, body)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        own = urlsplit(self.base)
        if own.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(own.netloc, timeout=self.timeout_s, context=context)
        return http.client.HTTPConnection(own.netloc, timeout=self.timeout_s)
