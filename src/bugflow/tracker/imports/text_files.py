"""Files piece by piece, begun anew as often as they are needed, as text in whatever encoding they have."""

import codecs
import io
import os
import stat
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from bugflow.tracker.imports.errors import ImportFileError, UnreadableFileError

PIECE_BYTES = 1 << 20
LARGEST_RECORD = 64_000_000
"""The most characters of one record, or of one line of a table."""
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")

Opener = Callable[[], Iterable[bytes]]
"""Begins to read a file from its start, piece by piece; called several times, one after the other."""


@dataclass(frozen=True)
class TextFile:
    """A file whose encoding is known.

    Attributes:
        is_guessed: Whether it is neither UTF-8 nor marked as UTF-16, so that it is read as Latin-1.
    """

    opener: Opener
    encoding: str
    is_guessed: bool = False

    def chunks(self) -> Generator[str, None, None]:
        """Yield the text in chunks, none of them empty."""
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        for piece in self.opener():
            if text := decoder.decode(piece):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text

    def beginning(self, *, length: int, until: str = "") -> str:
        """Return the text's first characters: so many, or up to one that is sought."""
        found: list[str] = []
        with closing(self.chunks()) as chunks:
            for chunk in chunks:
                head, end, _ = chunk.partition(until) if until else (chunk, "", "")
                found.append(head)
                if end or sum(map(len, found)) >= length:
                    break
        return "".join(found)[:length]

    def is_blank(self) -> bool:
        """Whether the file holds nothing but blanks."""
        return not any(piece.strip() for piece in self.opener())


ExportFile = bytes | Opener | TextFile
"""A file of an export: what it holds, or how to read it."""


def recognise(file: ExportFile) -> TextFile:
    """Find out a file's encoding by reading it: UTF-8 or UTF-16 by its mark, UTF-8 without one, else Latin-1."""
    if isinstance(file, TextFile):
        return file
    opener = partial(_cut, file) if isinstance(file, bytes) else file
    head, decoder = b"", codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in opener():
            if len(head) >= len(UTF_16_MARKS[0]):
                decoder.decode(piece)
                continue
            head += piece
            if head.startswith(UTF_16_MARKS):
                return TextFile(opener, "utf-16")
            if len(head) >= len(UTF_16_MARKS[0]):
                decoder.decode(head)
        decoder.decode(head if len(head) < len(UTF_16_MARKS[0]) else b"", final=True)
    except UnicodeDecodeError:
        return TextFile(opener, "latin-1", is_guessed=True)
    return TextFile(opener, "utf-8-sig")


def _cut(content: bytes) -> Iterator[bytes]:
    return (content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES))


@contextmanager
def open_paths(paths: Sequence[Path]) -> Iterator[list[Opener]]:
    """Give how to read files; what comes by a pipe is put into a temporary file, since it comes only once.

    Raises:
        UnreadableFileError: One cannot be read.
    """
    with ExitStack() as stack:
        yield [_open_path(path, stack) for path in paths]


def _open_path(path: Path, stack: ExitStack) -> Opener:
    with _telling(path), path.open("rb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return partial(_read_path, path)
        kept = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 -- The stack closes it.
        kept.writelines(iter(partial(file.read, PIECE_BYTES), b""))
        return partial(_read_kept, kept, path)


def _read_path(path: Path) -> Iterator[bytes]:
    with _telling(path), path.open("rb") as file:
        yield from iter(partial(file.read, PIECE_BYTES), b"")


def _read_kept(kept: BinaryIO, path: Path) -> Iterator[bytes]:
    with _telling(path):
        kept.seek(0)
        yield from iter(partial(kept.read, PIECE_BYTES), b"")


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error)) from error


def iterate_lines(chunks: Iterable[str], source: str, *, newline: str) -> Iterator[str]:
    r"""Yield lines with their ends: `newline` is "\n", or nothing for all that end a line in a table.

    Raises:
        ImportFileError: A line is longer than a record may be.
    """
    held, length, number = list[str](), 0, 1
    for chunk in chunks:
        held.append(chunk)
        length += len(chunk)
        if "\n" in chunk or (not newline and "\r" in chunk):
            lines = io.StringIO("".join(held), newline=newline).readlines()
            rest = lines.pop()  # It may go on, or its "\r" be the first half of an end.
            yield from lines
            held, length, number = [rest], len(rest), number + len(lines)
        if length > LARGEST_RECORD:
            raise ImportFileError(source, f"line {number} is longer than {LARGEST_RECORD:,} characters")
    yield from io.StringIO("".join(held), newline=newline)
