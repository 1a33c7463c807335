"""Exported encoders in a folder: each is made once, in a process of its own, and found again by its weights."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from bugflow.ml.artifacts import ArtifactError
from bugflow.ml.encoder.errors import ExportImpossibleError, MissingLibrariesError
from bugflow.ml.encoder.manifest import FORMAT, Manifest
from bugflow.ml.encoder.weights import Weights

LIBRARIES = ("torch", "transformers", "onnx")
EXPORT_SECONDS = 900
_UNFINISHED = ".unfinished-"
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONWARNINGS": "ignore",
}


def name_folder(models: Path, weights: Weights) -> Path:
    """Return where the export of some weights lies, or would lie.

    Raises:
        UnsuitableWeightsError: A file that an encoder needs is missing or damaged.
    """
    return models / "encoders" / f"{weights.fingerprint()[:16]}-{FORMAT}"


def find_prepared(folder: Path) -> Manifest | None:
    """Return what lies in a folder, where it is whole."""
    try:
        manifest = Manifest.read(folder)
        manifest.verify(folder)
    except ArtifactError:
        return None
    return manifest


def prepare_encoder(models: Path, weights: Weights, *, anew: bool = False) -> Path:
    """Return the folder with the export of some weights, making it where it is missing or damaged.

    Several processes may do so at once: one works, the others wait for it. What a killed one leaves behind is never
    taken for an encoder, and the next one removes it.

    Args:
        models: The folder under which all learned things are kept; made where it is missing.
        weights: What is exported.
        anew: Export also where there is one.

    Raises:
        UnsuitableWeightsError: These weights are no encoder of texts.
        MissingLibrariesError: What exports is not installed.
        ExportImpossibleError: The export failed.
    """
    folder = name_folder(models, weights)
    if not anew and find_prepared(folder):
        return folder
    require_libraries(weights.folder)
    try:
        with _take_turns(folder.parent):
            if anew or not find_prepared(folder):
                _remove_unfinished(folder.parent)
                _export(weights, folder)
    except OSError as error:
        raise ExportImpossibleError(weights.folder, f"{folder} cannot be written ({error.strerror}).") from error
    return folder


def require_libraries(folder: Path) -> None:
    """Refuse to prepare the weights of a folder where what does it is not installed.

    Raises:
        MissingLibrariesError: It is not.
    """
    if missing := [name for name in LIBRARIES if find_spec(name) is None]:
        raise MissingLibrariesError(folder, missing)


@contextmanager
def _take_turns(folder: Path) -> Iterator[None]:
    """Let one process in at a time; the lock of one that is killed ends with it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_unfinished(folder: Path) -> None:
    for each in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(each, ignore_errors=True)


def _export(weights: Weights, folder: Path) -> None:
    made, replaced = (folder.parent / f"{_UNFINISHED}{uuid4().hex}" for _ in range(2))
    made.mkdir()
    try:
        _run_exporter(weights, made)
        _synchronise(made)
        if folder.exists():
            folder.rename(replaced)
        made.rename(folder)
    finally:
        _remove_unfinished(folder.parent)


def _run_exporter(weights: Weights, made: Path) -> None:
    command = [sys.executable, "-m", "bugflow.ml.encoder.exporting", str(weights.folder), weights.origin, str(made)]
    try:
        done = subprocess.run(  # noqa: S603 -- Our own program.
            command,
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=EXPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExportImpossibleError(weights.folder, f"it took more than {EXPORT_SECONDS} s.") from error
    if done.returncode < 0:
        problem = f"signal {-done.returncode} ended it; it needs about 1 GB of memory."
        raise ExportImpossibleError(weights.folder, problem)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ExportImpossibleError(weights.folder, lines[-1] if lines else f"it ended with {done.returncode}.")


def _synchronise(folder: Path) -> None:
    """Have the files on the disk before their folder gets its name."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
