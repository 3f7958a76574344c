"""`fhir-server token`: development tokens for trying out a governed server, and their revocation."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from fhir_server.access.policy_file import PolicyRefused, load_policy
from fhir_server.access.token_key import FILE_NAME, TokenKeyRefused, open_key
from fhir_server.access.tokens import LONGEST, PURPOSE, mint
from fhir_server.model.actor import Actor
from fhir_server.model.clock import SystemClock
from fhir_server.model.ids import RandomIds
from fhir_server.settings import ON, Settings, SettingsRefused, read_settings

EXIT_REFUSED = 2
_TOKEN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_SPAN = re.compile(r"([0-9]{1,5})([smh])\Z")
_SECONDS: Mapping[str, int] = MappingProxyType({"s": 1, "m": 60, "h": 3600})
_OF_PATIENT = "person"
"""The role that is the person of a record: its identity is the record's."""

HELP = """Make a development token and print it.

It is signed with the key in the data directory (or FHIR_TOKEN_KEY_FILE), good for the server whose base
URL is FHIR_BASE_URL, and says who asks: a role of the policy and what else the policy asks of it. Whoever may
read the key may be anyone: such tokens are for development and demonstrations alone.

\b
Example:
  fhir-server token --role person --patient p1
  fhir-server token --role professional --identity "urn:oid:1.2.250.1.71.4.2.1|899700000001" \\
    --profession doctor --structure "urn:oid:1.2.250.1.71.4.2.2|750000001"

\b
Exit codes:
  0  the token is on standard output; with --json with its id and its end
  2  refused: a wrong option, a role that FHIR_POLICY does not have, or a key that cannot be used
"""

REVOKE_HELP = """Revoke a token by its id (`jti`): every server on the database refuses it within a second.

With an embedded MongoDB set FHIR_MONGODB_URI to the address that `serve` prints.

\b
Example:
  fhir-server token revoke 01a20174-2ead-74b5-ace3-4e2f7d15ad2b

\b
Exit codes:
  0  revoked; with --json its id and until when that is remembered
  2  not possible: no database, or no id of a token
"""


class Span(click.ParamType[timedelta]):
    """A length of time: `90s`, `15m`, `1h`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length of time."""
        if isinstance(value, timedelta):
            return value
        found = _SPAN.match(str(value))
        span = timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else timedelta(0)
        if not timedelta(seconds=1) <= span <= LONGEST:
            self.fail(f"{value!r} is no time between 1s and 1h; 15m is one, for instance.", param, ctx)
        return span


@click.group(help=HELP, invoke_without_command=True)
@click.option("--role", help="A role of the policy: person, representative, professional, establishment …")
@click.option("--identity", help="Who it is, `system|value`; for a person the id of the Patient.")
@click.option("--patient", help="The id of the only Patient that the token is good for.")
@click.option("--name", default="", help="The name that the access log shows.")
@click.option("--profession", help="A profession of the policy, or its `system|code`.")
@click.option("--specialty", help="The specialty, `system|code`.")
@click.option("--situation", help="The exercise in which a professional acts.")
@click.option("--structure", help="The structure for which the actor works, `system|value`.")
@click.option("--structure-name", default="", help="The name of the structure that the access log shows.")
@click.option("--parent", "parents", multiple=True, help="A structure above it, nearest first.")
@click.option("--country", help="The country of a gateway, two letters.")
@click.option("--client", help="The software, or the third-party service.")
@click.option("--purpose", default=PURPOSE, show_default=True, help="Purpose of use, a code of v3-ActReason.")
@click.option("--reason", help="Why, in words, where the purpose needs it.")
@click.option("--secret", is_flag=True, help="A connection that stays unknown to legal representatives.")
@click.option("--once", is_flag=True, help="Good for a single request.")
@click.option("--for", "span", type=Span(), default="15m", show_default=True, help="How long: 90s, 15m, 1h.")
@click.option("--base", help="The base URL of the server, instead of FHIR_BASE_URL.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Instead of FHIR_DATA_DIR.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--json", "as_json", is_flag=True, help="Print the token, its id and its end as JSON.")
@click.pass_context
def token(ctx: click.Context, /, **options: Any) -> None:
    """Make a token, unless a subcommand was given."""
    if ctx.invoked_subcommand is not None:
        return
    try:
        _make(options)
    except (SettingsRefused, TokenKeyRefused) as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_REFUSED)


@token.command(help=REVOKE_HELP)
@click.argument("token_id")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def revoke(token_id: str, config: Path | None, as_json: bool) -> None:
    """Revoke a token in the database."""
    from fhir_server.model.outcome import FhirError
    from fhir_server.store.connection import StoreRefused

    try:
        until = _revoke(token_id, _settings({"config": config}))
    except (SettingsRefused, StoreRefused) as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_REFUSED)
    except FhirError as error:
        click.echo(error.issues[0].text, err=True)
        sys.exit(EXIT_REFUSED)
    click.echo(json.dumps({"id": token_id, "until": until}) if as_json else f"Revoked: {token_id}")


def _make(options: Mapping[str, Any]) -> None:
    actor = _actor(options)
    settings = _settings(options)
    if settings.production == ON:
        raise SettingsRefused(["FHIR_PRODUCTION is on: there are no development tokens."])
    if settings.policy is not None:
        _refuse_unknown(actor, options["purpose"], settings.policy)
    key = open_key(settings.token_key_file or settings.data_dir / FILE_NAME)
    now, span = SystemClock().now(), options["span"]
    text = mint(
        key, actor, options["purpose"],
        audience=settings.base_url, now=now, ids=RandomIds(), span=span, once=options["once"],
    )  # fmt: skip
    if options["as_json"]:
        ends = (now + span).isoformat(timespec="seconds")
        text = json.dumps({"token": text, "id": actor.session, "role": actor.kind, "expires": ends})
    click.echo(text)


def _actor(options: Mapping[str, Any]) -> Actor:
    role, patient = options["role"], options["patient"]
    identity = options["identity"] or (patient if role == _OF_PATIENT else None)
    if not role:
        raise SettingsRefused(["--role is missing: a role of the policy, `person` for instance."])
    if not identity:
        missing = "--patient" if role == _OF_PATIENT else "--identity"
        raise SettingsRefused([f"{missing} is missing: it says who the {role} is."])
    named = ("name", "profession", "specialty", "situation", "structure", "structure_name", "parents")
    more = ("country", "client", "reason", "secret")
    return Actor(
        role, identity, record=patient, session=RandomIds().new(SystemClock().now()),
        **{name: options[name] for name in (*named, *more)},
    )  # fmt: skip


def _refuse_unknown(actor: Actor, purpose: str, policy_name: str) -> None:
    """Raise SettingsRefused for what no server with the policy would understand."""
    try:
        policy = load_policy(policy_name)
    except PolicyRefused as reason:
        raise SettingsRefused([f"FHIR_POLICY: {text}" for text in reason.texts]) from None
    professions = set(policy.professions.values())
    known: tuple[tuple[str, str | None, Collection[str]], ...] = (
        ("--role", actor.kind, policy.roles),
        ("--profession", actor.profession, professions if policy.profession_of(actor) is None else ()),
        ("--purpose", purpose, policy.purposes),
    )
    faults = [
        f"{option} {said}: the policy {policy.id} has {', '.join(sorted(names))}."
        for option, said, names in known
        if said is not None and names and said not in names
    ]
    if faults:
        raise SettingsRefused(faults)


def _settings(options: Mapping[str, Any]) -> Settings:
    chosen: dict[str, Any] = {}
    if options.get("base"):
        chosen["base_url"] = options["base"].rstrip("/")
    if options.get("data_dir"):
        chosen["data_dir"] = options["data_dir"].expanduser()
    return read_settings(os.environ, options.get("config"), chosen=chosen)


def _revoke(token_id: str, settings: Settings) -> str:
    from fhir_server.store.open import open_store

    if not _TOKEN_ID.match(token_id):
        raise SettingsRefused(["That is no id of a token: it is the claim `jti`, which --json prints."])
    if settings.mongodb_uri is None:
        raise SettingsRefused(["FHIR_MONGODB_URI is unset: `serve` prints the address of its MongoDB."])
    until = SystemClock().now() + LONGEST * 2
    with closing(open_store(settings.mongodb_uri, settings.database)) as store:
        store.tokens.revoke(token_id, until)
    return until.isoformat(timespec="seconds")
