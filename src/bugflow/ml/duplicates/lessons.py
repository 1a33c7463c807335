"""What a ranker learns from: a tracker's duplicates, and some of the reports that are none."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.candidates import Query
from bugflow.ml.duplicates.copies import Copy, make_copies
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.profiles import Profile, profile_reports
from bugflow.ml.duplicates.replay import Comparison, Moment, compare, replay

OTHERS, COPIES = 2_500, 1_500


@dataclass(frozen=True, slots=True)
class Lesson:
    """Reports of one tracker beside their candidates, the oldest first.

    Attributes:
        others_weight: For how many reports each one stands of which no older report is known to be the same bug: they
            are many, so that some are chosen.
        drafts: The same reports when only their titles were written: candidates are shown while one types.
        copies: Made-up reports that repeat older ones.
    """

    comparisons: Sequence[Comparison]
    others_weight: float = 1.0
    drafts: Sequence[Comparison] = ()
    copies: Sequence[Comparison] = ()

    def choose(self, rows: Collection[int]) -> "Lesson":
        """Return what the lesson says of some of the history's rows."""
        chosen = set(rows)
        parts = (self.comparisons, self.drafts, self.copies)
        comparisons, drafts, copies = ([each for each in part if each.row in chosen] for part in parts)
        return Lesson(comparisons, self.others_weight, drafts, copies)


def build_lesson(
    history: History, profiles: Sequence[Profile], encoder: Encoder | None, *, others: int = OTHERS, seed: int = 0
) -> Lesson:
    """Return every duplicate of a history beside its candidates, and as many other reports.

    Args:
        history: The tracker's past.
        profiles: Of each of its reports.
        encoder: Whose vectors the profiles have; none where they have none.
        others: So many other reports at most.
        seed: Of their choice.
    """
    chosen = choose_others(history, others, seed=seed)
    rows = sorted({*history.queries, *chosen})
    titles = [Report(history.reports[row].title, "") for row in rows]
    drafts = dict(zip(rows, profile_reports(titles, encoder), strict=True))
    made = make_copies(history, COPIES, seed=seed)
    profiled = zip(made, profile_reports([each.report for each in made], encoder), strict=True)
    copies = {copy.row: (copy, profile) for copy, profile in profiled}
    filed: list[Comparison | None] = []
    drafted: list[Comparison | None] = []
    repeated: list[Comparison | None] = []
    for moment in replay(history, profiles, sorted({*drafts, *copies})):
        if moment.row in drafts:
            draft = replace(moment.query, profile=drafts[moment.row])
            filed.append(compare(history, moment))
            drafted.append(compare(history, replace(moment, query=draft)))
        if moment.row in copies:
            repeated.append(_compare_copy(history, moment, *copies[moment.row]))
    unlinked = len(history) - len(history.queries) - len(history.doubtful.difference(history.queries))
    weight = unlinked / max(len(chosen), 1)
    parts = ([each for each in part if each] for part in (drafted, repeated))
    return Lesson([each for each in filed if each], weight, *parts)


def _compare_copy(history: History, moment: Moment, copy: Copy, profile: Profile) -> Comparison | None:
    """Return a made-up report beside its candidates; none where what it repeats is not among them."""
    found = compare(history, replace(moment, query=Query(profile, copy.filed)))
    if found is None:
        return None
    right = history.clusters[found.rows] == history.clusters[copy.of]
    return replace(found, right=right & copy.same, settled=True) if right.any() else None


def choose_others(history: History, most: int, *, seed: int = 0) -> list[int]:
    """Return the rows of reports that nobody called duplicates, at most so many, chosen by chance."""
    known = {0, *history.queries, *history.doubtful}  # Before the first report there is none.
    rows = np.array([row for row in range(len(history)) if row not in known], dtype=np.int64)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return [int(row) for row in rows]
