"""The five kinds of error, from which every error of BugFlow descends.

BugFlowError
├── NotFoundError      what was asked for does not exist, or is not visible to the one who asks
├── ConflictError      the state does not allow it: a second use of a name
│   └── StaleError             somebody else has changed it since it was read
├── ForbiddenError     the one who asks may not do this
│   └── UnauthenticatedError   it is not known who asks
├── InvalidError       the input is wrong
│   └── TooLargeError          there is too much of it
└── UnavailableError   something BugFlow depends on does not answer; trying again may help
    └── TooManyRequestsError   asked too often in too short a time

Each edge (JSON, HTML, command line, jobs) has one table from kind to answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class BugFlowError(Exception):
    """An error whose message a user may read: what happened, to what, what to do."""


class NotFoundError(BugFlowError):
    """What was asked for does not exist, or is not visible to the one who asks."""


class ConflictError(BugFlowError):
    """The present state does not allow the change."""


class ForbiddenError(BugFlowError):
    """The one who asks may not do this."""


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field of the input; `type` says it to programs, by Pydantic's name for it."""

    field: str
    problem: str
    type: str = "value_error"


class InvalidError(BugFlowError):
    """The input is wrong.

    Attributes:
        fields: What is wrong, field by field; empty where the whole input is at fault.
    """

    def __init__(self, message: str, *, fields: Sequence[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class UnavailableError(BugFlowError):
    """Something BugFlow depends on does not answer.

    Attributes:
        retry_after_seconds: When trying again may help.
    """

    def __init__(self, message: str, *, retry_after_seconds: int = 5) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StaleError(ConflictError):
    """Somebody else changed the thing since it was read.

    Attributes:
        current_version: The version to read again.
    """

    def __init__(self, what: str, expected: int, current: int) -> None:
        super().__init__(
            f"{what} was changed by someone else: you edited version {expected}, it is now version {current}. "
            "Read it again and repeat your change."
        )
        self.current_version = current


class UnauthenticatedError(ForbiddenError):
    """Nobody is signed in, or the token is not good (any more)."""


class TooLargeError(InvalidError):
    """The input is larger than allowed."""


class TooManyRequestsError(UnavailableError):
    """Too many requests in too short a time."""
