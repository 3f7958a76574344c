"""Bodies made small before they are encrypted: zstd, with a dictionary for each of the common types.

What is encrypted cannot be compressed by the database any more.  A dictionary holds fragments of what it was
trained on, so only public and invented data train one; it is named by its number, shipped with the server,
verified, and never changed or deleted.
Spec: https://datatracker.ietf.org/doc/html/rfc8878
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import zstandard

from fhir_server.store.connection import StoreRefused

LEVEL: Final = 3
EVERY_TYPE: Final = "*"
NO_DICTIONARY: Final = 0
_FOLDER: Final = files("fhir_server.store.sealing") / "dictionaries"


class DictionaryUnknown(Exception):
    """A body was compressed with a dictionary that this version of the server does not have."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """One dictionary; `type_name` is the resource type it is for, `*` every other."""

    number: int
    type_name: str
    content: bytes


class Dictionaries:
    """Compresses and expands.  Any thread may use it: each has contexts of its own."""

    def __init__(self, shipped: tuple[Shipped, ...]) -> None:
        """The last dictionary of a type compresses, all of them expand."""
        self._contents: Mapping[int, zstandard.ZstdCompressionDict] = MappingProxyType(
            {one.number: zstandard.ZstdCompressionDict(one.content) for one in shipped}
        )
        for content in self._contents.values():
            content.precompute_compress(level=LEVEL)
        self._by_type = MappingProxyType({one.type_name: one.number for one in shipped})
        self._others = self._by_type.get(EVERY_TYPE, NO_DICTIONARY)
        self._local = threading.local()

    @classmethod
    def load(cls) -> Dictionaries:
        """Return those that are shipped.  Raises StoreRefused if a file is not the one that was."""
        index = json.loads((_FOLDER / "index.json").read_text("utf-8"))
        found = []
        for row in index["dictionaries"]:
            content = (_FOLDER / row["file"]).read_bytes()
            if hashlib.sha256(content).hexdigest() != row["sha256"]:
                raise StoreRefused(
                    f"The dictionary {row['file']} is not the one that was shipped: install the server again."
                )
            found.append(Shipped(row["number"], row["type"], content))
        return cls(tuple(found))

    def compress(self, resource_type: str, text: bytes) -> tuple[int, bytes]:
        """Return the number of the dictionary of a type, and the text compressed with it."""
        number = self._by_type.get(resource_type, self._others)
        known = self._contexts().compressors
        if number not in known:
            known[number] = zstandard.ZstdCompressor(
                level=LEVEL, dict_data=self._contents.get(number), write_dict_id=False
            )
        return number, known[number].compress(text)

    def expand(self, number: int, data: bytes) -> bytes:
        """Return what was compressed.  Raises DictionaryUnknown."""
        if number != NO_DICTIONARY and number not in self._contents:
            raise DictionaryUnknown(number)
        known = self._contexts().decompressors
        if number not in known:
            known[number] = zstandard.ZstdDecompressor(dict_data=self._contents.get(number))
        return known[number].decompress(data)

    def _contexts(self) -> _Contexts:
        try:
            found: _Contexts = self._local.contexts
        except AttributeError:
            found = self._local.contexts = _Contexts()
        return found


@dataclass(frozen=True, slots=True)
class _Contexts:
    """Those of one thread, by the number of the dictionary; about 100 kB each."""

    compressors: dict[int, zstandard.ZstdCompressor] = field(default_factory=dict)
    decompressors: dict[int, zstandard.ZstdDecompressor] = field(default_factory=dict)
