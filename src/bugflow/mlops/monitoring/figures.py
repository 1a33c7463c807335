"""How good predictions were: counted by the database, summed up here; nothing reads single rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from bugflow.ml.evaluation import share_interval
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.promotion.gate import WRONG_COSTS
from bugflow.mlops.registry.versions import DUPLICATES, ModelType
from bugflow.mlops.serving.opinions import OFF
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.tables import Team

CHAMPION_PART = "champion"
USUAL_DAYS, MOST_DAYS = 30, 3_650
NO_TEAM = "no team"
BIN = "bin"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which predictions are looked at.

    Attributes:
        until: Not among them any more.
        project_id: None for those of all projects.
    """

    model_type: ModelType
    since: datetime
    until: datetime
    project_id: int | None = None

    @classmethod
    def of_days(cls, model_type: ModelType, days: float, *, now: datetime, project_id: int | None = None) -> "Scope":
        """Return the scope of the latest days."""
        return cls(model_type=model_type, since=now - timedelta(days=days), until=now, project_id=project_id)

    @property
    def before(self) -> "Scope":
        """The window of the same length that ends where this one begins."""
        since = self.since - (self.until - self.since)
        return Scope(model_type=self.model_type, since=since, until=self.since, project_id=self.project_id)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a prediction of the scope fulfils; what was switched off predicted nothing."""
        found = [
            Prediction.field == self.model_type,
            Prediction.created_at >= self.since,
            Prediction.created_at < self.until,
            Prediction.method != OFF,
        ]
        return found if self.project_id is None else [*found, Prediction.project_id == self.project_id]


@dataclass(frozen=True)
class Share:
    """So many of so many.

    Attributes:
        share: In [0, 1]; none of nothing.
        interval: Its 95 % interval (Wilson's); none of nothing.
    """

    count: int
    total: int
    share: float | None
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, count: int, total: int) -> "Share":
        """Return a share."""
        return cls(count, total, count / total, share_interval(count, total)) if total else cls(0, 0, None, None)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How good predictions were.

    Attributes:
        n_predictions: How many there were.
        coverage: How many of them were sure.
        shown: How many of them somebody saw.
        acceptance: Of those that somebody saw and that people have settled, how many were right.
        accuracy: Of all that people have settled, how often the best guess was right.
        precision: Of the sure ones that people have settled, how many were right.
        worth: What the sure answers about a hundred settled issues are worth: 1 for a right one, -1.75 for a wrong one.
    """

    n_predictions: int
    coverage: Share
    shown: Share
    acceptance: Share
    accuracy: Share
    precision: Share
    worth: float | None


@dataclass(frozen=True)
class VersionFigures:
    """The figures of one version in one part: champion, challenger (`ab`) or shadow."""

    version: str | None
    method: str
    part: str
    figures: Figures


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same probability, from `low` on and below `high`.

    Attributes:
        mean: Their mean probability.
        right: How many of them were right.
    """

    low: float
    high: float
    mean: float
    right: Share


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities are what they say.

    Attributes:
        error: By how much probability and being right differ on average (ECE), in [0, 1]; none where nothing is known.
    """

    bins: tuple[Bin, ...]
    error: float | None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All that is known of the predictions of a scope; what is in use first, then each version in each part.

    Attributes:
        by_label: Precision where sure, by the label that was said; none of duplicates, each of which is its own label.
        by_team: Precision where sure, by the team that the issue has now.
    """

    scope: Scope
    overall: Figures
    versions: tuple[VersionFigures, ...]
    by_label: Mapping[str, Share] = field(default_factory=lambda: MappingProxyType({}))
    by_team: Mapping[str, Share] = field(default_factory=lambda: MappingProxyType({}))
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Cell:
    """So many predictions that are alike in everything that is counted.

    Attributes:
        label: None of duplicates, too, of which every label is another issue.
    """

    version: str | None
    method: str
    part: str
    band: str
    shown: bool
    outcome: str | None
    count: int
    label: str | None = None


def measure(session: Session, scope: Scope) -> Measured:
    """Return how good the predictions of a scope were."""
    cells = count_cells(session, scope)
    in_use = [cell for cell in cells if cell.part == CHAMPION_PART]
    return Measured(
        scope=scope,
        overall=sum_up(in_use),
        versions=_by_version(cells),
        by_label={} if scope.model_type == DUPLICATES else _find_precision(in_use, lambda cell: cell.label or ""),
        by_team=_find_team_precision(session, scope),
        calibration=calibrate(session, scope),
    )


def count_cells(session: Session, scope: Scope) -> list[Cell]:
    """Return how many predictions of each kind there are."""
    kinds = (
        Prediction.model_version,
        Prediction.method,
        Prediction.part,
        Prediction.band,
        Prediction.shown,
        Prediction.outcome,
    )
    labels = () if scope.model_type == DUPLICATES else (Prediction.label,)
    rows = session.execute(select(*kinds, func.count(), *labels).where(*scope.conditions()).group_by(*kinds, *labels))
    return [Cell(*row) for row in rows]


def sum_up(cells: Iterable[Cell]) -> Figures:
    """Return the figures of predictions."""
    found = list(cells)
    settled = [cell for cell in found if cell.outcome is not None]
    seen = [cell for cell in settled if cell.shown]
    sure = [cell for cell in settled if cell.band == "sure"]
    total, n_settled, precision = _count(found), _count(settled), _share_right(sure)
    worth = (
        (precision.count - WRONG_COSTS * (precision.total - precision.count)) * 100 / n_settled if n_settled else None
    )
    return Figures(
        n_predictions=total,
        coverage=Share.of(_count(cell for cell in found if cell.band == "sure"), total),
        shown=Share.of(_count(cell for cell in found if cell.shown), total),
        acceptance=_share_right(seen),
        accuracy=_share_right(settled),
        precision=precision,
        worth=worth,
    )


def _count(cells: Iterable[Cell]) -> int:
    return sum(cell.count for cell in cells)


def _share_right(cells: Sequence[Cell]) -> Share:
    return Share.of(_count(cell for cell in cells if cell.outcome == "right"), _count(cells))


def _by_version(cells: Iterable[Cell]) -> tuple[VersionFigures, ...]:
    together: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        together.setdefault((cell.part, cell.version or "", cell.method), []).append(cell)
    parts = sorted(together, key=lambda each: (each[0] != CHAMPION_PART, each))
    return tuple(
        VersionFigures(version or None, method, part, sum_up(together[part, version, method]))
        for part, version, method in parts
    )


def _find_precision(cells: Iterable[Cell], name: Callable[[Cell], str]) -> dict[str, Share]:
    together: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.band == "sure" and cell.outcome is not None:
            together.setdefault(name(cell), []).append(cell)
    return {each: _share_right(together[each]) for each in sorted(together)}


def _find_team_precision(session: Session, scope: Scope) -> dict[str, Share]:
    """Return the precision where sure by the team that the issues have now."""
    rows = session.execute(
        select(Team.name, Prediction.outcome, func.count())
        .select_from(Prediction)
        .join(Issue, Issue.id == Prediction.issue_id)
        .outerjoin(Team, Team.id == Issue.team_id)
        .where(*scope.conditions(), Prediction.part == CHAMPION_PART)
        .where(Prediction.band == "sure", Prediction.outcome.is_not(None))
        .group_by(Team.name, Prediction.outcome)
    )
    counts: dict[str, dict[str, int]] = {}
    for team, outcome, count in rows:
        counts.setdefault(team or NO_TEAM, {})[outcome or ""] = count
    return {team: Share.of(counts[team].get("right", 0), sum(counts[team].values())) for team in sorted(counts)}


def calibrate(session: Session, scope: Scope) -> Calibration:
    """Return how often predictions in use were right, by their probability."""
    edges = [tenth / 10 for tenth in range(10)]
    bins = case(
        *((Prediction.probability >= edge, place) for place, edge in reversed(list(enumerate(edges)))), else_=0
    ).label(BIN)
    is_right = func.sum(case((Prediction.outcome == "right", 1), else_=0))
    rows = session.execute(
        select(bins, func.count(), func.sum(Prediction.probability), is_right)
        .where(*scope.conditions(), Prediction.part == CHAMPION_PART)
        .where(Prediction.outcome.is_not(None), Prediction.probability.is_not(None))
        .group_by(BIN)
        .order_by(BIN)
    ).all()
    found = tuple(
        Bin(edges[place], edges[place] + 0.1, float(total) / count, Share.of(int(right), count))
        for place, count, total, right in rows
    )
    n_all = sum(count for _, count, _, _ in rows)
    gaps = sum(abs(float(total) - int(right)) for _, _, total, right in rows)
    return Calibration(found, gaps / n_all if n_all else None)
