"""Reads stack traces in reports' texts, of ten families of languages, and tells which are of the same failure."""

from bugflow.ml.stacktraces.fingerprints import Fingerprint, fingerprint, similarity
from bugflow.ml.stacktraces.model import Frame, Language, StackTrace
from bugflow.ml.stacktraces.normalising import normalise_frame, normalise_message
from bugflow.ml.stacktraces.reading import read_traces

__all__ = [
    "Fingerprint",
    "Frame",
    "Language",
    "StackTrace",
    "fingerprint",
    "normalise_frame",
    "normalise_message",
    "read_traces",
    "similarity",
]
