"""The gate: each request, and each entry of a batch, gets its View here before anything is read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fhir_server.interactions.request import Attempt, Request
from fhir_server.model.outcome import FhirError

if TYPE_CHECKING:
    from fhir_server.interactions.dispatch import Interaction


class Refused(FhirError):
    """A refusal of the gate, with what only the access log is told of it."""

    def __init__(self, error: FhirError, attempt: Attempt) -> None:
        super().__init__(*error.issues, status=error.status, headers=error.headers)
        self.attempt = attempt


class Gate(Protocol):
    """Who may pass, and with what View."""

    def admit(self, interaction: Interaction, request: Request) -> Request:
        """Return the request with the View that the decision gave it.

        Raises FhirError: `person-needed` 403 where it names no person, from the request alone; `refused` 403,
        the same for every reason, where it names one.  What names a resource only, and is refused, gets the
        View of nothing: it is answered as if the resource did not exist.
        """
        ...

    def bind(self, request: Request) -> Request:
        """Return an entry of something admitted with the person of its View in the place of identifiers."""
        ...


class OpenGate:
    """The gate of a server without access control: the View that a request came with is everything."""

    def admit(self, interaction: Interaction, request: Request) -> Request:
        """Return the request as it is."""
        del interaction
        return request

    def bind(self, request: Request) -> Request:
        """Return the request as it is."""
        return request
