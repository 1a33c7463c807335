"""Keeping some reports of a history apart, so that they teach nothing and can tell what others taught."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.history import History, Link, build_history


def leave_out(history: History, rows: Collection[int]) -> History:
    """Return a history without some of its reports, as if they had never been filed.

    A duplicate whose older report is left out is doubtful: that it is a bug of its own is not so.
    """
    kept = np.setdiff1d(np.arange(len(history)), np.array(sorted(rows), dtype=np.int64)).tolist()
    places = {row: place for place, row in enumerate(kept)}
    links = [each for each in history.links if each.newer in places]
    alone = {places[each.newer] for each in links if each.older not in places}
    return build_history(
        [history.names[row] for row in kept],
        [history.reports[row] for row in kept],
        [history.filed[row] for row in kept],
        [Link(places[each.older], places[each.newer], each.known) for each in links if each.older in places],
        doubtful=alone | {places[row] for row in history.doubtful if row in places},
        settled={places[row] for row in history.settled if row in places},
    )


def list_unseen(history: History, apart: NDArray[np.bool_]) -> list[int]:
    """Return the rows of duplicates that can try what the others taught: of bugs of which no duplicate has taught.

    Args:
        history: All reports.
        apart: Which of them are kept apart; shape (reports,).
    """
    taught = {int(history.clusters[row]) for row in history.queries if not apart[row]}
    return [row for row in history.queries if apart[row] and int(history.clusters[row]) not in taught]
