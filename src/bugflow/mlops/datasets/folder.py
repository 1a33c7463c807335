"""The folder of a data set: written beside, then renamed, so that none is there that is not finished."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import polars as pl

from bugflow.mlops.datasets.errors import DatasetNotWrittenError, FolderInUseError

DATA, MANIFEST = "data.parquet", "dataset.json"
_LOCK = "lock"


@contextmanager
def open_folder(folder: Path, *, force: bool) -> Iterator[Path]:
    """Give an empty folder beside the one that is wanted; it takes its place at the end, or is gone after an error.

    What a killed run left behind is taken away.

    Args:
        folder: May be there if it is empty.
        force: It may also hold a data set, which is replaced.

    Raises:
        FolderInUseError: It holds something else, or may not be replaced.
        DatasetNotWrittenError: There is no room, or it cannot be written.
    """
    folder = folder.absolute()
    _require_free(folder, force=force)
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    lock: IO[bytes] | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        staging.mkdir()
        lock = _lock(staging)
        yield staging
        (staging / _LOCK).unlink()
        _put_in_place(staging, folder, force=force)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DatasetNotWrittenError(folder, _explain(error)) from error
    finally:
        if lock is not None:
            lock.close()
        shutil.rmtree(staging, ignore_errors=True)


def _explain(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return os.strerror(errno.ENOSPC) if "os error 28" in text.lower() else text


def _require_free(folder: Path, *, force: bool) -> None:
    if folder.is_file():
        raise FolderInUseError(folder, is_dataset=False)
    if not folder.is_dir():
        return
    present = {each.name for each in folder.iterdir()}
    if present and not (force and MANIFEST in present and present <= {DATA, MANIFEST}):
        raise FolderInUseError(folder, is_dataset=MANIFEST in present and present <= {DATA, MANIFEST})


def _lock(staging: Path) -> IO[bytes]:
    file = (staging / _LOCK).open("wb")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _remove_leftovers(folder: Path) -> None:
    for leftover in folder.parent.glob(f".{folder.name}.*.partial"):
        with suppress(OSError), (leftover / _LOCK).open("rb") as file:
            # A run that is still going on holds its lock, a killed one no longer.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(leftover, ignore_errors=True)


def _put_in_place(staging: Path, folder: Path, *, force: bool) -> None:
    _require_free(folder, force=force)
    sync(staging)
    if folder.is_dir() and any(folder.iterdir()):
        # The old manifest goes first: from then on nothing there looks finished.
        (folder / MANIFEST).unlink()
        (folder / DATA).unlink(missing_ok=True)
    staging.replace(folder)
    sync(folder.parent)


def sync(path: Path) -> None:
    """Have a file's or a folder's content on the disk before going on."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class Spool:
    """Room on the disk for reports that are read and not divided yet: Parquet files of bounded size, in their order."""

    LARGEST_ROWS = 20_000
    LARGEST_BYTES = 48_000_000

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames: list[pl.DataFrame] = []
        self._rows = self._bytes = self._files = 0
        self.total = 0
        folder.mkdir()

    def add(self, frame: pl.DataFrame) -> None:
        """Append reports, all with the same columns."""
        if not len(frame):
            return
        self._frames.append(frame)
        self._rows += len(frame)
        self.total += len(frame)
        self._bytes += int(frame.estimated_size())
        if self._rows >= self.LARGEST_ROWS or self._bytes >= self.LARGEST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is still in memory."""
        if self._frames:
            path = self._folder / f"{self._files:08d}.parquet"
            pl.concat(self._frames).write_parquet(path, compression="lz4", statistics=False)
            self._frames, self._rows, self._bytes, self._files = [], 0, 0, self._files + 1

    def paths(self) -> list[Path]:
        """Return the files, in the order of what is in them."""
        return sorted(self._folder.iterdir())

    def remove(self) -> None:
        """Give the room back."""
        shutil.rmtree(self._folder)
