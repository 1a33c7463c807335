"""A fine-tuned network as it is served: ONNX Runtime and a tokenizer, without PyTorch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.artifacts import ArtifactError
from bugflow.ml.contract import Probabilities
from bugflow.ml.encoder.session import open_session
from bugflow.ml.encoder.tokens import clean, open_tokenizer, pad

NETWORK, TOKENIZER = "model.onnx", "tokenizer.json"


def run_network(session: Any, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:  # noqa: ANN401 -- ONNX Runtime has no types.
    """Return the logits of some texts, shape (texts, classes); several threads may do so at once."""
    ids, mask = pad(tokens)
    [logits] = session.run(None, {"input_ids": ids, "attention_mask": mask})
    return np.asarray(logits, dtype=np.float32)


def find_shares(logits: NDArray[np.float32]) -> Probabilities:
    """Return probabilities; each row sums to 1."""
    scores = logits.astype(np.float64)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


def tokenise(tokenizer: Any, texts: Sequence[str], *, most_tokens: int) -> list[list[int]]:  # noqa: ANN401 -- Shared with training.
    """Return the numbers of each text's tokens, cut; a text without any has one, as no network takes none."""
    cleaned = [clean(text, most_tokens=most_tokens) for text in texts]
    return [list(each.ids) or [0] for each in tokenizer.encode_batch(cleaned)]


@dataclass(frozen=True)
class ServedNetwork:
    """Says how probable each class of a text is.

    Attributes:
        max_tokens: After how many tokens a text is cut.
        batch_size: How many texts of about the same length are run together. With 1 no text's answer depends on its
            neighbours: an int8 network scales its numbers by all that is in a batch.
        threads: How many batches are run at once, each on one core.
    """

    folder: Path
    tokenizer: Any
    session: Any
    max_tokens: int
    n_classes: int
    batch_size: int = 1
    threads: int = 1

    @classmethod
    def open(cls, folder: Path, *, max_tokens: int, n_classes: int, batch_size: int = 1, threads: int = 1) -> Self:
        """Load what was exported to a folder.

        Raises:
            ArtifactError: Something is missing or damaged, or it knows another number of classes.
        """
        tokenizer = open_tokenizer(folder / TOKENIZER, most_tokens=max_tokens)
        session = open_session(folder / NETWORK, threads=1)
        known = session.get_outputs()[0].shape[-1]
        if known != n_classes:
            raise ArtifactError(folder / NETWORK, f"it knows {known} labels instead of {n_classes}.")
        return cls(folder, tokenizer, session, max_tokens, n_classes, batch_size, threads)

    def predict(self, texts: Sequence[str]) -> Probabilities:
        """Return probabilities, shape (texts, classes); any text is possible, also an empty one."""
        shares = np.zeros((len(texts), self.n_classes))
        tokens = [self.tokenise(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda row: len(tokens[row]))
        batches = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]
        if self.threads == 1 or len(batches) < 2:  # noqa: PLR2004 -- One batch has nothing beside it.
            found = [self._run([tokens[row] for row in batch]) for batch in batches]
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                found = list(pool.map(self._run, ([tokens[row] for row in batch] for batch in batches)))
        for batch, rows in zip(batches, found, strict=True):
            shares[batch] = rows
        return shares

    def predict_together(self, texts: Sequence[str]) -> Probabilities:
        """Return probabilities of variants of one text, in one batch, so that all are scaled in the same way."""
        return self._run([self.tokenise(text) for text in texts])

    def tokenise(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens, cut."""
        return tokenise(self.tokenizer, [text], most_tokens=self.max_tokens)[0]

    def _run(self, tokens: Sequence[Sequence[int]]) -> Probabilities:
        return find_shares(run_network(self.session, tokens))
