"""The narratives of an XML document as the characters that were sent.

A parser would give them back with other quotes and other spaces; a narrative that was signed, or is compared,
must keep its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
    r"|<(?P<end>/?)(?P<name>[^\s/>!?]+)(?:[^\"'>/]|\"[^\"]*\"|'[^']*'|/(?!>))*(?P<empty>/?)>",
    re.DOTALL,
)


def narratives(text: str) -> Iterator[str]:
    """Yield each outermost `<div …>…</div>` of a well-formed document, in its order, to the character.

    A div whose name carries a prefix is not among them.
    """
    start, depth = 0, 0
    for token in _TOKEN.finditer(text):
        name = token["name"]
        if name is None:
            continue
        if depth == 0:
            if name != "div" or token["end"]:
                continue
            start = token.start()
            if token["empty"]:
                yield token[0]
                continue
            depth = 1
            continue
        if token["end"]:
            depth -= 1
            if depth == 0:
                yield text[start : token.end()]
        elif not token["empty"]:
            depth += 1
