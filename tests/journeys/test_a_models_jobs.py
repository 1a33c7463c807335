"""A model's life as its jobs see it, by both kinds of runner: ordered, learned, tried in the shadow, settled, used."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.tables import JobRun, OutboxEvent
from bugflow.core.storage import open_storage
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.promotion.jobs import review_trials
from bugflow.mlops.promotion.service import list_changes
from bugflow.mlops.promotion.tables import ModelTrial
from bugflow.mlops.registry.store import find_challenger, find_current
from bugflow.mlops.training.tables import Training
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from factories.labelled import WORDS, report_labelled
from factories.predictions import read_ledger
from factories.runners import wait_until
from factories.trainings import correct
from factories.workers import KINDS, build_environment, choose_runner, run_worker
from factories.workplace import Workplace, build_workplace

CORRECTIONS, SHADOWED = 5, 6
LONG_SECONDS = 120.0
SETTINGS = {
    "PREDICTED_FIELDS": '["severity"]',
    "DUPLICATES": "false",
    "MODEL_POLL_SECONDS": "0.1",
    "PREDICTION_TIMEOUT_SECONDS": "20",
    "RETRAINING_CORRECTIONS": str(CORRECTIONS),
    "PROMOTION_STAGES": '["shadow"]',
    "SHADOW_ISSUES": str(SHADOWED),
}


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        made = build_workplace(session)
    report_labelled(database, made, 300, seed=1)
    forget_jobs(database)  # What happened long ago starts none.
    made.moment = utc_now()
    return made


def forget_jobs(database: Database) -> None:
    with database.transaction() as session:
        for table in (JobRun, OutboxEvent):
            session.execute(delete(table))


@pytest.fixture(params=KINDS)
def working(
    request: pytest.FixtureRequest, database_url: str, workplace: Workplace, tmp_path: Path
) -> Iterator[Workplace]:
    """A worker process of each kind, with the processes that belong to it."""
    with choose_runner(request.param) as settings:
        options = ["--concurrency", "2"] if settings else []
        with run_worker(build_environment(database_url, tmp_path / "home", SETTINGS | settings), *options):
            yield workplace


def read_training(database: Database) -> Training | None:
    with database.snapshot() as session:
        return session.scalars(select(Training)).one_or_none()


def read_trial(database: Database) -> ModelTrial:
    with database.snapshot() as session:
        return session.scalars(select(ModelTrial)).one()


def list_thoughts(database: Database, part: str) -> list[Prediction]:
    return [row for row in read_ledger(database) if row.part == part and row.field == "severity"]


def report(session: Session, workplace: Workplace, severity: str) -> Issue:
    return workplace.report(session, title=f"{' '.join(WORDS[severity][:2])} part1 part2")


def settle(database: Database, workplace: Workplace, truths: dict[int, str]) -> None:
    """Say what was right, as a project manager does on the page."""
    for issue_id, severity in truths.items():
        with database.transaction() as session:
            issue = session.get_one(Issue, issue_id)
            change_issue(
                session,
                issue,
                workplace.project,
                changes={"severity": severity},
                actor=workplace.people[Role.PROJECT_MANAGER],
                now=workplace.tick(),
            )


def test_corrections_train_a_model_that_is_tried_settled_and_used_by_jobs_alone(
    working: Workplace, database: Database, tmp_path: Path
) -> None:
    storage = open_storage((tmp_path / "home" / "files").as_uri())
    with database.transaction() as session:
        correct(session, working, CORRECTIONS, working.tick())
    wait_until(lambda: (found := read_training(database)) is not None and found.finished_at is not None, LONG_SECONDS)
    training = read_training(database)
    assert training is not None
    assert (training.trigger, training.state, training.then) == ("corrections", "succeeded", "shadow"), training.log
    challenger = find_challenger(storage, "severity")
    assert challenger is not None
    assert (challenger.name, find_current(storage, "severity")) == (training.version, None)

    with database.transaction() as session:
        told = {report(session, working, severity).id: severity for severity in [*WORDS, *WORDS]}
    wait_until(lambda: len(list_thoughts(database, "shadow")) >= SHADOWED, LONG_SECONDS)
    thoughts = list_thoughts(database, "shadow")
    assert {(row.model_version, row.shown) for row in thoughts} == {(training.version, False)}
    assert {row.issue_id: row.label for row in thoughts} == told
    settle(database, working, told)
    wait_until(lambda: all(row.outcome for row in list_thoughts(database, "shadow")), LONG_SECONDS)
    assert {row.outcome for row in list_thoughts(database, "shadow")} == {"right"}

    with database.transaction() as session:
        enqueue(session, review_trials, now=utc_now())
    wait_until(lambda: read_trial(database).ended_at is not None, LONG_SECONDS)
    assert find_current(storage, "severity") == challenger
    assert find_challenger(storage, "severity") is None
    with database.snapshot() as session:
        assert [change.version for change in list_changes(session, "severity")] == [training.version]
        assert session.scalars(select(JobRun.error).where(JobRun.error.is_not(None))).all() == []
