"""docs/import-cda-coverage.md: how many statements of the French corpus become resources, per template.

`FHIR_CORPUS=… python -m tests.importers.cda.coverage_page` writes it; a test compares it.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from importers.cda.entries.templates import tables
from tests.importers.cda.test_convert_corpus import FOLDERS, Converted, converted_in

PAGE = Path(__file__).parents[3] / "docs" / "import-cda-coverage.md"
HEAD = """# Coverage of CDA templates

How many statements of the {documents} public French documents became resources, or elements of the resource of
the statement around them, per template. The other statements are listed with their place in the result of the
import, and are in the original. Made by `python -m tests.importers.cda.coverage_page`; a test compares it. See
[CDA documents as FHIR](import-cda.md).

In total: {structured} of {met} statements, {share}.

| template | name | met | structured | share |
|---|---|---|---|---|
"""


def coverage_page(documents: Converted) -> str:
    """Return the page: the templates most often met first."""
    met: Counter[str] = Counter()
    structured: Counter[str] = Counter()
    for _, _, result in documents:
        for template, (seen, made) in result.templates.items():
            met[template] += seen
            structured[template] += made
    head = HEAD.format(
        documents=len(documents),
        structured=structured.total(),
        met=met.total(),
        share=share(structured.total(), met.total()),
    )
    ordered = sorted(met, key=lambda template: (-met[template], template))
    return head + "".join(row(each, met[each], structured[each]) for each in ordered)


def row(template: str, met: int, structured: int) -> str:
    known = tables().rows.get(template)
    name = known[0].name if known else "no template that is known"
    return f"| {template} | {name} | {met} | {structured} | {share(structured, met)} |\n"


def share(part: int, whole: int) -> str:
    """Return a share in percent with one decimal, rounded down: 100 % is all."""
    tenths = 1000 * part // whole
    return f"{tenths // 10}.{tenths % 10} %"


if __name__ == "__main__":
    PAGE.write_text(
        coverage_page(converted_in(Path(os.environ["FHIR_CORPUS"]) / FOLDERS["french"][0])), "utf-8"
    )
