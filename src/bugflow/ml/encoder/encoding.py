"""The encoder of servers and jobs: ONNX Runtime, without PyTorch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

from bugflow.ml.contract import Vectors
from bugflow.ml.encoder.manifest import MODEL, TOKENIZER, Manifest
from bugflow.ml.encoder.session import open_session, run_session
from bugflow.ml.encoder.tokens import clean, open_tokenizer, pad


class OnnxEncoder:
    """Turns texts into vectors, each text by itself.

    An int8 model scales its numbers by all that is in a batch, so a text's vector would depend on its neighbours; and a
    batch is no faster on a processor. So the same text has the same vector, wherever it stands.

    Attributes:
        name: The weights, their precision and after how many tokens a text is cut.
        n_dims: How many dimensions a vector has.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, threads: int, max_tokens: int) -> None:
        self.manifest = manifest
        self.max_tokens = min(max_tokens, manifest.max_tokens)
        self.name = f"{manifest.family}-{manifest.fingerprint[:12]}-{manifest.precision}-{self.max_tokens}"
        self.n_dims = manifest.n_dims
        self.threads = threads
        self._tokenizer = open_tokenizer(folder / TOKENIZER, most_tokens=self.max_tokens)
        self._session = open_session(folder / MODEL, threads=1)

    @classmethod
    def open(cls, folder: Path, *, threads: int = 1, max_tokens: int = 256) -> Self:
        """Load an exported encoder.

        Args:
            folder: With `encoder.json`, `model.onnx` and `tokenizer.json`.
            threads: How many texts are encoded at once: 1 in a server whose cores have other work, all cores in a job.
            max_tokens: After how many tokens a text is cut, at least 3; never more than the encoder can take.

        Raises:
            ArtifactError: Something is missing or damaged.
        """
        manifest = Manifest.read(folder)
        manifest.verify(folder)
        return cls(folder, manifest, threads=threads, max_tokens=max_tokens)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors, shape (texts, dimensions); any text is possible, also an empty one.

        A text is cut after `max_tokens` tokens, at the latest after 16 times as many characters.
        """
        vectors = np.zeros((len(texts), self.n_dims), dtype=np.float32)
        threads = min(self.threads, len(texts))
        if threads <= 1:
            self._fill(vectors, texts)
            return vectors
        with ThreadPoolExecutor(threads) as pool:
            shares = [pool.submit(self._fill, vectors[each::threads], texts[each::threads]) for each in range(threads)]
        for share in shares:
            share.result()
        return vectors

    def count_tokens(self, text: str) -> int:
        """Return of how many tokens a text's vector is made, those at its ends included."""
        return len(self._tokenise(text))

    def _fill(self, vectors: Vectors, texts: Sequence[str]) -> None:
        for row, text in enumerate(texts):
            vectors[row] = run_session(self._session, pad([self._tokenise(text)]))[0]

    def _tokenise(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(clean(text, most_tokens=self.max_tokens)).ids
        return ids
