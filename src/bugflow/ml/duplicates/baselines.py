"""What the ranking must beat: BM25, the encoder alone, and REP; each gives every older report a score."""

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.candidates import DAY
from bugflow.ml.duplicates.features import count_shared
from bugflow.ml.duplicates.index import FIELDS
from bugflow.ml.duplicates.replay import Moment
from bugflow.ml.duplicates.terms import match_terms

POOL = 500
"""Reports, the best by BM25, that REP scores: what is not among them is not among its best 20 either."""
WINDOW_DAYS = 365
"""REP looks no further back."""
TITLE, TEXT = 3.0, 1.0
B_TITLE, B_TEXT, K1 = 0.5, 1.0, 2.0
UNIGRAMS, PAIRS, SAME_PRODUCT, SAME_TYPE = 0.9, 0.2, 2.0, 0.7

Scores = NDArray[np.float32]


def score_bm25(moment: Moment) -> Scores:
    """Return BM25 of title and text by all words of the report, a word of the title counting three times."""
    terms = moment.query.profile.words.terms
    return moment.index.postings.score(terms, moment.index.postings.weigh(terms))


def score_encoder(moment: Moment) -> Scores:
    """Return the cosine of the texts' vectors; all 0 without an encoder."""
    text = moment.query.profile.text
    if text is None or not moment.index.n_dims:
        return np.zeros(len(moment.index), dtype=np.float32)
    return np.ascontiguousarray(moment.index.texts.multiply(text[:, None])[:, 0])


def score_rep(moment: Moment) -> Scores:
    """Return REP's score: BM25F over title and text, word pairs of titles, product and type; nothing older than a year.

    Its weights of component, priority and version are 0 as published. Pairs of words are those of titles alone.
    Source: Sun et al., Towards More Accurate Retrieval of Duplicate Bug Reports, ASE 2011, with the values before
    tuning; the window: Zhang et al., Duplicate Bug Report Detection: How Far Are We?, TOSEM 2022.
    """
    index, query = moment.index, moment.query
    scores = np.full(len(index), -np.inf, dtype=np.float32)
    lately = np.flatnonzero(index.created >= query.filed.created - WINDOW_DAYS * DAY)
    first = score_bm25(moment)[lately]
    rows = lately[np.argsort(-first, kind="stable")[:POOL]]
    if not len(rows):
        return scores
    codes = np.array(index.encode_fields(query.filed.fields))
    agree = (index.codes[rows] == codes) & (codes > 0)
    scores[rows] = (
        UNIGRAMS * _score_fields(moment, rows)
        + PAIRS * count_shared(index.pairs, query.profile.words.pairs, rows)[0]
        + SAME_PRODUCT * agree[:, FIELDS.index("project")]
        + SAME_TYPE * agree[:, FIELDS.index("issue_type")]
    )
    return scores


def _score_fields(moment: Moment, rows: NDArray[np.int64]) -> Scores:
    """Return BM25F with the lengths of title and text each for itself."""
    index, words = moment.index, moment.query.profile.words
    places, owners = index.terms.place(rows)
    terms = index.terms.take(places)
    in_text = index.in_prose.take(places).astype(np.float32) + index.in_code.take(places)
    titles, texts = index.lengths[rows].T.astype(np.float32)
    title_norm = 1 - B_TITLE + B_TITLE * titles / max(float(index.lengths[:, 0].mean()), 1e-6)
    text_norm = 1 - B_TEXT + B_TEXT * texts / max(float(index.lengths[:, 1].mean()), 1e-6)
    often = TITLE * index.in_title.take(places) / title_norm[owners]
    often += TEXT * in_text / np.maximum(text_norm[owners], 1e-2)
    own = TITLE * words.in_title + TEXT * (words.in_prose.astype(np.float32) + words.in_code)
    shared, at = match_terms(words.terms, terms)
    value = (index.postings.weigh(terms) * often / (K1 + often))[shared] * own[at]
    return np.bincount(owners[shared], value, minlength=len(rows)).astype(np.float32)
