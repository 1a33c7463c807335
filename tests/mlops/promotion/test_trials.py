"""From checks to use: the shadow, side by side, dropped or promoted, and what people do meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.storage import Storage, open_storage
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.promotion.jobs import review_trials
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.promotion.reviewing import review_trial
from bugflow.mlops.promotion.service import list_changes, use_model
from bugflow.mlops.promotion.tables import ModelTrial
from bugflow.mlops.promotion.trials import find_trial, list_trials, try_or_use
from bugflow.mlops.registry.store import find_challenger, find_current, publish_model, set_challenger
from bugflow.mlops.registry.versions import ModelVersion
from bugflow.tracker.issues.tables import Issue
from factories.workplace import Workplace, build_workplace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy(stages=("shadow", "ab"), shadow_issues=4, ab_issues=3)
RIGHT, WRONG = "right", "wrong"


class Laboratory:
    """A database with issues, and two versions, of which the first is in use."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self._folder = session, folder
        self.storage: Storage = open_storage((folder / "files").as_uri())
        self.workplace: Workplace = build_workplace(session, (f"Issue {each}" for each in range(40)))
        self.issues = list(session.scalars(select(Issue.id).order_by(Issue.id)))
        self.old, self.new = self.publish("1.0.0"), self.publish("1.1.0")
        use_model(session, self.storage, "team", self.old, actor=self.workplace.manager, now=NOW)

    def publish(self, number: str) -> ModelVersion:
        folder = self._folder / number
        folder.mkdir()
        (folder / "model.json").write_text(number)
        return publish_model(self.storage, folder, model_type="team", version=number, now=NOW)

    def begin(self, policy: Policy = POLICY, version: ModelVersion | None = None) -> ModelTrial:
        trial = try_or_use(
            self.session,
            self.storage,
            version or self.new,
            policy=policy,
            actor=self.workplace.manager,
            now=NOW,
            says="It passed.",
        )
        assert trial is not None
        return trial

    def say(self, place: int, part: str, band: str, outcome: str | None, *, shown: bool = True) -> None:
        version = self.old if part == "champion" else self.new
        self.session.add(
            Prediction(
                project_id=self.workplace.project.id,
                issue_id=self.issues[place],
                field="team",
                label="Backend",
                probability=0.9,
                band=band,
                method="linear",
                model_version=version.name,
                part=part,
                shown=shown,
                latency_ms=3.0,
                created_at=NOW + timedelta(hours=1),
                outcome=outcome,
            )
        )
        self.session.flush()

    def review(self, policy: Policy = POLICY, *, now: datetime = NOW + timedelta(hours=2)) -> tuple[str, str]:
        trial = find_trial(self.session, "team")
        assert trial is not None
        found = review_trial(self.session, trial, policy, now=now)
        return found.decision, found.says


@pytest.fixture
def laboratory(session: Session, tmp_path: Path) -> Laboratory:
    return Laboratory(session, tmp_path)


def test_a_version_is_tried_in_the_first_stage_and_named_as_challenger(laboratory: Laboratory) -> None:
    trial = laboratory.begin()
    assert (trial.stage, trial.later, trial.champion) == ("shadow", ["ab"], laboratory.old.name)
    assert find_challenger(laboratory.storage, "team") == laboratory.new
    assert find_current(laboratory.storage, "team") == laboratory.old
    assert laboratory.begin() is trial  # The same version once more.


def test_a_newer_version_is_tried_instead(laboratory: Laboratory) -> None:
    first = laboratory.begin()
    newer = laboratory.publish("1.2.0")
    second = laboratory.begin(version=newer)
    assert (first.outcome, first.open_key, first.ended_at) == ("replaced", None, NOW)
    assert find_challenger(laboratory.storage, "team") == newer
    assert [each.id for each in list_trials(laboratory.session, "team")] == [second.id, first.id]


def test_the_shadow_lasts_until_enough_issues_were_thought_about(laboratory: Laboratory) -> None:
    laboratory.begin()
    for place in range(3):
        laboratory.say(place, "shadow", "sure", None, shown=False)
    assert laboratory.review() == ("wait", "In the shadow it thought about 3 new issues. Nothing speaks against it.")
    laboratory.say(3, "shadow", "unsure", None, shown=False)
    assert laboratory.review()[0] == "go on"


def test_where_little_is_reported_the_shadow_ends_with_its_time(laboratory: Laboratory) -> None:
    laboratory.begin()
    assert laboratory.review(now=NOW + timedelta(days=6))[0] == "wait"
    assert laboratory.review(now=NOW + timedelta(days=7))[0] == "go on"


def test_a_version_whose_sure_answers_are_worth_less_is_dropped(laboratory: Laboratory) -> None:
    laboratory.begin()
    for place in range(20):
        laboratory.say(place, "champion", "sure", RIGHT)
        laboratory.say(place, "shadow", "sure", WRONG if place % 2 else RIGHT, shown=False)
    decision, says = laboratory.review(replace(POLICY, shadow_issues=100))
    assert decision == "drop"
    assert "its sure answers were worth -0.375 each, those of the model in use +1.000" in says


def test_a_difference_that_may_be_chance_drops_nothing(laboratory: Laboratory) -> None:
    laboratory.begin()
    for place in range(20):
        laboratory.say(place, "champion", "sure", RIGHT)
        laboratory.say(place, "shadow", "sure", WRONG if place == 7 else RIGHT, shown=False)
    assert laboratory.review()[0] == "go on"


def test_a_version_that_cannot_be_asked_is_dropped(laboratory: Laboratory) -> None:
    laboratory.begin()
    for place in range(4):
        laboratory.say(place, "champion", "sure", None)
    assert laboratory.review()[0] == "drop"


def test_side_by_side_what_people_took_decides(laboratory: Laboratory) -> None:
    laboratory.begin(replace(POLICY, stages=("ab",)))
    assert laboratory.review()[0] == "wait"
    for place in range(3):
        laboratory.say(place, "ab", "suggested", RIGHT)
        laboratory.say(place + 10, "champion", "sure", WRONG)
        laboratory.say(place + 20, "champion", "sure", WRONG, shown=False)  # Nobody saw it.
    decision, says = laboratory.review()
    assert decision == "go on"
    assert "took 3 of its 3 answers that they settled, and 0 of 3 of the model in use" in says
    for place in range(3, 10):
        laboratory.say(place, "ab", "suggested", WRONG)
    for place in range(23, 40):
        laboratory.say(place, "champion", "sure", RIGHT)
    for place in range(13, 20):
        laboratory.say(place, "ab", "suggested", WRONG)
    assert laboratory.review()[0] == "drop"


def run_review(laboratory: Laboratory, policy: Policy) -> None:
    review_trials(laboratory.session, laboratory.storage, policy)


def test_the_job_leads_a_version_through_its_stages_into_use(laboratory: Laboratory) -> None:
    trial = laboratory.begin()
    trial.started_at = datetime.now(UTC)
    run_review(laboratory, POLICY)
    assert (trial.stage, trial.says) == (
        "shadow",
        "In the shadow it thought about 0 new issues. Nothing speaks against it.",
    )
    trial.started_at -= timedelta(days=8)
    run_review(laboratory, POLICY)
    assert (trial.stage, trial.later, trial.share) == ("ab", [], 0.5)
    assert find_current(laboratory.storage, "team") == laboratory.old
    trial.started_at -= timedelta(days=31)
    run_review(laboratory, POLICY)
    assert (trial.outcome, trial.open_key) == ("promoted", None)
    assert find_current(laboratory.storage, "team") == laboratory.new
    assert find_challenger(laboratory.storage, "team") is None
    change = list_changes(laboratory.session, "team")[0]
    assert (change.version, change.before) == (laboratory.new.name, laboratory.old.name)
    assert change.reason.startswith("Side by side, people took 0 of its 0 answers")


def test_whoever_chooses_a_version_meanwhile_ends_the_trial(laboratory: Laboratory) -> None:
    trial = laboratory.begin()
    use_model(
        laboratory.session, laboratory.storage, "team", laboratory.new, actor=laboratory.workplace.manager, now=NOW
    )
    run_review(laboratory, POLICY)
    assert (trial.outcome, trial.says) == ("promoted", "Somebody has chosen it.")
    other = laboratory.publish("1.2.0")
    trial = laboratory.begin(version=laboratory.publish("1.3.0"))
    use_model(laboratory.session, laboratory.storage, "team", other, actor=laboratory.workplace.manager, now=NOW)
    run_review(laboratory, POLICY)
    assert trial.outcome == "dropped"
    assert find_challenger(laboratory.storage, "team") is None
    assert find_current(laboratory.storage, "team") == other


def test_what_a_killed_process_has_left_named_is_mended(laboratory: Laboratory) -> None:
    set_challenger(laboratory.storage, laboratory.new, now=NOW)
    run_review(laboratory, POLICY)
    assert find_challenger(laboratory.storage, "team") is None
