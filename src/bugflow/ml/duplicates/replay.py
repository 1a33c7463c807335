"""A tracker's past told once more: at each report the index knows what was known when it was filed, and no more."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.candidates import Candidates, Query, find_candidates
from bugflow.ml.duplicates.features import Features, compute_features
from bugflow.ml.duplicates.history import History, Link
from bugflow.ml.duplicates.index import Entry, ReportIndex
from bugflow.ml.duplicates.profiles import Profile, profile_reports

PROFILED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Moment:
    """A report at the moment of its filing.

    Attributes:
        row: Its row in the history, and that of the index.
        index: What was known.
    """

    row: int
    query: Query
    index: ReportIndex


@dataclass(frozen=True, slots=True)
class Comparison:
    """A report beside its candidates.

    Attributes:
        row: Its row in the history.
        rows: Of the candidates; shape (candidates,).
        groups: What of them was known to be the same bug; shape (candidates,).
        features: Shape (candidates, features).
        right: Whether each is the same bug as the report; shape (candidates,).
        settled: Whether the report is known to be a bug of its own, where none is right.
        is_bug: Whether the report is a bug at all.
    """

    row: int
    rows: NDArray[np.int64]
    groups: NDArray[np.int64]
    features: Features
    right: NDArray[np.bool_]
    settled: bool = False
    is_bug: bool = True


def replay(history: History, profiles: Sequence[Profile], rows: Sequence[int]) -> Iterator[Moment]:
    """Yield the moments of some reports, given by their rows in ascending order.

    The index is the same one each time and grows: look at a moment before asking for the next.
    """
    first = next((each.text for each in profiles if each.text is not None), None)
    index = ReportIndex(0 if first is None else len(first))
    links = list(history.links)
    done = 0
    for row in rows:
        filed = history.filed[row]
        index.add([Entry(each, profiles[each], history.filed[each]) for each in range(len(index), row)])
        while done < len(links) and links[done].known < filed.created:
            _join(index, links[done])
            done += 1
        yield Moment(row, Query(profiles[row], filed), index)


def _join(index: ReportIndex, link: Link) -> None:
    """Join two groups; the group of the older report names both."""
    older, newer = (int(index.groups[each]) for each in (link.older, link.newer))
    index.join(max(older, newer), min(older, newer))


def compare(history: History, moment: Moment) -> Comparison | None:
    """Return a report beside its candidates; none where there are no older reports."""
    found: Candidates = find_candidates(moment.index, moment.query)
    if not len(found.rows):
        return None
    features = compute_features(moment.index, moment.query, found)
    right = history.clusters[found.rows] == history.clusters[moment.row]
    return Comparison(
        moment.row,
        found.rows,
        moment.index.groups[found.rows],
        features,
        right,
        settled=moment.row in history.settled,
        is_bug=moment.query.filed.is_bug,
    )


def count_before(groups: NDArray[np.int64], right: Collection[int]) -> int | None:
    """Return how many groups stand before the first right one; none where there is no right one.

    Args:
        groups: Of candidates, the best first: what is known to be one bug takes one place.
        right: Groups that are the same bug as the report.
    """
    seen: set[int] = set()
    for group in groups.tolist():
        if group in right:
            return len(seen)
        seen.add(group)
    return None


def profile_history(
    history: History, encoder: Encoder | None, *, tell: Callable[[int], None] = lambda _: None
) -> list[Profile]:
    """Return the profile of every report.

    Args:
        history: The reports.
        encoder: None compares by words alone.
        tell: Is called with how many are done.
    """
    profiles: list[Profile] = []
    for start in range(0, len(history), PROFILED_AT_ONCE):
        profiles += profile_reports(history.reports[start : start + PROFILED_AT_ONCE], encoder)
        tell(len(profiles))
    return profiles
