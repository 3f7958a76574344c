"""What an error of the database is to a client: a closed translation from pymongo to `FhirError`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType, TracebackType
from typing import Final

from bson.errors import BSONError, InvalidDocument
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from fhir_server.model.outcome import FhirError, refuse
from fhir_server.store.within import is_within

UNAVAILABLE = "The database does not answer at present; the request can be repeated."
TIMED_OUT = "The database did not finish in time; the request can be repeated."
UNREPRESENTABLE = "The request holds a value that cannot be stored or looked up (a NUL or a lone surrogate)."
TOO_COSTLY = "The search needs to sort more than the database can hold; narrow it, by person for instance."
TOO_LARGE = "The resource is too large to be stored, even with its attachments set apart."

TRANSIENT: Final = "TransientTransactionError"
BSON_TOO_LARGE: Final = 10334
DUPLICATE_KEY: Final = 11000

_BY_CODE: Mapping[int, tuple[str, str]] = MappingProxyType({
    50: ("timeout", TIMED_OUT),
    64: ("timeout", TIMED_OUT),
    262: ("timeout", TIMED_OUT),
    96: ("too-costly", TOO_COSTLY),
    292: ("too-costly", TOO_COSTLY),
    BSON_TOO_LARGE: ("too-large", TOO_LARGE),
    91: ("database-unavailable", UNAVAILABLE),
    189: ("database-unavailable", UNAVAILABLE),
    10107: ("database-unavailable", UNAVAILABLE),
    11600: ("database-unavailable", UNAVAILABLE),
    11602: ("database-unavailable", UNAVAILABLE),
    13435: ("database-unavailable", UNAVAILABLE),
})  # fmt: skip
"""Error code of the server → situation and text."""


class DatabaseFault(Exception):
    """An error of the database that nothing foresaw, without its message: that can quote documents."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}, code {error_code(error)}")


class _Translation:
    """A context manager without state: one made by a generator costs as much as what it surrounds."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, _TRANSLATED):
            return
        if is_within() and isinstance(error, PyMongoError) and error.has_error_label(TRANSIENT):
            return
        raise (refusal_of(error) or DatabaseFault(error)) from None


_TRANSLATED: Final = (PyMongoError, BSONError, UnicodeEncodeError, OverflowError)
_TRANSLATION: Final = _Translation()


def database_errors() -> AbstractContextManager[None]:
    """Turn errors of the driver into FhirError, or DatabaseFault where there is no better word than 500.

    The error itself is not kept as the cause: its message can hold the documents that were being written.
    Of a read within a transaction, an error that ends it for the time being is left to who repeats it.
    """
    return _TRANSLATION


def error_code(error: Exception) -> int:
    """Return the server's code of an error, the first of a bulk write; 0 where there is none."""
    if isinstance(error, BulkWriteError):
        failed = error.details.get("writeErrors") or [{}]
        return int(failed[0].get("code", 0))
    return error.code or 0 if isinstance(error, OperationFailure) else 0


def refusal_of(error: Exception) -> FhirError | None:
    """Return the refusal for an error of the driver, None where there is no better word than 500."""
    if isinstance(error, DocumentTooLarge):
        return refuse("too-large", TOO_LARGE)
    if isinstance(error, InvalidDocument | UnicodeEncodeError | OverflowError):
        return refuse("illegal-character", UNREPRESENTABLE)
    if isinstance(error, ExecutionTimeout | NetworkTimeout | WTimeoutError):
        return refuse("timeout", TIMED_OUT)
    if isinstance(error, ConnectionFailure):
        return refuse("database-unavailable", UNAVAILABLE)
    if isinstance(error, OperationFailure):
        known = _BY_CODE.get(error_code(error))
        return refuse(*known) if known is not None else None
    return None


def not_unique(resource_type: str) -> FhirError:
    """Return the refusal of an identifier that only one resource may have."""
    return refuse(
        "conflict",
        f"Another {resource_type} already has an identifier that may be given only once.",
        f"{resource_type}.identifier",
    )
