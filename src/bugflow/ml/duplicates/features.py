"""What a ranker looks at: how a report and each of its candidates compare, in numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.candidates import DAY, Candidates, Query
from bugflow.ml.duplicates.index import FIELDS, ReportIndex
from bugflow.ml.duplicates.ragged import RaggedArray
from bugflow.ml.duplicates.terms import Terms, match_terms

UNKNOWN = -1.0
RARE = 0.6
"""A term is rare if it tells at least this share of what a term tells that only one report has."""

Column = NDArray[np.floating[Any]]
Features = NDArray[np.float32]
"""Shape (candidates, features)."""
_COMPARED = ("words", "title_meaning", "meaning", "both_meanings", "title_words", "shared")


def list_features() -> tuple[str, ...]:
    """Return the features' names in the order of the columns."""
    return _NAMES


def compute_features(index: ReportIndex, query: Query, found: Candidates) -> Features:
    """Return the features of candidates, of which there is at least one; shape (candidates, features)."""
    columns: dict[str, Column] = {}
    columns.update(_compare_meaning(index, query, found))
    columns.update(_compare_words(index, query, found))
    columns.update(_compare_sets(index, query, found))
    for name in _COMPARED:
        columns.update(_place(name, columns[name]))
    columns.update(_compare_times(index, query, found))
    columns.update(_compare_fields(index, query, found))
    columns.update(_compare_groups(index, query, found, columns))
    columns.update(_compare_lengths(index, query, found))
    return np.column_stack([columns[name] for name in _NAMES]).astype(np.float32)


def _compare_meaning(index: ReportIndex, query: Query, found: Candidates) -> Iterator[tuple[str, Column]]:
    meanings = query.open_meanings(index)
    if meanings is None:
        nothing = np.zeros(len(found.rows))
        for name in ("meaning", "title_meaning", "title_in_text", "text_in_title", "both_meanings"):
            yield name, nothing
        return
    near = meanings.compare(found.rows)
    yield "meaning", near.text
    yield "title_meaning", near.title
    yield "title_in_text", near.title_in_text
    yield "text_in_title", near.text_in_title
    yield "both_meanings", near.text + near.title


def _compare_words(index: ReportIndex, query: Query, found: Candidates) -> Iterator[tuple[str, Column]]:
    """Compare what terms tell: the share of the report's that the candidate has, and of both that both have."""
    words = query.profile.words
    places, owners = index.terms.place(found.rows)
    terms = index.terms.take(places)
    weights = index.postings.weigh(terms).astype(np.float64)
    shared, at = match_terms(words.terms, terms)
    own = index.postings.weigh(words.terms).astype(np.float64)
    n = len(found.rows)

    def add_up(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(owners[chosen], weights[chosen], minlength=n).astype(np.float64)

    def share(mine: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of the candidates' terms are in a part of the report."""
        chosen = shared.copy()
        chosen[shared] = mine[at]
        return chosen

    yield "words", found.words.astype(np.float64)
    parts = {
        "title": (words.in_title > 0, index.in_title.take(places) > 0),
        "prose": (words.in_prose > 0, index.in_prose.take(places) > 0),
        "code": (words.in_code > 0, index.in_code.take(places) > 0),
    }
    everywhere = np.ones(len(words.terms), dtype=np.bool_), np.ones(len(terms), dtype=np.bool_)
    for name, (mine, theirs) in {**parts, "all": everywhere}.items():
        mass = add_up(theirs & share(mine))
        total = add_up(theirs)
        sought = own[mine].sum()
        yield ("title_words" if name == "title" else f"{name}_found"), mass / max(sought, 1e-6)
        yield ("shared" if name == "all" else f"{name}_shared"), mass / np.maximum(sought + total - mass, 1e-6)
        if name in {"all", "code"}:
            yield f"{name}_mass", mass
    my_title, in_title = parts["title"]
    yield from _compare_missed(_Shared(shared, at, owners, weights, n), own, my_title, in_title)
    yield "title_in_all", add_up(share(my_title)) / max(own[my_title].sum(), 1e-6)
    yield "its_title_found", add_up(shared & in_title) / np.maximum(add_up(in_title), 1e-6)
    rarest = np.zeros(n)
    np.maximum.at(rarest, owners[shared], weights[shared])
    most = np.log1p(len(index))
    yield "rarest", rarest / max(most, 1e-6)
    rare = shared & (weights > RARE * most)
    yield "rare", np.log1p(np.bincount(owners[rare], minlength=n).astype(np.float64))


@dataclass(frozen=True, slots=True)
class _Shared:
    """The candidates' terms one after the other.

    Attributes:
        found: Which of them the report has; shape (terms,).
        at: Where those stand among the report's; shape (found terms,).
        owners: Whose each is; shape (terms,).
        weights: How much each tells; shape (terms,).
        n: How many candidates there are.
    """

    found: NDArray[np.bool_]
    at: NDArray[np.int64]
    owners: NDArray[np.int64]
    weights: NDArray[np.float64]
    n: int


def _compare_missed(
    shared: _Shared, own: NDArray[np.float64], my_title: NDArray[np.bool_], in_title: NDArray[np.bool_]
) -> Iterator[tuple[str, Column]]:
    """Look at what only one of the titles says: reports that differ in one telling word are mostly two bugs.

    "Android: sort rows" and "iOS: sort rows" share nearly all, as do the tests of two modules that fail alike.
    """
    n, owners = shared.n, shared.owners[shared.found]
    mine = np.flatnonzero(my_title)
    for name, chosen in (("", slice(None)), ("_in_title", in_title[shared.found])):
        has = np.zeros((n, len(own)), dtype=np.bool_)
        has[owners[chosen], shared.at[chosen]] = True
        missed = np.where(has[:, mine], 0, own[mine])
        yield f"missed{name}", missed.max(axis=1, initial=0)
        yield f"missed{name}_count", np.count_nonzero(missed, axis=1).astype(np.float64)
    in_my_title = np.zeros(len(shared.found), dtype=np.bool_)
    in_my_title[shared.found] = my_title[shared.at]
    for name, known in (("", shared.found), ("_in_title", in_my_title)):
        extra = in_title & ~known
        heaviest = np.zeros(n)
        np.maximum.at(heaviest, shared.owners[extra], shared.weights[extra])
        yield f"extra{name}", heaviest
        yield f"extra{name}_count", np.bincount(shared.owners[extra], minlength=n).astype(np.float64)


def _compare_sets(index: ReportIndex, query: Query, found: Candidates) -> Iterator[tuple[str, Column]]:
    words = query.profile.words
    pairs, _ = count_shared(index.pairs, words.pairs, found.rows)
    yield "pairs", pairs / max(len(words.pairs), 1)
    versions, lengths = count_shared(index.versions, words.versions, found.rows)
    smaller = np.minimum(lengths, len(words.versions))
    yield "versions", np.where(smaller > 0, versions / np.maximum(smaller, 1), UNKNOWN)
    yield "frames", found.frames.astype(np.float64)


def count_shared(kept: RaggedArray[np.uint32], sought: Terms, rows: NDArray[np.int64]) -> tuple[Column, Column]:
    """Return how many of the sought each row has, and how many it has in all; both of shape (rows,)."""
    places, owners = kept.place(rows)
    found, _ = match_terms(sought, kept.take(places))
    shared, whole = (np.bincount(each, minlength=len(rows)).astype(np.float64) for each in (owners[found], owners))
    return shared, whole


def _place(name: str, values: Column) -> Iterator[tuple[str, Column]]:
    """Say how a value stands among those of the other candidates."""
    order = np.argsort(-values, kind="stable")
    rank = np.empty(len(values))
    rank[order] = np.arange(len(values))
    best = values[order[0]]
    yield f"{name}_rank", np.log1p(rank)
    yield f"{name}_behind", (values - best) / max(abs(best), 1e-6)
    yield f"{name}_ahead", (values - values[order[min(1, len(order) - 1)]]) / max(abs(best), 1e-6)
    yield f"{name}_standing", (values - values.mean()) / (values.std() + 1e-6)


def _compare_times(index: ReportIndex, query: Query, found: Candidates) -> Iterator[tuple[str, Column]]:
    now = query.filed.created
    created, closed = index.created[found.rows], index.closed[found.rows]
    done = closed < now
    yield "days", np.log1p(np.maximum(now - created, 0) / DAY)
    yield "closed", done.astype(np.float64)
    yield "days_closed", np.where(done, np.log1p(np.maximum(now - np.where(done, closed, now), 0) / DAY), UNKNOWN)
    moments = index.list_moments()
    before = int(np.searchsorted(moments, now))
    between = np.asarray(before - np.searchsorted(moments, created), dtype=np.float64)
    yield "between", np.log1p(between)
    yield "age", between / max(before, 1)


def _compare_fields(index: ReportIndex, query: Query, found: Candidates) -> Iterator[tuple[str, Column]]:
    mine = np.array(index.encode_fields(query.filed.fields))
    theirs = index.codes[found.rows]
    given = np.array([bool(query.filed.fields.get(name)) for name in FIELDS])
    agree = np.where(given & (theirs > 0), (theirs == mine).astype(np.float64), UNKNOWN)
    for column, name in enumerate(FIELDS):
        yield f"same_{name}", agree[:, column]


def _compare_groups(
    index: ReportIndex, query: Query, found: Candidates, columns: dict[str, Column]
) -> Iterator[tuple[str, Column]]:
    """Look at what is known to be the same bug as the candidate: how much, how lately, how near."""
    names, own = np.unique(index.groups[found.rows], return_inverse=True)
    together = [index.list_members(group) for group in names.tolist()]
    rows = np.fromiter(chain.from_iterable(together), dtype=np.int64)
    members = np.repeat(np.arange(len(names)), list(map(len, together)))
    older = index.alive[rows] & (index.created[rows] < query.filed.created)
    rows, members = rows[older], members[older]
    sizes = np.bincount(members, minlength=len(names))
    yield "group_size", np.log(np.maximum(sizes[own], 1))
    latest = np.full(len(names), -np.inf)
    np.maximum.at(latest, members, index.created[rows])
    ages = np.maximum(query.filed.created - latest[own], 0) / DAY
    yield "group_days", np.log1p(np.where(np.isfinite(ages), ages, 0))
    for name in ("words", "both_meanings"):
        best = np.full(len(names), -np.inf)
        np.maximum.at(best, own, columns[name])
        yield f"group_{name}", best[own]


def _compare_lengths(index: ReportIndex, query: Query, found: Candidates) -> Iterator[tuple[str, Column]]:
    words, lengths = query.profile.words, index.lengths[found.rows]
    theirs = np.log1p(lengths.sum(axis=1))
    mine = np.log1p(words.n_title + words.n_prose)
    yield "length", theirs
    yield "own_length", np.full(len(theirs), mine)
    yield "longer", theirs - mine
    yield "title_length", lengths[:, 0].astype(np.float64)
    yield "own_title_length", np.full(len(theirs), float(words.n_title))


_NAMES: tuple[str, ...] = (
    *("meaning", "title_meaning", "title_in_text", "text_in_title", "both_meanings", "words"),
    *("title_words", "title_shared", "prose_found", "prose_shared", "code_found", "code_shared", "code_mass"),
    *("all_found", "shared", "all_mass", "title_in_all", "its_title_found", "rarest", "rare"),
    *(f"{side}{where}{how}" for side in ("missed", "extra") for where in ("", "_in_title") for how in ("", "_count")),
    *("pairs", "versions", "frames"),
    *(f"{name}_{how}" for name in _COMPARED for how in ("rank", "behind", "ahead", "standing")),
    *("days", "closed", "days_closed", "between", "age"),
    *(f"same_{name}" for name in FIELDS),
    *("group_size", "group_days", "group_words", "group_both_meanings"),
    *("length", "own_length", "longer", "title_length", "own_title_length"),
)
