"""The ranking of duplicates as a learning task: what it learns from, what never teaches, and when it may be used."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from bugflow.assist.duplicates.errors import (
    WITHOUT_ENCODER,
    NoEncoderToTeachError,
    NotForSomeError,
    TooLittleToLearnError,
)
from bugflow.assist.duplicates.learning_task import LEAST_KNOWN, DuplicatesTask
from bugflow.assist.duplicates.rankers import find_tried_ranker
from bugflow.assist.duplicates.service import merge_issues, reject_pair, unmerge_issues, withdraw_rejection
from bugflow.assist.duplicates.teaching import build_teaching, list_items, open_champion, read_material
from bugflow.core.database import Database
from bugflow.core.jobs.definition import job_of
from bugflow.core.storage import Storage, open_storage
from bugflow.ml.contract import Encoder, Vectors
from bugflow.ml.duplicates.ranker import DESCRIPTION, Ranker
from bugflow.ml.duplicates.starter import FOLDER
from bugflow.mlops.datasets.folder import DATA, MANIFEST
from bugflow.mlops.datasets.tables import GoldSet
from bugflow.mlops.registry.store import find_challenger, find_current, get_manifest, publish_model, set_current
from bugflow.mlops.registry.versions import GLOBAL
from bugflow.mlops.tasks import list_tasks
from bugflow.mlops.training.contract import Order, Prepared, Surroundings
from bugflow.mlops.training.jobs import ask_for_training, look_for_trainings, order_due
from bugflow.mlops.training.queries import find_open
from bugflow.mlops.training.running import STAGES, carry_out
from bugflow.mlops.training.service import PERSON
from bugflow.mlops.training.tables import Training
from bugflow.mlops.training.triggers import CORRECTIONS, Habits
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.issues.tables import Issue
from bugflow.worker import collect_jobs
from factories.app import run_installation
from factories.browser import Browser
from factories.encoders import BagEncoder
from factories.trackers import report_tracker
from factories.trainings import FragileTask, Killed, build_means
from factories.workplace import Workplace, build_workplace

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        made = build_workplace(session)
    report_tracker(database, made)
    return made


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage((tmp_path / "files").as_uri())


@pytest.fixture
def around(database: Database, storage: Storage, tmp_path: Path) -> Surroundings:
    return surround(database, storage, tmp_path, BagEncoder())


def surround(database: Database, storage: Storage, folder: Path, encoder: Encoder | None) -> Surroundings:
    return build_means(storage, folder / "models", encoder=encoder).surround(database)


def prepare(workplace: Workplace, around: Surroundings, folder: Path) -> Prepared:
    order = Order(target="duplicates", now=workplace.moment)
    return DuplicatesTask().prepare(order, around, folder, tell=lambda _done, _note: None)


class NotingEncoder(BagEncoder):
    """Notes of which texts it was asked for vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = list[str]()

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts.extend(texts)
        return super().encode(texts)


def test_it_is_learned_as_every_other_task_also_after_a_kill_and_tried_once_it_has_passed(
    database: Database, workplace: Workplace, storage: Storage, tmp_path: Path
) -> None:
    task = FragileTask("prepared", task=DuplicatesTask())
    means = build_means(storage, tmp_path / "models", others=[task], encoder=BagEncoder())
    with database.transaction() as session:
        number = ask_for_training(
            session,
            "duplicates",
            trigger=PERSON,
            reason="Why not?",
            actor=build_system_actor("cli"),
            now=workplace.tick(),
            options={"then": STAGES},
        ).id
    with pytest.raises(Killed):
        carry_out(database, number, means)
    report_tracker(database, workplace, issues=30, seed=2)  # Later than the moment of the order: it teaches nothing.
    carry_out(database, number, means)
    with database.snapshot() as session:
        training = session.get_one(Training, number)
    assert (training.state, training.then, training.error) == ("succeeded", "shadow", None)
    assert find_current(storage, "duplicates") is None
    current = find_challenger(storage, "duplicates")
    assert current is not None
    assert current.name == training.version
    manifest = get_manifest(storage, current)
    prefix = f"{training.dataset}/{MANIFEST}"
    dataset = json.loads(b"".join(storage.read(prefix)))
    assert manifest.data_hash == dataset["data"]["content_sha256"]
    assert training.n_labelled == dataset["rows"]["duplicates"] >= LEAST_KNOWN
    assert manifest.metrics["n_train"] + manifest.metrics["n_test"] == training.n_labelled
    assert manifest.metrics["mrr_low"] <= manifest.metrics["mrr"] <= manifest.metrics["mrr_high"]
    decision = json.loads(b"".join(storage.read(f"{current.prefix}/decision.json")))
    assert (decision["passed"], decision["champion"]) == (True, "starter")
    assert set(decision["figures"]) == {"candidate", "champion", "bm25"}
    place = find_tried_ranker(storage, means.models_folder / "fetched")
    assert place is not None
    assert Ranker.load(place.folder).ranking.num_trees() > Ranker.load(FOLDER).ranking.num_trees()


def test_gold_reports_are_never_among_what_teaches(workplace: Workplace, around: Surroundings, tmp_path: Path) -> None:
    prepare(workplace, around, tmp_path / "data")
    material = read_material(tmp_path / "data", around, BagEncoder(), tell=lambda _done, _note: None)
    titles = [each.title for each in material.history.reports]
    gold = {titles[row] for row in range(len(titles)) if material.apart[row]}
    asked = NotingEncoder()
    lesson = build_teaching(material, asked, seed=0)
    assert gold.isdisjoint(text.partition("\n")[0] for text in asked.texts)
    assert all(each.row < int((~material.apart).sum()) for each in lesson.comparisons)
    items = list_items(material, seed=0)
    tried = {each.row for each in items.duplicates if each is not None}
    assert len(tried) >= 30
    assert all(material.apart[row] for row in tried | {each.row for each in items.own})
    clusters = material.history.clusters
    taught = {int(clusters[row]) for row in material.history.queries if not material.apart[row]}
    assert taught.isdisjoint(int(clusters[row]) for row in tried)


def test_the_same_moment_gives_the_same_data_whatever_was_said_since(
    database: Database, workplace: Workplace, around: Surroundings, tmp_path: Path
) -> None:
    moment = workplace.moment
    first = prepare(workplace, around, tmp_path / "first")
    with database.transaction() as session:
        merged, other = session.scalars(select(Issue).where(Issue.resolution == "duplicate").limit(2))
        unmerge_issues(session, merged, actor=workplace.manager, now=workplace.tick())
        reject_pair(session, merged, other, actor=workplace.manager, now=workplace.tick())
    report_tracker(database, workplace, issues=30, seed=2)
    workplace.moment = moment
    assert prepare(workplace, around, tmp_path / "second") == first
    for name in (DATA, MANIFEST):
        assert (tmp_path / "second" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_what_is_gold_stays_gold_and_its_rule_is_frozen_once(
    database: Database, workplace: Workplace, around: Surroundings, tmp_path: Path
) -> None:
    prepare(workplace, around, tmp_path / "first")
    before = pl.read_parquet(tmp_path / "first" / DATA)
    report_tracker(database, workplace, issues=60, seed=2)
    prepare(workplace, around, tmp_path / "second")
    after = pl.read_parquet(tmp_path / "second" / DATA)
    assert before["split"].to_list() == after["split"].head(len(before)).to_list()
    assert set(after["split"].tail(60)) == {"train", "test"}
    with database.snapshot() as session:
        [kept] = session.scalars(select(GoldSet))
    assert (kept.field, kept.scope) == ("duplicates", GLOBAL)


def test_a_rejected_pair_teaches_that_the_newer_report_is_a_bug_of_its_own(
    database: Database, around: Surroundings, tmp_path: Path
) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
        older, newer, last = (workplace.report(session, title=f"Crash {name}") for name in "abc")
        reject_pair(session, newer, older, actor=workplace.manager, now=workplace.tick())
        keys = [each.key for each in (newer, last)]
    report_tracker(database, workplace)
    prepare(workplace, around, tmp_path / "data")
    material = read_material(tmp_path / "data", around, BagEncoder(), tell=lambda _done, _note: None)
    rows = [material.history.names.index(key) for key in keys]
    assert not material.apart[: max(rows) + 1].any()  # So that the rows of what teaches are the same.
    found = {each.row: each for each in build_teaching(material, BagEncoder(), seed=0).comparisons}
    assert [found[row].settled for row in rows] == [True, False]
    assert not found[rows[0]].right.any()


def test_too_few_duplicates_say_how_many_are_needed(database: Database, around: Surroundings, tmp_path: Path) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
    report_tracker(database, workplace, issues=40)
    with pytest.raises(TooLittleToLearnError, match=r"\d duplicates can be learned from, and 200 are needed"):
        prepare(workplace, around, tmp_path / "data")
    with database.snapshot() as session:
        assert session.scalars(select(GoldSet)).all() == []


def test_it_learns_from_all_issues_and_with_an_encoder_or_not_at_all(
    database: Database, storage: Storage, around: Surroundings, tmp_path: Path
) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
    with pytest.raises(NoEncoderToTeachError):
        prepare(workplace, surround(database, storage, tmp_path, None), tmp_path / "data")
    for some in (Order(target="duplicates", now=workplace.moment, query="login"), order_for_one(workplace)):
        with pytest.raises(NotForSomeError):
            DuplicatesTask().prepare(some, around, tmp_path / "data", tell=lambda _done, _note: None)


def order_for_one(workplace: Workplace) -> Order:
    return Order(target="duplicates", now=workplace.moment, scope=str(workplace.project.uuid))


def test_a_candidate_is_judged_beside_the_version_in_use_or_what_comes_with_bugflow(
    around: Surroundings, storage: Storage, tmp_path: Path
) -> None:
    name, used = open_champion(around)
    assert (name, used.threshold) == ("starter", Ranker.load(FOLDER).threshold)
    files = tmp_path / "files of a version"
    files.mkdir()
    replace(used, threshold=0.5).save(files)
    version = use(storage, files, "1.0.0")
    name, used = open_champion(around)
    assert (name, used.threshold) == (version, 0.5)
    (files / DESCRIPTION).write_text("{}")  # As one of an older BugFlow that looked at other features.
    use(storage, files, "1.1.0")
    assert open_champion(around)[0] == "starter"


def use(storage: Storage, folder: Path, version: str) -> str:
    made = publish_model(storage, folder, model_type="duplicates", version=version, now=NOW)
    set_current(storage, made, now=NOW)
    return made.name


def test_what_people_say_of_pairs_starts_a_training(database: Database, workplace: Workplace) -> None:
    task = DuplicatesTask()
    with database.transaction() as session:
        said = workplace.moment
        assert task.count_labelled(session, GLOBAL) >= LEAST_KNOWN
        assert task.count_news(session, GLOBAL, said) == 0
        older, newer = session.scalars(select(Issue).where(Issue.status == "open").order_by(Issue.id).limit(2))
        reject_pair(session, newer, older, actor=workplace.manager, now=workplace.tick())
        withdraw_rejection(session, newer, older, actor=workplace.manager, now=workplace.tick())
        merge_issues(session, newer, older, evidence={}, actor=workplace.manager, now=workplace.tick())
        unmerge_issues(session, newer, actor=workplace.manager, now=workplace.tick())
        assert task.count_news(session, GLOBAL, said) == 3
        order_due(session, list_tasks([task]), Habits(), now=workplace.tick())
        training = find_open(session, "duplicates")
    assert training is not None
    assert training.trigger == CORRECTIONS


def test_without_an_encoder_nothing_is_ordered_by_itself(database: Database, workplace: Workplace) -> None:
    sighted = [False]
    task = DuplicatesTask(lambda: sighted[0])
    assert workplace.project.key == "B"
    assert task.find_obstacle() == WITHOUT_ENCODER
    for is_there, state in ((False, None), (True, "queued")):
        sighted[0] = is_there
        with database.transaction() as session:
            order_due(session, list_tasks([task]), Habits(), now=workplace.tick(), is_weekly=True)
            training = find_open(session, "duplicates")
            assert (training and training.state) == state
    assert task.find_obstacle() is None


@pytest.mark.parametrize("broker", ["", "redis://127.0.0.1:1/0"])
def test_what_cannot_be_learned_is_refused_where_no_worker_elsewhere_could_learn_it(
    database_url: str, tmp_path: Path, broker: str
) -> None:
    path, ask, form = "/api/v1/models/trainings", {"task": "duplicates"}, 'action="/models/duplicates/train"'
    with run_installation(database_url, tmp_path / "home", encoder="nobody/has-this", broker_url=broker) as running:
        browser = Browser(running, "project_manager")
        for page in ("/models", "/models/duplicates"):
            told = " ".join(browser.get(page).text.split())
            assert WITHOUT_ENCODER.split(".", maxsplit=1)[0] in told
            assert ("a worker on another one may have what is missing here" in told) == bool(broker)
            assert (form in told) == bool(broker)
        assert "Without an encoder" not in browser.get("/models/severity").text
        running.refuse("developer", "POST", path, 403, json=ask)
        if broker:
            assert running.call("project_manager", "POST", path, json=ask)["state"] == "queued"
        else:
            assert running.refuse("project_manager", "POST", path, 409, json=ask)["detail"] == WITHOUT_ENCODER
            assert browser.submit("/models/duplicates/train").status_code == 409
        assert running.call("project_manager", "POST", path, json={"task": "severity"})["task"] == "severity"


def test_the_worker_trains_it() -> None:
    found = collect_jobs().find_resources(job_of(look_for_trainings))
    assert isinstance(found["learning_tasks"]["duplicates"], DuplicatesTask)
