"""What a JSON file of an export holds: one object, a list, or an object in each line."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.json_text import JsonText
from bugflow.tracker.imports.text_files import LARGEST_RECORD, TextFile, iterate_lines


class JsonLine(JsonText):
    """One of the lines of a file that has a value in each; its errors name the line."""

    def __init__(self, line: str, number: int, source: str) -> None:
        super().__init__(iter((line,)), source)
        self._number = number

    def refuse(self, problem: str) -> ImportFileError:  # noqa: ARG002 -- The line says enough.
        """Return the error for any problem of the line."""
        return ImportFileError(self._source, f"line {self._number} is not JSON that can be read")


class AlmostJsonLines(JsonText):
    """A text that is no JSON if its first line is none, since by its look it would have a value in each line."""

    def refuse_syntax(self, message: str, position: int) -> ImportFileError:  # noqa: ARG002 -- The line says enough.
        """Return the error for a place that is no JSON."""
        return self.refuse("line 1 is not JSON that can be read")


class JsonFile:
    """A JSON file, begun to be read.

    Attributes:
        text: What is to be parsed, unless the file has a value in each line.
        has_lines: Whether it has a value in each line.
        opening: The first character of what the file holds; where it has a value in each line, that of a list.
    """

    def __init__(self, file: TextFile, source: str) -> None:
        self._file = file
        self._source = source
        looks_like_lines = _looks_like_lines(file)
        self.has_lines = looks_like_lines and _begins_with_json(file, source)
        kind = AlmostJsonLines if looks_like_lines else JsonText
        self.text = kind(file.chunks(), source)
        self.opening = "[" if self.has_lines else self.text.peek()

    def elements(self, *, unless: str) -> Iterator[JsonText]:
        """Yield each element of the list, or the object, to be taken before the next is asked for.

        Raises:
            ImportFileError: The file is no JSON, or neither a list nor an object: the problem is `unless`.
        """
        if self.has_lines:
            yield from self._iterate_lines()
            return
        if self.opening == "{":
            yield self.text
        elif self.opening == "[":
            for _ in self.text.elements():
                yield self.text
        else:
            self.text.value()
        self.text.finish()
        if self.opening not in {"{", "["}:
            raise ImportFileError(self._source, unless)

    def _iterate_lines(self) -> Iterator[JsonText]:
        lines = iterate_lines(self._file.chunks(), self._source, newline="\n")
        for number, line in enumerate(filter(str.strip, lines), start=1):
            element = JsonLine(line, number, self._source)
            element.peek()
            yield element
            element.finish()


def load_json(file: TextFile, source: str) -> Any:  # noqa: ANN401 -- JSON.
    """Return all that a small file holds; a value in each line becomes a list.

    Raises:
        ImportFileError: It is no JSON, or large.
    """
    read = JsonFile(file, source)
    if read.has_lines:
        return [line.value() for line in read.elements(unless="")]
    value = read.text.value()
    read.text.finish()
    return value


def _looks_like_lines(file: TextFile) -> bool:
    """Whether the first line is all between braces, and not the only one."""
    length, last = 0, ""
    with closing(file.chunks()) as chunks:
        for chunk in chunks:
            text = chunk if length else chunk.lstrip()
            if not length and text and not text.startswith("{"):
                return False
            line, end, rest = text.partition("\n")
            length, last = length + len(line), line.rstrip()[-1:] or last
            if end:
                return last == "}" and (bool(rest.strip()) or any(map(str.strip, chunks)))
            if length > LARGEST_RECORD:
                return False
    return False


def _begins_with_json(file: TextFile, source: str) -> bool:
    with closing(file.chunks()) as chunks:
        line = next(filter(str.strip, iterate_lines(chunks, source, newline="\n")))
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
