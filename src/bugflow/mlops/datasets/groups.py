"""Which gold issues are torn from their bug: what is known of it, in another report, is where models learn from.

Two reports of one bug often say nearly the same. A model that has seen the one knows more of the other than of what is
reported next, so that such a gold issue would flatter every model.
"""

from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from bugflow.mlops.datasets.gold import GoldRule
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, cut_numbers
from bugflow.tracker.issues.tables import Issue, IssueChange, IssueRelation

ROWS_AT_ONCE = 10_000

# Built once: building a statement costs more than running it.
_LINKS = (
    select(IssueRelation.source_id, IssueRelation.target_id)
    .join(Issue, Issue.id == IssueRelation.source_id)
    .where(IssueRelation.kind == DUPLICATE_OF, Issue.created_at <= bindparam("as_of"))
    .where(
        or_(
            IssueRelation.created_at <= bindparam("as_of"),
            and_(
                IssueRelation.created_by_id.is_(None),
                func.coalesce(Issue.resolved_at, Issue.closed_at) <= bindparam("as_of"),
            ),
        )
    )
)
"""As they are now, of those known by a moment; imported ones from when the duplicate was finished elsewhere."""
_LATER = (
    select(IssueChange.issue_id, IssueChange.old)
    .where(IssueChange.field == DUPLICATE_OF, IssueChange.at > bindparam("as_of"))
    .order_by(IssueChange.at, IssueChange.id)
)
_NAMED = select(Issue.key, Issue.id).where(Issue.key.in_(bindparam("keys", expanding=True)))
_FILED = select(Issue.id, Issue.key, Issue.created_at).where(Issue.id.in_(bindparam("issues", expanding=True)))


class Links(NamedTuple):
    """Duplicates and what each leads to, by their numbers; both of shape (links,)."""

    newer: NDArray[np.int64]
    older: NDArray[np.int64]


def list_torn(session: Session, rule: GoldRule, *, as_of: datetime) -> frozenset[str]:
    """Return the keys of the gold issues of whose bug another report, linked over any number of steps, is not gold.

    Such a report counts whether it has a label or not, and whatever a training asks for: an older model may have
    learned from it. So this depends on links and on the rule alone, and no model of any age has seen another report of
    what is tested on. Memory: some 200 bytes for each issue that is linked, none for the others.

    Args:
        session: Of the database.
        rule: Which issues are gold.
        as_of: What was linked or taken apart later is not known.
    """
    links = read_links(session, as_of=as_of)
    if not len(links.newer):
        return frozenset()
    numbers, groups = group_numbers(links)
    gold = np.zeros(len(numbers), dtype=np.bool_)
    keys: dict[int, str] = {}
    for some in cut_numbers(numbers.tolist()):
        ids, named, moments = zip(*session.execute(_FILED, {"issues": some}), strict=True)
        marked = rule.mark(named, moments)
        places = np.searchsorted(numbers, np.array(ids, dtype=np.int64))
        gold[places] = marked
        keys |= {int(place): key for place, key, is_gold in zip(places, named, marked, strict=True) if is_gold}
    teaches = np.zeros(int(groups.max()) + 1, dtype=np.bool_)
    teaches[groups[~gold]] = True
    return frozenset(keys[place] for place in np.flatnonzero(gold & teaches[groups]).tolist())


def group_numbers(links: Links) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers that are linked, in order, and beside each the number of its group."""
    from scipy.sparse import coo_array  # noqa: PLC0415 -- A second and 60 MB, which few processes need.
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 -- The same.

    numbers, places = np.unique(np.concatenate(links), return_inverse=True)
    newer, older = places[: len(links.newer)], places[len(links.newer) :]
    ones = np.ones(len(newer), dtype=np.int8)
    graph = coo_array((ones, (newer, older)), shape=(len(numbers), len(numbers)))
    _, groups = connected_components(graph, directed=False)
    return numbers, np.asarray(groups, dtype=np.int64)


def read_links(session: Session, *, as_of: datetime) -> Links:
    """Return what was a duplicate of what at a moment, as far as it was known then."""
    rows = session.execute(_LINKS.execution_options(yield_per=ROWS_AT_ONCE), {"as_of": as_of})
    parts = [np.array(some, dtype=np.int64).reshape(-1, 2) for some in rows.partitions()]
    pairs = np.concatenate([*parts, np.empty((0, 2), dtype=np.int64)])
    before: dict[int, str | None] = {}
    for issue_id, old in session.execute(_LATER, {"as_of": as_of}):
        before.setdefault(issue_id, old)
    kept = pairs[~np.isin(pairs[:, 0], np.fromiter(before, dtype=np.int64, count=len(before)))]
    found = np.array(_name_before(session, before), dtype=np.int64).reshape(-1, 2)
    newer, older = np.concatenate([kept, found]).T
    return Links(newer, older)


def _name_before(session: Session, before: dict[int, str | None]) -> list[tuple[int, int]]:
    """Return what issues led to before they were led elsewhere."""
    led = {issue_id: key for issue_id, key in before.items() if key is not None}
    numbers: dict[str, int] = {}
    wanted = sorted(set(led.values()))
    for start in range(0, len(wanted), ROWS_AT_ONCE):
        numbers |= dict(session.execute(_NAMED, {"keys": wanted[start : start + ROWS_AT_ONCE]}).all())
    return [(issue_id, numbers[key]) for issue_id, key in led.items() if key in numbers]
