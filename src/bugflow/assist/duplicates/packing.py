"""Profiles as bytes: small, the same on every machine, and noticed where they are damaged or of another version."""

import struct
from base64 import b64decode, b64encode
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bugflow.core.errors import InvalidError
from bugflow.ml.duplicates.profiles import Profile, Words
from bugflow.ml.duplicates.vectors import shrink

VERSION = 1
"""To be raised when reports are profiled in another way: what was kept then counts as missing."""
START = b"BF" + bytes([VERSION])
"""Three bytes, so that it is also the beginning of the text that they are kept as."""
KEPT_START = b64encode(START).decode()
_HEAD = struct.Struct("<3sI")
_SIZES = struct.Struct("<7I")


class ProfileDamagedError(InvalidError):
    """Bytes that are no profile of this version."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"A kept profile cannot be read: {problem}. Run `bugflow duplicates index --anew`.")


def pack_profile(profile: Profile) -> bytes:
    """Return a profile as bytes; its vectors have eight bits a number, as an index has them."""
    words = profile.words
    body = [
        _SIZES.pack(
            words.n_title,
            words.n_prose,
            len(words.terms),
            len(words.pairs),
            len(words.versions),
            len(words.frames),
            0 if profile.title is None or profile.text is None else len(profile.title),
        ),
        *(_number(each) for each in (words.terms, words.pairs, words.versions, words.frames)),
        *(np.asarray(each, dtype=np.uint8).tobytes() for each in (words.in_title, words.in_prose, words.in_code)),
    ]
    if profile.title is not None and profile.text is not None:
        rows, scales = shrink(np.stack([profile.title, profile.text]))
        body += [scales.astype("<f4").tobytes(), rows.tobytes()]
    content = b"".join(body)
    return _HEAD.pack(START, crc32(content)) + content


def unpack_profile(packed: bytes) -> Profile:
    """Return the profile that was packed.

    Raises:
        ProfileDamagedError: The bytes are damaged, or of another version.
    """
    if packed[:2] != START[:2] or len(packed) < _HEAD.size + _SIZES.size:
        raise ProfileDamagedError("it is none")
    start, check = _HEAD.unpack_from(packed)
    if start != START:
        raise ProfileDamagedError(f"it has version {start[2]}, and this BugFlow reads {VERSION}")
    body = packed[_HEAD.size :]
    if crc32(body) != check:
        raise ProfileDamagedError("its checksum is wrong")
    n_title, n_prose, *lengths, n_dims = _SIZES.unpack_from(body)
    n_terms = lengths[0]
    if len(body) != _SIZES.size + 4 * sum(lengths) + 3 * n_terms + (8 + 2 * n_dims if n_dims else 0):
        raise ProfileDamagedError("it has another length than it says")
    place = _SIZES.size
    parts = []
    for length in lengths:
        parts.append(np.frombuffer(body, "<u4", length, place).astype(np.uint32))
        place += 4 * length
    counts = [np.frombuffer(body, np.uint8, n_terms, place + n_terms * each) for each in range(3)]
    words = Words(
        terms=parts[0],
        in_title=counts[0],
        in_prose=counts[1],
        in_code=counts[2],
        pairs=parts[1],
        versions=parts[2],
        frames=parts[3],
        n_title=n_title,
        n_prose=n_prose,
    )
    return Profile(words, *_read_vectors(body, place + 3 * n_terms, n_dims)) if n_dims else Profile(words)


def write_kept(profile: Profile) -> str:
    """Return a profile as the database keeps it: in base 64."""
    return b64encode(pack_profile(profile)).decode()


def read_kept(packed: str) -> Profile:
    """Return a profile that the database keeps.

    Raises:
        ProfileDamagedError: It is damaged, or of another version.
    """
    try:
        content = b64decode(packed, validate=True)
    except ValueError:
        content = b""
    return unpack_profile(content)


def _number(numbers: NDArray[np.uint32]) -> bytes:
    return np.asarray(numbers, dtype="<u4").tobytes()


def _read_vectors(body: bytes, place: int, n_dims: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scales = np.frombuffer(body, "<f4", 2, place).astype(np.float32)
    rows = np.frombuffer(body, np.int8, 2 * n_dims, place + 8).reshape(2, n_dims)
    vectors = rows * scales[:, None]
    return vectors[0], vectors[1]
