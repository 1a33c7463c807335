"""An installation's own past, as a ranker learns from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.past import read_past
from bugflow.assist.duplicates.profiling import profile_issue
from bugflow.assist.duplicates.service import merge_issues, reject_pair, unmerge_issues, withdraw_rejection
from bugflow.core.database import Database
from bugflow.ml.contract import Vectors
from bugflow.ml.duplicates.history import History
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from factories.encoders import HashEncoder
from factories.workplace import Workplace, build_workplace


class Desk:
    """A project manager at work on issues that are known by a letter."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.workplace: Workplace = build_workplace(session)
        self.issues: dict[str, Issue] = {}

    def report(self, *names: str, **fields: Any) -> None:  # noqa: ANN401 -- Any field.
        for name in names:
            self.issues[name] = self.workplace.report(self.session, **({"title": f"Problem {name}"} | fields))

    def say(self, verb: Any, first: str, *others: str, **more: Any) -> None:  # noqa: ANN401 -- A verb of the service.
        issues = [self.issues[each] for each in (first, *others)]
        verb(self.session, *issues, actor=self.workplace.manager, now=self.workplace.tick(), **more)

    def merge(self, newer: str, older: str) -> None:
        self.say(merge_issues, newer, older, evidence={})


def read(database: Database) -> History:
    history, profiles = read_past(database, HashEncoder())
    assert len(profiles) == len(history)
    return history


def test_merges_are_links_from_when_they_were_made(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report(*"abcd")
        desk.merge("c", "a")
        made_at = desk.workplace.moment.timestamp()
    history = read(database)
    assert history.names == ("B-1", "B-2", "B-3", "B-4")
    assert history.clusters.tolist() == [0, 1, 0, 3]
    assert [(each.older, each.newer, each.known) for each in history.links] == [(0, 2, made_at)]
    assert history.queries == (2,)


def test_a_merge_that_was_taken_back_teaches_nothing(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report(*"ab")
        desk.merge("b", "a")
        desk.say(unmerge_issues, "b")
    history = read(database)
    assert (history.links, history.doubtful, history.settled) == ((), frozenset(), frozenset())


def test_who_rejects_a_suggestion_says_that_it_is_a_bug_of_its_own(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report(*"abcd")
        desk.say(reject_pair, "b", "a")
        desk.say(reject_pair, "c", "a")
        desk.say(withdraw_rejection, "c", "a")
    assert read(database).settled == {1}


def test_what_is_fixed_is_its_own_bug_and_what_is_called_a_duplicate_of_nothing_is_not_learned(
    database: Database,
) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report(*"abc")
        for name, resolution in (("b", "fixed"), ("c", "duplicate")):
            change_issue(
                session,
                desk.issues[name],
                desk.workplace.project,
                changes={"status": "closed", "resolution": resolution},
                actor=desk.workplace.manager,
                now=desk.workplace.tick(),
            )
    history = read(database)
    assert history.settled == {1}
    assert history.doubtful == {2}


def test_issues_do_not_name_what_they_are_duplicates_of(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report("a")
        desk.report("b", description="Like B-1, I think.")
        desk.report("c", description="Not like B-1.")
        desk.merge("b", "a")
    history = read(database)
    assert "B-1" not in history.reports[1].description
    assert "B-1" in history.reports[2].description


def test_kept_profiles_are_taken_where_their_text_is_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report("a")
        desk.report("b", description="The same as B-1.")
        desk.report("c")
        desk.merge("b", "a")
        numbers = {name: issue.id for name, issue in desk.issues.items()}
    for name in "ab":
        profile_issue(database, numbers[name], HashEncoder())
    encoder, encoded = HashEncoder(), list[str]()
    encode = encoder.encode

    def note(texts: Sequence[str]) -> Vectors:
        encoded.extend(texts)
        return encode(texts)

    monkeypatch.setattr(encoder, "encode", note)
    told: list[tuple[int, int]] = []
    _, profiles = read_past(database, encoder, tell=lambda done, total: told.append((done, total)))
    assert [each for each in encoded if each.startswith("Problem a")] == []
    assert {each.split("\n")[0] for each in encoded} == {"Problem b", "Problem c"}
    assert all(each.text is not None and np.isfinite(each.text).all() for each in profiles)
    assert told == [(3, 3)]


def test_an_installation_without_issues_has_no_past(database: Database) -> None:
    history, profiles = read_past(database, HashEncoder())
    assert (len(history), profiles) == (0, [])
