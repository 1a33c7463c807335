"""What raises an alarm, and what does not."""

from datetime import UTC, datetime, timedelta

from bugflow.mlops.monitoring.alarms import Alarm, find_alarms
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.taxonomy import check_taxonomy
from bugflow.tracker.accounts.actor import Actor, build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.projects.service import add_component, add_team, create_project
from factories.watchtower import Watchtower

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATELY, EARLIER = NOW - timedelta(days=3), NOW - timedelta(days=40)
SYSTEM = build_system_actor("cli")


def alarms(tower: Watchtower, viewer: Actor = SYSTEM) -> list[Alarm]:
    with tower.database.snapshot() as session:
        return find_alarms(session, tower.storage, viewer=viewer, options=WatchOptions(), now=NOW)


def test_nothing_is_wrong_where_nothing_has_happened(tower: Watchtower) -> None:
    assert alarms(tower) == []


def test_a_precision_that_is_surely_below_what_is_promised_is_an_alarm(tower: Watchtower) -> None:
    tower.predict(60, at=LATELY, outcome="right")
    tower.predict(40, at=LATELY, outcome="wrong")
    [found] = alarms(tower)
    assert (found.kind, found.model_type, found.scope, found.severity) == (
        "precision",
        "severity",
        "global",
        "critical",
    )
    assert "60 of 100 (60.0%, 95 % interval 50.2% to 69.1%) are right; 90% are promised." in found.says


def test_a_precision_that_may_be_what_is_promised_is_none(tower: Watchtower) -> None:
    tower.predict(86, at=LATELY, outcome="right")
    tower.predict(14, at=LATELY, outcome="wrong")
    assert alarms(tower) == []


def test_a_project_in_which_it_is_wrong_is_named_to_those_who_see_it(tower: Watchtower) -> None:
    with tower.database.transaction() as session:
        other = create_project(session, key="HID", name="Hidden", actor=SYSTEM, now=NOW, visibility="private")
        number = other.id
    tower.predict(400, at=LATELY, outcome="right")
    tower.predict(30, at=LATELY, outcome="wrong", project_id=number)
    assert [(each.kind, each.scope) for each in alarms(tower)] == [("precision", "HID")]
    assert alarms(tower, tower.workplace.manager) == []


def test_a_coverage_that_collapses_is_an_alarm(tower: Watchtower) -> None:
    for at, sure in ((EARLIER, 70), (LATELY, 15)):
        tower.predict(sure, at=at)
        tower.predict(100 - sure, at=at, band="unsure")
    [found] = alarms(tower)
    assert (found.kind, found.severity) == ("coverage", "warning")
    assert "15 of 100 (15.0%" in found.says
    assert "70 of 100 (70.0%" in found.says


def test_a_coverage_that_only_sinks_is_none(tower: Watchtower) -> None:
    for at, sure in ((EARLIER, 70), (LATELY, 45)):
        tower.predict(sure, at=at)
        tower.predict(100 - sure, at=at, band="unsure")
    assert alarms(tower) == []


def test_labels_that_drift_are_an_alarm_of_their_field(tower: Watchtower) -> None:
    with tower.database.transaction() as session:
        for severity, at in (("low", EARLIER), ("critical", LATELY)):
            for second in range(30):
                issue = tower.workplace.report(session, by=Role.PROJECT_MANAGER, severity=severity)
                issue.created_at = at + timedelta(seconds=second)
    [found] = alarms(tower)
    assert (found.kind, found.model_type) == ("drift", "severity")


def test_what_projects_and_the_version_in_use_do_not_share_is_an_alarm(tower: Watchtower) -> None:
    tower.use(
        tower.publish("1.0.0", model_type="team", classes=("Backend", "Frontend", "Mobile", "Payments"), judged=None)
    )
    [found] = alarms(tower)
    assert (found.kind, found.model_type, found.severity) == ("taxonomy", "team", "notice")
    assert "has never seen DevOps (B)" in found.says
    assert "It says Payments, which no project has any more" in found.says


def test_a_taxonomy_knows_what_each_project_calls_things_and_what_nobody_uses(tower: Watchtower) -> None:
    with tower.database.transaction() as session:
        other = create_project(session, key="O", name="Other", actor=SYSTEM, now=NOW)
        add_team(session, name="Payments", project=other, actor=SYSTEM, now=NOW)
        add_component(session, other, name="Checkout", actor=SYSTEM, now=NOW)
        project = tower.workplace.project
        tower.workplace.report(session, by=Role.PROJECT_MANAGER, team="Backend")
        found = check_taxonomy(session, "team", ("backend", "Payments", "Docs"), [project, other])
        assert found.unseen == {"B": ("Frontend", "Mobile", "DevOps")}
        assert found.gone == ("Docs",)
        assert found.empty == {"B": ("Frontend", "Mobile", "DevOps"), "O": ("Payments",)}
        assert check_taxonomy(session, "component", ("Checkout",), [project, other]).is_whole
        meant = check_taxonomy(session, "severity", ("minor", "medium", "high", "blocker"), [project])
        assert (meant.unseen, meant.gone) == ({}, ())
        assert check_taxonomy(session, "priority", ("low",), [project]).unseen["B"] == (
            "lowest",
            "medium",
            "high",
            "highest",
        )


def test_what_names_the_version_in_use_and_is_damaged_is_an_alarm(tower: Watchtower) -> None:
    tower.damage("component")
    [found] = alarms(tower)
    assert (found.kind, found.model_type, found.severity) == ("damaged", "component", "critical")


def test_a_version_that_is_worse_than_when_it_was_judged_is_an_alarm(tower: Watchtower) -> None:
    version = tower.publish("1.0.0")
    tower.use(version, at=EARLIER)
    tower.predict(30, at=LATELY, outcome="wrong", model_version=version.name)
    assert {each.kind for each in alarms(tower)} == {"worse", "precision"}
