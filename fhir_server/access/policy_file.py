"""Policy files: TOML with a matrix beside it, read as a whole or refused with every fault in them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from fhir_server.access.policy import Policy
from fhir_server.access.policy_build import build_policy, settle_decisions
from fhir_server.access.policy_checks import check_policy
from fhir_server.access.policy_matrix import NO_MATRIX, Matrix, read_matrix

PACKAGE: Final = "policy"
SCHEMA: Final = "policy.schema.json"


class PolicyRefused(Exception):
    """A policy file that cannot be used.  `texts` are all its faults, each with its place."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        super().__init__("\n".join(texts))
        self.texts = texts


def load_policy(name_or_path: str) -> Policy:
    """Return the policy of a name that is shipped (`fr`), or of a file elsewhere (`./our.toml`).

    Raises PolicyRefused.
    """
    file = _file(name_or_path)
    text = _read(file)
    try:
        document = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyRefused((f"the file is not TOML: {error}",)) from None
    _refuse(_schema_faults(document))
    document = settle_decisions(document)
    matrix, matrix_text = _matrix(file, document)
    _refuse((*matrix.faults, *check_policy(document, matrix)))
    return build_policy(document, matrix, hashlib.sha256(text + b"\x00" + matrix_text).hexdigest())


def shipped_policies() -> tuple[str, ...]:
    """Return the names of the policies that come with the server."""
    found = (entry.name for entry in files(PACKAGE).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def _file(name_or_path: str) -> Traversable:
    if name_or_path in shipped_policies():
        return files(PACKAGE) / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix != ".toml":
        known = ", ".join(f"`{name}`" for name in shipped_policies())
        raise PolicyRefused((f"there is no policy of this name: there are {known}, or a path to a .toml",))
    return path


def _read(file: Traversable) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PolicyRefused((f"{file.name} cannot be read: {error.strerror}",)) from None


def _matrix(file: Traversable, document: Mapping[str, Any]) -> tuple[Matrix, bytes]:
    name = document.get("classes", {}).get("matrix")
    if name is None:
        return NO_MATRIX, b""
    if Path(name).name != name:
        raise PolicyRefused(("classes.matrix: the matrix stands beside the policy, so this is a bare name",))
    beside = file.parent / name if isinstance(file, Path) else files(PACKAGE) / name
    text = _read(beside)
    return read_matrix(text, document), text


def _refuse(texts: tuple[str, ...]) -> None:
    if texts:
        raise PolicyRefused(texts)


def _schema_faults(document: Mapping[str, Any]) -> tuple[str, ...]:
    errors = sorted(_validator().iter_errors(document), key=lambda error: error.json_path)
    return tuple(f"{_place(error)}: {error.message}" for error in errors)


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((files(PACKAGE) / SCHEMA).read_text("utf-8")))


def _place(error: ValidationError) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return "".join(parts).removeprefix(".") or "the file"
