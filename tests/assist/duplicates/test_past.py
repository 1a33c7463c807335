"""An installation's own past, as a ranker learns from it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.past import read_past
from bugflow.assist.duplicates.profiling import profile_issue
from bugflow.assist.duplicates.retelling import profile_past, tell_history
from bugflow.assist.duplicates.service import merge_issues, reject_pair, unmerge_issues, withdraw_rejection
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.ml.contract import Vectors
from bugflow.ml.duplicates.history import History
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, build_relation
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

    def change(self, name: str, **changes: Any) -> None:  # noqa: ANN401 -- Any field.
        project, actor, now = self.workplace.project, self.workplace.manager, self.workplace.tick()
        change_issue(self.session, self.issues[name], project, changes=changes, actor=actor, now=now)

    def merge(self, newer: str, older: str) -> None:
        self.say(merge_issues, newer, older, evidence={})


def read(database: Database) -> History:
    return tell_history(read_past(database, as_of=utc_now()))


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
            desk.change(name, status="closed", resolution=resolution)
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
    past = read_past(database, as_of=utc_now())
    profiles = profile_past(
        database, encoder, past, tell_history(past), tell=lambda done, total: told.append((done, total))
    )
    assert [each for each in encoded if each.startswith("Problem a")] == []
    assert {each.split("\n")[0] for each in encoded} == {"Problem b", "Problem c"}
    assert all(each.text is not None and np.isfinite(each.text).all() for each in profiles)
    assert told == [(3, 3)]


def test_an_installation_without_issues_has_no_past(database: Database) -> None:
    past = read_past(database, as_of=utc_now())
    history = tell_history(past)
    assert (len(history), profile_past(database, HashEncoder(), past, history)) == (0, [])


def test_what_was_said_later_is_not_known_yet(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report(*"abcd", description="First.")
        desk.merge("c", "b")
        desk.say(reject_pair, "d", "a")
        moments = [desk.workplace.moment]
        desk.say(unmerge_issues, "c")
        moments.append(desk.workplace.moment)
        desk.merge("b", "a")
        desk.merge("c", "b")
        moments.append(desk.workplace.moment)
        desk.say(withdraw_rejection, "d", "a")
        desk.report("e")
    pasts = [read_past(database, as_of=moment) for moment in moments]
    assert [past["duplicate_of"].to_list() for past in pasts] == [
        [None, None, "B-2", None],
        [None, None, None, None],
        [None, "B-1", "B-1", None],
    ]
    assert [past["known_at"][2] for past in pasts] == [moments[0] - timedelta(minutes=1), None, moments[2]]
    assert [past["settled"][3] for past in pasts] == [True, True, True]
    assert [past["doubtful"][2] for past in pasts] == [True, False, True]
    assert [past["closed_at"][2] is None for past in pasts] == [False, True, False]


def test_a_duplicate_that_was_led_elsewhere_later_is_still_one_of_the_first(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report(*"abc")
        desk.merge("c", "b")
        moment = desk.workplace.moment
        desk.merge("b", "a")
    past = read_past(database, as_of=moment)
    assert past["duplicate_of"].to_list() == [None, None, "B-2"]
    assert past["known_at"][2] == moment
    assert read(database).clusters.tolist() == [0, 0, 0]


def test_texts_and_fields_are_those_of_the_filing(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report("a", title="Crash", description="First.", priority="low")
        changes = {"title": "Crash, as in B-7", "description": "Now.", "priority": "high", "issue_type": "task"}
        desk.change("a", **changes)
        desk.change("a", title="Crash again")
    [row] = read_past(database, as_of=utc_now()).iter_rows(named=True)
    told = {name: row[name] for name in ("title", "description", "priority", "issue_type", "component", "project")}
    assert told == {
        "title": "Crash",
        "description": "First.",
        "priority": "low",
        "issue_type": "bug",
        "component": "",
        "project": "B",
    }
    assert row["reporter"].startswith("u-")


def test_an_issue_that_was_reopened_later_was_closed_then(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report("a")
        desk.change("a", status="resolved", resolution="fixed")
        done = desk.workplace.moment
        desk.change("a", status="open")
        between = desk.workplace.moment
        desk.change("a", status="closed", resolution="wontfix")
    pasts = [read_past(database, as_of=moment) for moment in (done, between, desk.workplace.moment)]
    assert [past["closed_at"][0] for past in pasts] == [done, None, desk.workplace.moment]
    assert [past["settled"][0] for past in pasts] == [True, False, False]


def test_imported_duplicates_count_from_when_they_were_closed_elsewhere(database: Database) -> None:
    with database.transaction() as session:
        desk = Desk(session)
        desk.report(*"ab")
        desk.change("b", status="closed", resolution="duplicate")
        closed = desk.workplace.moment
        older, newer = desk.issues["a"], desk.issues["b"]
        imported_at = desk.workplace.tick()
        session.add(build_relation(newer, older, kind=DUPLICATE_OF, created_by_id=None, now=imported_at))
    assert read_past(database, as_of=closed)["known_at"].to_list() == [None, closed]
    assert read_past(database, as_of=closed - timedelta(seconds=1))["duplicate_of"].to_list() == [None, None]
