"""Tells whether two stack traces are of the same failure: exactly by a fingerprint, roughly by a similarity."""

from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import Literal

from bugflow.ml.stacktraces.model import StackTrace
from bugflow.ml.stacktraces.normalising import normalise_frame, normalise_message

MOST_FRAMES = 30
"""Of the project's own code that make a fingerprint."""
_EXCEPTION_WEIGHT = 0.2
"""Of the exception's type beside the frames."""
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a failure is known by.

    Attributes:
        kind: What the digest is made of: frames and type, type and message, or nothing that tells failures apart.
        digest: 32 hexadecimal digits that are the same on every machine; "" where the kind is `nothing`.
        exception: The type's own name, without packages; "" where it is not known.
        message: With placeholders for what changes.
        frames: Normalised, the innermost first: the project's own, or all where none is its own.
    """

    kind: Literal["frames", "message", "nothing"]
    digest: str
    exception: str
    message: str
    frames: tuple[str, ...]


def fingerprint(trace: StackTrace, *, most_frames: int = MOST_FRAMES) -> Fingerprint:
    """Return what the trace's root failure is known by.

    The order is: the own frames with the type, else the type with its message, else nothing. The frames are those of
    the innermost failure that has own frames; the same frame several times in a row counts once, as recursion does not
    always go equally deep.

    Source: the order in which Sentry groups events (frames of the app, exception, message).
    """
    place = next((part for part in trace.chain if any(frame.in_app for frame in part.frames)), None)
    own = _normalise(place, most_frames, own=True) if place is not None else ()
    told = next((part for part in trace.chain if part.exception or part.message), trace)
    exception, message = _name_type(told.exception or ""), normalise_message(told.message)
    if own:
        return Fingerprint("frames", _digest("frames", exception, *own), exception, message, own)
    every = _normalise(trace.root if trace.root.frames else trace, most_frames, own=False)
    if exception or message:
        return Fingerprint("message", _digest("message", exception, message), exception, message, every)
    return Fingerprint("nothing", "", "", "", every)


def similarity(one: Fingerprint, other: Fingerprint) -> float:
    """Return how alike two failures are, in [0, 1], both ways round.

    It is 1 for the same fingerprint, unless that tells nothing.

    Frames weigh 1, 1/2, 1/3 and so on from the innermost outwards. Counted is the weight of the frames that both have
    in the same order, as a share of the weight of all. Where both name a type, it counts for a fifth; where neither has
    frames, type and normalised message decide. The time is that of 30 by 30 steps.

    Source: Vasiliev et al., TraceSim: A Method for Calculating Stack Trace Similarity, MaLTeSQuE 2020 (edit distance in
    which a frame at place i weighs 1/i^a, here a = 1, without its weights by rarity, which need a collection).
    """
    if not one.frames and not other.frames:
        return _compare_words(one, other)
    alike = _compare_frames(one.frames, other.frames)
    if one.exception and other.exception:
        same = one.exception == other.exception
        return (1 - _EXCEPTION_WEIGHT) * alike + _EXCEPTION_WEIGHT * same
    return alike


def _compare_words(one: Fingerprint, other: Fingerprint) -> float:
    if "nothing" in {one.kind, other.kind}:
        return 0.0
    if one.digest == other.digest:
        return 1.0
    return _EXCEPTION_WEIGHT if one.exception and one.exception == other.exception else 0.0


def _compare_frames(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """The heaviest common subsequence, by the usual table, a row at a time."""
    weights = [1 / (place + 1) for place in range(max(len(one), len(other)))]
    whole = sum(weights[: len(one)]) + sum(weights[: len(other)])
    above = [0.0] * (len(other) + 1)
    for row, frame in enumerate(one):
        best = [0.0]
        for column, counterpart in enumerate(other):
            most = max(above[column + 1], best[column])
            if frame == counterpart:
                most = max(most, above[column] + weights[row] + weights[column])
            best.append(most)
        above = best
    return min(1.0, above[-1] / whole)


def _normalise(trace: StackTrace, most_frames: int, *, own: bool) -> tuple[str, ...]:
    names = (normalise_frame(frame, trace.language) for frame in trace.frames if frame.in_app or not own)
    once = [name for name, _ in groupby(name for name in names if name)]
    return tuple(once[:most_frames])


def _name_type(exception: str) -> str:
    """The type without packages, since a trace's end often has it without them."""
    for divider in (".", "\\", "::"):
        exception = exception.rpartition(divider)[2]
    return exception.partition("`")[0]


def _digest(*parts: str) -> str:
    return blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=_DIGEST_BYTES).hexdigest()
