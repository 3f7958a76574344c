"""Values of types that an element of R4 does not take, as the words a reader would say."""

from __future__ import annotations

from typing import Any

from fhir_server.model.number import Number


def as_text(suffix: str, content: Any) -> str:
    """Return a value of a FHIR type as text, empty where it says nothing.

    `suffix` is that of `value[x]` (`Identifier`, `HumanName`, `Address`, `ContactPoint`, `Quantity` …).
    """
    if isinstance(content, str):
        return content
    if isinstance(content, Number):
        return bytes(content).decode("ascii")
    if not isinstance(content, dict):
        return str(content)
    if suffix == "Identifier":
        return "|".join(filter(None, (content.get("system"), content.get("value"))))
    if content.get("text"):
        return str(content["text"])
    return " ".join(_words(content))


def _words(content: Any) -> list[str]:
    if isinstance(content, dict):
        return [word for key, each in content.items() if key not in _UNSAID for word in _words(each)]
    if isinstance(content, list):
        return [word for each in content for word in _words(each)]
    if isinstance(content, Number):
        return [bytes(content).decode("ascii")]
    return [str(content)] if isinstance(content, str | int) else []


_UNSAID = frozenset({"use", "type", "system", "code", "extension", "url"})
"""Elements that classify a value and are no words of it."""
