"""The weights that training begins with: a folder, the hub's cache, the packaged ones, or the hub itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bugflow.ml.encoder.weights import find_cached, find_packaged
from bugflow.ml.finetuning.errors import BaseModelError, MissingTrainingLibrariesError
from bugflow.ml.finetuning.options import PACKAGED

LIBRARIES = ("torch", "transformers", "accelerate", "onnx")


@dataclass(frozen=True)
class Base:
    """What training begins with.

    Attributes:
        source: A folder, or a name on the hub.
        tokenizer: Of Hugging Face's `tokenizers`, as the weights were trained with it.
        most_tokens: How long a text can be.
    """

    source: str
    tokenizer: Any
    most_tokens: int


def require_libraries() -> None:
    """Refuse to go on without what trains.

    Raises:
        MissingTrainingLibrariesError: Something is not installed.
    """
    if missing := [name for name in LIBRARIES if find_spec(name) is None]:
        raise MissingTrainingLibrariesError(missing)


def open_base(name: str) -> Base:
    """Find the weights and load their tokenizer.

    Raises:
        BaseModelError: They are not on this machine and the hub does not give them, or they cannot be used.
    """
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415 -- Heavy, and only for training.

    source = _find_source(name)
    try:
        with quiet_libraries():
            config = AutoConfig.from_pretrained(source)
            tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, ImportError) as error:
        raise BaseModelError(name, _shorten(error)) from error
    if not getattr(tokenizer, "is_fast", False):
        raise BaseModelError(name, "its tokenizer has no tokenizer.json")
    return Base(source, tokenizer.backend_tokenizer, _find_limit(config, tokenizer))


def load_network(source: str, n_classes: int, *, seed: int) -> Any:  # noqa: ANN401 -- A PyTorch module.
    """Return the weights with a head of so many classes, drawn by a seed where the weights have none of that size.

    Raises:
        BaseModelError: They cannot be used.
    """
    from transformers import AutoModelForSequenceClassification, set_seed  # noqa: PLC0415 -- Heavy, only for training.

    set_seed(seed)
    try:
        with quiet_libraries():
            return AutoModelForSequenceClassification.from_pretrained(
                source,
                num_labels=n_classes,
                problem_type="single_label_classification",
                attn_implementation="eager",
                ignore_mismatched_sizes=True,
            ).float()
    except (OSError, ValueError, ImportError) as error:
        raise BaseModelError(source, _shorten(error)) from error


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep Hugging Face's libraries from telling which weights are fresh: a classifier's head always is."""
    import transformers  # noqa: PLC0415 -- Heavy, and only for training.

    logging: Any = transformers.utils.logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _find_source(name: str) -> str:
    if name == PACKAGED:
        packaged = find_packaged()
        if packaged is None:
            raise BaseModelError(name, "the extra `offline` is not installed")
        return str(packaged.folder)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder.absolute())
    if folder.is_absolute() or name.startswith((".", "~")):
        raise BaseModelError(name, "there is no such folder")
    cached = find_cached(name)
    return name if cached is None else str(cached.folder)


def _find_limit(config: Any, tokenizer: Any) -> int:  # noqa: ANN401 -- Types of an untyped library.
    """Return how many tokens fit; some kinds number positions from behind the padding token's number."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None or positions <= 0:  # Relative positions have no end.
        return int(tokenizer.model_max_length)
    pad = getattr(config, "pad_token_id", None) or 0
    return int(min(tokenizer.model_max_length, positions - (pad + 1 if 0 < pad < positions else 0)))


def _shorten(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:300] if lines else type(error).__name__
