"""Duplicates of other trackers, which point at newer issues, at each other and along chains."""

from collections.abc import Iterable
from itertools import count
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import ConflictError
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.running import run_import
from bugflow.tracker.issues.queries import get_issue
from bugflow.tracker.issues.relations import relate_issues, unrelate_issues
from bugflow.tracker.issues.tables import Issue, IssueRelation
from factories.exports import bugzilla_bug, jira_issue, jira_search, to_bytes

SYSTEM = build_system_actor("import")
PROJECTS = count(1)
Bug = dict[str, Any]


def bug(number: int, *, day: int | None = None, **changes: Any) -> Bug:  # noqa: ANN401 -- JSON.
    """Return a bug that was reported on a day of the year."""
    when = f"2024-{1 + (day or number) // 28:02}-{1 + (day or number) % 28:02}T00:00:00Z"
    return bugzilla_bug(number, creation_time=when, **changes)


def import_bugs(database: Database, *bugs: Bug, project: str = "ROCKET", dry_run: bool = False) -> ImportReport:
    content = to_bytes({"bugs": list(bugs)})
    return run_import(database, "bugzilla", [content], project_key=project, dry_run=dry_run, actor=SYSTEM)


def links(database: Database, project: str = "ROCKET") -> dict[int, int]:
    """Return what is a duplicate of what, by the numbers of the source."""
    with database.snapshot() as session:
        keys = {row.id: row.key for row in session.execute(select(Issue.id, Issue.key))}
        rows = session.execute(
            select(IssueRelation.source_id, IssueRelation.target_id).where(IssueRelation.kind == "duplicate_of")
        )
        named = [(keys[row[0]], keys[row[1]]) for row in rows]
    return {int(a.split("-")[1]): int(b.split("-")[1]) for a, b in named if a.startswith(f"{project}-")}


def counts(report: ImportReport) -> dict[str, Any]:
    """Return what a dry run and a run must agree on."""
    plain = report.to_json()
    return {name: plain[name] for name in plain if name not in {"dry_run", "new_projects"}}


def test_a_duplicate_of_a_newer_issue_is_turned_round_and_counted(database: Database) -> None:
    files = (bug(1, dupe_of=2), bug(2), bug(3, dupe_of=2))
    planned = import_bugs(database, *files, dry_run=True)
    report = import_bugs(database, *files)
    assert links(database) == {2: 1, 3: 1}
    assert (report.new_relations, report.turned_duplicates) == (2, 1)
    assert counts(planned) == counts(report)


def test_statuses_and_resolutions_stay_as_imported_also_of_what_is_turned_round(database: Database) -> None:
    import_bugs(database, bug(1, dupe_of=2, resolution="DUPLICATE"), bug(2, status="NEW", resolution=""))
    with database.snapshot() as session:
        first, second = (get_issue(session, SYSTEM, f"ROCKET-{number}") for number in (1, 2))
        assert (first.resolution, second.status, second.resolution) == ("duplicate", "open", None)
        assert (first.version, second.version) == (1, 1)


@pytest.mark.parametrize("order", [(1, 2, 3, 4), (4, 3, 2, 1), (2, 4, 1, 3)])
def test_a_chain_is_collapsed_in_whichever_order_it_comes(database: Database, order: Iterable[int]) -> None:
    bugs = {1: bug(1), 2: bug(2, dupe_of=1), 3: bug(3, dupe_of=2), 4: bug(4, dupe_of=3)}
    report = import_bugs(database, *(bugs[number] for number in order))
    assert links(database) == {2: 1, 3: 1, 4: 1}
    assert (report.new_relations, report.turned_duplicates) == (3, 0)


def test_a_circle_of_the_source_becomes_a_cluster(database: Database) -> None:
    report = import_bugs(database, bug(1, dupe_of=2), bug(2, dupe_of=3), bug(3, dupe_of=1))
    assert links(database) == {2: 1, 3: 1}
    assert report.new_relations == 2


def test_links_to_what_an_earlier_import_brought_join_its_clusters(database: Database) -> None:
    import_bugs(database, bug(5), bug(6, dupe_of=5))
    files = (bug(1), bug(7, dupe_of=6), bug(8, dupe_of=99), bug(2, dupe_of=1), bug(9, dupe_of=7), bug(10, dupe_of=2))
    joining = bug(11, dupe_of=5)
    planned = import_bugs(database, *files, joining, dry_run=True)
    report = import_bugs(database, *files, joining)
    assert links(database) == {6: 5, 7: 5, 9: 5, 11: 5, 2: 1, 10: 1}
    assert counts(planned) == counts(report)
    assert report.left.counts["relations to issues that are not here"] == 1


def test_an_older_issue_that_comes_later_takes_a_whole_cluster_over(database: Database) -> None:
    import_bugs(database, bug(5), bug(6, dupe_of=5))
    files = (bug(3), bug(4, dupe_of=3), bug(2, dupe_of=6))
    planned = import_bugs(database, *files, dry_run=True)
    report = import_bugs(database, *files)
    assert links(database) == {5: 2, 6: 2, 4: 3}
    assert (report.new_relations, report.turned_duplicates) == (2, 1)
    assert counts(planned) == counts(report)


def test_issues_of_one_moment_are_ordered_as_they_come_also_in_a_dry_run(database: Database) -> None:
    files = (bug(3, day=1), bug(1, day=1, dupe_of=3), bug(2, day=1, dupe_of=1))
    planned = import_bugs(database, *files, dry_run=True)
    report = import_bugs(database, *files)
    assert links(database) == {1: 3, 2: 3}
    assert counts(planned) == counts(report)


def test_a_link_to_an_issue_that_is_not_here_yet_is_made_once_it_is(database: Database) -> None:
    assert import_bugs(database, bug(2, dupe_of=1)).new_relations == 0
    assert import_bugs(database, bug(1), bug(2, dupe_of=1)).new_relations == 1
    assert links(database) == {2: 1}


def test_a_second_import_does_not_undo_what_people_made_of_duplicates(database: Database) -> None:
    files = (bug(1), bug(2), bug(3, dupe_of=2))
    import_bugs(database, *files)
    with database.transaction() as session:
        third = get_issue(session, SYSTEM, "ROCKET-3")
        relation = session.scalars(select(IssueRelation)).one()
        unrelate_issues(session, third, relation.id, actor=SYSTEM, now=utc_now())
        first = get_issue(session, SYSTEM, "ROCKET-1")
        relate_issues(session, third, first, kind="duplicate_of", actor=SYSTEM, now=utc_now())
    for dry_run in (True, False):
        again = import_bugs(database, *files, dry_run=dry_run)
        assert (again.new_relations, again.turned_duplicates) == (0, 0)
    assert links(database) == {3: 1}


def test_other_relations_are_planned_as_they_are_written(database: Database) -> None:
    def link(kind: str, key: str) -> dict[str, Any]:
        return {"type": {"name": kind}, "outwardIssue": {"key": key}}

    files = jira_search(
        jira_issue("ROC-1", issuelinks=[link("Blocks", "ROC-2"), link("Relates", "ROC-2")]),
        jira_issue("ROC-2", issuelinks=[link("Relates", "ROC-1"), link("Blocks", "ROC-1"), link("Blocks", "ROC-9")]),
    )
    planned = run_import(database, "jira", [files], project_key=None, dry_run=True, actor=SYSTEM)
    report = run_import(database, "jira", [files], project_key=None, dry_run=False, actor=SYSTEM)
    assert report.new_relations == 3
    assert counts(planned) == counts(report)
    for dry_run in (True, False):
        assert run_import(database, "jira", [files], project_key=None, dry_run=dry_run, actor=SYSTEM).new_relations == 0


def test_people_who_merge_while_an_import_links_the_same_issues_leave_no_chain(database: Database) -> None:
    numbers = range(1, 41)
    import_bugs(database, *(bug(number) for number in numbers))
    refused: list[Exception] = []

    def merge_all() -> None:
        for number in reversed(numbers[1:]):
            try:
                with database.transaction() as session:
                    newer, older = (get_issue(session, SYSTEM, f"ROCKET-{each}") for each in (number, number // 2))
                    relate_issues(session, newer, older, kind="duplicate_of", actor=SYSTEM, now=utc_now())
            except ConflictError as error:
                refused.append(error)

    merging = Thread(target=merge_all)
    merging.start()
    report = import_bugs(database, bug(1), *(bug(number, dupe_of=number - 1) for number in numbers[1:]))
    merging.join(60)
    made = links(database)
    assert made == dict.fromkeys(numbers[1:], 1)
    assert report.new_relations + len(numbers) - 1 - len(refused) == len(made)


NUMBERS = st.integers(1, 9)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    days=st.lists(st.integers(1, 4), min_size=9, max_size=9),
    pointers=st.dictionaries(NUMBERS, NUMBERS, max_size=9),
    order=st.permutations(range(1, 10)),
    first_part=st.integers(0, 9),
)
def test_whatever_points_where_the_clusters_are_those_of_the_source_and_lead_back_in_time(
    database: Database, days: list[int], pointers: dict[int, int], order: list[int], first_part: int
) -> None:
    project = f"P{next(PROJECTS)}"
    bugs = [
        bug(number, day=days[number - 1], **({"dupe_of": pointers[number]} if number in pointers else {}))
        for number in order
    ]
    import_bugs(database, *bugs[:first_part], project=project)
    planned = import_bugs(database, *bugs, project=project, dry_run=True)
    report = import_bugs(database, *bugs, project=project)
    assert counts(planned) == counts(report)
    made = links(database, project)
    cluster = {number: {number} for number in order}
    for source, target in pointers.items():
        joined = cluster[source] | cluster[target]
        cluster |= dict.fromkeys(joined, joined)
    place = {number: (days[number - 1], at) for at, number in enumerate(order)}
    oldest = {number: min(cluster[number], key=place.__getitem__) for number in order}
    assert made == {number: root for number, root in oldest.items() if root != number}
    again = import_bugs(database, *bugs, project=project)
    assert (again.new_relations, again.unchanged_issues, links(database, project)) == (0, 9, made)
