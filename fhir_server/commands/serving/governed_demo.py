"""`serve --demo` where access is governed: the record, a token for each role, what each may see."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from fhir_server.access.token_key import FILE_NAME, open_key
from fhir_server.access.tokens import LONGEST, mint
from fhir_server.demo.cast import CAST, Member
from fhir_server.demo.scenes import DemoRefused, Played, play
from fhir_server.model.clock import SystemClock
from fhir_server.model.ids import RandomIds
from fhir_server.settings import Settings

TOKENS_FILE: Final = "tokens.sh"
RENEWED: Final = timedelta(minutes=30)
TIMEOUT_S: Final = 60.0


class Booth:
    """Makes the tokens of the cast, for one server."""

    def __init__(self, settings: Settings) -> None:
        self._key = open_key(settings.token_key_file or settings.data_dir / FILE_NAME)
        self._audience = settings.base_url
        self.file = settings.data_dir.absolute() / TOKENS_FILE

    def token(self, member: Member) -> str:
        """Return a token that is good for an hour."""
        now = SystemClock().now()
        return mint(
            self._key, member.actor, member.purpose,
            audience=self._audience, now=now, ids=RandomIds(), span=LONGEST,
        )  # fmt: skip

    def write(self, patient: str) -> dict[str, str]:
        """Write fresh tokens where a shell reads them, for this user's eyes; return them by variable."""
        tokens = {one.variable: self.token(one.of(patient)) for one in CAST}
        values = {"BASE": self._audience, "ODILE": patient, **tokens}
        lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
        _write_private(self.file, lines)
        return tokens

    def renew(self, patient: str, stopped: threading.Event) -> None:
        """Write fresh tokens again and again until `stopped` is set."""
        while not stopped.wait(RENEWED.total_seconds()):
            try:
                self.write(patient)
            except OSError as reason:
                click.echo(f"The tokens were not renewed: {reason}.", err=True)


def show_governed_demo(
    settings: Settings, url: str, stopped: threading.Event, *, json_lines: bool
) -> threading.Thread | None:
    """Play the demo on the server at `url` and show the tokens; what the server refuses is printed.

    Returns the thread that renews the tokens until `stopped` is set.
    """
    booth = Booth(settings)
    try:
        played = play(_Client(url, booth).ask, SystemClock().now())
        tokens = booth.write(played.patient)
    except (DemoRefused, OSError, http.client.HTTPException) as reason:
        click.echo(f"The demo was not played: {reason}", err=True)
        return None
    if json_lines:
        event = {"event": "demo", "failed": 0, "patient": played.patient, "resources": played.resources}
        click.echo(json.dumps({**event, "tokens": str(booth.file)}))
    else:
        click.echo("\n".join(_text(played, tokens, booth.file)))
    renewal = threading.Thread(target=booth.renew, args=(played.patient, stopped), name="tokens", daemon=True)
    renewal.start()
    return renewal


class _Client:
    """Speaks for the cast, a connection for each request."""

    def __init__(self, url: str, booth: Booth) -> None:
        self._parts = urlsplit(url)
        self._booth = booth

    def ask(self, member: Member, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        """Return status and JSON of an answer.  Raises OSError and HTTPException."""
        connection = http.client.HTTPConnection(
            self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S
        )
        headers = {
            "Accept": "application/fhir+json",
            "Authorization": f"Bearer {self._booth.token(member)}",
            "Content-Type": "application/fhir+json",
        }
        try:
            target = self._parts.path.rstrip("/") + (f"/{path}" if path else "")
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()


def _text(played: Played, tokens: dict[str, str], file: Path) -> Iterable[str]:
    count = f"{played.resources} resources" if played.resources else "as it was left"
    yield f"The demo record is loaded ({count}): Odile Valmont-Essai, Patient/{played.patient}."
    yield ""
    yield f"{'ROLE':<16} WHO AND WHAT IT MAY SEE, AND ITS TOKEN (good for an hour)"
    for one in CAST:
        yield f"{one.variable:<16} {one.actor.name}. {one.sees}"
        yield f"{'':<16} {tokens[one.variable]}"
    yield ""
    yield "In another terminal, each token under its name (renewed every half hour):"
    yield ""
    yield f"  . {shlex.quote(str(file))}"
    yield '  curl -s -H "Authorization: Bearer $DOCTOR" "$BASE/DocumentReference?patient=$ODILE"'
    yield ""
    yield "docs/quickstart.md goes on from here."


def _write_private(file: Path, text: str) -> None:
    scratch = file.with_name(file.name + ".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    scratch.replace(file)
