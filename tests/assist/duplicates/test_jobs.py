"""The backlog's jobs: a look every ten minutes does what is little, and leaves what is much to the long lane."""

import itertools
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from bugflow.assist.duplicates import jobs, profiling
from bugflow.assist.duplicates.jobs import profile_many, profile_others, profile_within
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.assist.duplicates.vector_search import list_searched
from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry, job_of
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.jobs.tables import JobRun
from factories.encoders import BagEncoder, HashEncoder
from factories.workplace import build_workplace

ISSUES = 9


@pytest.fixture
def backlog(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Nine issues without profiles, which are written four at a time."""
    monkeypatch.setattr(profiling, "PROFILED_AT_ONCE", 4)
    with database.transaction() as session:
        build_workplace(session, [f"The export of sheet {number} fails" for number in range(ISSUES)])
    return database


def count_profiles(database: Database) -> int:
    with database.snapshot() as session:
        return session.scalar(select(func.count()).select_from(IssueProfile)) or 0


def list_queued(database: Database) -> list[str]:
    with database.snapshot() as session:
        return list(session.scalars(select(JobRun.job).where(JobRun.state == "queued")))


def run_queued(database: Database) -> None:
    registry = JobRegistry([job_of(profile_many)], resources={"encoder": HashEncoder})
    MemoryRunner(database, registry).run_pending()


def counting_clock() -> Callable[[], float]:
    """Return a clock that goes on a second whenever it is read."""
    seconds = itertools.count()
    return lambda: float(next(seconds))


def test_only_what_may_take_minutes_is_in_the_long_lane() -> None:
    assert JobRegistry.collect([jobs]).list_long() == [job_of(profile_many).name]


def test_profiles_are_written_until_the_time_is_up(backlog: Database) -> None:
    assert not profile_within(backlog, HashEncoder(), 2.0, vector_place="memory", clock=counting_clock())
    assert count_profiles(backlog) == 8
    assert profile_within(backlog, HashEncoder(), 100.0, vector_place="memory", clock=counting_clock())
    assert count_profiles(backlog) == ISSUES


def test_a_look_that_finds_much_queues_one_long_job_until_that_has_ended(
    backlog: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "QUICK_SECONDS", 0.0)
    encoder = HashEncoder()
    for _ in range(3):
        profile_others(backlog, encoder)
    assert (list_queued(backlog), len(encoder.batches)) == ([job_of(profile_many).name], 1)
    run_queued(backlog)
    assert (list_queued(backlog), count_profiles(backlog)) == ([], ISSUES)


@pytest.mark.usefixtures("backlog")
def test_a_look_that_finds_little_does_it_and_queues_nothing(database: Database) -> None:
    for _ in range(2):
        profile_others(database, HashEncoder())
        assert (list_queued(database), count_profiles(database)) == ([], ISSUES)


def test_an_index_of_vectors_is_built_by_the_long_job(vector_database: Database) -> None:
    encoder = BagEncoder()
    profile_others(vector_database, encoder, vector_place="auto")
    assert list_queued(vector_database) == []
    with vector_database.transaction() as session:
        build_workplace(session, ["The export fails"])
    profile_others(vector_database, encoder, vector_place="memory")
    assert list_queued(vector_database) == []
    profile_others(vector_database, encoder, vector_place="auto")
    assert list_queued(vector_database) == [job_of(profile_many).name]
    resources = {"encoder": lambda: encoder, "vector_place": lambda: "auto"}
    MemoryRunner(vector_database, JobRegistry([job_of(profile_many)], resources=resources)).run_pending()
    with vector_database.snapshot() as session:
        assert list_searched(session) == [encoder.name]
    profile_others(vector_database, encoder, vector_place="auto")
    assert list_queued(vector_database) == []
