"""One case against one server: its setup, then its steps, until one is not answered as expected."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from conformance.declared import rows
from conformance.exchange import FHIR_JSON, FHIR_XML, Answer, Request, Target, Unreachable
from conformance.expectations import faults
from conformance.literal_json import NotJson, decode, encode
from conformance.paths import parse_path, select
from conformance.saved import Saved
from conformance.suite import Case, Step
from conformance.templates import BadTemplate, Holes

NEXT = parse_path('link[?relation="next"].url')
SPELLED = {"Accept": FHIR_JSON}
AT_ONCE = 4
SHOWN = 5
POLL_S = 0.25


class StepFailed(Exception):
    """A step was not answered as expected; `reasons` say how, and name the step."""

    def __init__(self, place: str, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(f"{place}: {reason}" for reason in reasons)


@dataclass(frozen=True, slots=True)
class Asked:
    """The server that is asked, and what it declares."""

    target: Target
    statement: Mapping[str, Any]


def run_case(asked: Asked, case: Case, resources: Mapping[str, str], unique: str) -> tuple[str, ...]:
    """Return what is wrong with how a server answers a case; nothing if it passes.

    `unique` is a text that no other case or run uses.
    """
    holes = Holes(asked.target.base, unique, resources)
    steps = [(f"setup {number}", step) for number, step in enumerate(case.setup, 1)]
    steps += [(f"step {number}", step) for number, step in enumerate(case.steps, 1)]
    try:
        for place, step in steps:
            if step.declared is None:
                _run_step(asked.target, step, holes, place)
            else:
                _run_for_each(asked, step, holes, place)
    except StepFailed as failed:
        return failed.reasons
    return ()


def _run_for_each(asked: Asked, step: Step, holes: Holes, place: str) -> None:
    def reasons(row: Mapping[str, str]) -> tuple[str, ...]:
        try:
            _run_step(asked.target, step, holes.declaring(row), place)
        except StepFailed as failed:
            return failed.reasons
        return ()

    declared = rows(asked.statement, step.declared or "")
    with ThreadPoolExecutor(AT_ONCE) as together:
        found = [reason for answer in together.map(reasons, declared) for reason in answer]
    if found:
        more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        raise StepFailed(f"{len(declared)} declared", found[:SHOWN] + more)


def _run_step(target: Target, step: Step, holes: Holes, place: str) -> None:
    named = f"{place}, {step.method} {step.url}".rstrip()
    try:
        request = _request(target, step, holes)
        named = f"{place}, {step.method} {request.url.removeprefix(target.base)}".rstrip()
        answers = _answers(target, request, step)
        found = list(faults(answers[0], step.expect, holes)) if step.times == 1 else []
    except (BadTemplate, Unreachable) as error:
        raise StepFailed(named, [str(error)]) from None
    found += _tally_faults(answers, step)
    if found:
        raise StepFailed(named, found)
    if step.save is not None:
        holes.save(step.save, Saved.of(answers[0]))


def _request(target: Target, step: Step, holes: Holes) -> Request:
    text = holes.resource(step.body) if step.body is not None else None
    if step.raw is not None:
        text = holes.fill(step.raw)
    headers = dict(SPELLED)
    if text is not None:
        headers["Content-Type"] = FHIR_XML if text.lstrip().startswith("<") else FHIR_JSON
    headers |= {name: holes.fill(value) for name, value in step.headers.items()}
    body = None if text is None else text.encode("utf-8", "surrogatepass")
    return Request(
        step.method, target.url(holes.fill(step.url)),
        {name: value for name, value in headers.items() if value}, body,
    )  # fmt: skip


def _answers(target: Target, request: Request, step: Step) -> list[Answer]:
    if step.times > 1:
        with ThreadPoolExecutor(step.times) as together:
            return list(together.map(target.send, [request] * step.times))
    if step.walk is not None:
        return [_walked(target, request, step.walk)]
    answer = target.send(request)
    for _ in range(step.poll):
        if answer.status != 202:
            break
        time.sleep(POLL_S)
        answer = target.send(request)
    return [answer]


def _walked(target: Target, request: Request, max_pages: int) -> Answer:
    """Follow `next` links; the answer is the first page with the entries of all pages."""
    first = answer = target.send(request)
    entries: list[Any] = []
    for _ in range(max_pages):
        page = _tree(answer)
        if answer.status != first.status or not isinstance(page, dict):
            return answer
        entries += page.get("entry", [])
        following = select(page, NEXT)
        if not following:
            whole = {**_tree(first), "entry": entries}
            return replace(first, body=encode(whole).encode())
        answer = target.send(replace(request, method="GET", url=str(following[0]), body=None))
    raise Unreachable(f"there is still a next link after {max_pages} pages")


def _tree(answer: Answer) -> Any:
    try:
        return decode(answer.body)
    except NotJson:
        return None


def _tally_faults(answers: list[Answer], step: Step) -> list[str]:
    if not step.expect.tally:
        return []
    counted = Counter(str(answer.status) for answer in answers)
    if counted == Counter(step.expect.tally):
        return []
    return [f"answers by status are {dict(counted)}, expected {dict(step.expect.tally)}"]
