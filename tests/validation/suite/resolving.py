"""What references and canonicals of a case lead to: files of the suite, and definitions that are loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fhir_server.model import exact_json
from tests.validation.suite.material import Comparison
from tests.validation.suite.shelf import Texts

Read = Callable[[Path], tuple[Any, Any]]

_RELATIVE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})\Z")


class Resolver:
    """Looks among what the case brings, then among the files of the suite, then among the definitions."""

    def __init__(
        self, comparison: Comparison, trees: Sequence[Mapping[str, Any]], read: Read, texts: Texts
    ) -> None:
        self._folders = (comparison.file.parent, comparison.file.parent / "resolution")
        self._by_url: dict[str, Mapping[str, Any]] = {}
        for tree in trees:
            if isinstance(tree.get("url"), str):
                self._by_url[tree["url"]] = tree
                self._by_url[f"{tree['url']}|{tree.get('version')}"] = tree
        self._read = read
        self._texts = texts

    def __call__(self, reference: str) -> Mapping[str, Any] | None:
        found = self._by_url.get(reference)
        form = _RELATIVE.match(reference)
        if found is None and form is not None:
            found = self._file(form["type"], form["id"])
        return found if found is not None else self._definition(reference)

    def _file(self, kind: str, identity: str) -> Mapping[str, Any] | None:
        for folder in self._folders:
            for name in (identity, f"{kind}-{identity}"):
                for suffix in (".xml", ".json"):
                    path = folder / (name + suffix)
                    tree = self._read(path)[0] if path.is_file() else None
                    if tree is not None and tree.get("resourceType") == kind:
                        return tree  # type: ignore[no-any-return]
        return None

    def _definition(self, reference: str) -> Mapping[str, Any] | None:
        for kept in (self._texts.value_sets, self._texts.code_systems, self._texts.profiles):
            data = kept.get(reference)
            if data is not None:
                return exact_json.decode(data)  # type: ignore[no-any-return]
        return None
