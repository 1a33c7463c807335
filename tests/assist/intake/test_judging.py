"""Predictions from the answer to the outcome: what was shown, what the worker thinks, what it was worth."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bugflow.assist.intake.jobs import judge_reported
from bugflow.assist.intake.judging import judge_with
from bugflow.assist.intake.predicting import read_issue
from bugflow.core.clock import utc_now
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.predictions.service import record_entries
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.predictions.writing import PredictionLog
from bugflow.mlops.registry.store import publish_model, set_current
from bugflow.mlops.serving.building import build_patient_models
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.loading import load_model
from bugflow.mlops.training.building import list_resources
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.issues.events import IssueReported
from bugflow.tracker.issues.queries import get_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.worker import JOB_MODULES
from factories.app import Installation, run_installation
from factories.browser import Browser
from factories.encoders import BagEncoder
from factories.models import SEVERITY_TEXTS, TEAM_TEXTS, save_model, train_model
from factories.predictions import read_ledger
from factories.runners import wait_until

CRASH = "A crash when saving the document."
ASK = {"description": CRASH, "project": "WEB"}
SYSTEM = build_system_actor("job")


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose own models find severity and team."""
    with run_installation(database_url, tmp_path / "home", model_poll_seconds=0.05) as running:
        publish(running, tmp_path, "severity", SEVERITY_TEXTS)
        publish(running, tmp_path, "team", TEAM_TEXTS)
        host: ModelHost = running.client.app.state.models  # type: ignore[attr-defined]
        wait_until(lambda: all(each.version is not None for each in host.describe().values()), 20)
        yield running


def publish(site: Installation, folder: Path, target: Any, texts: dict[str, str], **facts: Any) -> str:  # noqa: ANN401 -- A target, any fact.
    storage = storage_of(site)
    with_encoder = facts.pop("with_encoder", False)
    model = train_model(target, texts, with_encoder=with_encoder)
    saved = save_model(folder / f"{target}-{len(list(folder.iterdir()))}", model)
    version = publish_model(storage, saved, model_type=target, version=facts.pop("version", "1.0.0"), now=utc_now())
    set_current(storage, version, now=utc_now())
    return version.name


def storage_of(site: Installation) -> Storage:
    return site.client.app.state.storage  # type: ignore[attr-defined, no-any-return]


def build_host(site: Installation, find_encoder: Callable[[], Encoder | None] = lambda: None) -> ModelHost:
    return build_patient_models(site.settings, storage_of(site), find_encoder)


def work(site: Installation, models: ModelHost | None = None) -> None:
    """Do what the worker does, with these models or those of the installation."""
    used = models or build_host(site)
    resources = {"models": lambda: used, "encoder": lambda: None, "vector_place": lambda: "memory"}
    resources |= list_resources(site.settings, lambda: storage_of(site))
    MemoryRunner(site.database, JobRegistry(JobRegistry.collect(JOB_MODULES), resources=resources)).run_pending()


def report(site: Installation, description: str = CRASH, role: str = "tester", **fields: Any) -> int:  # noqa: ANN401 -- Any field.
    body = {"description": description, "project": "WEB", **fields}
    return int(site.call(role, "POST", "/report_bug", json=body)["id"])


def flush(site: Installation) -> list[Prediction]:
    """Have the server write what it has answered, and return the ledger."""
    log: PredictionLog = site.client.app.state.prediction_log  # type: ignore[attr-defined]
    assert log.write()
    return read_ledger(site.database)


def test_what_predict_answers_is_in_the_ledger_until_its_report_takes_it(site: Installation) -> None:
    answer = site.call("tester", "POST", "/predict", json=ASK)["predictions"]
    wait_until(lambda: len(read_ledger(site.database)) == 2)
    for row in flush(site):
        said = answer[row.field]
        assert (row.label, row.band, row.method, row.model_version) == (
            said["label"],
            said["band"],
            said["method"],
            said["model_version"],
        )
        assert row.probability == pytest.approx(said["confidence"], abs=1e-4)
        assert row.threshold == pytest.approx(said["threshold"], abs=1e-4)
        assert (row.part, row.shown, row.issue_id, row.outcome) == ("champion", True, None, None)
        assert 0 < row.latency_ms < 60_000
    issue = report(site, severity="critical", team="Backend")
    work(site)
    rows = {row.field: row for row in flush(site)}
    assert {row.issue_id for row in rows.values()} == {issue}
    assert len(rows) == len(read_ledger(site.database)) == 2
    assert (rows["severity"].truth, rows["severity"].outcome, rows["severity"].settled_by) == (
        "critical",
        "right",
        "tester",
    )


def test_reading_an_issues_predictions_again_adds_no_row_and_says_it_was_seen(site: Installation) -> None:
    issue = report(site)
    work(site)
    assert [row.shown for row in flush(site)] == [False, False]
    for _ in range(3):
        site.call("developer", "GET", f"/api/v1/issues/{issue}/predictions")
        assert Browser(site, "tester").get(f"/issues/{issue}/predictions").status_code == 200
    assert [(row.issue_id, row.shown) for row in flush(site)] == [(issue, True), (issue, True)]


def test_an_issue_that_nobody_has_asked_about_is_judged_by_the_worker_once(site: Installation) -> None:
    issue = report(site, severity="low")
    models = build_host(site)
    work(site, models)
    judge_reported(site.database, IssueReported(issue_id=issue), models)
    judge_reported(site.database, IssueReported(issue_id=4711), models)
    rows = {row.field: row for row in read_ledger(site.database)}
    assert len(rows) == len(read_ledger(site.database)) == 2
    severity = rows["severity"]
    assert (severity.label, severity.method, severity.shown) == ("critical", "linear", False)
    assert (severity.outcome, severity.truth, severity.settled_by) == ("wrong", "low", "tester")
    assert (rows["team"].outcome, rows["team"].truth) == (None, None)


def test_only_fields_of_which_the_draft_was_not_judged_are_judged(site: Installation) -> None:
    site.call("tester", "POST", "/predict", json=ASK)
    drafted = flush(site)
    with site.database.transaction() as session:
        session.delete(session.get_one(Prediction, drafted[1].id))
    issue = report(site)
    work(site)
    rows = [(row.issue_id, row.shown) for row in read_ledger(site.database)]
    assert rows == [(issue, True), (issue, False)]


def test_old_issues_and_projects_without_predictions_are_not_judged(site: Installation) -> None:
    old = report(site)
    with site.database.transaction() as session:
        session.get_one(Issue, old).created_at = utc_now() - timedelta(hours=25)
    site.call("project_manager", "PATCH", "/api/v1/projects/WEB", json={"predictions": False})
    report(site)
    work(site)
    site.call("tester", "POST", "/predict", json=ASK)
    assert flush(site) == []


class Watching(ModelHost):
    """Models that look at the database while they think."""

    def judge(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- As the host's.
        """Note how many connections are used, then think."""
        self.used = self.pool.checkedout()
        return super().judge(*arguments, **options)

    pool: Any
    used: int | None = None


def test_no_transaction_is_open_while_the_worker_thinks(site: Installation) -> None:
    issue = report(site)
    host = build_host(site)
    host.__class__ = Watching
    assert isinstance(host, Watching)
    host.pool = site.database.engine.pool
    judge_reported(site.database, IssueReported(issue_id=issue), host)
    assert host.used == 0
    assert len(read_ledger(site.database)) == 2


def test_the_worker_uses_a_projects_own_model_from_the_first_issue_on(site: Installation, tmp_path: Path) -> None:
    scope = site.call("admin", "GET", "/api/v1/projects/WEB")["id"]
    saved = save_model(tmp_path / "own", train_model("severity", SEVERITY_TEXTS))
    own = publish_model(storage_of(site), saved, model_type="severity", version="2.0.0", scope=scope, now=utc_now())
    set_current(storage_of(site), own, now=utc_now())
    report(site)
    work(site)
    versions = {row.field: row.model_version for row in read_ledger(site.database)}
    assert versions["severity"] == own.name


def test_without_its_encoder_the_worker_goes_by_the_model_it_had_before_and_with_it_by_the_new_one(
    site: Installation, tmp_path: Path
) -> None:
    name = publish(site, tmp_path, "severity", SEVERITY_TEXTS, with_encoder=True, version="3.0.0")
    report(site)
    work(site)
    assert {row.field: row.method for row in read_ledger(site.database)} == {"severity": "linear", "team": "linear"}
    report(site, "A crash when saving the document, again.")
    work(site, build_host(site, BagEncoder))
    latest = [row for row in read_ledger(site.database) if row.field == "severity"][-1]
    assert (latest.method, latest.model_version) == ("encoder", name)


def test_a_model_that_is_tried_judges_by_the_same_code_in_its_own_part(site: Installation, tmp_path: Path) -> None:
    issue = report(site)
    saved = save_model(tmp_path / "candidate", train_model("severity", SEVERITY_TEXTS))
    served = load_model(saved, "severity", version="severity/9.0.0/20260101_000000", open_encoder=BagEncoder)
    with site.database.snapshot() as session:
        case = read_issue(session, SYSTEM, get_issue(session, SYSTEM, issue), with_similar=False)
    [entry] = judge_with(served, case, part="shadow", now=utc_now())
    assert (entry.field, entry.part, entry.shown) == ("severity", "shadow", False)
    assert judge_with(served, case, part="shadow", fields={"team"}, now=utc_now()) == []
    with site.database.transaction() as session:
        record_entries(session, [entry])
    work(site)
    parts = [(row.field, row.part) for row in read_ledger(site.database)]
    assert sorted(parts) == [("severity", "champion"), ("severity", "shadow"), ("team", "champion")]


def test_a_correction_keeps_the_probability_that_was_corrected_on_both_ways(site: Installation) -> None:
    said = site.call("tester", "POST", "/predict", json=ASK)["predictions"]
    flush(site)
    bug = report(site, severity="critical", team=said["team"]["label"])
    work(site)
    site.call("project_manager", "POST", "/update_bug", json={"bug_id": bug, "correction_severity": "low"})
    site.call("project_manager", "PATCH", f"/api/v1/issues/{bug}", json={"team": "DevOps"})
    work(site)
    with site.database.snapshot() as session:
        corrected = {row.field: row for row in session.scalars(select(Correction))}
    assert {field: row.new_value for field, row in corrected.items()} == {"severity": "low", "team": "DevOps"}
    for field, row in corrected.items():
        assert row.old_probability == pytest.approx(said[field]["confidence"], abs=1e-4)
    outcomes = {row.field: (row.truth, row.outcome, row.settled_by) for row in read_ledger(site.database)}
    assert outcomes == {
        "severity": ("low", "wrong", "project_manager"),
        "team": ("DevOps", "wrong", "project_manager"),
    }


def test_a_confirmation_by_update_bug_settles_the_prediction(site: Installation) -> None:
    bug = report(site, severity="critical")
    work(site)
    site.call("project_manager", "POST", "/update_bug", json={"bug_id": bug, "correction_severity": "critical"})
    work(site)
    [row] = [row for row in read_ledger(site.database) if row.field == "severity"]
    assert (row.outcome, row.settled_by) == ("right", "project_manager")
