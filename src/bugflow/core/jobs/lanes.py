"""Lanes: what may take minutes runs beside everything else, so that nothing waits for it."""

from dataclasses import dataclass
from enum import StrEnum


class Lane(StrEnum):
    """Some jobs: all, those that are done within seconds, or those that may take minutes."""

    ALL = "all"
    QUICK = "quick"
    LONG = "long"


@dataclass(frozen=True)
class JobNames:
    """Jobs by name: those that are named, or all others."""

    names: frozenset[str]
    others: bool = False


EVERY_JOB = JobNames(frozenset(), others=True)
