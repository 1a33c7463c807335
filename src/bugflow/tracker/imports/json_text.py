"""Parsing JSON while it is read: what is large is walked through, what is small is taken as a value."""

import json
import re
from collections.abc import Iterator
from typing import Any

from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.text_files import LARGEST_RECORD

LONGEST_TOKEN = 16
"""An error or a number so near to the end of what was read may be another when more is read."""
UNTERMINATED = "Unterminated string starting at"
_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class JsonText:
    """A JSON text, of which only a window is in memory.

    The caller takes what comes next by `value`, or walks through it by `members` or `elements`, where each member and
    each element has to be taken before the next is asked for. It is parsed by the standard library, value by value, so
    that it means what it means to `json.loads`, and its errors are the same.

    Every method raises ImportFileError for what is no JSON, nested too deeply, or larger than a record may be.
    """

    def __init__(self, chunks: Iterator[str], source: str) -> None:
        self._chunks = chunks
        self._source = source
        self._window = ""
        self._value_at = 0
        self._at = 0
        self._is_whole = False
        self._before = 0
        self._lines_before = 0
        self._columns_before = 0

    @property
    def raw(self) -> str:
        """The text of the value that was taken last."""
        return self._window[self._value_at : self._at]

    @property
    def position(self) -> int:
        """How many characters have been taken."""
        return self._before + self._at

    def peek(self) -> str:
        """Return the first character of what comes next, nothing at the end."""
        while True:
            blanks = _BLANKS.match(self._window, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._window):
                return self._window[self._at]
            if self._is_whole:
                return ""
            self._read_on()

    def value(self) -> Any:  # noqa: ANN401 -- JSON.
        """Take the next value."""
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._window, self._at)
            except RecursionError as error:
                raise self.refuse("it is nested too deeply") from error
            except json.JSONDecodeError as error:
                if self._is_whole or (error.msg != UNTERMINATED and error.pos < len(self._window) - LONGEST_TOKEN):
                    raise self.refuse_syntax(error.msg, error.pos) from error
            except ValueError as error:
                raise self.refuse("it has a number of more digits than can be read") from error
            else:
                is_closed = self._window[end - 1] in '"]}'  # A number may go on: of 1e5, only 1 or 1e may be here yet.
                if self._is_whole or is_closed or end < len(self._window) - LONGEST_TOKEN:
                    self._value_at, self._at = self._at, end
                    return found
            self._read_on()

    def members(self) -> Iterator[str]:
        """Walk through the object that comes next, and yield the name of each member before its value."""
        self._at += 1
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise self.refuse_syntax("Expecting property name enclosed in double quotes", self._at)
            name: str = self.value()
            if self.peek() != ":":
                raise self.refuse_syntax("Expecting ':' delimiter", self._at)
            self._at += 1
            yield name
            if self._ends("}"):
                return

    def elements(self) -> Iterator[None]:
        """Walk through the array that comes next, and yield before each element."""
        self._at += 1
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if self._ends("]"):
                return

    def records(self) -> Iterator[dict[str, Any]]:
        """Take the array that comes next, and yield the objects in it."""
        for _ in self.elements():
            if isinstance(record := self.value(), dict):
                yield record

    def skip(self) -> None:
        """Take the next value, however large, and drop it."""
        opening = self.peek()
        walk: Iterator[object] = iter(())
        if opening == "{":
            walk = self.members()
        elif opening == "[":
            walk = self.elements()
        else:
            self.value()
        for _ in walk:
            self.value()

    def finish(self) -> None:
        """Require that nothing comes any more."""
        if self.peek():
            raise self.refuse_syntax("Extra data", self._at)

    def refuse(self, problem: str) -> ImportFileError:
        """Return the error for a problem of the whole file."""
        return ImportFileError(self._source, problem)

    def refuse_syntax(self, message: str, position: int) -> ImportFileError:
        """Return the error for a place in the window that is no JSON."""
        line, column = self._place(position)
        return self.refuse(f"it is not JSON (line {line}, column {column}: {message})")

    def require_small(self, beginning: int) -> None:
        """Refuse a record that began at a position so long ago that it is too large."""
        if self.position - beginning > LARGEST_RECORD:
            raise self._refuse_size(0)

    def _refuse_size(self, position: int) -> ImportFileError:
        line = self._place(position)[0]
        return self.refuse(f"a record in line {line} is longer than {LARGEST_RECORD:,} characters")

    def _place(self, position: int) -> tuple[int, int]:
        before = self._window.rfind("\n", 0, position)
        column = position - before if before >= 0 else self._columns_before + position + 1
        return self._lines_before + self._window.count("\n", 0, position) + 1, column

    def _ends(self, closing: str) -> bool:
        mark = self.peek()
        if mark not in {closing, ","}:
            raise self.refuse_syntax("Expecting ',' delimiter", self._at)
        self._at += 1
        return mark == closing

    def _read_on(self) -> None:
        """Drop what was taken, and read at least as much as is left, so that a large value is not parsed too often."""
        line, column = self._place(self._at)
        self._lines_before, self._columns_before, self._before = line - 1, column - 1, self.position
        parts = [self._window[self._at :]]
        self._value_at, self._at = 0, 0
        length = len(parts[0])
        if length > LARGEST_RECORD:
            raise self._refuse_size(0)
        wanted = min(max(length, 1), LARGEST_RECORD + 1 - length)
        while wanted > 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._is_whole = True
                break
            parts.append(chunk)
            wanted -= len(chunk)
        self._window = "".join(parts)
