"""Versions that are tried: in the shadow they think along unseen; side by side they answer for their share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bugflow.core.clock import utc_now
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.settings import PromotionStage
from bugflow.core.storage import Storage
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.predictions.writing import PredictionLog
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.promotion.service import use_model
from bugflow.mlops.promotion.sides import choose_challenged, list_tried
from bugflow.mlops.promotion.trials import try_or_use
from bugflow.mlops.registry.store import publish_model
from bugflow.mlops.registry.versions import ModelVersion
from bugflow.mlops.serving.building import build_patient_models
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.training.building import list_resources
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.worker import JOB_MODULES
from factories.app import Installation, run_installation
from factories.models import SEVERITY_TEXTS, save_model, train_model
from factories.predictions import read_ledger
from factories.runners import wait_until

SYSTEM = build_system_actor("job")
REPORTS = [f"A crash when saving document {number}." for number in range(24)]


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation that finds the severity by a model of its own."""
    with run_installation(database_url, tmp_path / "home", model_poll_seconds=0.05, starter_models=False) as running:
        version = publish(running, tmp_path, "1.0.0")
        with running.database.transaction() as session:
            use_model(session, storage_of(running), "severity", version, actor=SYSTEM, now=utc_now())
        wait_until(lambda: models_of(running).shelf.find("severity", "global") is not None, 20)
        yield running


def storage_of(site: Installation) -> Storage:
    return site.client.app.state.storage  # type: ignore[attr-defined, no-any-return]


def models_of(site: Installation) -> ModelHost:
    return site.client.app.state.models  # type: ignore[attr-defined, no-any-return]


def publish(site: Installation, folder: Path, number: str) -> ModelVersion:
    saved = save_model(folder / number, train_model("severity", SEVERITY_TEXTS))
    return publish_model(storage_of(site), saved, model_type="severity", version=number, now=utc_now())


def begin(site: Installation, folder: Path, stage: PromotionStage, share: float = 0.5) -> ModelVersion:
    """Try another version, and wait until the server has it in memory."""
    version = publish(site, folder, "1.1.0")
    policy = Policy(stages=(stage,), ab_share=share)
    with site.database.transaction() as session:
        try_or_use(session, storage_of(site), version, policy=policy, actor=SYSTEM, now=utc_now(), says="It passed.")
    wait_until(lambda: "severity" in models_of(site).list_tried(["severity"], scope="global"), 20)
    return version


def work(site: Installation) -> None:
    """Do what the worker does."""
    models = build_patient_models(site.settings, storage_of(site), lambda: None)
    resources = {"models": lambda: models, "encoder": lambda: None, "vector_place": lambda: "memory"}
    resources |= list_resources(site.settings, lambda: storage_of(site))
    MemoryRunner(site.database, JobRegistry(JobRegistry.collect(JOB_MODULES), resources=resources)).run_pending()


def read_severities(site: Installation) -> list[Prediction]:
    log: PredictionLog = site.client.app.state.prediction_log  # type: ignore[attr-defined]
    assert log.write()
    return [row for row in read_ledger(site.database) if row.field == "severity"]


def ask(site: Installation, description: str) -> str:
    body = {"description": description, "project": "WEB"}
    answer = site.call("tester", "POST", "/predict", json=body)
    return str(answer["predictions"]["severity"]["model_version"])


def test_in_the_shadow_a_version_thinks_about_new_issues_and_nobody_sees_it(site: Installation, tmp_path: Path) -> None:
    tried = begin(site, tmp_path, "shadow")
    assert ask(site, REPORTS[0]) != tried.name
    site.call(
        "tester", "POST", "/report_bug", json={"description": REPORTS[0], "project": "WEB", "severity": "critical"}
    )
    work(site)
    rows = {row.part: row for row in read_severities(site)}
    assert set(rows) == {"champion", "shadow"}
    assert (rows["shadow"].model_version, rows["shadow"].shown) == (tried.name, False)
    assert rows["champion"].shown
    assert (rows["shadow"].truth, rows["shadow"].outcome) == ("critical", "right")


def test_side_by_side_each_version_answers_for_its_share_and_always_for_the_same_reports(
    site: Installation, tmp_path: Path
) -> None:
    tried = begin(site, tmp_path, "ab")
    said = [ask(site, description) for description in REPORTS]
    assert 3 <= said.count(tried.name) <= 21
    assert said == [ask(site, description) for description in REPORTS]
    parts = {(row.draft_key, row.part): row.model_version for row in read_severities(site)}
    assert len(parts) == len(REPORTS)
    assert all((part == "ab") == (version == tried.name) for (_, part), version in parts.items())
    chosen = said.index(tried.name)
    key = site.call("tester", "POST", "/report_bug", json={"description": REPORTS[chosen], "project": "WEB"})["key"]
    shown = site.call("developer", "GET", f"/api/v1/issues/{key}/predictions")["predictions"]["severity"]
    assert shown["model_version"] == tried.name  # Its draft was answered so.


def test_a_challenger_that_is_not_in_memory_leaves_the_answer_to_the_version_in_use(
    site: Installation, tmp_path: Path
) -> None:
    rivals = models_of(site).rivals
    assert rivals is not None
    rivals.stop()
    version = publish(site, tmp_path, "1.1.0")
    with site.database.transaction() as session:
        policy = Policy(stages=("ab",), ab_share=0.999)
        try_or_use(session, storage_of(site), version, policy=policy, actor=SYSTEM, now=utc_now(), says="It passed.")
    assert models_of(site).list_tried(["severity"], scope="global") == frozenset()
    assert ask(site, REPORTS[0]) != version.name
    assert {row.part for row in read_severities(site)} == {"champion"}


def test_the_share_of_a_challenger_is_about_what_was_wanted(site: Installation, tmp_path: Path) -> None:
    begin(site, tmp_path, "ab", share=0.25)
    with site.database.snapshot() as session:
        trials = list_tried(session, "global", stage="ab")
        assert list_tried(session, "global", stage="shadow") == {}
    count = sum("severity" in choose_challenged(trials.values(), f"report {number}") for number in range(2_000))
    assert 430 < count < 570
