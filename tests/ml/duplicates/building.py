"""Small reports, profiles and indexes to compare."""

from collections.abc import Iterable, Mapping

import numpy as np

from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.candidates import DAY, Query
from bugflow.ml.duplicates.index import NEVER, Entry, Filed, ReportIndex
from bugflow.ml.duplicates.profiles import Profile, Words, profile_reports
from bugflow.ml.duplicates.terms import Terms, hash_terms

TEXTS = (
    ("Login fails with timeout", "The server does not answer when logging in."),
    ("Export to PDF is empty", "Page two of the exported report is blank."),
    ("Search finds no umlauts", "Words such as Größe are not found."),
    ("Crash when saving a draft", "The editor crashes on saving, every time."),
    ("Timeout on login page", "Logging in takes long, then the server times out."),
)


def build_terms(*words: str) -> Terms:
    return hash_terms(words)


def build_profile(title: str, description: str = "", *, encoder: Encoder | None = None) -> Profile:
    (profile,) = profile_reports([Report(title, description)], encoder)
    return profile


def build_entry(
    identity: int,
    title: str = "",
    description: str = "",
    *,
    day: float | None = None,
    closed: float = NEVER,
    fields: Mapping[str, str] | None = None,
    encoder: Encoder | None = None,
) -> Entry:
    """Return a report filed on a day, its identity unless said otherwise, and closed on another."""
    filed = Filed((identity if day is None else day) * DAY, closed * DAY, fields or {})
    return Entry(identity, build_profile(title, description, encoder=encoder), filed)


def build_index(entries: Iterable[Entry], *, n_dims: int = 0) -> ReportIndex:
    index = ReportIndex(n_dims)
    index.add(list(entries))
    return index


def build_query(
    title: str,
    description: str = "",
    *,
    day: float = 100,
    fields: Mapping[str, str] | None = None,
    encoder: Encoder | None = None,
) -> Query:
    return Query(build_profile(title, description, encoder=encoder), Filed(day * DAY, fields=fields or {}))


def build_words(terms: Terms, *, frames: Terms | None = None) -> Profile:
    """Return a profile whose terms stand once in the sentences."""
    once, never = np.ones(len(terms), dtype=np.uint8), np.zeros(len(terms), dtype=np.uint8)
    none = build_terms()
    return Profile(
        Words(terms, never, once, never, none, none, none if frames is None else frames, n_title=0, n_prose=len(terms))
    )
