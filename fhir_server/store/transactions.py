"""One database transaction, repeated while the reason for its end is transient."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Final

from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from fhir_server.model.outcome import refuse
from fhir_server.model.unit_of_work import ConditionMatched, VersionConflict
from fhir_server.store.connection import DURABLE, MAJORITY, Client
from fhir_server.store.refusals import TIMED_OUT, TRANSIENT

SNAPSHOT: Final = ReadConcern("snapshot")
ATTEMPTS: Final = 30
FIRST_PAUSE_S: Final = 0.002
LONGEST_PAUSE_S: Final = 0.1
CONFIRM_S: Final = 15.0
"""How long to ask whether a commit whose answer was lost took place."""

CONFLICTS: Final = (VersionConflict, ConditionMatched)
"""What a transaction met, and its caller is about to look at."""

UNKNOWN_RESULT: Final = "UnknownTransactionCommitResult"


@dataclass(frozen=True, slots=True)
class Transactions:
    """Runs transactions: snapshot reads, majority-acknowledged and journaled commits.

    `random` gives numbers in [0, 1) for the pauses between attempts, `pause` waits for seconds.  With the
    name of a `database`, a conflict is raised only once everybody can see what it was about.
    """

    client: Client
    random: Callable[[], float] = field(default_factory=lambda: SystemRandom().random)
    pause: Callable[[float], None] = time.sleep
    database: str | None = None

    def run(self, body: Callable[[ClientSession], None]) -> int:
        """Commit what `body` does, all or nothing, and return the number of attempts.

        `body` may run several times.  What it raises ends the transaction; only TryAgain and those errors of
        the driver that are labelled as transient lead to another attempt.
        Raises FhirError `overloaded` when the attempts are used up.
        """
        with self.client.start_session() as session:
            for attempt in range(1, ATTEMPTS + 1):
                if self._attempt(session, body):
                    return attempt
                longest = min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S)
                self.pause(longest * self.random())
        raise refuse("overloaded", "Too many requests change the same resources at once; repeat it later.")

    def _attempt(self, session: ClientSession, body: Callable[[ClientSession], None]) -> bool:
        """Return whether the transaction was committed; False where it is worth another attempt."""
        session.start_transaction(SNAPSHOT, DURABLE, ReadPreference.PRIMARY)
        try:
            body(session)
        except PyMongoError as error:
            session.abort_transaction()
            # Where no server was found in all that time, another attempt would wait as long again.
            if error.has_error_label(TRANSIENT) and not isinstance(error, ServerSelectionTimeoutError):
                return False
            raise
        except TryAgain:
            session.abort_transaction()
            return False
        except CONFLICTS:
            session.abort_transaction()
            self._catch_up(session)
            raise
        except BaseException:
            session.abort_transaction()
            raise
        return self._commit(session)

    def _catch_up(self, session: ClientSession) -> None:
        """Wait until reads outside of a transaction see what this one met.

        A transaction sees commits that a majority does not have yet: who looks again at once would miss them.
        The session is causally consistent, so that this read waits for all that was there.
        """
        if self.database is not None:
            kept = self.client.get_database(self.database, read_concern=MAJORITY)
            kept["locks"].find_one({}, {"_id": 1}, session=session)

    def _commit(self, session: ClientSession) -> bool:
        deadline = time.monotonic() + CONFIRM_S
        while True:
            try:
                session.commit_transaction()
            except PyMongoError as error:
                if error.has_error_label(TRANSIENT):
                    return False
                if not error.has_error_label(UNKNOWN_RESULT):
                    raise
                if time.monotonic() > deadline:
                    raise CommitUnknown from None
                self.pause(LONGEST_PAUSE_S * self.random())
            else:
                return True


class TryAgain(Exception):
    """Raised within a transaction that may well succeed if it is run again."""


class CommitUnknown(Exception):
    """The database did not say whether the commit took place; it may have."""

    def __init__(self) -> None:
        super().__init__(TIMED_OUT)
