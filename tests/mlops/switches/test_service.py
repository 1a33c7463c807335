"""Switching features: what counts, what is kept, who may."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bugflow.mlops.switches.errors import SwitchReasonError
from bugflow.mlops.switches.queries import is_switched_on, list_switched_off, list_switches
from bugflow.mlops.switches.service import switch_feature
from bugflow.tracker.accounts.actor import MissingPermissionError
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.audit.tables import AuditEntry
from bugflow.tracker.projects.tables import Project
from factories.workplace import Workplace, build_workplace

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def workplace(session: Session) -> Workplace:
    return build_workplace(session)


def switch(session: Session, workplace: Workplace, *, on: bool, project: Project | None = None) -> None:
    switch_feature(session, "team", project=project, on=on, reason="A test.", actor=workplace.manager, now=NOW)


def test_what_nobody_has_switched_is_on(session: Session, workplace: Workplace) -> None:
    assert list_switched_off(session, workplace.project.id) == frozenset()
    assert is_switched_on(session, "team", None)


def test_off_for_one_project_is_on_for_the_others(session: Session, workplace: Workplace) -> None:
    project = workplace.project
    switch(session, workplace, on=False, project=project)
    assert not is_switched_on(session, "team", project.id)
    assert is_switched_on(session, "team", project.id + 1)
    assert is_switched_on(session, "severity", project.id)
    assert is_switched_on(session, "team", None)


def test_off_for_all_is_off_for_a_project_that_has_it_on(session: Session, workplace: Workplace) -> None:
    switch(session, workplace, on=False)
    switch(session, workplace, on=True, project=workplace.project)
    assert list_switched_off(session, workplace.project.id) == {"team"}
    switch(session, workplace, on=True)
    assert is_switched_on(session, "team", workplace.project.id)


def test_the_last_word_counts_and_every_word_is_kept(session: Session, workplace: Workplace) -> None:
    for on in (False, True, False):
        switch(session, workplace, on=on, project=workplace.project)
    assert not is_switched_on(session, "team", workplace.project.id)
    [latest] = list_switches(session)
    assert (latest.is_on, latest.reason, latest.actor_name) == (False, "A test.", workplace.manager.name)
    entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "feature.switched").order_by(AuditEntry.id))
    assert [(each.subject_id, each.after) for each in entries] == [
        ("team/B", {"on": on, "reason": "A test."}) for on in (False, True, False)
    ]
    with pytest.raises(DBAPIError):
        session.execute(text("UPDATE feature_switches SET is_on = NOT is_on"))


def test_only_those_who_may_choose_models_switch(session: Session, workplace: Workplace) -> None:
    for role in (Role.TESTER, Role.DEVELOPER):
        with pytest.raises(MissingPermissionError):
            switch_feature(session, "team", project=None, on=False, reason="No.", actor=workplace.people[role], now=NOW)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_nothing_is_switched_without_a_reason_that_can_be_kept(
    session: Session, workplace: Workplace, reason: str
) -> None:
    with pytest.raises(SwitchReasonError, match="Say why the team is switched"):
        switch_feature(session, "team", project=None, on=False, reason=reason, actor=workplace.manager, now=NOW)
    assert list_switches(session) == []
