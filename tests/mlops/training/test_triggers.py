"""What starts a training without anybody asking, and what does not."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.mlops.registry.versions import GLOBAL
from bugflow.mlops.tasks import list_tasks
from bugflow.mlops.training.fields import FieldTask
from bugflow.mlops.training.jobs import order_due
from bugflow.mlops.training.queries import list_trainings
from bugflow.mlops.training.tables import Training
from bugflow.mlops.training.triggers import AGE, CORRECTIONS, DRIFT, GROWTH, WEEKLY, Habits, Trigger, find_trigger
from factories.labelled import report_labelled
from factories.trainings import correct
from factories.workplace import Workplace, build_workplace

SEVERITY, HABITS = FieldTask("severity"), Habits(corrections=5)


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        made = build_workplace(session)
    report_labelled(database, made, 260, seed=1)
    return made


def learn(
    session: Session, at: datetime, *, n_labelled: int = 260, passed: bool | None = True, state: str = "succeeded"
) -> None:
    session.add(
        Training(
            uuid=uuid4(),
            task="severity",
            scope=GLOBAL,
            state=state,
            trigger="person",
            reason="",
            requested_by_name="",
            as_of=at,
            created_at=at,
            finished_at=at,
            n_labelled=n_labelled,
            passed=passed,
        )
    )
    session.flush()


def find(session: Session, now: datetime, habits: Habits = HABITS, **options: bool | list[str]) -> Trigger | None:
    return find_trigger(session, SEVERITY, GLOBAL, habits, now=now, **options)  # type: ignore[arg-type]


def test_enough_corrections_start_a_training_and_fewer_do_not(workplace: Workplace, session: Session) -> None:
    now = workplace.tick()
    correct(session, workplace, 4, now)
    assert find(session, now) is None
    correct(session, workplace, 1, now)
    trigger = find(session, now)
    assert trigger == Trigger(
        CORRECTIONS, "People have corrected or confirmed the severity 5 times: 5 by project_manager."
    )
    learn(session, now)
    assert find(session, now) is None
    correct(session, workplace, 5, now + timedelta(seconds=1))
    assert find(session, now + timedelta(minutes=1)) is not None


def test_what_failed_its_checks_counts_as_learned_too(workplace: Workplace, session: Session) -> None:
    now = workplace.tick()
    correct(session, workplace, 5, now)
    learn(session, now, passed=False)
    assert find(session, now) is None


def test_an_old_model_learns_again_only_where_something_is_new(workplace: Workplace, session: Session) -> None:
    now = workplace.tick()
    learn(session, now)
    later = now + timedelta(days=31)
    assert find(session, later) is None
    correct(session, workplace, 1, now + timedelta(days=1))
    trigger = find(session, later)
    assert trigger is not None
    assert trigger.kind == AGE
    assert "31 days ago" in trigger.says
    assert find(session, now + timedelta(days=29)) is None


def test_a_fifth_more_of_labelled_issues_start_a_training(workplace: Workplace, session: Session) -> None:
    now = workplace.tick()
    learn(session, now, n_labelled=216)
    trigger = find(session, now)
    assert trigger == Trigger(GROWTH, "260 issues have a severity now; it was learned from 216.")
    learn(session, now, n_labelled=217)
    assert find(session, now) is None


def test_an_alarm_starts_a_training_once_a_week_where_something_is_new(workplace: Workplace, session: Session) -> None:
    now, alarms = workplace.tick(), ["Labels have drifted."]
    learn(session, now)
    later = now + timedelta(days=8)
    assert find(session, later, alarms=alarms) is None
    correct(session, workplace, 1, now + timedelta(days=1))
    assert find(session, later, alarms=alarms) == Trigger(DRIFT, "Labels have drifted.")
    assert find(session, now + timedelta(days=6), alarms=alarms) is None


def test_weekly_everything_is_learned_about_which_something_is_new(workplace: Workplace, session: Session) -> None:
    now = workplace.tick()
    first = find(session, now, is_weekly=True)
    assert first == Trigger(WEEKLY, "It is learned for the first time, from 260 issues.")
    learn(session, now)
    assert find(session, now, is_weekly=True) is None
    correct(session, workplace, 2, now + timedelta(hours=1))
    weekly = find(session, now + timedelta(days=7), is_weekly=True)
    assert weekly == Trigger(WEEKLY, "2 corrections and 0 labelled issues are new.")


def test_nothing_begins_by_itself_with_too_few_labels_after_a_failure_or_where_that_is_switched_off(
    workplace: Workplace, session: Session
) -> None:
    now = workplace.tick()
    correct(session, workplace, 9, now)
    assert find(session, now, Habits(is_on=False, corrections=5)) is None
    assert find_trigger(session, FieldTask("team"), GLOBAL, HABITS, now=now, is_weekly=True) is None
    learn(session, now, passed=None, state="failed")
    assert find(session, now + timedelta(hours=1)) is None
    assert find(session, now + timedelta(hours=25)) is not None


def test_what_is_due_is_ordered_once(workplace: Workplace, session: Session) -> None:
    now = workplace.tick()
    correct(session, workplace, 5, now)
    for _ in range(2):
        order_due(session, list_tasks(), HABITS, now=now)
    [training] = list_trainings(session)
    assert (training.task, training.trigger, training.state) == ("severity", CORRECTIONS, "queued")
    assert training.requested_by_name == "BugFlow"


def test_corrections_of_another_project_are_no_news_for_a_model_of_one(workplace: Workplace, session: Session) -> None:
    now = workplace.tick()
    correct(session, workplace, 5, now)
    assert SEVERITY.count_news(session, str(workplace.project.uuid), now - timedelta(days=1)) == 5
    assert SEVERITY.count_labelled(session, str(workplace.project.uuid)) == 260
    assert SEVERITY.count_news(session, str(uuid4()), now - timedelta(days=1)) == 0
    assert SEVERITY.count_labelled(session, str(uuid4())) == 0
