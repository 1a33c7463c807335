"""Issues that are loaded without vectors have them soon."""

from functools import partial

import pytest
from sqlalchemy import select

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.assist.duplicates.jobs import ask_for_profiles
from bugflow.assist.duplicates.profiling import profile_backlog
from bugflow.core.database import Database
from bugflow.core.jobs.tables import JobRun
from bugflow.ml.contract import Encoder
from factories.encoders import HashEncoder
from factories.runners import wait_until
from factories.workplace import build_workplace


@pytest.fixture
def asked(database: Database) -> list[str]:
    with database.transaction() as session:
        build_workplace(session).report(session)
    return []


def load(database: Database, asked: list[str], encoder: Encoder | None) -> None:
    """Load the issues as a process does."""
    options = HostingOptions(background_seconds=0.05)
    host = DuplicateHost(database, options, find_encoder=lambda: encoder, ask_for_profiles=asked.append)
    host.start()
    wait_until(lambda: host.is_ready)
    host.stop()


def test_where_there_is_an_encoder_missing_profiles_are_asked_for(database: Database, asked: list[str]) -> None:
    load(database, asked, None)
    assert asked == []
    load(database, asked, HashEncoder())
    assert asked == [HashEncoder().name]


def test_vectors_that_are_missing_or_of_another_encoder_are_asked_for(database: Database, asked: list[str]) -> None:
    profile_backlog(database, None)
    load(database, asked, HashEncoder())
    assert len(asked) == 1
    profile_backlog(database, HashEncoder())
    load(database, asked, HashEncoder())
    assert len(asked) == 1


def test_many_processes_ask_once(database: Database) -> None:
    ask = partial(ask_for_profiles, database, "an encoder")
    for _ in range(5):
        ask()
    with database.snapshot() as session:
        runs = session.scalars(select(JobRun)).all()
    assert 1 <= len(runs) <= 2  # Of one minute; of two where it has just changed.
    assert all(each.job.endswith("profile_others") and each.due_at > each.created_at for each in runs)
