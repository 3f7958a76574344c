"""The gate: each request, and each entry of a batch, gets its View here before anything is read for it."""

from __future__ import annotations

from typing import Protocol

from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.request import Request


class Gate(Protocol):
    """Who may pass, and with what View."""

    def admit(self, interaction: Interaction, request: Request) -> Request:
        """Return the request with the View that the decision gave it.

        Raises FhirError: `person-needed` 403 where it names no person, from the request alone; `refused` 403,
        the same for every reason, where it names one; `not-found` 404 where it names a resource only.
        """
        ...


class OpenGate:
    """The gate of a server without access control: the View that a request came with is everything."""

    def admit(self, interaction: Interaction, request: Request) -> Request:
        """Return the request as it is."""
        del interaction
        return request
