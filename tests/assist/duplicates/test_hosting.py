"""Issues in memory beside a real database: loading, keeping up, other encoders, damaged profiles."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, update

from bugflow.assist.duplicates.hosting import (
    ENCODER_FAILED,
    ENCODER_PAUSED,
    NO_ENCODER,
    OTHER_ENCODER,
    DuplicateHost,
    HostingOptions,
)
from bugflow.assist.duplicates.known import KnownIssues
from bugflow.assist.duplicates.meanwhile import LOADING, find_meanwhile
from bugflow.assist.duplicates.profiling import IssueText, profile_backlog, profile_issue
from bugflow.assist.duplicates.service import merge_issues, unmerge_issues
from bugflow.assist.duplicates.suggesting import read_draft, suggest
from bugflow.assist.duplicates.suggestion_schemas import PreviewAsk
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import UnavailableError
from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.profiles import read_report
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue, IssueRelation
from factories.app import run_installation
from factories.encoders import BagEncoder, HashEncoder
from factories.runners import wait_until
from factories.workplace import Workplace, build_workplace

CRASH = "Exporting the quarterly spreadsheet crashes with zlib underflow"


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        return build_workplace(session, [f"Something else number {number} about menus" for number in range(5)])


def build(database: Database, encoder: Encoder | None = None, **options: Any) -> DuplicateHost:  # noqa: ANN401 -- Any option.
    return DuplicateHost(database, HostingOptions(**({"refresh_seconds": 0} | options)), find_encoder=lambda: encoder)


def load(database: Database, encoder: Encoder | None = None, **options: Any) -> DuplicateHost:  # noqa: ANN401 -- Any option.
    host = build(database, encoder, **options)
    host.load()
    host.refresh()
    return host


def report(database: Database, workplace: Workplace, **fields: Any) -> int:  # noqa: ANN401 -- Any field.
    with database.transaction() as session:
        return workplace.report(session, **({"title": CRASH} | fields)).id


def look(host: DuplicateHost, database: Database, workplace: Workplace, title: str = CRASH) -> list[int]:
    with database.snapshot() as session:
        sought = read_draft(session, workplace.people[Role.TESTER], PreviewAsk(project="B", title=title))
    return [
        each.issue_id for each in suggest(host, database, workplace.people[Role.TESTER], sought, most=20).suggestions
    ]


def test_until_issues_are_loaded_full_text_finds_what_shares_rare_words_and_the_answer_says_so(
    database: Database, workplace: Workplace
) -> None:
    number = report(database, workplace)
    host = build(database)
    with database.snapshot() as session:
        sought = read_draft(session, workplace.manager, PreviewAsk(project="B", title=CRASH))
        nothing = read_draft(session, workplace.manager, PreviewAsk(project="B", title="Kerberos ticket expires"))
    answer = suggest(host, database, workplace.manager, sought, most=5)
    assert (answer.ready, answer.note) == (False, LOADING)
    assert [(each.issue_id, each.probability, each.flagged) for each in answer.suggestions] == [(number, None, False)]
    assert suggest(host, database, workplace.manager, nothing, most=5).suggestions == []
    host.load()
    assert look(host, database, workplace) == [number]
    assert suggest(host, database, workplace.manager, sought, most=5).ready


def test_full_text_suggests_neither_the_issue_itself_nor_its_group_nor_what_was_rejected_nor_what_is_hidden(
    database: Database, workplace: Workplace
) -> None:
    first, second, third, newest = (report(database, workplace, by=Role.PROJECT_MANAGER) for _ in range(4))
    with database.transaction() as session:
        issues = session.get_one(Issue, second), session.get_one(Issue, first)
        merge_issues(session, *issues, evidence={}, actor=workplace.manager, now=utc_now())

    def find(number: int, *left_out: int, viewer: Role = Role.PROJECT_MANAGER) -> list[tuple[int, int]]:
        text = IssueText(number, utc_now(), CRASH, "", "")
        with database.snapshot() as session:
            return find_meanwhile(session, workplace.people[viewer], text, left_out=left_out)

    assert {named for _, named in find(newest)} == {first, third}
    assert find(newest, first) == [(third, third)]
    assert find(third) == [(second, first)]
    assert find(second) == []
    with database.transaction() as session:
        session.execute(update(Issue).where(Issue.id == third).values(restricted=True))
    assert [named for _, named in find(newest, viewer=Role.TESTER)] == [first]


def test_issues_are_loaded_in_the_background_and_the_thread_ends(database: Database, workplace: Workplace) -> None:
    number = report(database, workplace)
    host = build(database, background_seconds=0.05)
    host.start()
    try:
        wait_until(lambda: host.is_ready and look(host, database, workplace) == [number], 20)
    finally:
        host.stop()
    assert not any(each.name == "bugflow-duplicates" for each in threading.enumerate())


def test_two_processes_on_one_database_both_see_what_happens(database: Database, workplace: Workplace) -> None:
    hosts = [load(database), load(database)]
    first = report(database, workplace)
    second = report(database, workplace, title=CRASH + " again")
    for host in hosts:
        assert set(look(host, database, workplace)) == {first, second}
    with database.transaction() as session:
        issues = session.get_one(Issue, second), session.get_one(Issue, first)
        merge_issues(session, *issues, evidence={}, actor=workplace.manager, now=utc_now())
    for host in hosts:
        assert look(host, database, workplace) == [first]
    with database.transaction() as session:
        unmerge_issues(session, session.get_one(Issue, second), actor=workplace.manager, now=utc_now())
    for host in hosts:
        assert set(look(host, database, workplace)) == {first, second}


def test_so_many_compare_at_once_and_the_others_wait_for_their_turn(database: Database) -> None:
    host = load(database, at_once=2)
    inside, together, leave = list[int](), list[int](), threading.Event()

    def look_slowly(_: KnownIssues) -> None:
        inside.append(1)
        together.append(len(inside))
        leave.wait(20)
        inside.remove(1)

    threads = [threading.Thread(target=host.search, args=(look_slowly,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(inside) == 2, 20)
    with host.read() as known:  # Who only looks something up does not wait.
        assert known is not None
    leave.set()
    for thread in threads:
        thread.join(20)
    assert len(together) == 5
    assert max(together) == 2


def test_nobody_waits_for_another_one_who_looks_what_has_changed(database: Database, workplace: Workplace) -> None:
    host = load(database)
    number = report(database, workplace)
    with host._refreshing:
        assert look(host, database, workplace) == []
    assert look(host, database, workplace) == [number]


def test_closing_and_fields_are_seen_without_a_new_row(database: Database, workplace: Workplace) -> None:
    number = report(database, workplace)
    host = load(database)
    with host.read() as known:
        assert known is not None
        before = len(known.index)
    with database.transaction() as session:
        changes = {"status": "closed", "priority": "high"}
        issue = session.get_one(Issue, number)
        change_issue(session, issue, workplace.project, changes=changes, actor=workplace.manager, now=utc_now())
    host.refresh()
    with host.read() as known:
        assert known is not None
        row = known.index.find_row(number)
        assert row is not None
        assert len(known.index) == before
        assert known.index.closed[row] < utc_now().timestamp()
        assert known.index.codes[row, 3] > 0


def test_an_issue_is_known_by_words_until_its_vectors_are_written(database: Database, workplace: Workplace) -> None:
    encoder = BagEncoder()
    host = load(database, encoder)
    number = report(database, workplace)
    assert number in look(host, database, workplace)

    def has_vector() -> bool:
        with host.read() as known:
            assert known is not None
            row = known.index.find_row(number)
            assert row is not None
            return bool(known.index.texts.take(known.index.identities[row : row + 1] * 0 + row).any())

    assert not has_vector()
    profile_issue(database, number, encoder)
    host.refresh()
    assert has_vector()


def test_of_many_profiles_written_at_once_only_the_latest_are_taken_over_while_somebody_waits(
    database: Database, workplace: Workplace
) -> None:
    encoder = BagEncoder()
    for number in range(6):
        report(database, workplace, title=f"{CRASH} {number}")
    host = load(database, encoder, most_written=2)

    def count_vectors() -> int:
        with host.read() as known:
            assert known is not None
            return int(known.index.texts.take(np.flatnonzero(known.index.alive)).any(axis=1).sum())

    profile_backlog(database, encoder)
    host.refresh()
    assert count_vectors() == 2
    host.refresh(effort=4)
    assert count_vectors() == 11


def test_what_has_no_profile_is_read_a_few_at_a_time_newest_first(database: Database, workplace: Workplace) -> None:
    numbers = [report(database, workplace, title=f"{CRASH} {number}") for number in range(6)]
    host = build(database, most_read=2)
    host.load()
    assert set(look(host, database, workplace)) == set(numbers[-2:])
    assert set(look(host, database, workplace)) == set(numbers[-4:])
    assert set(look(host, database, workplace)) == set(numbers)


def test_what_is_kept_is_loaded_whole(database: Database, workplace: Workplace) -> None:
    numbers = {report(database, workplace, title=f"{CRASH} {number}") for number in range(6)}
    profile_backlog(database, None)
    host = build(database, most_read=0)
    host.load()
    assert set(look(host, database, workplace)) == numbers


def test_a_damaged_profile_and_one_of_another_text_count_as_missing(database: Database, workplace: Workplace) -> None:
    damaged, edited = report(database, workplace), report(database, workplace, title="Kerberos ticket expires")
    profile_backlog(database, None)
    with database.transaction() as session:
        session.execute(update(IssueProfile).where(IssueProfile.issue_id == damaged).values(profile="QkYBAAAA!"))
        issue = session.get_one(Issue, edited)
        changes = {"title": CRASH + " too"}
        change_issue(session, issue, workplace.project, changes=changes, actor=workplace.manager, now=workplace.tick())
    host = build(database)
    host.load()
    host.refresh()
    host.refresh()
    assert set(look(host, database, workplace)) == {damaged, edited}
    assert look(host, database, workplace, "Kerberos ticket expires") == []


def test_what_changes_without_a_trace_is_found_when_all_is_compared(database: Database, workplace: Workplace) -> None:
    first, second = report(database, workplace), report(database, workplace, title=CRASH + " again")
    gone = report(database, workplace, title=CRASH + " a third time")
    host = load(database)
    old = utc_now().replace(year=2020)
    with database.transaction() as session:  # As an import writes it.
        session.execute(update(Issue).where(Issue.id == first).values(title="Kerberos ticket expires", updated_at=old))
        session.execute(delete(IssueProfile).where(IssueProfile.issue_id == gone))
    host.compare()
    assert set(look(host, database, workplace)) == {second, gone}
    assert look(host, database, workplace, "Kerberos ticket expires") == [first]


def test_an_imported_link_is_seen(database: Database, workplace: Workplace) -> None:
    first, second = report(database, workplace), report(database, workplace, title=CRASH + " again")
    host = load(database)
    with database.transaction() as session:
        issues = [session.get_one(Issue, number) for number in (first, second)]
        session.add(
            IssueRelation(
                source_id=second,
                source_created_at=issues[1].created_at,
                target_id=first,
                target_created_at=issues[0].created_at,
                kind="duplicate_of",
                created_at=utc_now(),
            )
        )
    assert look(host, database, workplace) == [first]


def test_another_encoder_has_everything_loaded_anew(database: Database, workplace: Workplace) -> None:
    number = report(database, workplace)
    profile_backlog(database, BagEncoder("old"))
    encoders: list[Encoder | None] = [None]
    options = HostingOptions(refresh_seconds=0, background_seconds=0.05)
    host = DuplicateHost(database, options, find_encoder=lambda: encoders[0])
    host.load()
    with host.read() as known:
        assert known is not None
        assert (known.encoder_name, known.index.n_dims) == ("old", 64)
    assert host.add_vectors(read_report(Report(CRASH)))[1] == NO_ENCODER
    encoders[0] = HashEncoder()
    assert host.add_vectors(read_report(Report(CRASH)))[1] == OTHER_ENCODER
    assert look(host, database, workplace) == [number]
    host.start()
    try:
        wait_until(lambda: host.add_vectors(read_report(Report(CRASH)))[1] is None, 20)
    finally:
        host.stop()
    assert number in look(host, database, workplace)


def test_an_encoder_that_fails_again_and_again_is_left_alone(database: Database, workplace: Workplace) -> None:
    report(database, workplace)
    encoder = HashEncoder()
    host = load(database, encoder, failures=2)
    encoder.failure = UnavailableError("It is busy.")
    notes = [host.add_vectors(read_report(Report(CRASH)))[1] for _ in range(4)]
    assert notes == [ENCODER_FAILED, ENCODER_FAILED, ENCODER_PAUSED, ENCODER_PAUSED]


def test_many_look_while_others_report(database: Database, workplace: Workplace) -> None:
    host = load(database)
    numbers: list[int] = []
    errors: list[BaseException] = []

    def work(*, writes: bool) -> None:
        try:
            for _ in range(10):
                if writes:
                    numbers.append(report(database, workplace))
                else:
                    look(host, database, workplace)
        except BaseException as error:  # noqa: BLE001 -- Looked at below.
            errors.append(error)

    threads = [threading.Thread(target=work, kwargs={"writes": number == 0}) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert set(look(host, database, workplace)) == set(numbers)


def test_a_started_application_suggests(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", duplicates=True) as running:
        made: DuplicateHost = running.client.app.state.duplicates  # type: ignore[attr-defined]
        wait_until(lambda: made.is_ready, 20)
        assert running.call("tester", "POST", "/api/v1/duplicates/preview", json={"title": CRASH})["ready"]


def test_switched_off_nothing_is_suggested(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", duplicates=False) as running:
        answer = running.call("tester", "POST", "/api/v1/duplicates/preview", json={"title": CRASH})
        assert answer == {"ready": False, "note": None, "suggestions": []}
