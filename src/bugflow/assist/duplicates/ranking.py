"""Candidates put in order: by the ranking in use, and by one that is tried, unseen or in its place."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import structlog
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.hosting import DuplicateHost
from bugflow.assist.duplicates.known import KnownIssues
from bugflow.assist.duplicates.rankers import MODEL_TYPE, LoadedRanker
from bugflow.ml.duplicates.candidates import Candidates, Query
from bugflow.ml.duplicates.features import Features, compute_features
from bugflow.ml.duplicates.profiles import Profile
from bugflow.mlops.predictions.entries import SEARCH, Part
from bugflow.mlops.promotion.sides import choose_challenged
from bugflow.mlops.promotion.trials import find_trial

log = structlog.get_logger()

MOST_LOOKED_AT = 30
"""Of the best candidates so many are read."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A version that is tried.

    Attributes:
        answers: Whether it answers about this report in the place of the one in use; else it thinks along, unseen.
    """

    version: str
    answers: bool


@dataclass(frozen=True, slots=True)
class Match:
    """The issue of a group that is most like the report.

    Attributes:
        canonical_id: What the whole group is a duplicate of; the issue itself where it is alone.
        meaning: Cosine of the texts; 0 without an encoder.
        frames: How much of the trace is shared, in [0, 1].
    """

    issue_id: int
    canonical_id: int
    probability: float | None
    flagged: bool
    meaning: float
    frames: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """What may be the same bug, as somebody puts it in order.

    Attributes:
        matches: One of each group, the best first.
        method: Who has put them in order.
        version: Of a learned ranking; none for a search.
        threshold: From which probability on it flags.
        part: What it was there for.
        seconds: How long it took for that alone.
    """

    matches: list[Match]
    method: str
    version: str | None = None
    threshold: float | None = None
    part: Part = "champion"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sorting:
    """Candidates that are to be put in order.

    Attributes:
        left_out: Canonical issues whose groups are not suggested.
        least: What is less probable is left out.
    """

    known: KnownIssues
    query: Query
    found: Candidates
    left_out: Collection[int]
    least: float


def find_tried(session: Session, key: str | None) -> Tried | None:
    """Return what is tried and concerns a report; the key is that of its draft, none where it has none."""
    trial = None if key is None else find_trial(session, MODEL_TYPE)
    if trial is None or key is None:
        return None
    if trial.stage == "shadow":
        return Tried(trial.version, answers=False)
    return Tried(trial.version, answers=True) if choose_challenged([trial], key) else None


def rank_candidates(
    host: DuplicateHost,
    known: KnownIssues,
    query: Query,
    found: Candidates,
    *,
    left_out: Collection[int],
    tried: Tried | None,
    thinks_along: bool,
) -> list[Ranked]:
    """Return what is to be shown, and behind it what a version that is tried in the shadow says.

    Both see the same features, which are computed once. Whatever fails, the order of the search is shown.

    Args:
        host: Has the rankers.
        known: The issues, which do not change meanwhile.
        query: What is looked for.
        found: The candidates; at least one.
        left_out: Canonical issues whose groups are not suggested.
        tried: What is tried and concerns this report.
        thinks_along: Whether anybody wants to know what a version in the shadow says.
    """
    # After an import most issues have no vectors yet. What is tried is asked where that in use is.
    compared = bool(np.count_nonzero(found.meaning) * 2 > len(found.rows))
    if not compared:
        query = replace(query, profile=Profile(query.profile.words))
    sorting = _Sorting(known, query, found, left_out, host.options.least_probability)
    in_use = host.rankers.choose(with_vectors=compared)
    rival = host.rankers.find_challenger(tried.version) if tried is not None and compared else None
    features = _compute(sorting) if in_use is not None or rival is not None else None
    if features is None:
        return [_keep_order(sorting)]
    shown = None
    if rival is not None and tried is not None and tried.answers:
        shown = _ask(rival, features, sorting, part="ab")
    if shown is None and in_use is not None:
        shown = _ask(in_use, features, sorting, part="champion")
    ranked = [shown or _keep_order(sorting)]
    if rival is not None and tried is not None and not tried.answers and thinks_along:
        unseen = _ask(rival, features, sorting, part="shadow")
        ranked += [] if unseen is None else [unseen]
    return ranked


def _compute(sorting: _Sorting) -> Features | None:
    try:
        return compute_features(sorting.known.index, sorting.query, sorting.found)
    except Exception as error:  # noqa: BLE001 -- The edge to what rankings see: the order of the search is good, too.
        log.warning("duplicates_not_ranked", error=str(error), kind=type(error).__name__)
        return None


def _keep_order(sorting: _Sorting) -> Ranked:
    """Return candidates in the order of the search."""
    found, known = sorting.found, sorting.known
    ids = known.index.identities[found.rows[:MOST_LOOKED_AT]].tolist()
    matches = [
        Match(number, known.find_canonical(number), None, flagged=False, meaning=float(meaning), frames=float(frames))
        for number, meaning, frames in zip(ids, found.meaning, found.frames, strict=False)
    ]
    return Ranked(matches=_collapse(matches, sorting.left_out), method=SEARCH)


def _ask(asked: LoadedRanker, features: Features, sorting: _Sorting, *, part: Part) -> Ranked | None:
    """Return what a learned ranking says; none where it fails."""
    started = time.perf_counter()
    try:
        ranking = asked.ranker.rank(features)
    except Exception as error:  # noqa: BLE001 -- The edge to a learned model: others answer, too.
        log.warning("duplicates_not_ranked", version=asked.name, error=str(error), kind=type(error).__name__)
        return None
    known, found, threshold = sorting.known, sorting.found, asked.ranker.threshold
    matches = []
    for place in ranking.order[:MOST_LOOKED_AT]:
        probability = float(ranking.probabilities[place])
        if probability < sorting.least:
            continue
        number = int(known.index.identities[found.rows[place]])
        flagged = probability >= threshold and sorting.query.filed.is_bug
        likeness = float(found.meaning[place]), float(found.frames[place])
        matches.append(Match(number, known.find_canonical(number), probability, flagged, *likeness))
    return Ranked(
        matches=sorted(_collapse(matches, sorting.left_out), key=lambda match: -(match.probability or 0)),
        method=asked.method,
        version=asked.name,
        threshold=threshold,
        part=part,
        seconds=time.perf_counter() - started,
    )


def _collapse(matches: Collection[Match], left_out: Collection[int]) -> list[Match]:
    """Return the first match of each group."""
    groups: dict[int, Match] = {}
    for match in matches:
        if match.canonical_id not in left_out:
            groups.setdefault(match.canonical_id, match)
    return list(groups.values())
