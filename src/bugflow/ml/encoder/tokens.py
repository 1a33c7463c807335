"""Texts as the numbers of their tokens, whatever the text; and several of them as one rectangle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from bugflow.ml.artifacts import ArtifactError

Tokens = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Numbers of tokens and mask, both of shape (texts, longest); the mask is 1 where there is a token."""
CHARACTERS_PER_TOKEN = 16
"""More than this nobody's words have on average, so a text is cut there before it is looked at closely."""


def open_tokenizer(path: Path, *, most_tokens: int) -> Tokenizer:
    """Return the tokenizer of a file, which cuts texts and does not pad them.

    Raises:
        ArtifactError: It is missing or damaged.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # The library raises Exception itself, whatever is wrong.
        raise ArtifactError(path, "it is missing or no tokenizer.") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(most_tokens)
    return tokenizer


def clean(text: str, *, most_tokens: int) -> str:
    """Return a text's beginning, as long as can matter, with each lone surrogate as a question mark."""
    return text[: most_tokens * CHARACTERS_PER_TOKEN].encode("utf-8", "replace").decode("utf-8")


def pad(tokens: Sequence[Sequence[int]]) -> Tokens:
    """Return texts, of which each has at least one token, as a rectangle."""
    longest = max(map(len, tokens))
    ids = np.zeros((len(tokens), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, each in enumerate(tokens):
        ids[row, : len(each)] = each
        mask[row, : len(each)] = 1
    return ids, mask
