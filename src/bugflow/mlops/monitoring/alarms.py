"""What somebody who looks after models should know now: each a sentence with its figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.mlops.monitoring.drift import find_label_drift, find_text_drift
from bugflow.mlops.monitoring.figures import CHAMPION_PART, USUAL_DAYS, Figures, Scope, Share, count_cells, sum_up
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.rollback import LEAST_SETTLED, list_scopes, should_roll_back
from bugflow.mlops.monitoring.taxonomy import check_taxonomy, read_classes
from bugflow.mlops.monitoring.words import say_share
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.registry.errors import ModelDamagedError, ModelNotFoundError
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.versions import GLOBAL, MODEL_TYPES, ModelType
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.projects.queries import list_projects

AlarmKind = Literal["precision", "coverage", "drift", "taxonomy", "worse", "damaged"]
Severity = Literal["notice", "warning", "critical"]
COLLAPSED = 0.5
"""Sure about less than this share of what it was sure about before, a model has collapsed."""
LEAST_PREDICTED = 50
"""Of fewer predictions in a window nobody can say that."""


@dataclass(frozen=True)
class Alarm:
    """Something that is not as it should be.

    Attributes:
        model_type: What the model finds; none where it is about all.
        scope: `global`, the UUID of the project that a model is for, or the key of the one in which it was noticed.
        says: What, in a sentence.
        severity: `critical` where wrong answers are given as sure, `warning` where they soon may be, else `notice`.
    """

    kind: AlarmKind
    model_type: ModelType | None
    scope: str
    says: str
    severity: Severity


def find_alarms(
    session: Session, storage: Storage, *, viewer: Actor, options: WatchOptions, now: datetime, days: float = USUAL_DAYS
) -> list[Alarm]:
    """Return what is not as it should be, of the projects that the viewer may see, the gravest first.

    Raises:
        StorageUnavailableError: The storage does not answer.
    """
    found: list[Alarm] = []
    for model_type in MODEL_TYPES:
        scope = Scope.of_days(model_type, days, now=now)
        found += _look_at_answers(session, scope, viewer, options)
        try:
            found += _look_at_model(session, storage, scope, viewer, options)
        except (ModelDamagedError, ModelNotFoundError) as error:
            found.append(Alarm("damaged", model_type, GLOBAL, str(error), "critical"))
    texts = find_text_drift(session, Scope.of_days("severity", days, now=now))
    found += [Alarm("drift", None, GLOBAL, drift.says, "notice") for drift in texts if drift.drifted]
    gravest: Sequence[Severity] = ("critical", "warning", "notice")
    return sorted(found, key=lambda alarm: gravest.index(alarm.severity))


def _look_at_answers(session: Session, scope: Scope, viewer: Actor, options: WatchOptions) -> Iterator[Alarm]:
    """Yield what the predictions themselves tell."""
    figures = _sum_up(session, scope)
    alarm = _check_precision(scope.model_type, GLOBAL, figures.precision, options)
    if alarm is not None:
        yield alarm
    yield from _look_at_projects(session, scope, viewer, options)
    before = _sum_up(session, scope.before)
    if _has_collapsed(figures.coverage, before.coverage):
        said = f"Of {scope.model_type} the models in use are sure about {say_share(figures.coverage, '')}"
        said += f" of the latest reports; before they were about {say_share(before.coverage, '')}."
        yield Alarm("coverage", scope.model_type, GLOBAL, said, "warning")
    drift = find_label_drift(session, scope)
    if drift is not None and drift.drifted:
        yield Alarm("drift", scope.model_type, GLOBAL, drift.says, "warning")


def _sum_up(session: Session, scope: Scope) -> Figures:
    return sum_up(cell for cell in count_cells(session, scope) if cell.part == CHAMPION_PART)


def _check_precision(model_type: ModelType, scope: str, precision: Share, options: WatchOptions) -> Alarm | None:
    if precision.interval is None or precision.total < LEAST_SETTLED or precision.interval[1] >= options.precision:
        return None
    where = "" if scope == GLOBAL else f" in {scope}"
    said = f"Where the models of {model_type} are sure{where}, {say_share(precision, '')} are right; "
    return Alarm("precision", model_type, scope, f"{said}{options.precision:.0%} are promised.", "critical")


def _look_at_projects(session: Session, scope: Scope, viewer: Actor, options: WatchOptions) -> Iterator[Alarm]:
    """Yield the projects in which a promise is not kept."""
    rows = session.execute(
        select(Prediction.project_id, Prediction.outcome, func.count())
        .where(*scope.conditions(), Prediction.part == CHAMPION_PART)
        .where(Prediction.band == "sure", Prediction.outcome.is_not(None))
        .group_by(Prediction.project_id, Prediction.outcome)
    )
    counts: dict[int, dict[str, int]] = {}
    for project_id, outcome, count in rows:
        counts.setdefault(project_id, {})[outcome or ""] = count
    for project in list_projects(session, viewer) if len(counts) > 1 else []:
        own = counts.get(project.id, {})
        precision = Share.of(own.get("right", 0), sum(own.values()))
        alarm = _check_precision(scope.model_type, project.key, precision, options)
        if alarm is not None:
            yield alarm


def _has_collapsed(now: Share, before: Share) -> bool:
    """Whether even at best it is sure about less than half of what it was sure about at worst."""
    if now.interval is None or before.interval is None or min(now.total, before.total) < LEAST_PREDICTED:
        return False
    return now.interval[1] < COLLAPSED * before.interval[0]


def _look_at_model(
    session: Session, storage: Storage, scope: Scope, viewer: Actor, options: WatchOptions
) -> Iterator[Alarm]:
    """Yield what is wrong with versions of one's own; what comes with BugFlow knows no project's labels."""
    model_type = scope.model_type
    projects = list_projects(session, viewer)
    for place in list_scopes(session, model_type):
        current = find_current(storage, model_type, place)
        if current is None:
            continue
        decision = should_roll_back(session, storage, model_type, precision=options.precision, scope=place)
        if decision.is_worse:
            yield Alarm("worse", model_type, place, decision.says, "critical")
        if model_type != "duplicates":
            own = [each for each in projects if place in {GLOBAL, str(each.uuid)}]
            taxonomy = check_taxonomy(session, model_type, read_classes(storage, current), own)
            if not taxonomy.is_whole:
                yield Alarm("taxonomy", model_type, place, taxonomy.say(model_type), "notice")
