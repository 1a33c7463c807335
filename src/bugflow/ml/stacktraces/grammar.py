"""What the reader needs to know of a language to read its traces."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from bugflow.ml.stacktraces.model import Frame, Language

_MOST_DIGITS = 9


class Link(Enum):
    """How what a line says belongs to the trace above it."""

    START = "start"
    """A failure of its own."""
    CAUSE = "cause"
    """What the failure above was caused by."""
    OUTER = "outer"
    """A failure that the one above led to."""
    BACK = "back"
    """The frames of the cause are over, those of the failure around it follow."""
    SIDE = "side"
    """A failure that was suppressed: its frames tell nothing of this one."""
    THREAD = "thread"
    """The calls of another thread."""
    BYSTANDER = "bystander"
    """The calls of a thread that did not fail: what was said above is of another one below."""
    NOTHING = "nothing"
    """Part of a trace that says nothing."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a line says of a failure.

    Attributes:
        stands_first: Whether the type stands at the line's start; one within a sentence counts for less.
    """

    link: Link
    exception: str | None = None
    message: str = ""
    stands_first: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A frame, and the head where the same line has it.

    Attributes:
        lines_before: How many lines above the one that was read belong to the frame.
        provisional: The frame only counts where no other follows: it repeats the first of them.
        number: The frame's number where it has one: with 0 another trace begins.
        outermost_first: The innermost call is the last one written.
    """

    frame: Frame
    head: Head | None = None
    lines_before: int = 0
    provisional: bool = False
    number: int | None = None
    outermost_first: bool = False


@dataclass(slots=True)
class Section:
    """A failure that is still being read.

    Attributes:
        frames: In the order in which they were written.
        ended: The language writes the exception behind the frames, and it was read.
    """

    exception: str | None = None
    message: str = ""
    frames: list[Frame] = field(default_factory=list)
    provisional: bool = False
    outermost_first: bool = False
    ended: bool = False
    side: bool = False


def nothing_said(_line: str) -> tuple[Head, ...]:
    """Say nothing of a failure."""
    return ()


def never_follows(_section: Section, _line: str, _last: str) -> bool:
    """Take no line that is neither frame nor head."""
    return False


@dataclass(frozen=True, slots=True)
class Grammar:
    """How a language writes traces.

    Attributes:
        find_frame: Reads a line, given the line before it and whether a trace of this language is being read.
        find_heads: What a line says of failures, the outer one first.
        follow: Takes a line below the last frame that belongs to it, given the section and the line above.
        looks_back: So many lines above the first frame may say what went wrong.
        joins_message: Lines between head and first frame go on with the message.
    """

    language: Language
    find_frame: Callable[[str, str, bool], Found | None]
    find_heads: Callable[[str], tuple[Head, ...]] = nothing_said
    follow: Callable[[Section, str, str], bool] = never_follows
    looks_back: int = 12
    joins_message: bool = False


def read_number(digits: str | None) -> int | None:
    """Return the line's number; None for none, for 0 and for what no file has."""
    return int(digits) or None if digits and len(digits) <= _MOST_DIGITS and digits.isdecimal() else None
