"""Documents that are made to harm, and a process with little memory and time in which they are converted."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping

from importers.cda.convert import convert
from importers.result import Unreadable
from tests.importers.cda.whole import OPTIONS, body, document, section

MIB = 1024 * 1024
CPU_S = 90
"""A guard, no measure: what grows with the square of a document takes far longer, on any machine."""
MEMORY_BYTES = 2048 * MIB
CONVERTED = "converted"
CODE = 'code="1" codeSystem="2.999"'


def entry(inner: str, attributes: str = "") -> str:
    return f'<entry><observation classCode="OBS" moodCode="EVN" {attributes}>{inner}</observation></entry>'


def of(sections: str) -> bytes:
    return document(after=body(sections))


def nested_sections(depth: int) -> bytes:
    opened = "<component><section><title>x</title>"
    return of(opened * depth + "</section></component>" * depth)


def nested_statements(depth: int) -> bytes:
    opened = '<entryRelationship typeCode="COMP"><act classCode="ACT" moodCode="EVN">'
    inner = f"<code {CODE}/>" + opened * depth + "</act></entryRelationship>" * depth
    return of(section(entry(inner)))


def siblings(count: int) -> bytes:
    """Results in one battery: each looks for what stands around it."""
    one = f'<component><observation classCode="OBS" moodCode="EVN"><code {CODE}/></observation></component>'
    organizer = '<entry><organizer classCode="CLUSTER" moodCode="EVN"><statusCode code="completed"/>'
    return of(section(f"{organizer}{one * count}</organizer></entry>"))


def concerns(count: int) -> bytes:
    """Problems in one concern, half of them parts of the others."""
    part = (
        '<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">{}'
        f"<code {CODE}/></observation></entryRelationship>"
    )
    problem = part.format('<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5"/>')
    severity = part.format('<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.1"/>')
    act = '<entry><act classCode="ACT" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5.2"/>'
    return of(section(f"{act}{(problem + severity) * (count // 2)}</act></entry>"))


def concern_with(beside: str, count: int) -> bytes:
    """Problems in one concern, and as many of something that is said of each of them."""
    problem = (
        '<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">'
        f'<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5"/><code {CODE}/></observation></entryRelationship>'
    )
    more = "".join(beside.format(number=number) for number in range(count // 2))
    act = '<entry><act classCode="ACT" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5.2"/>'
    return of(section(f"{act}{more}{problem * (count // 2)}</act></entry>"))


COMMENT = (
    '<entryRelationship typeCode="SUBJ"><act classCode="ACT" moodCode="EVN">'
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.2"/><text>words {number}</text></act></entryRelationship>'
)
AUTHOR = (
    '<author><time value="2020"/><assignedAuthor><id root="2.999.7" extension="{number}"/>'
    "<assignedPerson><name><family>House</family></name></assignedPerson></assignedAuthor></author>"
)


def authored(count: int) -> bytes:
    """Results without authors of their own, in a document of many authors."""
    return document(
        after="".join(AUTHOR.format(number=number) for number in range(count))
        + body(section(entry(f"<code {CODE}/>") * count))
    )


def manifest(count: int) -> bytes:
    """Allergies in one concern, and as many manifestations of each of them."""
    part = (
        '<entryRelationship typeCode="{}" inversionInd="false"><observation classCode="OBS" moodCode="EVN">'
        f'<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.{{}}"/><code {CODE}/></observation></entryRelationship>'
    )
    act = '<entry><act classCode="ACT" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5.3"/>'
    parts = part.format("MFST", "1") * count + part.format("SUBJ", "6") * count
    return of(section(f"{act}{parts}</act></entry>"))


def repeated_text(count: int, length: int) -> bytes:
    """A long text that every statement refers to."""
    one = entry(f'<code {CODE}><originalText><reference value="#a"/></originalText></code>')
    return of(section(f'<text><content ID="a">{"ha " * (length // 3)}</content></text>{one * count}'))


def circle(count: int) -> bytes:
    """Statements that name one another by id, in a ring, and each itself."""
    reference = '<templateId root="1.2.250.1.213.1.1.3.36"/>'
    entries = "".join(
        entry(
            f'<id root="2.999.3" extension="{number}"/><code {CODE}/>'
            + "".join(
                '<entryRelationship typeCode="REFR"><act classCode="ACT" moodCode="EVN">'
                f'{reference}<id root="2.999.3" extension="{other}"/><code nullFlavor="NA"/></act>'
                "</entryRelationship>"
                for other in (number, (number + 1) % count)
            )
        )
        for number in range(count)
    )
    return of(section(entries))


def people(count: int) -> bytes:
    """Authors of whom each says something else, and whose names are all the same."""
    return document(
        after="".join(
            f'<author><time value="2020"/><assignedAuthor><id root="2.999.7" extension="{number % 50}"/>'
            f'<telecom value="tel:{number}"/><assignedPerson><name><family>House</family></name></assignedPerson>'
            "</assignedAuthor></author>"
            for number in range(count)
        )
    )


def translations(count: int) -> bytes:
    inner = "".join(f'<translation code="{number}" codeSystem="2.999"/>' for number in range(count))
    return of(section(entry(f"<code {CODE}>{inner}</code>")))


def ids(count: int) -> bytes:
    inner = "".join(f'<id root="2.999.3" extension="{number}"/>' for number in range(count))
    return of(section(entry(f"{inner}<code {CODE}/>")))


def templates(count: int) -> bytes:
    inner = "".join(f'<templateId root="2.999.4.{number}"/>' for number in range(count))
    return of(section(entry(f"{inner}<code {CODE}/>")))


def anchors(count: int) -> bytes:
    """Anchors of one name, and as many references to it."""
    text = "".join(f'<content ID="a">{number}</content>' for number in range(count))
    one = entry(f'<code {CODE}><originalText><reference value="#a"/></originalText></code>')
    return of(section(f"<text>{text}</text>{one * count}"))


def names(count: int) -> bytes:
    """Elements of as many names, in as many namespaces: nothing may remember them all."""
    text = "".join(f'<n{number} xmlns="urn:{number}">x</n{number}>' for number in range(count))
    return of(section(f"<text>{text}</text>"))


def wide_table(rows: int, columns: int) -> bytes:
    row = f"<tr>{'<td>x</td>' * columns}</tr>"
    return of(section(f"<text><table><tbody>{row * rows}</tbody></table></text>"))


def odd_types(count: int) -> bytes:
    entries = "".join(
        entry(f'<code {CODE}/><value xmlns:p{n}="urn:{n}" xsi:type="p{n}:{"x" * 200}" value="1"/>')
        for n in range(count)
    )
    return of(section(entries))


def wrapped(content: str) -> bytes:
    text = f'<text mediaType="application/pdf" representation="B64">{content}</text>'
    return document(after=f"<component><nonXMLBody>{text}</nonXMLBody></component>")


ATTACKS: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "200-megabytes-of-text": (lambda: document(title=f"<title>{'x' * 200_000_000}</title>"), "too-large"),
    "29-megabytes-in-one-text": (lambda: document(title=f"<title>{'x' * 30_000_000}</title>"), "text-too-long"),
    "a-huge-attribute": (lambda: document(title=f'<title ID="{"x" * 1_000_000}"/>'), "tag-too-long"),
    "100000-siblings": (lambda: siblings(60_000), "too-many-siblings"),
    "300000-elements": (lambda: wide_table(60, 9_000), "too-many-elements"),
    "sections-in-sections": (lambda: nested_sections(5_000), "too-deep"),
    "sections-to-the-limit": (lambda: nested_sections(47), CONVERTED),
    "statements-to-the-limit": (lambda: nested_statements(46), CONVERTED),
    "a-battery-to-the-limit": (lambda: siblings(4_990), CONVERTED),
    "a-concern-to-the-limit": (lambda: concerns(4_990), CONVERTED),
    "comments-of-a-concern": (lambda: concern_with(COMMENT, 4_990), "text-too-often"),
    "authors-of-a-concern": (lambda: concern_with(AUTHOR, 4_990), CONVERTED),
    "authors-of-every-result": (lambda: authored(2_400), "text-too-often"),
    "manifestations-of-every-allergy": (lambda: manifest(2_400), "text-too-often"),
    "sections-side-by-side": (lambda: of(section("") * 4_990), CONVERTED),
    "one-text-said-often": (lambda: repeated_text(4_900, 1_000_000), "text-too-often"),
    "a-ring-of-references": (lambda: circle(3_000), CONVERTED),
    "people-to-the-limit": (lambda: people(4_900), CONVERTED),
    "translations-to-the-limit": (lambda: translations(4_990), CONVERTED),
    "identifiers-to-the-limit": (lambda: ids(4_990), CONVERTED),
    "templates-to-the-limit": (lambda: templates(4_990), CONVERTED),
    "anchors-of-one-name": (lambda: anchors(4_990), CONVERTED),
    "names-and-namespaces": (lambda: names(4_990), CONVERTED),
    "types-of-nowhere": (lambda: odd_types(4_990), CONVERTED),
    "a-table-to-the-limit": (lambda: wide_table(1_000, 190), CONVERTED),
    "a-file-to-the-limit": (lambda: wrapped("QUJD" * 7_000_000), CONVERTED),
}  # fmt: skip
"""Name → the document, and what must become of it."""


def main(name: str) -> None:
    """Convert one document and print what became of it and how many KiB the process had grown to."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    convert(document(), OPTIONS)
    data = ATTACKS[name][0]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        result = convert(data, OPTIONS)
        outcome = CONVERTED if result.bundle["entry"] else "nothing"
    except Unreadable as refusal:
        outcome = refusal.kind
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(outcome, len(data), (after - before) * 1024)


if __name__ == "__main__":
    main(sys.argv[1])
