"""Finds texts that repeat an earlier one, word for word or nearly, so that no model is tested on what it learned."""

import re
import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

REMEMBERED = 100_000
"""Texts that a new one is compared with; each takes about 2 KB of memory."""
NEAR = 0.8
"""Share of common word pairs (Jaccard index, in [0, 1]) from which on two texts are repeats."""
WORDS_LOOKED_AT = 2_000

_BANDS = 12
_ROWS = 5
_WORD = re.compile(r"\w+")
_CONSTANTS = np.random.default_rng(20_240_229).integers(1, 2**63, size=(2, _BANDS * _ROWS), dtype=np.uint64)
_FACTORS = (_CONSTANTS[0] | np.uint64(1))[:, None]
_OFFSETS = _CONSTANTS[1][:, None]

Signature = NDArray[np.uint64]


def find_near_duplicates(texts: Iterable[str], *, near: float = NEAR, remembered: int = REMEMBERED) -> Iterator[bool]:
    """Yield for each text, in its order, whether it repeats an earlier one that was no repeat itself.

    Words are compared without case and punctuation. Linear in time: a text meets one other for each of 12 bands at
    most. Bounded in memory: of all texts the latest 50,000 to 100,000 that are no repeats are remembered. The answer
    is the same in each run. Texts without a word never repeat.

    Source: Broder, On the resemblance and containment of documents, 1997 (MinHash of 60 values over pairs of words);
    Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3 (12 bands of 5: finds 99 % at 0.8).

    Args:
        texts: Of any number.
        near: In (0, 1], the estimated share of common word pairs; its standard error is 0.05 at 0.8.
        remembered: At least 2.
    """
    newer, older = _Memory(), _Memory()
    for text in texts:
        words = _WORD.findall(text.casefold())
        if not words:
            yield False
            continue
        digest = blake2b(" ".join(words).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if newer.has_exactly(digest) or older.has_exactly(digest):
            yield True
            continue
        signature = _sign(words[:WORDS_LOOKED_AT])
        keys = _cut_into_bands(signature)
        is_repeat = any(memory.has_near(signature, keys, near=near) for memory in (newer, older))
        if not is_repeat:
            if len(newer) >= max(1, remembered // 2):
                newer, older = _Memory(), newer
            newer.add(digest, signature, keys)
        yield is_repeat


class _Memory:
    """Texts seen, by their words and by the bands of their signatures."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._signatures: list[Signature] = []
        self._by_band: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._signatures)

    def has_exactly(self, digest: bytes) -> bool:
        return digest in self._digests

    def has_near(self, signature: Signature, keys: list[bytes], *, near: float) -> bool:
        rows = {self._by_band[key] for key in keys if key in self._by_band}
        return any(np.count_nonzero(self._signatures[row] == signature) >= near * signature.size for row in rows)

    def add(self, digest: bytes, signature: Signature, keys: list[bytes]) -> None:
        self._digests.add(digest)
        for key in keys:
            # The earliest of a band stands for it, which bounds the comparisons.
            self._by_band.setdefault(key, len(self._signatures))
        self._signatures.append(signature)


def _sign(words: list[str]) -> Signature:
    """Return the least of 60 hashes over all pairs of neighbouring words; shape (60,)."""
    hashes = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words], dtype=np.uint64)
    pairs = hashes if len(hashes) == 1 else (hashes[:-1] << np.uint64(32)) | hashes[1:]
    scattered = _scatter(np.unique(pairs))
    least: Signature = (_FACTORS * scattered[None, :] + _OFFSETS).min(axis=1)
    return least


def _scatter(values: Signature) -> Signature:
    """Spread numbers over all 64 bits. Source: Steele, Lea, Flood, Fast splittable generators, 2014 (SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    spread: Signature = values ^ (values >> np.uint64(31))
    return spread


def _cut_into_bands(signature: Signature) -> list[bytes]:
    return [
        blake2b(bytes([band]) + signature[band * _ROWS : (band + 1) * _ROWS].tobytes(), digest_size=8).digest()
        for band in range(_BANDS)
    ]
