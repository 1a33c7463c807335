"""Finds texts that repeat an earlier one, word for word or nearly, so that no model is tested on what it learned."""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
_BAND_FACTORS = (_CONSTANTS[1] | np.uint64(1)).reshape(_BANDS, _ROWS)
_BAND_OFFSETS = _CONSTANTS[0, :_BANDS]
_SEEN_BITS, _SEEN_PLACES = 1 << 28, 8

Signature = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is compared of a text that has words.

    Attributes:
        digest: Of all words; 16 bytes.
        signature: Shape (60,).
        bands: 12 numbers; of two texts that are near at least one is the same.
    """

    digest: bytes
    signature: Signature
    bands: tuple[int, ...]


def sketch_text(text: str) -> Sketch | None:
    """Return what is compared of a text, the same in each process; none of a text without words."""
    words = _WORD.findall(text.casefold())
    if not words:
        return None
    digest = blake2b(" ".join(words).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    signature = _sign(words[:WORDS_LOOKED_AT])
    return Sketch(digest, signature, _cut_into_bands(signature))


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
    finder = RepeatFinder(near=near, remembered=remembered)
    for text in texts:
        sketch = sketch_text(text)
        yield sketch is not None and finder.add(sketch)


class RepeatFinder:
    """Finds the same in sketches that were made elsewhere, as in other processes."""

    def __init__(self, *, near: float = NEAR, remembered: int = REMEMBERED) -> None:
        self._near = near
        self._most = max(1, remembered // 2)
        self._newer, self._older = _Memory(), _Memory()

    def add(self, sketch: Sketch) -> bool:
        """Return whether a text repeats an earlier one; if not, remember it."""
        if self._newer.has(sketch, near=self._near) or self._older.has(sketch, near=self._near):
            return True
        if len(self._newer) >= self._most:
            self._newer, self._older = _Memory(), self._newer
        self._newer.add(sketch)
        return False


class SeenTexts:
    """Remembers which texts there were, however many, in 32 MiB.

    Of 5 million texts about one in a million is taken for one seen before that was not.
    Source: Bloom, Space/time trade-offs in hash coding with allowable errors, 1970; Kirsch, Mitzenmacher, Less hashing,
    same performance, 2006.
    """

    def __init__(self) -> None:
        self._bits = bytearray(_SEEN_BITS // 8)

    def add(self, sketch: Sketch) -> bool:
        """Remember a text; return whether its words were there before."""
        first, step = int.from_bytes(sketch.digest[:8], "big"), int.from_bytes(sketch.digest[8:], "big") | 1
        was_there = True
        for _ in range(_SEEN_PLACES):
            place = first % _SEEN_BITS
            byte, bit = place >> 3, 1 << (place & 7)
            was_there = was_there and bool(self._bits[byte] & bit)
            self._bits[byte] |= bit
            first += step
        return was_there


class _Memory:
    """Texts seen, by their words and by the bands of their signatures."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._signatures: list[Signature] = []
        self._by_band: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._signatures)

    def has(self, sketch: Sketch, *, near: float) -> bool:
        if sketch.digest in self._digests:
            return True
        signature = sketch.signature
        rows = {self._by_band[band] for band in sketch.bands if band in self._by_band}
        return any(np.count_nonzero(self._signatures[row] == signature) >= near * signature.size for row in rows)

    def add(self, sketch: Sketch) -> None:
        self._digests.add(sketch.digest)
        for band in sketch.bands:
            # The earliest of a band stands for it, which bounds the comparisons.
            self._by_band.setdefault(band, len(self._signatures))
        self._signatures.append(sketch.signature)


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


def _cut_into_bands(signature: Signature) -> tuple[int, ...]:
    mixed = (signature.reshape(_BANDS, _ROWS) * _BAND_FACTORS).sum(axis=1, dtype=np.uint64) + _BAND_OFFSETS
    return tuple(_scatter(mixed).tolist())
