"""All that is known of the models of a field, put together for people and programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.mlops.monitoring.drift import Drift, find_label_drift, find_text_drift
from bugflow.mlops.monitoring.figures import USUAL_DAYS, Measured, Scope, measure
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.rollback import should_roll_back
from bugflow.mlops.monitoring.taxonomy import Taxonomy, check_taxonomy, read_classes, read_folder_classes
from bugflow.mlops.monitoring.triage_times import TRIAGED, TriageTimes, compare_triage_times
from bugflow.mlops.monitoring.words import say_share, say_worth
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.versions import GLOBAL, ModelType, TriageType
from bugflow.mlops.serving.opinions import STARTER
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.projects.queries import list_projects
from bugflow.tracker.projects.tables import Project


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """How the models of a field do.

    Attributes:
        in_use: The version that is used, `starter` for what comes with BugFlow.
        drifts: Of labels, lengths and words.
        taxonomy: None of duplicates, which have no labels, and where no model is known.
        triage: None of fields that are no part of triage.
        says: The same in sentences.
    """

    model_type: ModelType
    project: str | None
    in_use: str
    measured: Measured
    drifts: tuple[Drift, ...]
    taxonomy: Taxonomy | None
    triage: TriageTimes | None
    says: tuple[str, ...]


def monitor(
    session: Session,
    storage: Storage,
    model_type: ModelType,
    *,
    viewer: Actor,
    options: WatchOptions,
    now: datetime,
    project: Project | None = None,
    days: float = USUAL_DAYS,
) -> Monitoring:
    """Return how the models of a field have done in the latest days.

    Raises:
        ModelDamagedError: The version in use cannot be understood.
        StorageUnavailableError: The storage does not answer.
    """
    project_id = None if project is None else project.id
    scope = Scope.of_days(model_type, days, now=now, project_id=project_id)
    measured = measure(session, scope)
    labels = find_label_drift(session, scope)
    drifts = (*([] if labels is None else [labels]), *find_text_drift(session, scope))
    projects = list_projects(session, viewer) if project is None else [project]
    taxonomy, name = None, STARTER
    place = _choose_place(storage, model_type, project)
    current = find_current(storage, model_type, place)
    if current is not None:
        name = current.name
    if model_type != "duplicates":
        taxonomy = _look_at_taxonomy(session, storage, model_type, place, projects, options)
    triage = compare_triage_times(session, project_id=project_id, until=now) if model_type in TRIAGED else None
    decision = should_roll_back(session, storage, model_type, precision=options.precision, scope=place)
    said = (
        *_say_figures(measured),
        *(drift.says for drift in drifts),
        *([] if taxonomy is None else [taxonomy.say(model_type)]),
        *([] if triage is None else [triage.says]),
        decision.says,
    )
    return Monitoring(
        model_type=model_type,
        project=None if project is None else project.key,
        in_use=name,
        measured=measured,
        drifts=drifts,
        taxonomy=taxonomy,
        triage=triage,
        says=said,
    )


def _choose_place(storage: Storage, model_type: ModelType, project: Project | None) -> str:
    """Return for whom the model is that answers: for the project where it has one of its own."""
    if project is not None and find_current(storage, model_type, str(project.uuid)) is not None:
        return str(project.uuid)
    return GLOBAL


def _look_at_taxonomy(
    session: Session,
    storage: Storage,
    model_type: TriageType,
    place: str,
    projects: Sequence[Project],
    options: WatchOptions,
) -> Taxonomy | None:
    current, folder = find_current(storage, model_type, place), options.find_starter(model_type)
    if current is not None:
        return check_taxonomy(session, model_type, read_classes(storage, current), projects)
    return None if folder is None else check_taxonomy(session, model_type, read_folder_classes(folder), projects)


def _say_figures(measured: Measured) -> Iterator[str]:
    figures, scope = measured.overall, measured.scope
    yield (
        f"{figures.n_predictions:,} predictions of {scope.model_type} from {scope.since:%Y-%m-%d} to "
        f"{scope.until:%Y-%m-%d}; sure about {say_share(figures.coverage, 'none')}."
    )
    yield f"Right where sure: {say_share(figures.precision, 'nobody has settled a sure answer yet')}."
    yield f"Best guess right: {say_share(figures.accuracy, 'nobody has settled an answer yet')}."
    yield f"Right of what somebody saw: {say_share(figures.acceptance, 'nobody has settled what was seen yet')}."
    if measured.calibration.error is not None:
        yield f"Probability and being right differ by {measured.calibration.error:.3f} on average (ECE)."
    yield say_worth(figures)
