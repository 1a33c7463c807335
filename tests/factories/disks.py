"""A disk that is soon full."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT_BYTES = 600_000


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own where we may mount one; elsewhere no file may grow beyond as much."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={LIMIT_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0:  # noqa: S603 -- Ours.
        try:
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607 -- The system's own.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
