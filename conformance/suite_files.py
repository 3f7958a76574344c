"""Suites from their TOML files, checked by `suite.schema.json` before a request is sent."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from conformance import json_checks, xml_checks
from conformance.capability import BadNeed, parse_need
from conformance.paths import BadPath, parse_path
from conformance.suite import Case, Expectation, JsonCheck, OutcomeCheck, Step, Suite, XmlCheck

HERE = Path(__file__).parent
SUITES = HERE / "suites"
SCHEMA = HERE / "suite.schema.json"
SHARED = "resources.toml"
MADE = (200, 201, 202, 204)
"""What a setup step expects where it says nothing."""


class SuiteError(ValueError):
    """A suite file is wrong; the text names the file and the place."""


def load_suites(directory: Path = SUITES) -> tuple[Suite, ...]:
    """Return the suites of a directory by name, each with the shared resources.  Raises SuiteError."""
    shared = directory / SHARED
    resources = _document(shared)["resource"] if shared.exists() else {}
    files = sorted(file for file in directory.glob("*.toml") if file.name != SHARED)
    suites = tuple(_suite(file, resources) for file in files)
    _refuse_repeated(case.id for suite in suites for case in suite.cases)
    return suites


def _suite(file: Path, shared: Mapping[str, str]) -> Suite:
    document = _document(file)
    errors = sorted(_validator().iter_errors(document), key=lambda error: list(error.absolute_path))
    if errors:
        place = "/".join(str(part) for part in errors[0].absolute_path)
        raise SuiteError(f"{file.name}: {place or 'document'}: {errors[0].message}")
    try:
        cases = tuple(_case(written) for written in document["case"])
    except (BadPath, BadNeed) as error:
        raise SuiteError(f"{file.name}: {error}") from None
    return Suite(file.stem, document["title"], {**shared, **document.get("resource", {})}, cases)


def _document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SuiteError(f"{file.name}: {error}") from None


def _case(written: Mapping[str, Any]) -> Case:
    needs = tuple(written.get("needs", ()))
    for need in needs:
        parse_need(need)
    return Case(
        id=written["id"],
        title=written["title"],
        level=written["level"],
        spec=written["spec"],
        needs=needs,
        setup=tuple(_step(step, MADE) for step in written.get("setup", ())),
        steps=tuple(_step(step, ()) for step in written["step"]),
    )


def _step(written: Mapping[str, Any], status: tuple[int, ...]) -> Step:
    method, _, url = written["send"].partition(" ")
    return Step(
        method=method,
        url=url.strip(),
        expect=_expectation(written.get("expect", {}), status),
        headers=written.get("headers", {}),
        body=written.get("body"),
        raw=written.get("raw"),
        save=written.get("save"),
        walk=written.get("walk"),
        times=written.get("times", 1),
        poll=written.get("poll", 0),
        declared=written.get("declared"),
    )


def _expectation(written: Mapping[str, Any], status: tuple[int, ...]) -> Expectation:
    stated = written.get("status", status)
    return Expectation(
        status=(stated,) if isinstance(stated, int) else tuple(stated),
        headers=written.get("headers", {}),
        no_headers=tuple(written.get("no_headers", ())),
        media=written.get("media"),
        empty=written.get("empty"),
        text=written.get("text"),
        json=tuple(
            JsonCheck(parse_path(check["path"]), kind, check[kind])
            for check in written.get("json", ())
            for kind in check
            if kind in json_checks.KINDS
        ),
        xml=tuple(
            XmlCheck(check["xpath"], kind, check[kind])
            for check in written.get("xml", ())
            for kind in check
            if kind in xml_checks.KINDS
        ),
        outcome=_outcome(written.get("outcome", False)),
        tally=written.get("tally", {}),
    )


def _outcome(written: bool | Mapping[str, Any]) -> OutcomeCheck | None:
    if isinstance(written, bool):
        return OutcomeCheck() if written else None
    return OutcomeCheck(tuple(written.get("code", ())), written.get("expression"))


def _refuse_repeated(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            raise SuiteError(f"two cases have the id {id}")
        seen.add(id)


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
