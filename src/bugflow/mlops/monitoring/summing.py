"""The figures of everything that is in use at once, in one pass over the predictions of a window.

Labels and versions are not told apart here, and what is counted is one small number for the database: with hundreds of
thousands of predictions, grouping by texts is what costs.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from bugflow.mlops.monitoring.figures import CHAMPION_PART, Cell, Figures, sum_up
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.registry.versions import MODEL_TYPES, ModelType
from bugflow.mlops.serving.opinions import OFF

N_BINS = 10
OUTCOMES = (None, "right", "wrong")
SURE, OTHER = "sure", "other"
KIND = "kind"


@dataclass(frozen=True)
class Summary:
    """How good the predictions of one type were.

    Attributes:
        calibration_error: By how much probability and being right differ on average (ECE), in [0, 1].
    """

    figures: Figures
    calibration_error: float | None


class _Kind(NamedTuple):
    """What is counted of a prediction.

    Attributes:
        bin: The tenth of its probability, where that and what is right are known; else `N_BINS`.
    """

    model_type: ModelType
    bin: int
    outcome: str | None
    shown: bool
    sure: bool

    @classmethod
    def read(cls, number: int) -> "_Kind":
        """Return what a number of `_number_kinds` stands for."""
        rest, sure = divmod(number, 2)
        rest, shown = divmod(rest, 2)
        rest, outcome = divmod(rest, len(OUTCOMES))
        place, tenth = divmod(rest, N_BINS + 1)
        return cls(MODEL_TYPES[place], tenth, OUTCOMES[outcome], bool(shown), bool(sure))


def sum_up_all(session: Session, *, since: datetime, until: datetime) -> Mapping[ModelType, Summary]:
    """Return the figures of the predictions in use of each type, as `measure` counts them."""
    rows = session.execute(
        select(_number_kinds().label(KIND), func.count(), func.sum(Prediction.probability))
        .where(Prediction.field.in_(MODEL_TYPES), Prediction.created_at >= since, Prediction.created_at < until)
        .where(Prediction.part == CHAMPION_PART, Prediction.method != OFF)
        .group_by(KIND)
    )
    cells: defaultdict[ModelType, list[Cell]] = defaultdict(list)
    gaps: defaultdict[ModelType, list[float]] = defaultdict(lambda: [0.0] * N_BINS)
    known: defaultdict[ModelType, int] = defaultdict(int)
    for number, count, total in rows:
        kind = _Kind.read(number)
        band = SURE if kind.sure else OTHER
        cells[kind.model_type].append(Cell(None, "", CHAMPION_PART, band, kind.shown, kind.outcome, count))
        if kind.bin < N_BINS:
            gaps[kind.model_type][kind.bin] += float(total or 0) - (count if kind.outcome == "right" else 0)
            known[kind.model_type] += count
    return {
        each: Summary(sum_up(cells[each]), sum(map(abs, gaps[each])) / known[each] if known[each] else None)
        for each in MODEL_TYPES
    }


def _number_kinds() -> ColumnElement[int]:
    """Return a number for all that is counted, as `_Kind.read` understands it."""
    model_type = case(*((Prediction.field == each, place) for place, each in enumerate(MODEL_TYPES)))
    outcome = case(*((Prediction.outcome == each, place) for place, each in enumerate(OUTCOMES) if each), else_=0)
    shown, sure = (case((each, 1), else_=0) for each in (Prediction.shown, Prediction.band == SURE))
    return (((model_type * (N_BINS + 1) + _tell_bin()) * len(OUTCOMES) + outcome) * 2 + shown) * 2 + sure


def _tell_bin() -> ColumnElement[int]:
    """Return the tenth of its probability that a settled prediction falls into, as `calibrate` has them."""
    tenths = ((Prediction.probability >= place / N_BINS, place) for place in reversed(range(1, N_BINS)))
    is_unknown = Prediction.outcome.is_(None) | Prediction.probability.is_(None)
    return case((is_unknown, N_BINS), *tenths, else_=0)
