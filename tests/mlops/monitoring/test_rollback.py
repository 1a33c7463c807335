"""When the model before is used again, and when it is not."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.storage import Storage
from bugflow.mlops.monitoring.jobs import tell_alarms, watch_models
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.rollback import LEAST_SETTLED, RollBackDecision, should_roll_back
from bugflow.mlops.promotion.service import list_changes
from bugflow.mlops.registry.store import find_current, set_current
from bugflow.mlops.registry.versions import ModelVersion
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.notifications.queries import list_notifications
from bugflow.tracker.notifications.tables import Notification
from bugflow.worker import collect_jobs
from factories.settings import build_settings
from factories.watchtower import START, Watchtower

LATER = START + timedelta(days=2)
OPTIONS = WatchOptions(precision=0.9, automatic_rollback=True)


@pytest.fixture
def versions(tower: Watchtower) -> tuple[ModelVersion, ModelVersion]:
    """Two versions; the second follows the first."""
    first, second = tower.publish("1.0.0"), tower.publish("1.1.0")
    tower.use(first)
    tower.use(second, at=START + timedelta(days=1))
    return first, second


def decide(tower: Watchtower, **options: float) -> RollBackDecision:
    with tower.database.snapshot() as session:
        return should_roll_back(session, tower.storage, "severity", precision=options.get("precision", 0.9))


def current(storage: Storage) -> str | None:
    found = find_current(storage, "severity")
    return None if found is None else found.version


def summaries(database: Database) -> dict[str, list[str]]:
    with database.snapshot() as session:
        rows = select(User.role, Notification.summary).join(Notification, Notification.user_id == User.id)
        found: dict[str, list[str]] = {}
        for role, summary in session.execute(rows.order_by(Notification.id)):
            found.setdefault(role, []).append(summary)
        return found


def test_a_version_that_is_surely_worse_than_when_it_was_judged_is_gone_back_from(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion]
) -> None:
    second = versions[1].name
    tower.predict(16, at=LATER, model_version=second, outcome="right")
    tower.predict(14, at=LATER, model_version=second, outcome="wrong")
    found = decide(tower)
    # 16 of 30: Wilson's upper bound is .698, below .9 at which it was judged.
    assert found.live.interval == pytest.approx((0.3614, 0.6977), abs=1e-4)
    assert (found.version, found.is_worse, found.roll_back) == (second, True, True)
    assert found.since == START + timedelta(days=1)
    assert "16 of 30 (53.3%, 95 % interval 36.1% to 69.8%) are right; when it was judged" in found.says


def test_what_may_be_chance_is_not_gone_back_from(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion]
) -> None:
    tower.predict(25, at=LATER, model_version=versions[1].name, outcome="right")
    tower.predict(5, at=LATER, model_version=versions[1].name, outcome="wrong")
    found = decide(tower)
    assert found.live.share == pytest.approx(25 / 30)
    assert (found.is_worse, found.roll_back) == (False, False)
    assert "as good as it should be" in found.says


def test_of_fewer_than_twenty_settled_answers_nothing_is_decided(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion]
) -> None:
    tower.predict(LEAST_SETTLED - 1, at=LATER, model_version=versions[1].name, outcome="wrong")
    assert (decide(tower).is_worse, decide(tower).live.total) == (False, 19)
    tower.predict(1, at=LATER, model_version=versions[1].name, outcome="wrong")
    assert decide(tower).roll_back


def test_only_sure_answers_of_the_version_since_it_is_in_use_count(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion]
) -> None:
    first, second = (version.name for version in versions)
    tower.predict(30, at=LATER, model_version=first, outcome="wrong")
    tower.predict(30, at=START, model_version=second, outcome="wrong")
    tower.predict(30, at=LATER, model_version=second, outcome="wrong", part="shadow")
    tower.predict(30, at=LATER, model_version=second, outcome="wrong", band="suggested")
    tower.predict(30, at=LATER, model_version=second)
    assert (decide(tower).live.total, decide(tower).is_worse) == (0, False)


def test_a_version_that_was_never_judged_is_held_to_what_is_promised_of_all(tower: Watchtower) -> None:
    version = tower.publish("1.0.0", judged=None)
    tower.use(version)
    tower.predict(15, at=LATER, model_version=version.name, outcome="right")
    tower.predict(15, at=LATER, model_version=version.name, outcome="wrong")
    assert decide(tower, precision=0.9).roll_back
    assert not decide(tower, precision=0.6).is_worse


def test_the_job_goes_back_keeps_why_and_tells_those_who_may_choose_models_once(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion]
) -> None:
    tower.predict(30, at=LATER, model_version=versions[1].name, outcome="wrong")
    for _ in range(2):
        watch_models(tower.database, tower.storage, OPTIONS)
    assert current(tower.storage) == "1.0.0"
    with tower.database.snapshot() as session:
        change = list_changes(session, "severity")[0]
        assert (change.verb, change.version, change.actor_name) == ("rolled back", versions[0].name, "BugFlow")
        assert "0 of 30 (0.0%" in change.reason
    told = summaries(tower.database)
    assert set(told) == {Role.PROJECT_MANAGER, Role.ADMIN}
    [summary] = told[Role.PROJECT_MANAGER]
    assert summary.startswith(f"severity: back to {versions[0].name}. {versions[1].name} is worse than it should be")


def test_the_workers_job_finds_what_it_needs_in_the_settings(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion], tmp_path: Path
) -> None:
    tower.predict(30, at=LATER, model_version=versions[1].name, outcome="wrong")
    for wished, left in ((False, "1.1.0"), (True, "1.0.0")):
        settings = build_settings(
            tmp_path / "home", storage_url=(tmp_path / "files").as_uri(), automatic_rollback=wished
        )
        registry = collect_jobs(settings)
        with tower.database.transaction() as session:
            enqueue(session, watch_models, now=utc_now())
        MemoryRunner(tower.database, registry).run_pending()
        assert current(tower.storage) == left


def test_news_of_models_are_read_by_those_who_may_choose_models_only(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion]
) -> None:
    tower.predict(30, at=LATER, model_version=versions[1].name, outcome="wrong")
    watch_models(tower.database, tower.storage, OPTIONS)
    manager, tester = tower.workplace.manager, tower.workplace.people[Role.TESTER]
    with tower.database.transaction() as session:
        [(news, issue, sprint)] = list_notifications(session, manager)
        assert (news.kind, news.channel, issue, sprint) == ("models", "immediate", None, None)
        news.user_id = tester.user_id or 0
        session.flush()
        assert list_notifications(session, tester) == []


def test_where_going_back_is_not_wished_it_is_only_told(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion]
) -> None:
    tower.predict(30, at=LATER, model_version=versions[1].name, outcome="wrong")
    watch_models(tower.database, tower.storage, WatchOptions(automatic_rollback=False))
    assert current(tower.storage) == "1.1.0"
    assert len(summaries(tower.database)[Role.ADMIN]) == 1


def test_without_anything_before_it_is_told_and_nothing_is_changed(tower: Watchtower) -> None:
    version = tower.publish("1.0.0")
    set_current(tower.storage, version, now=START)  # Nobody noted what was used before.
    tower.predict(30, at=LATER, model_version=version.name, outcome="wrong")
    found = decide(tower)
    assert (found.is_worse, found.roll_back, found.since) == (True, False, None)
    watch_models(tower.database, tower.storage, OPTIONS)
    assert current(tower.storage) == "1.0.0"
    [summary] = summaries(tower.database)[Role.PROJECT_MANAGER]
    assert "somebody has to choose another version" in summary


def test_what_comes_with_bugflow_is_never_gone_back_from(tower: Watchtower) -> None:
    tower.predict(30, at=LATER, model_version="starter/0.1.0", method="starter", outcome="wrong")
    found = decide(tower)
    assert (found.version, found.is_worse, found.roll_back) == (None, False, False)
    watch_models(tower.database, tower.storage, OPTIONS)
    assert summaries(tower.database) == {}


def test_a_damaged_version_keeps_no_other_from_being_watched(
    tower: Watchtower, versions: tuple[ModelVersion, ModelVersion]
) -> None:
    tower.predict(30, at=LATER, model_version=versions[1].name, outcome="wrong")
    tower.damage("team")
    watch_models(tower.database, tower.storage, OPTIONS)
    assert current(tower.storage) == "1.0.0"


def test_a_ranking_of_duplicates_is_held_to_the_precision_of_its_flag(tower: Watchtower) -> None:
    for number in ("1.0.0", "1.1.0"):
        tower.use(tower.publish(number, model_type="duplicates", judged_as="flag_precision_interval"))
    name = find_current(tower.storage, "duplicates")
    assert name is not None
    facts = {"field": "duplicates", "model_version": name.name, "method": "ranking"}
    tower.predict(16, at=LATER, outcome="right", **facts)
    tower.predict(14, at=LATER, outcome="wrong", **facts)
    with tower.database.snapshot() as session:
        found = should_roll_back(session, tower.storage, "duplicates", precision=0.1)
    assert (found.promised, found.is_worse, found.roll_back) == (0.9, True, True)
    watch_models(tower.database, tower.storage, OPTIONS)
    back = find_current(tower.storage, "duplicates")
    assert back is not None
    assert back.version == "1.0.0"


def test_a_projects_own_model_is_watched_by_itself(tower: Watchtower) -> None:
    scope = str(tower.workplace.project.uuid)
    first, second = tower.publish("1.0.0", scope=scope), tower.publish("1.1.0", scope=scope)
    tower.use(first)
    tower.use(second, at=START + timedelta(days=1))
    tower.predict(30, at=LATER, model_version=second.name, outcome="wrong")
    watch_models(tower.database, tower.storage, OPTIONS)
    found = find_current(tower.storage, "severity", scope)
    assert found is not None
    assert found.version == "1.0.0"
    assert current(tower.storage) is None


def test_what_is_wrong_is_told_once_a_month_and_what_is_only_noted_never(tower: Watchtower) -> None:
    now = START + timedelta(days=3)
    tower.predict(30, at=LATER, outcome="wrong", method="starter", model_version="starter/0.1.0")
    version = tower.publish("1.0.0", model_type="team", classes=("Backend",))
    tower.use(version)
    for _ in range(2):
        tell_alarms(tower.database, tower.storage, OPTIONS, now=now)
    [summary] = summaries(tower.database)[Role.PROJECT_MANAGER]
    assert "0 of 30" in summary
    tell_alarms(tower.database, tower.storage, OPTIONS, now=now + timedelta(days=28))
    assert len(summaries(tower.database)[Role.PROJECT_MANAGER]) == 2
