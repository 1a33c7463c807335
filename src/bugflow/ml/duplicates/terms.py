"""The words of a report as numbers, so that they can be counted and compared without their text."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from threading import local
from zlib import crc32

import numpy as np
import Stemmer
from numpy.typing import NDArray

Terms = NDArray[np.uint32]
"""Hashes of terms, each once, ascending."""
LONGEST_WORD = 40
_LATIN = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
"""Letters of one word, accents or not; what is written in another alphabet is a word of its own."""
_WORD = re.compile(rf"[{_LATIN}0-9_$]+|[^\W_0-9{_LATIN}]+")
_PART = re.compile(r"[A-ZÀ-ÖØ-Þ]+(?=[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ])|[A-ZÀ-ÖØ-Þ]?[a-zß-öø-ÿ]+|[A-ZÀ-ÖØ-Þ]+|\d+")
_VERSION = re.compile(r"\b[vV]?(\d{1,6}\.\d{1,6}(?:\.\d{1,6}){0,4}(?:[ab]\d{1,3}|rc\d{1,3})?)\b")
_FREQUENT = frozenset(
    (
        *("a", "an", "the", "of", "to", "in", "on", "for", "and", "or", "is", "are", "was", "were", "be", "been"),
        *("it", "its", "this", "that", "with", "as", "at", "by", "from", "not", "no", "do", "does", "did", "has"),
        *("have", "had", "if", "when", "then", "but", "can", "will", "i", "we", "you", "my", "our", "your"),
        *("they", "there", "so"),
    )
)
_kept = local()


def split_terms(text: str) -> list[str]:
    """Return the stems of a text's words in their order, and after each name in code those of its parts.

    `getHTTPResponse` gives itself, `get`, `http` and `respons`; words that every report has, and such of more than
    40 characters, are left out. Stems: Porter's second English algorithm (Snowball).
    """
    found: list[str] = []
    for word in _WORD.findall(text):
        if len(word) > LONGEST_WORD:
            continue
        lower = word.lower()
        if lower in _FREQUENT:
            continue
        found.append(lower)
        if lower != word[:1].lower() + word[1:] or "_" in word or not word.isalpha():
            found.extend(_split_name(word))
    return _stem(found)


@lru_cache(50_000)
def _split_name(word: str) -> tuple[str, ...]:
    parts = _PART.findall(word)
    return tuple(part.lower() for part in parts if len(part) > 2) if len(parts) > 1 else ()  # noqa: PLR2004


def _stem(words: Sequence[str]) -> list[str]:
    stemmer = getattr(_kept, "stemmer", None)
    if stemmer is None:  # One for each thread: it keeps its latest words, without a lock.
        stemmer = _kept.stemmer = Stemmer.Stemmer("english")
    stems: list[str] = stemmer.stemWords(words)
    return stems


def list_versions(text: str) -> set[str]:
    """Return what looks like a version number, such as `3.11.2`, `v3.11.2` or `2.0rc1`, without the `v`."""
    return set(_VERSION.findall(text))


@lru_cache(200_000)
def hash_term(term: str) -> int:
    """Return a term's number, below 2**32, the same on every machine; two terms share one very rarely."""
    return crc32(term.encode("utf-8", "surrogatepass"))


def hash_terms(terms: Iterable[str]) -> Terms:
    """Return the terms' numbers, each once, ascending."""
    return np.unique(np.fromiter(map(hash_term, terms), dtype=np.uint32))


def match_terms(sought: Terms, values: Terms) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which values are among the sought, shape of `values`, and where those stand there, shape (found,).

    Args:
        sought: Each once, ascending.
        values: In any order.
    """
    if not len(sought):
        return np.zeros(len(values), dtype=np.bool_), np.zeros(0, dtype=np.int64)
    places = np.minimum(np.searchsorted(sought, values), len(sought) - 1)
    found = sought[places] == values
    return found, places[found]


def count_terms(terms: Iterable[str]) -> tuple[Terms, NDArray[np.uint8]]:
    """Return the terms' numbers, each once, ascending, and how often each occurs, at most 255 times."""
    counts = Counter(map(hash_term, terms))
    numbers = np.fromiter(counts, dtype=np.uint32, count=len(counts))
    amounts = np.fromiter((min(each, 255) for each in counts.values()), dtype=np.uint8, count=len(counts))
    order = np.argsort(numbers)
    return numbers[order], amounts[order]


def pair_terms(terms: Sequence[str]) -> Iterable[str]:
    """Return what is said of neighbouring terms: each two of them as one."""
    return (f"{first} {second}" for first, second in pairwise(terms))
