import io
import subprocess
import sys
from pathlib import Path

import pytest

from bugflow.core.storage import ObjectNotFoundError, StorageUnavailableError
from bugflow.core.storage.file import FileStorage

KILLED_WRITER = """
import os, sys
from pathlib import Path
from bugflow.core.storage.file import FileStorage

class Stream:
    pieces = 0
    def read(self, size):
        self.pieces += 1
        if self.pieces > 3:
            os.kill(os.getpid(), 9)
        return b"x" * size

FileStorage(Path(sys.argv[1])).put("a/half", Stream())
"""

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from bugflow.core.storage import StorageUnavailableError
from bugflow.core.storage.file import FileStorage

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    FileStorage(Path(sys.argv[1])).put("big", open("/dev/zero", "rb"), max_bytes=10_000_000)
except StorageUnavailableError as error:
    print(error)
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- Our own code.


def test_a_killed_writer_leaves_no_object(tmp_path: Path) -> None:
    assert run(KILLED_WRITER, tmp_path).returncode == -9
    storage = FileStorage(tmp_path)
    assert list(storage.list_keys()) == []
    with pytest.raises(ObjectNotFoundError):
        storage.stat("a/half")
    storage.put("a/half", io.BytesIO(b"whole"))


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(FULL_DISK, tmp_path)
    assert "Nothing was stored" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    storage = FileStorage(folder)
    with pytest.raises(StorageUnavailableError):
        storage.read("link")
    with pytest.raises(ObjectNotFoundError):
        storage.stat("link")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageUnavailableError, match="cannot be made"):
        FileStorage(tmp_path / "file" / "folder")
