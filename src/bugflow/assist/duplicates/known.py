"""All issues in memory, as far as it takes to find duplicates: the index, who may see what, and what is merged."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bugflow.assist.duplicates.vector_search import DatabaseVectors
from bugflow.ml.duplicates.growing import GrowingArray
from bugflow.ml.duplicates.index import NEVER, Entry, Filed, ReportIndex
from bugflow.ml.duplicates.profiles import Profile

NOBODY = 0
"""In place of a user's number."""


class IssueState(NamedTuple):
    """What of an issue matters beside its text."""

    issue_id: int
    updated_at: datetime
    project_id: int
    component_id: int | None
    issue_type: str
    priority_rank: int | None
    reporter_id: int
    assignee_id: int | None
    restricted: bool
    created_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None

    @property
    def filed(self) -> Filed:
        """The same as the index takes it."""
        done = self.resolved_at or self.closed_at
        fields = build_fields(self.project_id, self.component_id, self.issue_type, self.priority_rank, self.reporter_id)
        return Filed(self.created_at.timestamp(), NEVER if done is None else done.timestamp(), fields)


@dataclass(frozen=True, slots=True)
class Known:
    """An issue as it is to be found.

    Attributes:
        key: Says which text and which vectors the profile is of, as `make_key` does.
    """

    state: IssueState
    profile: Profile
    key: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What a viewer may see.

    Attributes:
        projects: The numbers of their projects; none means all.
        restricted: Whether also what is restricted to others.
        user_id: Whose own issues they may see, restricted or not.
    """

    projects: frozenset[int] | None
    restricted: bool
    user_id: int | None


def build_fields(
    project_id: int, component_id: int | None, issue_type: str, priority_rank: int | None, reporter_id: int | None
) -> dict[str, str]:
    """Return a report's fields as the index compares them: by numbers, which renaming does not change."""
    numbers = {
        "project": project_id,
        "component": component_id,
        "issue_type": issue_type,
        "priority": priority_rank,
        "reporter": reporter_id,
    }
    return {name: str(value) for name, value in numbers.items() if value is not None}


def make_key(digest: str, *, has_vectors: bool) -> int:
    """Return a number that is another one where the text, or whether it has vectors, is another."""
    return int(digest[:15], 16) * 2 + has_vectors


class KnownIssues:
    """The issues of an installation. One thread changes it while no other reads.

    Attributes:
        encoder_name: Whose vectors are compared; empty where there are none.
        vectors: Where the database searches them; then the index has none.
    """

    def __init__(self, encoder_name: str = "", n_dims: int = 0, *, vectors: DatabaseVectors | None = None) -> None:
        self.encoder_name = encoder_name
        self.vectors = vectors
        self.index = ReportIndex(n_dims)
        self._projects: GrowingArray[np.int32] = GrowingArray(np.int32)
        self._reporters: GrowingArray[np.int32] = GrowingArray(np.int32)
        self._assignees: GrowingArray[np.int32] = GrowingArray(np.int32)
        self._restricted: GrowingArray[np.bool_] = GrowingArray(np.bool_)
        self._stamps: GrowingArray[np.float64] = GrowingArray(np.float64)
        self._keys: GrowingArray[np.int64] = GrowingArray(np.int64)
        self._project_ids: set[int] = set()
        self._targets: dict[int, int] = {}
        self._sources: defaultdict[int, set[int]] = defaultdict(set)

    def __len__(self) -> int:
        """Return how many issues there are to be found."""
        return int(np.count_nonzero(self.index.alive))

    @property
    def replaced(self) -> int:
        """How many rows are of texts that issues no longer have."""
        return len(self.index) - len(self)

    def has(self, issue_id: int, updated_at: datetime) -> bool:
        """Whether an issue is known as it was after its change at that moment."""
        row = self.index.find_row(issue_id)
        return row is not None and bool(self._stamps.view()[row] == updated_at.timestamp())

    @property
    def n_dims(self) -> int:
        """How many dimensions the vectors have that are compared; 0 where there are none."""
        return self.index.n_dims if self.vectors is None else self.vectors.n_dims

    def holds_vectors_of(self, encoder_name: str) -> bool:
        """Whether issues are to be known by vectors of an encoder here."""
        return self.vectors is None and encoder_name != "" and encoder_name == self.encoder_name

    def find_key(self, issue_id: int) -> int | None:
        """Return which text and vectors an issue is known by."""
        row = self.index.find_row(issue_id)
        return None if row is None else int(self._keys.view()[row])

    def count_without_vectors(self) -> int:
        """Return how many issues are known by their words alone, as far as vectors are held here."""
        if self.vectors is not None:
            return 0
        keys, alive = self._keys.view(), self.index.alive
        n_rows = min(len(keys), len(alive))
        return int(np.count_nonzero(alive[:n_rows] & (keys[:n_rows] & 1 == 0)))

    def list_ids(self) -> set[int]:
        """Return the numbers of all issues."""
        return {int(each) for each in self.index.identities[self.index.alive]}

    def list_differing(self, numbers: NDArray[np.int64], stamps: NDArray[np.float64]) -> set[int]:
        """Return which issues are not known as they are, or known though they are no more.

        Args:
            numbers: Of all issues that there are.
            stamps: When each was last changed, in seconds since 1970; shape of `numbers`.
        """
        rows = np.array([-1 if row is None else row for row in map(self.index.find_row, numbers.tolist())], dtype=int)
        same = rows >= 0
        same[same] = self._stamps.view()[rows[same]] == stamps[same]
        gone = np.setdiff1d(self.index.identities[self.index.alive], numbers)
        return {*numbers[~same].tolist(), *gone.tolist()}

    def add(self, issues: Sequence[Known]) -> None:
        """Add issues, or replace what was known of them."""
        if not issues:
            return
        states = [each.state for each in issues]
        self._projects.extend(np.array([each.project_id for each in states], dtype=np.int32))
        self._reporters.extend(np.array([each.reporter_id for each in states], dtype=np.int32))
        self._assignees.extend(np.array([each.assignee_id or NOBODY for each in states], dtype=np.int32))
        self._restricted.extend(np.array([each.restricted for each in states], dtype=np.bool_))
        self._project_ids.update(each.project_id for each in states)
        self._stamps.extend(np.array([each.updated_at.timestamp() for each in states]))
        self._keys.extend(np.array([each.key for each in issues], dtype=np.int64))
        self.index.add([Entry(each.state.issue_id, each.profile, each.state.filed) for each in issues])
        self._regroup({each.issue_id for each in states})

    def change(self, state: IssueState) -> None:
        """Take over what changed of an issue beside its text."""
        row = self.index.find_row(state.issue_id)
        if row is None:
            return
        self.index.refile(state.issue_id, state.filed)
        self._projects.view()[row] = state.project_id
        self._project_ids.add(state.project_id)
        self._reporters.view()[row] = state.reporter_id
        self._assignees.view()[row] = state.assignee_id or NOBODY
        self._restricted.view()[row] = state.restricted
        self._stamps.view()[row] = state.updated_at.timestamp()

    def remove(self, issue_id: int) -> None:
        """Find an issue no more."""
        self.link({issue_id: None})
        self.index.remove(issue_id)

    def link(self, links: Mapping[int, int | None]) -> None:
        """Note of some issues what each is a duplicate of now; none where it is no duplicate."""
        touched: set[int] = set()
        for source, target in links.items():
            before = self._targets.get(source)
            if before == target:
                continue
            touched |= {each for each in (source, target, before) if each is not None}
            if before is not None:
                self._sources[before].discard(source)
                del self._targets[source]
            if target is not None:
                self._targets[source] = target
                self._sources[target].add(source)
        self._regroup(touched)

    def list_links(self) -> Mapping[int, int]:
        """Return what each duplicate is a duplicate of."""
        return self._targets

    def find_canonical(self, issue_id: int) -> int:
        """Return what an issue is a duplicate of in the end; itself where it is none."""
        seen = {issue_id}
        while (following := self._targets.get(issue_id)) is not None and following not in seen:
            seen.add(following)
            issue_id = following
        return issue_id

    def _regroup(self, issue_ids: Iterable[int]) -> None:
        """Name the groups of issues, and of what leads to them, by the row of what each leads to."""
        fresh, seen = set(issue_ids), set[int]()
        while fresh:
            seen |= fresh
            fresh = {source for each in fresh for source in self._sources.get(each, ())} - seen
        for each in seen:
            self.index.assign(each, self.find_canonical(each))

    def mask(self, sight: Sight) -> NDArray[np.bool_]:
        """Return which rows a viewer may see; the database has the last word. Shape (rows,)."""
        allowed = np.ones(len(self._projects), dtype=np.bool_)
        if sight.projects is not None and not self._project_ids <= sight.projects:
            seen = np.zeros(max(self._project_ids) + 1, dtype=np.bool_)
            seen[[each for each in sight.projects if each < len(seen)]] = True
            allowed = seen[self._projects.view()]
        if not sight.restricted:
            user = -1 if sight.user_id is None else sight.user_id
            rows = np.flatnonzero(self._restricted.view())  # They are few.
            own = (self._reporters.view()[rows] == user) | (self._assignees.view()[rows] == user)
            allowed[rows[~own]] = False
        return allowed
