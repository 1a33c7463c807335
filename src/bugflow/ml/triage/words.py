"""What a linear model sees of a report: words of its title and text, parts of words, and fields; each can be named."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from bugflow.ml.artifacts import ArtifactError, read_arrays, read_json, write_arrays, write_json
from bugflow.ml.contract import Report

MOST_WORDS, MOST_PARTS, MOST_FIELDS = 100_000, 100_000, 20_000
LONGEST_TEXT = 20_000
"""Characters of a report that are read: what is said later says little more."""
PART_LENGTHS = (3, 5)
PARTS_OF = 500
"""Characters of which the parts of words are taken."""
FIELD_WEIGHT = 0.5
"""A field's value weighs as much as the words of a text that share a quarter of its length."""
Kind = Literal["title", "text", "parts", "fields", "present"]
WEIGHED: tuple[Kind, ...] = ("title", "text", "parts", "fields")
"""TF-IDF: what a word counts depends on how rare it is and on how much else is said."""
PRESENT: tuple[Kind, ...] = ("present",)
"""Each word that is there counts the same, in a short text and a long one."""
MOST_PRESENT = 30_000
EVERYWHERE = 0.99
"""A field's value that so many reports share tells nothing."""
FEW = 8
"""Reports that are cheaper to read without the library's checks."""
_COUNTED: tuple[Kind, ...] = ("fields", "present")
MOST_CUT = 4_096
"""Words whose parts are remembered: about 5 MB."""
_EDGES = re.compile(r"^\W+|\W+$")

_CUT = CountVectorizer(analyzer="char_wb", ngram_range=PART_LENGTHS).build_analyzer()

Document = str | list[str]
"""A text, or the values of fields."""
Named = tuple[Literal["word", "field"], str]
"""Kind of a feature and its name, as `Reason` has them."""


def _make_vectorizer(kind: Kind, *, least: int = 2, words: Sequence[str] | None = None) -> CountVectorizer:
    if kind == "fields":
        return CountVectorizer(
            analyzer=_keep,
            lowercase=False,
            max_df=1.0 if words is not None or least == 1 else EVERYWHERE,
            min_df=least,
            max_features=MOST_FIELDS,
            binary=True,
            vocabulary=words,
            dtype=np.float32,
        )
    if kind == "present":
        return CountVectorizer(
            ngram_range=(1, 2), min_df=least, max_features=MOST_PRESENT, binary=True, vocabulary=words, dtype=np.float32
        )
    common = {"sublinear_tf": True, "dtype": np.float32, "vocabulary": words}
    if kind == "parts":
        return TfidfVectorizer(
            analyzer="char_wb", ngram_range=PART_LENGTHS, min_df=least, max_features=MOST_PARTS, **common
        )
    return TfidfVectorizer(
        ngram_range=(1, 2), min_df=1 if kind == "title" else least, max_features=MOST_WORDS, **common
    )


@lru_cache(MOST_CUT)
def _cut_word(word: str) -> tuple[str, ...]:
    """Return the parts of a word in lower case, its ends marked by blanks; the same words come again and again."""
    return tuple(_CUT(word))


def _keep(values: list[str]) -> list[str]:
    return values


class WordFeatures:
    """Turns reports into rows of numbers.

    TF-IDF of each kind of text has the length 1; each field, and each word that is only present, weighs the same.
    """

    def __init__(self, kinds: Sequence[Kind] = WEIGHED) -> None:
        """Take which kinds of features there are."""
        self._kinds = tuple(kinds)
        self._vectorizers: dict[Kind, Any] = {}
        self._analysers: dict[Kind, Callable[[Document], list[str]]] = {}
        self._latest: tuple[Report, csr_matrix] | None = None

    def fit_transform(self, reports: Sequence[Report]) -> csr_matrix:
        """Learn which words there are, and return the reports' rows, shape (reports, features)."""
        self._latest = None
        blocks = []
        for kind in self._kinds:
            self._vectorizers[kind], block = _learn(kind, _read(kind, reports))
            blocks.append(block)
        return self._stack(blocks)

    def transform(self, reports: Sequence[Report]) -> csr_matrix:
        """Return the reports' rows, shape (reports, features); the latest is kept, since its reasons come next."""
        if len(reports) > FEW:
            return self._stack(
                [vectorizer.transform(_read(kind, reports)) for kind, vectorizer in self._vectorizers.items()]
            )
        if len(reports) != 1:
            return self._transform_few(reports)
        latest = self._latest  # Another thread may put its own there at any moment.
        if latest is None or latest[0] is not reports[0]:
            latest = self._latest = (reports[0], self._transform_few(reports))
        return latest[1]

    def _transform_few(self, reports: Sequence[Report]) -> csr_matrix:
        """Return the same as the library would, without what it checks at each call, which takes most of the time."""
        columns: list[NDArray[np.int32]] = []
        values: list[NDArray[np.float32]] = []
        starts = [0]
        for report in reports:
            offset = 0
            for kind, vectorizer in self._vectorizers.items():
                found, weights = self._weigh(kind, vectorizer, _read(kind, [report])[0])
                columns.append(found + np.int32(offset))
                values.append(weights)
                offset += len(vectorizer.vocabulary_)
            starts.append(starts[-1] + sum(len(each) for each in columns[-len(self._kinds) :]))
        row = (np.concatenate(values), np.concatenate(columns), np.array(starts))
        return csr_matrix(row, shape=(len(reports), self.n_features), dtype=np.float32)

    def _weigh(
        self, kind: Kind, vectorizer: CountVectorizer, document: Document
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return a document's columns, in order, and their values."""
        counts = Counter(map(vectorizer.vocabulary_.get, self._cut(kind, document)))
        counts.pop(None, None)
        columns = np.array(sorted(counts), dtype=np.int32)
        if kind in _COUNTED:
            return columns, np.full(len(columns), FIELD_WEIGHT if kind == "fields" else 1.0, dtype=np.float32)
        times = np.array([counts[column] for column in columns.tolist()], dtype=np.float32)
        weights = (np.log(times) + 1) * vectorizer.idf_[columns]
        length = np.sqrt((weights**2).sum())
        return columns, np.asarray(weights / length if length else weights, dtype=np.float32)

    def _cut(self, kind: Kind, document: Document) -> list[str]:
        """Return the terms of a document."""
        if kind == "parts" and isinstance(document, str):
            return [piece for word in document.lower().split() for piece in _cut_word(word)]
        if kind not in self._analysers:
            self._analysers[kind] = self._vectorizers[kind].build_analyzer()
        return self._analysers[kind](document)

    def _stack(self, blocks: list[csr_matrix]) -> csr_matrix:
        weighed = [
            block * FIELD_WEIGHT if kind == "fields" else block for kind, block in zip(self._kinds, blocks, strict=True)
        ]
        return csr_matrix(hstack(weighed), dtype=np.float32)

    def name(self, report: Report, contributions: NDArray[np.float64]) -> dict[Named, float]:
        """Give what each feature contributes to the words and fields it was read from; the sum stays the same.

        Args:
            report: Whose row it is.
            contributions: Shape (features,).
        """
        named: defaultdict[Named, float] = defaultdict(float)
        for kind, vectorizer, part in self._split(contributions):
            if kind == "parts":
                self._name_parts(report, part, named)
                continue
            [read] = _read(kind, [report])
            for term in set(self._cut(kind, read)):
                column = vectorizer.vocabulary_.get(term)
                if column is not None:
                    named["field" if kind == "fields" else "word", term] += float(part[column])
        return {each: weight for each, weight in named.items() if weight}

    def _split(self, row: NDArray[np.float64]) -> Iterator[tuple[Kind, Any, NDArray[np.float64]]]:
        start = 0
        for kind, vectorizer in self._vectorizers.items():
            end = start + len(vectorizer.vocabulary_)
            yield kind, vectorizer, row[start:end]
            start = end

    def _name_parts(self, report: Report, part: NDArray[np.float64], named: dict[Named, float]) -> None:
        """Give each word its share of its pieces: of a piece that is in several words, as often as each has it."""
        vocabulary = self._vectorizers["parts"].vocabulary_
        [read] = _read("parts", [report])
        words = read.lower().split()
        if not words:
            return
        found = [[vocabulary[piece] for piece in _cut_word(word) if piece in vocabulary] for word in words]
        columns = np.array(list(chain.from_iterable(found)), dtype=np.int64)
        distinct, places, times = np.unique(columns, return_inverse=True, return_counts=True)
        shares = (part[distinct] / times)[places]
        ends = np.cumsum([len(each) for each in found])
        for word, share in zip(words, np.split(shares, ends[:-1]), strict=True):
            named["word", _EDGES.sub("", word) or word] += float(share.sum())

    def save(self, folder: Path) -> None:
        """Write the words, in the order of their columns, and their weights."""
        words: dict[str, list[str]] = {
            kind: list(each.get_feature_names_out()) for kind, each in self._vectorizers.items()
        }
        write_json(folder / "words.json", words)
        write_arrays(
            folder / "words.safetensors",
            {"of": np.zeros(1, np.float32)}
            | {kind: each.idf_.astype(np.float32) for kind, each in self._vectorizers.items() if kind not in _COUNTED},
        )

    @classmethod
    def load(cls, folder: Path, kinds: Sequence[Kind] = WEIGHED) -> "WordFeatures":
        """Return what was saved of these kinds.

        Raises:
            ArtifactError: It is missing or damaged.
        """
        features = cls(kinds)
        words = read_json(folder / "words.json")
        weights = read_arrays(folder / "words.safetensors", *(kind for kind in kinds if kind not in _COUNTED))
        for kind in features._kinds:
            known = words.get(kind)
            if not isinstance(known, list) or (kind in weights and len(weights[kind]) != len(known)):
                raise ArtifactError(folder / "words.json", f"its words of kind {kind!r} do not fit the weights.")
            vectorizer = _make_vectorizer(kind, words=known)
            if kind in weights:
                vectorizer.idf_ = weights[kind]
            else:
                vectorizer.fit([])  # Takes its words over; without this it has none yet.
            features._vectorizers[kind] = vectorizer
        return features

    @property
    def n_features(self) -> int:
        """How many there are, known after `fit_transform`."""
        return sum(len(each.vocabulary_) for each in self._vectorizers.values())


def _read(kind: Kind, reports: Sequence[Report]) -> list[Any]:
    if kind == "fields":
        return [[f"{name}: {value}" for name, value in sorted(report.fields.items())] for report in reports]
    if kind == "title":
        return [report.title for report in reports]
    texts = [report.text[:LONGEST_TEXT] for report in reports]
    return [text[:PARTS_OF] for text in texts] if kind == "parts" else texts


def _learn(kind: Kind, documents: Sequence[Any]) -> tuple[Any, csr_matrix]:
    vectorizer = _make_vectorizer(kind)
    try:
        return vectorizer, vectorizer.fit_transform(documents)
    except ValueError:  # Nothing occurs, or nothing twice: then only one that stands for nothing is learned.
        nothing = "nothing at all"
        vectorizer = _make_vectorizer(kind, least=1).fit([[nothing]] if kind == "fields" else [nothing])
        return vectorizer, vectorizer.transform(documents)
