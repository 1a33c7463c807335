"""Sentences of a cleaned text."""

import re
from collections.abc import Iterator

_END = re.compile(r"(?<=[.!?])\s+|\n+")


def split_sentences(text: str) -> Iterator[str]:
    """Yield a text's sentences in their order, without space around them; a line's end ends a sentence as well."""
    return (each.strip() for each in _END.split(text) if each.strip())
