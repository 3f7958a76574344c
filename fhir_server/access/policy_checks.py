"""What a schema cannot know of a policy file: names that nothing has, rules that nothing reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fhir_server.access.durations import parse_duration
from fhir_server.access.policy import (
    CHOICE,
    CLASSES,
    MASKED,
    WITHHELD_FROM_PERSON,
    WITHHELD_FROM_REPRESENTATIVES,
)
from fhir_server.access.policy_matrix import Matrix

Document = Mapping[str, Any]

NEUTRAL: Final = frozenset({MASKED, WITHHELD_FROM_PERSON, WITHHELD_FROM_REPRESENTATIVES})
"""The labels that the server gives a meaning beyond who may read."""


def check_policy(document: Document, matrix: Matrix) -> tuple[str, ...]:
    """Return every fault of a document that its schema accepts, each with its place."""
    return tuple(fault for check in _CHECKS for fault in check(document, matrix))


def _labels(document: Document, _: Matrix) -> Iterator[str]:
    labels: Mapping[str, Any] = document.get("labels", {})
    said: dict[str, str] = {}
    for name in sorted(NEUTRAL - labels.keys()):
        yield f"labels: `{name}` has no codes; the server needs to write it"
    for name, row in labels.items():
        if name == CHOICE:
            yield f"labels.{name}: this label is the server's own"
        for at, coding in enumerate(row["codings"]):
            if coding in said:
                yield f"labels.{name}.codings[{at}]: the code already says `{said[coding]}`"
            said[coding] = name
        yield from _unknown(row.get("set_by", ()), _roles(document), f"labels.{name}.set_by", "role")
        yield from _unknown(row.get("dropped_by", ()), _roles(document), f"labels.{name}.dropped_by", "role")
    for at, row in enumerate(document["forbidden_together"]):
        yield from _unknown(row["labels"], labels, f"forbidden_together[{at}].labels", "label")


def _classes(document: Document, _: Matrix) -> Iterator[str]:
    classes = document.get("classes", {})
    names = classes.get("names", ())
    if len(names) >= CLASSES:
        yield f"classes.names: {len(names)} classes, at most {CLASSES - 1} have room"
    yield from _unknown(classes.get("types", {}), names, "classes.types", "class")
    placed: dict[str, str] = {}
    for name, types in classes.get("types", {}).items():
        for at, resource_type in enumerate(types):
            if resource_type in placed:
                yield f"classes.types.{name}[{at}]: `{resource_type}` is already in `{placed[resource_type]}`"
            placed[resource_type] = name


def _types(document: Document, _: Matrix) -> Iterator[str]:
    directory, types = document.get("directory", {}), document.get("types", {})
    of_nobody = frozenset(directory.get("types", ()))
    for at, name in enumerate(types.get("administrative", ())):
        if name in of_nobody:
            yield f"types.administrative[{at}]: `{name}` is in the directory, which is of no person"
    yield from _unknown(directory.get("own_types", ()), of_nobody, "directory.own_types", "directory type")
    for key in ("readers", "writers", "own_writers"):
        yield from _unknown(directory.get(key, ()), _roles(document), f"directory.{key}", "role")
    yield from _unknown(document["roles"].get("forbidden", ()), _roles(document), "roles.forbidden", "role")


def _relations(document: Document, _: Matrix) -> Iterator[str]:
    for name, row in document.get("relations", {}).items():
        yield from _unknown(row.get("holders", ()), _roles(document), f"relations.{name}.holders", "role")
        names = {*_roles(document), *document.get("relations", {})}
        for key in ("set_by", "set_by_grown", "declared_by"):
            yield from _unknown(row.get(key, ()), names, f"relations.{name}.{key}", "role or relation")
        if "set_by_grown" in row and "until_age" not in row:
            yield f"relations.{name}.set_by_grown: there is no `until_age` at which one is grown"
        if row.get("one_session") and row["source"] != "authorisation":
            yield f"relations.{name}.one_session: only an authorisation is given in a session"
        if row.get("single") and row.get("most", 1) != 1:
            yield f"relations.{name}.most: there can be one at a time"


def _durations(document: Document, _: Matrix) -> Iterator[str]:
    written = {f"clocks.{name}": text for name, text in document.get("clocks", {}).items()}
    for name, row in document.get("relations", {}).items():
        for key in ("duration", "until_age", "declared_for"):
            if key in row:
                written[f"relations.{name}.{key}"] = row[key]
    for place, text in written.items():
        try:
            parse_duration(text)
        except ValueError as error:
            yield f"{place}: {error}"
    try:
        ZoneInfo(document.get("timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        yield "timezone: there is no zone of this name"


def _decisions(document: Document, _: Matrix) -> Iterator[str]:
    known = document.get("decisions", {})
    rows = [
        (f"{key}[{at}]", row)
        for key in ("forbidden_together", "flow", "rule")
        for at, row in enumerate(document[key])
    ]
    rows += [(f"notices.{kind}", row) for kind, row in document["notices"].items()]
    for place, row in rows:
        for condition in ("when", "unless"):
            if condition in row:
                yield from _unknown((row[condition],), known, f"{place}.{condition}", "decision")


def _purposes(document: Document, _: Matrix) -> Iterator[str]:
    for code, row in document["purposes"].items():
        yield from _unknown(row.get("roles", ()), _roles(document), f"purposes.{code}.roles", "role")


def _rules(document: Document, _: Matrix) -> Iterator[str]:
    modes = {row["mode"] for row in document["purposes"].values()}
    known: dict[str, tuple[str, Iterable[str]]] = {
        "roles": ("role", _roles(document)),
        "relations": ("relation", document.get("relations", {})),
        "without": ("relation", document.get("relations", {})),
        "modes": ("mode", modes),
        "professions": ("profession", document.get("professions", {})),
        "on": ("switch", document.get("switches", {})),
        "off": ("switch", document.get("switches", {})),
        "classes": ("class", document.get("classes", {}).get("names", ())),
        "hides": ("label", {*document.get("labels", {}), CHOICE}),
        "withholds": ("label", {*document.get("labels", {}), CHOICE}),
    }
    for at, row in enumerate(document["rule"]):
        for key, (kind, names) in known.items():
            yield from _unknown(row.get(key, ()), names, f"rule[{at}].{key}", kind)
        yield from _lifting(row, document, f"rule[{at}]")
        yield from _shape(row, f"rule[{at}]")


def _lifting(row: Document, document: Document, place: str) -> Iterator[str]:
    lifted = row.get("lifted_by", {})
    yield from _unknown(lifted, row.get("hides", ()), f"{place}.lifted_by", "label in `hides`")
    yield from _unknown(lifted.values(), document.get("switches", {}), f"{place}.lifted_by", "switch")
    yield from _unknown(
        row.get("opens", ()), row.get("withholds", ()), f"{place}.opens", "label in `withholds`"
    )


def _shape(row: Document, place: str) -> Iterator[str]:
    """Yield what makes no sense in one rule."""
    of = row.get("reads", ())
    if row.get("population") and ("record" in of or "record" in row.get("writes", ())):
        yield f"{place}: a rule about a population names its types; `record` is of one person"
    if row.get("population") and (row.get("relations") or row.get("on") or row.get("off")):
        yield f"{place}: a population has no relation to the actor and no switches"
    if ("writes" in row) != (row.get("writing", "none") != "none"):
        yield f"{place}.writing: `writes` says what, `writing` whose; one stands without the other"
    if row["effect"] == "deny" and {"reads", "writes", "operations", "audit"} & row.keys():
        yield f"{place}: a rule that denies reads, writes and calls nothing"
    if "classes" in row and len(set(of)) and "record" not in of:
        yield f"{place}.classes: types that are named need no classes"


def _reach(document: Document, _: Matrix) -> Iterator[str]:
    """Yield the rules that an earlier one always comes before."""
    rules = document["rule"]
    named: dict[str, int] = {}
    for at, row in enumerate(rules):
        if row["name"] in named:
            yield f"rule[{at}].name: rule[{named[row['name']]}] has the same name"
        named.setdefault(row["name"], at)
        before = next((i for i, earlier in enumerate(rules[:at]) if _covers(earlier, row)), None)
        if before is not None:
            yield f"rule[{at}]: never reached, rule[{before}] decides before it"


def _covers(earlier: Document, later: Document) -> bool:
    if later.get("population") and not earlier.get("population"):
        return False
    for key, usual in (("roles", ()), ("modes", ("normal",)), ("states", ("open",))):
        if not set(later.get(key, usual)) <= set(earlier.get(key, usual)):
            return False
    for key in ("relations", "professions", "situations"):
        wanted = set(earlier.get(key, ()))
        if wanted and not (later.get(key) and set(later[key]) <= wanted):
            return False
    return all(set(earlier.get(key, ())) <= set(later.get(key, ())) for key in ("without", "on", "off"))


def _roles(document: Document) -> Iterable[str]:
    names: Iterable[str] = document["roles"]["names"]
    return names


def _unknown(used: Iterable[str], known: Iterable[str], place: str, kind: str) -> Iterator[str]:
    there = frozenset(known)
    for name in used:
        if name not in there:
            yield f"{place}: there is no {kind} `{name}`"


_CHECKS: Final[tuple[Callable[[Document, Matrix], Iterator[str]], ...]] = (
    _labels, _classes, _types, _relations, _durations, _decisions, _purposes, _rules, _reach,
)  # fmt: skip
