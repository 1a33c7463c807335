"""A ranking of duplicates that is tried: unseen beside the one in use, or in its place, until people have decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from sqlalchemy import delete

from bugflow.assist.duplicates import jobs as duplicate_jobs
from bugflow.assist.duplicates.profiling import profile_backlog
from bugflow.assist.duplicates.rankers import MODEL_TYPE, Rankers, find_ranker, find_tried_ranker
from bugflow.assist.duplicates.settling import settle_said
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.core.clock import utc_now
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.settings import PromotionStage
from bugflow.core.storage import Storage
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.mlops.predictions import jobs as prediction_jobs
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.promotion.jobs import review_trials
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.promotion.service import use_model
from bugflow.mlops.promotion.tables import ModelTrial
from bugflow.mlops.promotion.trials import list_trials, try_or_use
from bugflow.mlops.registry.store import find_challenger, find_current, publish_model
from bugflow.mlops.registry.versions import ModelVersion
from bugflow.tracker.accounts.actor import build_system_actor
from factories.app import Installation
from factories.duplicates import host_issues, load_ranker, read_suggested, train_ranker
from factories.encoders import BagEncoder

ISSUES, PREVIEW = "/api/v1/issues", "/api/v1/duplicates/preview"
SYSTEM = build_system_actor("job")
BUGS = (
    ("Exporting the quarterly spreadsheet crashes with zlib underflow", "Spreadsheet export quarterly: zlib underflow"),
    ("Kerberos ticket expires overnight during backup", "Overnight backup: kerberos ticket expires"),
    ("Thumbnail rotates sideways after panorama upload", "Panorama upload rotates thumbnail sideways"),
    ("Invoice totals ignore voucher rounding twice", "Voucher rounding: invoice totals ignore it twice"),
    ("Calendar drops leap weeks from recurring meetings", "Recurring meetings: calendar drops leap weeks"),
    ("Keyboard shortcut freezes the palette picker", "Palette picker freezes by keyboard shortcut"),
    ("Postcode lookup rejects hyphenated islands", "Hyphenated islands: postcode lookup rejects them"),
    ("Barcode scanner beeps without charging stock", "Stock is not charged, barcode scanner beeps"),
)


@dataclass
class Laboratory:
    """An installation in which each bug was reported twice, with one ranking in use and another one to be tried."""

    site: Installation
    folder: Path
    older: list[str]
    newer: list[str]
    rankers: Rankers

    @property
    def storage(self) -> Storage:
        return self.site.client.app.state.storage  # type: ignore[attr-defined, no-any-return]

    def publish(self, ranker: Ranker, number: str) -> ModelVersion:
        folder = self.folder / number
        folder.mkdir()
        ranker.save(folder)
        return publish_model(self.storage, folder, model_type=MODEL_TYPE, version=number, now=utc_now())

    def begin(self, ranker: Ranker, policy: Policy) -> ModelVersion:
        """Use a good ranking, try another one beside it, and let the process look."""
        used, tried = self.publish(train_ranker(threshold=0.3), "1.0.0"), self.publish(ranker, "1.1.0")
        with self.site.database.transaction() as session:
            use_model(session, self.storage, MODEL_TYPE, used, actor=SYSTEM, now=utc_now())
            try_or_use(session, self.storage, tried, policy=policy, actor=SYSTEM, now=utc_now(), says="It passed.")
        self.rankers.look()
        return tried

    def ask(self, key: str) -> list[Any]:
        return list(self.site.call("tester", "GET", f"{ISSUES}/{key}/duplicates/suggestions")["suggestions"])

    def merge_all(self) -> None:
        """Merge each newer report into the older one, and do what the worker does."""
        for older, newer in zip(self.older, self.newer, strict=True):
            self.site.call("project_manager", "POST", f"{ISSUES}/{newer}/merge", json={"into": older})
        jobs = JobRegistry.collect([duplicate_jobs, prediction_jobs])
        resources: dict[str, Callable[[], Any]] = {"encoder": BagEncoder, "settle_predictions": lambda: settle_said}
        MemoryRunner(self.site.database, JobRegistry(jobs, resources=resources)).run_pending()

    def review(self, policy: Policy) -> ModelTrial:
        with self.site.database.transaction() as session:
            review_trials(session, self.storage, policy)
            return list_trials(session, MODEL_TYPE)[0]

    def name_used(self) -> str | None:
        found = find_current(self.storage, MODEL_TYPE)
        return None if found is None else found.name


@pytest.fixture
def laboratory(installation: Installation, tmp_path: Path) -> Laboratory:
    def report(title: str) -> str:
        body = {"project": "WEB", "title": title, "description": f"{title}, every time."}
        return str(installation.call("tester", "POST", ISSUES, json=body)["key"])

    older = [report(title) for title, _ in BUGS]
    newer = [report(title) for _, title in BUGS]
    profile_backlog(installation.database, BagEncoder())
    storage, cache = installation.client.app.state.storage, tmp_path / "cache"  # type: ignore[attr-defined]
    rankers = Rankers(lambda: find_ranker(storage, cache), find_tried=lambda: find_tried_ranker(storage, cache))
    host_issues(installation, BagEncoder(), rankers=rankers)
    return Laboratory(installation, tmp_path, older, newer, rankers)


def by_part(rows: Sequence[Prediction]) -> dict[str, list[Prediction]]:
    parts: dict[str, list[Prediction]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    return parts


POLICY = Policy(stages=("shadow",), shadow_issues=len(BUGS))


def test_in_the_shadow_it_ranks_what_is_asked_and_nobody_sees_it_until_it_is_used(laboratory: Laboratory) -> None:
    before = [laboratory.ask(key) for key in laboratory.newer]
    tried = laboratory.begin(train_ranker(threshold=0.31), POLICY)
    answers = [laboratory.ask(key) for key in laboratory.newer]
    assert [each[0]["key"] for each in answers] == laboratory.older
    assert {each["probability"] for answer in before for each in answer} == {None}
    parts = by_part([row for row in read_suggested(laboratory.site) if row.model_version is not None])
    assert set(parts) == {"champion", "shadow"}
    assert {(row.shown, row.model_version, row.threshold) for row in parts["shadow"]} == {(False, tried.name, 0.31)}
    assert all(row.shown for row in parts["champion"])
    assert [row.label for row in parts["shadow"]] == laboratory.older
    assert laboratory.review(POLICY).outcome == "promoted"
    assert laboratory.name_used() == tried.name
    laboratory.rankers.look()
    assert (laboratory.rankers.name, laboratory.rankers.challenger) == (tried.name, None)


def test_one_whose_flags_are_wrong_where_people_merged_is_dropped(laboratory: Laboratory) -> None:
    laboratory.begin(train_ranker(threshold=0.3, is_contrary=True), POLICY)
    for key in laboratory.newer:
        laboratory.ask(key)
    laboratory.merge_all()
    parts = by_part(read_suggested(laboratory.site))
    assert [(row.truth, row.outcome, row.band) for row in parts["champion"]] == [
        (key, "right", "sure") for key in laboratory.older
    ]
    assert {(row.outcome, row.band) for row in parts["shadow"]} == {("wrong", "sure")}
    used = laboratory.name_used()
    trial = laboratory.review(POLICY)
    assert trial.outcome == "dropped"
    assert f"people settled {len(BUGS)} of them, and its sure answers were worth -1.750 each" in (trial.says or "")
    assert (laboratory.name_used(), find_challenger(laboratory.storage, MODEL_TYPE)) == (used, None)
    laboratory.rankers.look()
    assert laboratory.rankers.challenger is None


def test_once_the_trial_has_ended_it_is_asked_no_more_also_while_it_is_in_memory(laboratory: Laboratory) -> None:
    laboratory.begin(train_ranker(), POLICY)
    with laboratory.site.database.transaction() as session:
        trial = list_trials(session, MODEL_TYPE)[0]
        trial.open_key, trial.outcome = None, "dropped"
    laboratory.ask(laboratory.newer[0])
    assert laboratory.rankers.challenger is not None
    assert {row.part for row in read_suggested(laboratory.site)} == {"champion"}


def test_side_by_side_it_answers_for_its_share_always_for_the_same_reports(laboratory: Laboratory) -> None:
    tried = laboratory.begin(train_ranker(threshold=0.31), Policy(stages=("ab",), ab_share=0.5))
    texts = [f"{title} {number}" for number in range(4) for _, title in BUGS]

    def ask_all() -> list[Any]:
        bodies = [{"project": "WEB", "title": "It fails", "description": text} for text in texts]
        return [laboratory.site.call("tester", "POST", PREVIEW, json=body)["suggestions"] for body in bodies]

    first = ask_all()
    assert ask_all() == first
    rows = read_suggested(laboratory.site)
    parts = by_part(rows)
    assert set(parts) == {"champion", "ab"}
    assert len(rows) == len(texts)
    assert 6 <= len(parts["ab"]) <= 26
    assert {(row.model_version, row.shown) for row in parts["ab"]} == {(tried.name, True)}
    drafted = {row.draft_key: row.part for row in rows}
    for text in texts[: len(BUGS)]:  # More would have no vectors yet, and those no ranking.
        body = {"project": "WEB", "title": "It fails", "description": text}
        laboratory.ask(laboratory.site.call("tester", "POST", ISSUES, json=body)["key"])
    reported = read_suggested(laboratory.site)[len(rows) :]
    assert len(reported) == len(BUGS)
    assert all(drafted[row.draft_key] == row.part for row in reported)  # An issue is answered as its draft was.


def test_what_it_puts_first_is_what_is_shown_where_it_answers(laboratory: Laboratory) -> None:
    laboratory.begin(train_ranker(threshold=0.3, is_contrary=True), Policy(stages=("ab",), ab_share=0.999))
    shown = [laboratory.ask(key) for key in laboratory.newer]
    rows = read_suggested(laboratory.site)
    assert {row.part for row in rows} == {"ab"}
    assert [each[0]["key"] for each in shown] == [row.label for row in rows]
    assert not set(zip(laboratory.newer, (row.label for row in rows), strict=True)).intersection(
        zip(laboratory.newer, laboratory.older, strict=True)
    )


@pytest.mark.parametrize("stage", ["shadow", "ab"])
def test_one_that_fails_leaves_the_answer_to_the_ranking_in_use(laboratory: Laboratory, stage: PromotionStage) -> None:
    tried = laboratory.begin(train_ranker(), Policy(stages=(stage,), ab_share=0.999))
    narrow = lightgbm.train(
        {"objective": "binary", "verbose": -1},
        lightgbm.Dataset(np.random.default_rng(0).random((50, 2)), [0, 1] * 25),
        1,
    )
    laboratory.rankers.challenger = load_ranker(Ranker(narrow, narrow), tried.name)
    assert laboratory.ask(laboratory.newer[0])[0]["key"] == laboratory.older[0]
    assert [row.part for row in read_suggested(laboratory.site)] == ["champion"]


@pytest.mark.parametrize("stage", ["shadow", "ab"])
def test_one_that_is_not_in_memory_leaves_the_answer_to_the_ranking_in_use(
    laboratory: Laboratory, stage: PromotionStage
) -> None:
    laboratory.begin(train_ranker(), Policy(stages=(stage,), ab_share=0.999))
    laboratory.rankers.challenger = None
    laboratory.ask(laboratory.newer[0])
    assert [row.part for row in read_suggested(laboratory.site)] == ["champion"]


def test_it_is_not_asked_where_the_ranking_in_use_is_not_and_that_counts_for_no_side(laboratory: Laboratory) -> None:
    laboratory.begin(train_ranker(), POLICY)
    laboratory.rankers.by_words = load_ranker(train_ranker(), "starter/1/words", method="words")
    with laboratory.site.database.transaction() as session:
        session.execute(delete(IssueProfile))
    host_issues(laboratory.site, rankers=laboratory.rankers)  # Its encoder is gone, and so are its vectors.
    for key in laboratory.newer:
        laboratory.ask(key)
    assert {(row.part, row.method) for row in read_suggested(laboratory.site)} == {("champion", "words")}
    trial = laboratory.review(POLICY)
    assert (trial.outcome, trial.figures["issues_of_model_in_use"]) == (None, 0)
