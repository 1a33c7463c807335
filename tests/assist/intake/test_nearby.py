"""Corrections of similar reports are heard at once, and only those that may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bugflow.assist.duplicates.profiling import profile_issue
from bugflow.assist.intake.nearby import NearbyCorrections
from bugflow.assist.intake.predicting import read_draft, read_issue
from bugflow.assist.intake.service import update_bug
from bugflow.core.database import Database
from bugflow.ml.contract import Encoder
from bugflow.mlops.registry.versions import write_moment
from bugflow.mlops.serving.opinions import OFF, Opinion
from bugflow.tracker.accounts.actor import Actor, build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import create_project
from bugflow.tracker.projects.tables import Project
from factories.app import run_installation
from factories.encoders import BagEncoder
from factories.workplace import Workplace, build_workplace

TEXT = "Zeppelin crash when the spreadsheet of the hangar is saved under another name"
LIKE = "Zeppelin crash when the spreadsheet of the hangar is saved under a new name"
OTHER = "The colours of the sign-in page are hard to read at night"
UNSURE = Opinion(label="low", band="unsure", method="linear", confidence=0.4, model_version="starter/1.0.0")


@dataclass
class Scene:
    """A project whose issues are corrected, and what hears that."""

    database: Database
    workplace: Workplace
    encoder: BagEncoder
    nearby: NearbyCorrections

    def correct(self, severity: str, *, text: str = TEXT, project: Project | None = None, **fields: Any) -> Issue:  # noqa: ANN401 -- Any field.
        """Report an issue, and correct its severity."""
        place = self.workplace
        if project is not None:
            place = Workplace(project, place.people, place.moment)
        with self.database.transaction() as session:
            issue = place.report(session, title=text, severity="low", **fields)
        profile_issue(self.database, issue.id, self.encoder)
        self.say(issue, severity)
        return issue

    def say(self, issue: Issue, severity: str) -> datetime:
        """Correct an issue's severity, and return the moment."""
        now = self.workplace.tick()
        with self.database.transaction() as session:
            found = session.get_one(Issue, issue.id)
            update_bug(session, found, status=None, severity=severity, team=None, actor=self.workplace.manager, now=now)
        return now

    def ask(self, opinion: Opinion = UNSURE, *, text: str = LIKE, role: Role = Role.TESTER) -> Opinion:
        """Return what is thought of a draft's severity."""
        actor = self.workplace.people[role]
        with self.database.snapshot() as session:
            case = read_draft(session, actor, description=text, project_reference="B", title=None)
        return self.nearby.revise(actor, case, {"severity": opinion})["severity"]


@pytest.fixture
def scene(database: Database) -> Scene:
    encoder = BagEncoder()
    with database.transaction() as session:
        workplace = build_workplace(session)
    return Scene(database, workplace, encoder, NearbyCorrections(database, find_encoder=lambda: encoder))


def test_what_one_person_corrected_is_suggested_for_nearly_the_same_text_at_once(scene: Scene) -> None:
    assert scene.ask() == UNSURE
    key = scene.correct("critical").key
    found = scene.ask()
    assert (found.label, found.band, found.confidence) == ("critical", "suggested", None)
    assert (found.runner_up, found.runner_up_confidence) == ("low", 0.4)
    assert found.method == "linear+nearby"
    assert found.because is not None
    assert f"({key})" in found.because
    assert "would say low" in found.because
    assert scene.ask(text=OTHER) == UNSURE


def test_what_the_model_thinks_too_becomes_a_suggestion(scene: Scene) -> None:
    scene.correct("critical")
    found = scene.ask(Opinion(label="critical", band="unsure", method="linear", confidence=0.3))
    assert (found.label, found.band, found.confidence) == ("critical", "suggested", 0.3)


def test_a_field_that_no_model_knows_is_heard_as_well(scene: Scene) -> None:
    scene.correct("critical")
    actor = scene.workplace.manager
    with scene.database.snapshot() as session:
        case = read_draft(session, actor, description=LIKE, project_reference="B", title=None)
    found = scene.nearby.revise(actor, case, {})
    assert set(found) == {"severity"}
    assert (found["severity"].label, found["severity"].method) == ("critical", "nearby")


def test_one_correction_does_not_outvote_a_sure_model_and_several_do(scene: Scene) -> None:
    sure = Opinion(label="low", band="sure", method="linear", confidence=0.95)
    scene.correct("critical")
    assert scene.ask(sure) == sure
    for _ in range(2):
        scene.correct("critical")
    assert (scene.ask(sure).label, scene.ask(sure).band) == ("critical", "suggested")


def test_people_who_disagree_are_not_heard(scene: Scene) -> None:
    scene.correct("critical")
    scene.correct("medium")
    assert scene.ask() == UNSURE


def test_a_correction_that_was_taken_back_is_no_longer_heard(scene: Scene) -> None:
    issue = scene.correct("critical")
    assert scene.ask().label == "critical"
    scene.say(issue, "low")
    assert scene.ask().label == "low"


def test_what_was_changed_since_without_a_correction_is_no_longer_heard(scene: Scene) -> None:
    issue = scene.correct("critical")
    with scene.database.transaction() as session:
        found, project = session.get_one(Issue, issue.id), session.get_one(Project, issue.project_id)
        changes = {"severity": "medium"}
        change_issue(
            session, found, project, changes=changes, actor=build_system_actor("job"), now=scene.workplace.tick()
        )
    assert scene.ask() == UNSURE


def test_another_projects_corrections_are_not_heard(scene: Scene) -> None:
    with scene.database.transaction() as session:
        other = create_project(
            session, key="OTH", name="Other", actor=build_system_actor("cli"), now=scene.workplace.tick()
        )
    scene.correct("critical", project=other)
    assert scene.ask() == UNSURE


def test_who_may_not_see_an_issue_does_not_hear_of_it(scene: Scene) -> None:
    issue = scene.correct("critical", by=Role.DEVELOPER)
    with scene.database.transaction() as session:
        session.get_one(Issue, issue.id).restricted = True
    assert scene.ask(role=Role.PROJECT_MANAGER).label == "critical"
    assert scene.ask(role=Role.TESTER) == UNSURE


def test_what_a_model_has_learned_from_is_not_heard_again(scene: Scene) -> None:
    issue = scene.correct("critical")
    said = scene.say(issue, "critical")
    for later, label in ((timedelta(seconds=1), "low"), (timedelta(seconds=-1), "critical")):
        version = f"severity/1.0.0/{write_moment(said + later)}"
        opinion = Opinion(label="low", band="unsure", method="linear", model_version=version)
        assert scene.ask(opinion).label == label


def test_an_issue_is_not_its_own_neighbour(scene: Scene) -> None:
    issue = scene.correct("critical")
    actor: Actor = scene.workplace.manager
    with scene.database.snapshot() as session:
        case = read_issue(session, actor, session.get_one(Issue, issue.id))
    assert scene.nearby.revise(actor, case, {"severity": UNSURE})["severity"] == UNSURE


def test_where_predictions_are_off_nothing_is_heard(scene: Scene) -> None:
    scene.correct("critical")
    off = Opinion(label=None, band="unsure", method=OFF)
    assert scene.ask(off) == off
    with scene.database.transaction() as session:
        session.get_one(Project, scene.workplace.project.id).predictions = False
    assert scene.ask() == UNSURE


class BrokenEncoder(BagEncoder):
    """Fails."""

    def encode(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 -- It returns nothing.
        """Fail."""
        raise RuntimeError(f"cannot encode {len(texts)} texts")


@pytest.mark.parametrize("encoder", [None, BrokenEncoder()])
def test_without_a_working_encoder_the_models_opinion_stands(scene: Scene, encoder: Encoder | None) -> None:
    scene.correct("critical")
    scene.nearby = NearbyCorrections(scene.database, find_encoder=lambda: encoder)
    assert scene.ask() == UNSURE


def test_a_setting_switches_it_off(scene: Scene) -> None:
    scene.correct("critical")
    scene.nearby = NearbyCorrections(scene.database, find_encoder=lambda: scene.encoder, enabled=False)
    assert scene.ask() == UNSURE


def test_a_correction_counts_for_the_next_prediction_over_http(database_url: str, tmp_path: Path) -> None:
    encoder = BagEncoder()
    with run_installation(database_url, tmp_path / "home", starter_models=False) as site:
        site.client.app.state.nearby = NearbyCorrections(  # type: ignore[attr-defined]
            site.database, find_encoder=lambda: encoder
        )
        ask = {"json": {"description": LIKE, "project": "WEB"}}
        before = site.call("tester", "POST", "/predict", **ask)
        body = {"description": TEXT, "project": "WEB", "severity": before["severity"]}
        reported = site.call("tester", "POST", "/report_bug", json=body)
        profile_issue(site.database, reported["id"], encoder)
        other = next(each for each in ("low", "critical") if each != before["severity"])
        correction = {"bug_id": reported["id"], "correction_severity": other}
        site.call("project_manager", "POST", "/update_bug", json=correction)
        answer = site.call("tester", "POST", "/predict", **ask)
        assert answer["severity"] == other
        found = answer["predictions"]["severity"]
        assert (found["band"], found["method"]) == ("suggested", "keyword+nearby")
        assert found["reasons"] == [{"kind": "issue", "what": reported["key"], "weight": None}]
