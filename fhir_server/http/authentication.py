"""Who asks: the token of a request, proven before anything else of it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from fhir_server.access.tokens import Verifier
from fhir_server.interactions.request import Request
from fhir_server.model.actor import OPEN, Actor
from fhir_server.model.altering import replace
from fhir_server.model.view import ActorRef, View

STRANGER: Final = Actor("unknown", "unknown")
"""The actor of a request whose token was not accepted, or that has none."""


class Authentication:
    """Puts actors into requests.  Without a verifier nothing is governed: all requests have one View."""

    def __init__(self, verifier: Verifier | None, everything: View | None = None) -> None:
        self._verifier = verifier
        self._first = everything if everything is not None else View.nothing(STRANGER.ref, "")
        if (verifier is None) == (everything is None):
            raise ValueError("Either there are tokens, or everything is open.")

    @property
    def governed(self) -> bool:
        """Whether a request needs a token."""
        return self._verifier is not None

    @property
    def first_view(self) -> View:
        """The View of a request before anyone knows who asks."""
        return self._first

    def identified(self, environ: Mapping[str, Any], request: Request) -> Request:
        """Return the request with the actor and the purpose that its token proves, and a View of nothing.

        Raises FhirError `no-token`, `bad-token`, `database-unavailable`.
        """
        if self._verifier is None:
            return request
        token = self._verifier.verify(environ.get("HTTP_AUTHORIZATION"), request.now)
        view = _blind(token.actor.ref, token.purpose)
        return replace(request, actor=token.actor, purpose=token.purpose, view=view)

    @property
    def first_actor(self) -> Actor:
        """The actor of a request before anyone knows who asks, for the access log."""
        return OPEN if self._verifier is None else STRANGER


@lru_cache(maxsize=1024)
def _blind(actor: ActorRef, purpose: str) -> View:
    return View.nothing(actor, purpose)
