"""What a stack trace is, whichever language wrote it."""

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """The family of languages that a trace was written by."""

    JVM = "jvm"
    PYTHON = "python"
    JAVASCRIPT = "javascript"
    DOTNET = "dotnet"
    GO = "go"
    RUST = "rust"
    RUBY = "ruby"
    PHP = "php"
    APPLE = "apple"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a stack trace, as it was written; what it does not tell is "".

    Attributes:
        module: The class, package or binary that the function stands in.
        line: From 1; None where it is not told.
        in_app: False for the standard library, run-times, frameworks and packages of others.
    """

    function: str = ""
    module: str = ""
    file: str = ""
    line: int | None = None
    in_app: bool = True


@dataclass(frozen=True, slots=True)
class StackTrace:
    """One failure, with the failures that led to it.

    Attributes:
        exception: The type as written, such as `java.io.IOException`, or a signal; None where there is none.
        message: What was written behind the type; may have several lines.
        frames: The innermost call first, whatever the order of the language.
        causes: From the nearest to the root; none of them has causes of its own.
    """

    language: Language
    exception: str | None
    message: str
    frames: tuple[Frame, ...]
    causes: tuple["StackTrace", ...] = ()

    @property
    def root(self) -> "StackTrace":
        """The failure that everything began with; the trace itself where nothing caused it."""
        return self.causes[-1] if self.causes else self

    @property
    def chain(self) -> tuple["StackTrace", ...]:
        """The root cause first, the trace itself last."""
        return (*reversed(self.causes), self)

    @property
    def faulting(self) -> Frame | None:
        """The innermost call of the project's own code, in the root cause if it has one, else nearer to the outside."""
        return next((frame for trace in self.chain for frame in trace.frames if frame.in_app), None)
