"""The work folder of a training: one folder for the same training, so that a killed one goes on where it was."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CHECKPOINTS, EXPORTED = "checkpoints", "exported"
_STATE = "trainer_state.json"


def fingerprint(options: Mapping[str, Any], examples: Iterable[tuple[str, str]]) -> str:
    """Return 16 hexadecimal digits that stand for options, texts and labels: another training has others."""
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for example in examples:
        digest.update(json.dumps(example).encode())
    return digest.hexdigest()[:16]


def find_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, and remove those that were being written when the training was killed."""
    steps: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        if path.name.rpartition("-")[2].isdigit() and _is_whole(path):
            steps[int(path.name.rpartition("-")[2])] = path
        else:
            shutil.rmtree(path, ignore_errors=True)
    return steps[max(steps)] if steps else None


def remove_checkpoints(folder: Path) -> None:
    """Remove what a training that has ended does not need any more."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    """Tell whether the state is there, which the library writes last."""
    try:
        json.loads((path / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
