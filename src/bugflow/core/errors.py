"""The five kinds of error, from which every error of BugFlow descends.

BugFlowError
├── NotFoundError      what was asked for does not exist, or is not visible to the one who asks
├── ConflictError      the state does not allow it: a stale version, a second use of a name
├── ForbiddenError     the one who asks may not do this
├── InvalidError       the input is wrong
└── UnavailableError   something BugFlow depends on does not answer; trying again may help

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
    """What is wrong with one field of the input."""

    field: str
    problem: str


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
