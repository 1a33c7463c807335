"""Duplicates told again: of each issue what would have been suggested when it was filed, and what people said later."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bugflow.assist.duplicates.past import read_past
from bugflow.assist.duplicates.retelling import profile_past, tell_history
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import compare, count_before, replay
from bugflow.ml.duplicates.starter import FOLDER, WORDS
from bugflow.ml.evaluation import share_interval

AMONG = 10
"""So many suggestions are looked at."""
EXAMPLES = 10
SET_LATER = ("component", "priority")
"""Fields that people change; when they were set is not known of all issues, so that nothing is compared by them."""
READING = 0.6
"""Of all work, for the progress that is told."""

Tell = Callable[[float, str], None]
"""Called with the share of the work that is done, in [0, 1], and what is done next."""


@dataclass(frozen=True, kw_only=True)
class DuplicateBlock:
    """One stretch of time; the counts are those of the whole."""

    since: datetime
    until: datetime
    asked: int
    duplicates: int
    among_ten: int
    flagged_right: int
    others: int
    others_flagged: int


@dataclass(frozen=True, kw_only=True)
class DuplicateExample:
    """An issue and what would have stood first.

    Attributes:
        said: The issue that would have stood first; none where that is one of another project, or there is none.
        truth: The oldest report of the same bug; none where that is one of another project, or there is none.
        place: Where the right older report would have stood, from 1 on; none where it would not have been found.
    """

    key: str
    title: str
    said: str | None
    said_title: str
    probability: float
    truth: str | None
    place: int | None


@dataclass(frozen=True, kw_only=True)
class DuplicateResult:
    """What came of it.

    Attributes:
        known: How many issues there are in all projects; each was compared with those that were older.
        asked: Of the project; `duplicates + others + unclear`.
        duplicates: Those that people later called duplicates of an older issue that is here.
        first: For how many the right one would have stood first; `among_ten` for how many among the first ten.
        among_ten_interval: 95 %, of the share; none where there are no duplicates.
        flagged_right: For how many it would have been flagged as the same bug; `flagged_wrong`, another one.
        others: Those that nobody called a duplicate; `others_flagged` would have been flagged all the same.
        unclear: Those that people called duplicates of something that is not here.
        by_words: Whether only words were compared, without an encoder.
        missed: Duplicates whose older report would not have been among the ten.
        doubted: Others that would have been flagged, the surest first: mistakes, or duplicates that nobody noticed.
    """

    known: int
    asked: int
    since: datetime
    until: datetime
    duplicates: int
    first: int
    among_ten: int
    among_ten_interval: tuple[float, float] | None
    flagged_right: int
    flagged_wrong: int
    others: int
    others_flagged: int
    unclear: int
    threshold: float
    by_words: bool
    blocks: tuple[DuplicateBlock, ...]
    missed: tuple[DuplicateExample, ...]
    doubted: tuple[DuplicateExample, ...]


@dataclass(frozen=True, slots=True)
class _Suggested:
    """What would have been suggested for one row: the first one, how probable, and where the right one stood."""

    row: int
    first: int | None
    probability: float
    is_flagged: bool
    is_right: bool
    place: int | None


def backtest_duplicates(
    database: Database,
    encoder: Encoder | None,
    *,
    project: str,
    last: int = 500,
    blocks: int = 5,
    tell: Tell = lambda _done, _note: None,
) -> DuplicateResult | None:
    """Return what would have been suggested for the newest issues of a project; none where it has fewer than two.

    Each issue is compared, as it was filed, with all that were older, of every project, and with the merges that people
    had made by then. The ranking is the one that comes with BugFlow: one that this very past has taught would know the
    answers.

    Args:
        database: Whose issues.
        encoder: None compares by words alone.
        project: The key of the one whose newest issues are asked about.
        last: So many of them.
        blocks: Into so many stretches of as many issues they are cut.
        tell: Is called as the work goes on.

    Raises:
        BugFlowError: The encoder failed.
    """

    def tell_reading(done: int, total: int) -> None:
        tell(READING * done / max(total, 1), f"Duplicates: reading {done:,} of {total:,}")

    past = read_past(database, as_of=utc_now())
    history = tell_history(past)
    profiles = profile_past(database, encoder, past, history, tell=tell_reading)
    own = [row for row, each in enumerate(history.filed) if each.fields.get("project") == project]
    return replay_duplicates(
        history, profiles, own[-last:], Ranker.load(WORDS if encoder is None else FOLDER), blocks=blocks, tell=tell
    )


def replay_duplicates(
    history: History,
    profiles: Sequence[Profile],
    rows: Sequence[int],
    ranker: Ranker,
    *,
    blocks: int = 5,
    tell: Tell = lambda _done, _note: None,
) -> DuplicateResult | None:
    """Return what would have been suggested for some rows of a history, in ascending order; none where there are none.

    Args:
        history: The past, with the texts as they were filed.
        profiles: Of each of its reports.
        rows: Which are asked about; what has nothing older is left out.
        ranker: Not taught by this past.
        blocks: Into so many stretches they are cut.
        tell: Is called as the work goes on.
    """
    told = _forget_later(history)
    asked = [row for row in rows if row > 0]
    if not asked:
        return None
    suggested = []
    for found in _ask(told, profiles, asked, ranker):
        suggested.append(found)
        tell(READING + (1 - READING) * len(suggested) / len(asked), f"Duplicates: {len(suggested):,} of {len(asked):,}")
    return _summarise(told, suggested, blocks=blocks, threshold=ranker.threshold, profiles=profiles)


def _forget_later(history: History) -> History:
    """Return a history whose issues have only fields that were certainly there when they were filed."""
    filed = [
        replace(each, fields={name: value for name, value in each.fields.items() if name not in SET_LATER})
        for each in history.filed
    ]
    return replace(history, filed=tuple(filed))


def _ask(history: History, profiles: Sequence[Profile], rows: Sequence[int], ranker: Ranker) -> Iterator[_Suggested]:
    for moment in replay(history, profiles, rows):
        found = compare(history, moment)
        if found is None:
            yield _Suggested(moment.row, None, 0.0, is_flagged=False, is_right=False, place=None)
            continue
        ranking = ranker.rank(found.features)
        right = set(found.groups[found.right].tolist())
        before, best = count_before(found.groups[ranking.order], right), int(ranking.order[0])
        probability = float(ranking.probabilities[best])
        yield _Suggested(
            row=moment.row,
            first=int(found.rows[best]),
            probability=probability,
            is_flagged=found.is_bug and probability >= ranker.threshold,
            is_right=int(found.groups[best]) in right,
            place=None if before is None else before + 1,
        )


def _summarise(
    history: History, suggested: Sequence[_Suggested], *, blocks: int, threshold: float, profiles: Sequence[Profile]
) -> DuplicateResult:
    queries = set(history.queries)
    duplicates = [each for each in suggested if each.row in queries]
    others = [each for each in suggested if each.row not in queries and each.row not in history.doubtful]
    among_ten = [each for each in duplicates if _is_among(each)]
    doubted = sorted((each for each in others if each.is_flagged), key=lambda each: -each.probability)
    missed = [each for each in duplicates if not _is_among(each)]
    size = -(-len(suggested) // blocks)
    parts = [suggested[start : start + size] for start in range(0, len(suggested), size)]
    return DuplicateResult(
        known=len(history),
        asked=len(suggested),
        since=_moment(history, suggested[0].row),
        until=_moment(history, suggested[-1].row),
        duplicates=len(duplicates),
        first=sum(each.place == 1 for each in duplicates),
        among_ten=len(among_ten),
        among_ten_interval=share_interval(len(among_ten), len(duplicates)) if duplicates else None,
        flagged_right=sum(each.is_flagged and each.is_right for each in duplicates),
        flagged_wrong=sum(each.is_flagged and not each.is_right for each in duplicates),
        others=len(others),
        others_flagged=len(doubted),
        unclear=len(suggested) - len(duplicates) - len(others),
        threshold=threshold,
        by_words=all(each.text is None for each in profiles),
        blocks=tuple(_count_block(history, part, queries) for part in parts),
        missed=tuple(_describe(history, each, queries) for each in missed[-EXAMPLES:]),
        doubted=tuple(_describe(history, each, queries) for each in doubted[:EXAMPLES]),
    )


def _count_block(history: History, part: Sequence[_Suggested], queries: set[int]) -> DuplicateBlock:
    duplicates = [each for each in part if each.row in queries]
    others = [each for each in part if each.row not in queries and each.row not in history.doubtful]
    return DuplicateBlock(
        since=_moment(history, part[0].row),
        until=_moment(history, part[-1].row),
        asked=len(part),
        duplicates=len(duplicates),
        among_ten=sum(map(_is_among, duplicates)),
        flagged_right=sum(each.is_flagged and each.is_right for each in duplicates),
        others=len(others),
        others_flagged=sum(each.is_flagged for each in others),
    )


def _is_among(each: _Suggested) -> bool:
    return each.place is not None and each.place <= AMONG


def _describe(history: History, each: _Suggested, queries: set[int]) -> DuplicateExample:
    """Return an example; of an issue of another project, which not everybody may see, nothing is told."""
    said = each.first if each.first is not None and _is_same_project(history, each.row, each.first) else None
    oldest = int(history.clusters[each.row])
    is_told = each.row in queries and _is_same_project(history, each.row, oldest)
    return DuplicateExample(
        key=history.names[each.row],
        title=history.reports[each.row].title,
        said=None if said is None else history.names[said],
        said_title="" if said is None else history.reports[said].title,
        probability=each.probability,
        truth=history.names[oldest] if is_told else None,
        place=each.place,
    )


def _is_same_project(history: History, row: int, other: int) -> bool:
    return history.filed[row].fields.get("project") == history.filed[other].fields.get("project")


def _moment(history: History, row: int) -> datetime:
    return datetime.fromtimestamp(history.filed[row].created, UTC)
