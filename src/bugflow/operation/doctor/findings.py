"""What an examination finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is; `information` is neither good nor bad."""

    OK = "ok"
    INFORMATION = "information"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        advice: What to do; empty where nothing needs doing.
    """

    subject: str
    level: Level
    found: str
    advice: str = ""


def well(subject: str, found: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(subject, Level.OK, found)


def note(subject: str, found: str, advice: str = "") -> Finding:
    """Return something worth knowing."""
    return Finding(subject, Level.INFORMATION, found, advice)


def warn(subject: str, found: str, advice: str) -> Finding:
    """Return something that works but should not stay so."""
    return Finding(subject, Level.WARNING, found, advice)


def fail(subject: str, found: str, advice: str) -> Finding:
    """Return something that does not work, or puts data at risk."""
    return Finding(subject, Level.FAILURE, found, advice)
