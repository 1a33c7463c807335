"""Duplicates told again: what was known when an issue was filed, and nothing that people did or wrote later."""

from datetime import timedelta

from bugflow.assist.duplicates.backtesting import DuplicateResult, backtest_duplicates
from bugflow.assist.duplicates.past import read_past
from bugflow.assist.duplicates.service import merge_issues
from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import create_project
from factories.encoders import HashEncoder
from factories.workplace import Workplace, build_workplace

PROBLEMS = (
    "The printer driver prints nothing but garbled glyphs on A3 paper",
    "Signing in through the proxy loses the session cookie at midnight",
    "Exporting the ledger to a spreadsheet swaps columns of currencies",
    "Dragging a sprint onto the calendar freezes the whole timeline",
    "Uploading avatars larger than a megabyte answers with status 500",
)
REPEATED = f"{PROBLEMS[1]} again"


def build(database: Database) -> Workplace:
    with database.transaction() as session:
        workplace = build_workplace(session, PROBLEMS)
        workplace.report(session, title=REPEATED)
    return workplace


def merge(database: Database, workplace: Workplace, newer: int, older: int) -> None:
    with database.transaction() as session:
        issues = [session.get_one(Issue, each) for each in (newer, older)]
        merge_issues(session, *issues, actor=workplace.manager, now=workplace.tick(), evidence={})


def tell(database: Database, workplace: Workplace, *, last: int = 500) -> DuplicateResult:
    found = backtest_duplicates(database, None, project=workplace.project.key, last=last, blocks=2)
    assert found is not None
    return found


def test_an_older_report_that_people_merged_later_is_found_among_the_ten(database: Database) -> None:
    workplace = build(database)
    merge(database, workplace, 6, 2)
    found = tell(database, workplace)
    assert (found.known, found.asked, found.duplicates, found.others, found.unclear) == (6, 5, 1, 4, 0)
    assert (found.first, found.among_ten, found.missed) == (1, 1, ())
    assert found.by_words
    assert [each.asked for each in found.blocks] == [3, 2]
    assert [each.among_ten for each in found.blocks] == [0, 1]


def test_counts_add_up(database: Database) -> None:
    workplace = build(database)
    merge(database, workplace, 6, 2)
    merge(database, workplace, 5, 1)
    found = tell(database, workplace, last=4)
    assert found.asked == 4 == found.duplicates + found.others + found.unclear
    assert found.duplicates == found.among_ten + len(found.missed) == 2
    assert found.flagged_right + found.flagged_wrong <= found.duplicates
    assert found.others_flagged == len(found.doubted) <= found.others
    assert sum(each.duplicates for each in found.blocks) == found.duplicates
    assert sum(each.others for each in found.blocks) == found.others


def test_what_is_filed_or_rewritten_later_changes_nothing_that_was_said(database: Database) -> None:
    workplace = build(database)
    merge(database, workplace, 6, 2)
    before = tell(database, workplace)
    with database.transaction() as session:
        for number, title in ((2, "Something else entirely"), (6, "Nothing to see")):
            issue = session.get_one(Issue, number)
            change_issue(
                session,
                issue,
                workplace.project,
                changes={"title": title},
                actor=workplace.manager,
                now=workplace.tick(),
            )
    rewritten = tell(database, workplace)
    assert rewritten == before
    assert read_past(database, as_of=workplace.tick())["title"].to_list()[5] == REPEATED
    with database.transaction() as session:
        workplace.report(session, title=PROBLEMS[0])
    after = tell(database, workplace)
    assert (after.known, after.asked) == (7, 6)
    assert after.duplicates == before.duplicates
    assert after.first == before.first


def test_of_an_issue_of_another_project_nothing_is_told(database: Database) -> None:
    workplace = build(database)
    merge(database, workplace, 6, 2)
    with database.transaction() as session:
        actor = build_system_actor("cli")
        other = create_project(session, key="SECRET", name="Secret", actor=actor, now=workplace.moment)
        elsewhere = Workplace(other, workplace.people, workplace.moment - timedelta(days=1))
        for _ in range(2):
            elsewhere.report(session, title=REPEATED)
    found = tell(database, workplace)
    assert found.known == 8
    assert "SECRET" not in repr(found)
    assert "SECRET-2" in repr(tell(database, elsewhere))


def test_a_project_with_one_issue_has_nothing_to_compare(database: Database) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session, PROBLEMS[:1])
    assert backtest_duplicates(database, None, project=workplace.project.key) is None


def test_with_an_encoder_vectors_are_compared_and_work_is_told(database: Database) -> None:
    workplace = build(database)
    told: list[float] = []
    found = backtest_duplicates(
        database, HashEncoder(), project=workplace.project.key, tell=lambda done, _note: told.append(done)
    )
    assert found is not None
    assert not found.by_words
    assert (found.duplicates, found.among_ten_interval) == (0, None)
    assert told == sorted(told)
    assert told[-1] == 1.0
