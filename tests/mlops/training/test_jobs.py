"""The jobs that begin trainings: corrections at once, alarms by the day, everything new by the week."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.core.storage import open_storage
from bugflow.mlops.corrections.events import CorrectionRecorded
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.tasks import list_tasks
from bugflow.mlops.training.jobs import (
    learn_from_alarms,
    learn_from_corrections,
    learn_weekly,
    look_for_trainings,
)
from bugflow.mlops.training.queries import list_trainings
from bugflow.mlops.training.triggers import Habits
from bugflow.tracker.issues.tables import Issue
from factories.labelled import report_labelled
from factories.settings import build_settings
from factories.trainings import correct
from factories.workplace import Workplace, build_workplace

TASKS, HABITS = list_tasks(), Habits(corrections=5)


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        made = build_workplace(session)
    report_labelled(database, made, 260, seed=1)
    return made


def list_begun(session: Session) -> list[tuple[str, str]]:
    return [(each.task, each.trigger) for each in list_trainings(session)]


def test_the_last_correction_that_was_missing_starts_a_training_of_its_field_alone(
    workplace: Workplace, session: Session
) -> None:
    issue = session.scalars(select(Issue.id).limit(1)).one()
    for count, begun in ((4, []), (1, [("severity", "corrections")]), (5, [("severity", "corrections")])):
        correct(session, workplace, count, workplace.tick())
        event = CorrectionRecorded(issue_id=issue, field="severity", correction_id=1, actor_id=None)
        learn_from_corrections(session, event, TASKS, HABITS)
        other = CorrectionRecorded(issue_id=issue, field="team", correction_id=1, actor_id=None)
        learn_from_corrections(session, other, TASKS, HABITS)
        assert list_begun(session) == begun


def test_without_anything_said_only_the_week_begins_a_first_training(
    workplace: Workplace, session: Session, tmp_path: Path
) -> None:
    assert workplace.project.key == "B"
    look_for_trainings(session, TASKS, HABITS)
    storage = open_storage((tmp_path / "files").as_uri())
    learn_from_alarms(session, storage, WatchOptions.of(build_settings(tmp_path)), TASKS, HABITS)
    assert list_begun(session) == []
    learn_weekly(session, TASKS, HABITS)
    assert list_begun(session) == [("severity", "weekly")]
