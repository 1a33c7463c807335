"""What a ranker learns from: a tracker's duplicates, and some of the reports that are none."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.profiles import Profile, profile_reports
from bugflow.ml.duplicates.replay import Comparison, compare, replay

OTHERS = 2_500


@dataclass(frozen=True, slots=True)
class Lesson:
    """Reports of one tracker beside their candidates, the oldest first.

    Attributes:
        others_weight: For how many reports each one stands of which no older report is known to be the same bug: they
            are many, so that some are chosen.
        drafts: The same reports when only their titles were written: candidates are shown while one types.
    """

    comparisons: Sequence[Comparison]
    others_weight: float = 1.0
    drafts: Sequence[Comparison] = ()

    def choose(self, rows: Collection[int]) -> "Lesson":
        """Return what the lesson says of some of the history's rows."""
        chosen = set(rows)
        parts = ([each for each in part if each.row in chosen] for part in (self.comparisons, self.drafts))
        comparisons, drafts = parts
        return Lesson(comparisons, self.others_weight, drafts)


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
    titles = profile_reports([Report(history.reports[row].title, "") for row in rows], encoder)
    compared, drafts = [], []
    for moment, title in zip(replay(history, profiles, rows), titles, strict=True):
        compared.append(compare(history, moment))
        drafts.append(compare(history, replace(moment, query=replace(moment.query, profile=title))))
    unlinked = len(history) - len(history.queries) - len(history.doubtful.difference(history.queries))
    weight = unlinked / max(len(chosen), 1)
    return Lesson([each for each in compared if each], weight, [each for each in drafts if each])


def choose_others(history: History, most: int, *, seed: int = 0) -> list[int]:
    """Return the rows of reports that nobody called duplicates, at most so many, chosen by chance."""
    known = {0, *history.queries, *history.doubtful}  # Before the first report there is none.
    rows = np.array([row for row in range(len(history)) if row not in known], dtype=np.int64)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return [int(row) for row in rows]
