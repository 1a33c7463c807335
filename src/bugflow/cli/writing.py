"""Files that commands write: whole or not at all, and never over one that is there unless asked to."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bugflow.core.errors import ConflictError, UnavailableError


class OutputExistsError(ConflictError):
    """A file is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already. Choose another name, or add --force to replace it.")


class OutputNotWrittenError(UnavailableError):
    """The disk is full, or the folder cannot be written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} was not written: {reason}. Nothing was left behind.")


def require_free(path: Path, *, force: bool) -> None:
    """Make sure that a file may be written, before the work that fills it.

    Raises:
        OutputExistsError: It is there, and may not be replaced.
    """
    if path.exists() and not force:
        raise OutputExistsError(path)


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write a text beside its place, and put it there once it is whole.

    Raises:
        OutputNotWrittenError: It could not be written.
    """
    write_whole_file(path, lambda file: file.writelines(piece.encode() for piece in pieces))


def write_whole_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let a file be written beside its place, and put it there once it is whole.

    Raises:
        OutputNotWrittenError: It could not be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w+b") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputNotWrittenError(path, error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
