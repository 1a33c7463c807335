"""Weights of a tiny encoder with random numbers, as Hugging Face would write them, and encoders that need none."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from string import ascii_lowercase
from threading import Event, Lock
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from bugflow.ml.contract import Vectors

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
N_DIMS = 16


def write_weights(folder: Path, *, seed: int = 0) -> Path:
    """Write a BERT of one layer and 16 dimensions; another seed gives other weights."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [*SPECIAL, *ascii_lowercase, *(f"##{letter}" for letter in ascii_lowercase), "crash", "typo", "."]
    _write_tokenizer(folder / "tokenizer.json", vocabulary)
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(vocabulary),
        "hidden_size": N_DIMS,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    }
    (folder / "config.json").write_text(json.dumps(config))
    generator = np.random.default_rng(seed)
    shapes = _list_shapes(len(vocabulary))
    arrays: dict[str, Any] = {
        name: generator.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()
    }
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _list_shapes(words: int) -> dict[str, tuple[int, ...]]:
    layer, wide = "encoder.layer.0", 32
    square = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
    sizes = {f"{layer}.{name}": (N_DIMS, N_DIMS) for name in square}
    sizes |= {f"{layer}.intermediate.dense": (wide, N_DIMS), f"{layer}.output.dense": (N_DIMS, wide)}
    sizes["pooler.dense"] = (N_DIMS, N_DIMS)
    norms = ("embeddings", f"{layer}.attention.output", f"{layer}.output")
    return {
        "embeddings.word_embeddings.weight": (words, N_DIMS),
        "embeddings.position_embeddings.weight": (512, N_DIMS),
        "embeddings.token_type_embeddings.weight": (2, N_DIMS),
        **{f"{name}.weight": shape for name, shape in sizes.items()},
        **{f"{name}.bias": shape[:1] for name, shape in sizes.items()},
        **{f"{name}.LayerNorm.{part}": (N_DIMS,) for name in norms for part in ("weight", "bias")},
    }


def _write_tokenizer(path: Path, vocabulary: Sequence[str]) -> None:
    """Write a tokenizer that pads and cuts to 128, as those that one can fetch do."""
    tokenizer = Tokenizer(WordPiece({word: number for number, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(word, SPECIAL.index(word)) for word in ("[CLS]", "[SEP]")]
    )
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128)
    tokenizer.save(str(path))


@dataclass(frozen=True)
class Prepared:
    """What came of it: a damaged one was there, a process was killed at its work, then two began at once."""

    weights: Path
    models: Path
    folder: Path
    left_by_the_killed: tuple[str, ...]
    endings: tuple[tuple[int, str], ...]


class HashEncoder:
    """Gives each text a vector of its own, by its hash, and remembers what it was asked for."""

    name = "hash"
    n_dims = 8

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.batches: list[list[str]] = []
        self.gate = Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.lost = 0
        self._seconds = seconds
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return vectors, once the gate is open; or fail."""
        with self._lock:
            self.batches.append(list(texts))
        self.gate.wait(30)
        time.sleep(self._seconds)
        if self.failure is not None:
            raise self.failure
        given = len(texts) - self.lost
        rows = [
            np.frombuffer(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), np.uint8) for text in texts
        ]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.n_dims)
        lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
        return vectors[:given] / lengths[:given]


class BagEncoder:
    """Gives texts that share words vectors that are near each other, and counts how often it was asked."""

    n_dims = 64

    def __init__(self, name: str = "bag") -> None:
        self.name = name
        self.calls = 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the sums of the words' random vectors; a text without a word has the first direction."""
        self.calls += 1
        vectors = np.zeros((len(texts), self.n_dims), dtype=np.float32)
        vectors[:, 0] = 1e-3
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower())[:200]:
                vectors[row] += _place_word(word, self.n_dims)
        lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
        return vectors / lengths


@cache
def _place_word(word: str, n_dims: int) -> Vectors:
    seed = int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=4).digest(), "big")
    return np.random.default_rng(seed).normal(size=n_dims).astype(np.float32)
