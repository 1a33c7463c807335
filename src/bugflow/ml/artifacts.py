"""Files of a learned model: JSON for what has names, safetensors for numbers; neither can run code."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bugflow.core.errors import InvalidError


class ArtifactError(InvalidError):
    """A stored model cannot be used."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"The stored model {path} cannot be used: {problem} Train it again, or use another version.")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object, its keys in order, so that the same content gives the same file."""
    path.write_text(json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ArtifactError: It is missing or no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(path, "it is missing or no JSON.") from error
    if not isinstance(content, dict):
        raise ArtifactError(path, "it is no JSON object.")
    return content


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name as safetensors."""
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def read_arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """Return arrays by name.

    Raises:
        ArtifactError: The file is missing or damaged, or lacks one of the names.
    """
    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(path, "it is missing or damaged.") from error
    if missing := set(names) - arrays.keys():
        raise ArtifactError(path, f"it lacks {', '.join(sorted(missing))}.")
    return arrays


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
