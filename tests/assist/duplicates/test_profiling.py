"""Profiles in the database: written once, again when the text changes, and all of them by the backlog."""

import threading
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from bugflow.assist.duplicates import profiling
from bugflow.assist.duplicates.packing import read_kept
from bugflow.assist.duplicates.profiling import Backlog, profile_backlog, profile_issue
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.core.database import Database
from bugflow.core.errors import BugFlowError, UnavailableError
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.ml.contract import Encoder
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from factories.encoders import HashEncoder
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        return build_workplace(session)


def report(database: Database, workplace: Workplace, amount: int = 1, **fields: Any) -> list[int]:  # noqa: ANN401 -- Any field.
    with database.transaction() as session:
        return [workplace.report(session, **fields).id for _ in range(amount)]


def change(database: Database, workplace: Workplace, issue_id: int, **changes: str) -> None:
    with database.transaction() as session:
        issue = session.get_one(Issue, issue_id)
        change_issue(session, issue, workplace.project, changes=changes, actor=workplace.manager, now=workplace.tick())


def find(database: Database, issue_id: int) -> IssueProfile | None:
    with database.snapshot() as session:
        return session.get(IssueProfile, issue_id)


def get(database: Database, issue_id: int) -> IssueProfile:
    found = find(database, issue_id)
    assert found is not None
    return found


def run_jobs(database: Database, encoder: Encoder | None) -> None:
    from bugflow.assist.duplicates import jobs  # noqa: PLC0415 -- Beside its one use.

    registry = JobRegistry(JobRegistry.collect([jobs]), resources={"encoder": lambda: encoder})
    MemoryRunner(database, registry).run_pending()


def test_a_report_and_each_new_text_of_it_are_profiled_by_jobs(database: Database, workplace: Workplace) -> None:
    [number] = report(database, workplace, description="The cart loses its items")
    run_jobs(database, HashEncoder())
    first = get(database, number)
    profile = read_kept(first.profile)
    assert (first.encoder, profile.text is None) == ("hash", False)
    change(database, workplace, number, priority="high")
    run_jobs(database, HashEncoder())
    assert get(database, number).written_at == first.written_at
    change(database, workplace, number, stack_trace="KeyError: 3")
    run_jobs(database, HashEncoder())
    assert get(database, number).digest != first.digest


def test_profiling_twice_writes_once(database: Database, workplace: Workplace) -> None:
    [number] = report(database, workplace)
    encoder = HashEncoder()
    assert profile_issue(database, number, encoder)
    written = get(database, number).written_at
    assert not profile_issue(database, number, encoder)
    assert not profile_issue(database, number, None)
    assert (get(database, number).written_at, len(encoder.batches)) == (written, 1)


def test_two_who_profile_at_once_leave_one_profile(database: Database, workplace: Workplace) -> None:
    [number] = report(database, workplace)
    encoder = HashEncoder(seconds=0.1)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            profile_issue(database, number, encoder)
        except BaseException as error:  # noqa: BLE001 -- Looked at below.
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert get(database, number).encoder == "hash"


def test_a_text_that_changed_while_it_was_encoded_is_not_written(database: Database, workplace: Workplace) -> None:
    [number] = report(database, workplace)
    encoder = HashEncoder()
    encoder.gate.clear()
    thread = threading.Thread(target=lambda: profile_issue(database, number, encoder))
    thread.start()
    while not encoder.batches:
        pass
    change(database, workplace, number, title="Something else")
    encoder.gate.set()
    thread.join(30)
    assert find(database, number) is None


def test_an_issue_that_is_gone_is_passed_over(database: Database) -> None:
    assert not profile_issue(database, 77, None)


def test_where_the_encoder_fails_words_are_kept_and_the_backlog_adds_the_vectors(
    database: Database, workplace: Workplace
) -> None:
    [number] = report(database, workplace)
    encoder = HashEncoder()
    encoder.failure = UnavailableError("It is broken.")
    assert profile_issue(database, number, encoder)
    assert get(database, number).encoder == ""
    with pytest.raises(BugFlowError, match="broken"):
        profile_backlog(database, encoder)
    encoder.failure = None
    assert profile_backlog(database, encoder).written == 1
    assert get(database, number).encoder == "hash"


def test_the_backlog_goes_on_where_it_was_killed_and_loses_at_most_a_batch(
    database: Database, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiling, "PROFILED_AT_ONCE", 4)
    monkeypatch.setattr(profiling, "SCANNED_AT_ONCE", 10)
    numbers = report(database, workplace, 13)
    encoder = HashEncoder()

    def kill(done: Backlog) -> None:
        if done.written >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        profile_backlog(database, encoder, tell=kill)
    with database.snapshot() as session:
        assert sorted(session.scalars(select(IssueProfile.issue_id))) == numbers[:8]
    told: list[Backlog] = []
    assert profile_backlog(database, encoder, tell=told.append) == Backlog(13, 13, 5)
    assert [each.written for each in told] == sorted(each.written for each in told)
    assert profile_backlog(database, encoder).written == 0
    assert profile_backlog(database, encoder, anew=True).written == 13


def test_the_backlog_writes_what_is_of_another_text_encoder_or_version(
    database: Database, workplace: Workplace
) -> None:
    first, second, third, fourth = report(database, workplace, 4)
    profile_backlog(database, HashEncoder())
    change(database, workplace, first, title="Another text")
    change(database, workplace, second, priority="high")
    with database.transaction() as session:
        session.execute(update(IssueProfile).where(IssueProfile.issue_id == third).values(profile="AAAA"))
        session.execute(update(IssueProfile).where(IssueProfile.issue_id == fourth).values(encoder="other"))
    before = {number: get(database, number).written_at for number in (first, second, third, fourth)}
    assert profile_backlog(database, None).written == 2
    assert profile_backlog(database, HashEncoder()).written == 3
    after = {number: get(database, number).written_at for number in before}
    assert [number for number in before if before[number] == after[number]] == [second]
    assert isinstance(after[second], datetime)
    assert profile_backlog(database, HashEncoder()).written == 0


@pytest.mark.parametrize("text", ["\ud83d\ude00 <script>alert(1)</script>", "%s' OR 1=1 --", "a" * 150_000, "\n\t"])
def test_any_text_is_profiled(database: Database, workplace: Workplace, text: str) -> None:
    fixed = text.encode("utf-16", "surrogatepass").decode("utf-16")
    [number] = report(database, workplace, description=fixed)
    assert profile_issue(database, number, HashEncoder())
    read_kept(get(database, number).profile)
