"""Vectors in PostgreSQL: made and filled by a job, kept up to date with the profiles, gone with the extension."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import SQLAlchemyError
from typer.testing import CliRunner

from bugflow.assist.duplicates import jobs, vector_filling, vector_tables
from bugflow.assist.duplicates.packing import read_kept
from bugflow.assist.duplicates.profiling import profile_backlog, profile_issue
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.assist.duplicates.vector_filling import KeptVectors, keep_all_vectors, keep_vectors
from bugflow.assist.duplicates.vector_search import find_vectors
from bugflow.assist.duplicates.vector_tables import find_problem, has_tables, name_index
from bugflow.cli.duplicates import app
from bugflow.core.clock import utc_now
from bugflow.core.database import Database, open_database
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.ml.contract import Encoder
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from factories.encoders import BagEncoder, HashEncoder
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(vector_database: Database) -> Workplace:
    with vector_database.transaction() as session:
        return build_workplace(session, [f"The export of sheet {number} fails" for number in range(7)])


def read(database: Database) -> dict[int, tuple[str, str, list[float]]]:
    """Return of each issue that has vectors the encoder, the digest and the text's vector."""
    statement = text(
        "SELECT issue_id, name, digest, CAST(text AS real[]) FROM issue_vectors "
        "JOIN vector_encoders ON vector_encoders.id = encoder_id"
    )
    with database.snapshot() as session:
        return {row[0]: (row[1], row[2], row[3]) for row in session.execute(statement)}


def require_same(database: Database) -> None:
    """The table holds exactly the vectors that profiles have."""
    with database.snapshot() as session:
        kept = {row.issue_id: row for row in session.query(IssueProfile) if row.encoder}
    found = read(database)
    assert set(found) == set(kept)
    for number, (encoder, digest, vector) in found.items():
        assert (encoder, digest) == (kept[number].encoder, kept[number].digest)
        expected = read_kept(kept[number].profile).text
        assert expected is not None
        np.testing.assert_allclose(vector, expected, atol=5e-3)


def is_ready(database: Database, encoder: Encoder) -> bool:
    with database.snapshot() as session:
        return find_vectors(session, encoder.name) is not None


def fill(database: Database, encoder: Encoder) -> KeptVectors | None:
    profile_backlog(database, encoder)
    return keep_vectors(database, encoder.name)


@pytest.mark.usefixtures("workplace")
def test_tables_are_made_filled_and_indexed_and_a_second_time_nothing_is_to_be_done(
    vector_database: Database,
) -> None:
    encoder = BagEncoder()
    with vector_database.snapshot() as session:
        assert not has_tables(session)
        assert find_problem(session) is None
    assert fill(vector_database, encoder) == KeptVectors(7)
    require_same(vector_database)
    assert is_ready(vector_database, encoder)
    assert keep_vectors(vector_database, encoder.name) == KeptVectors(0)


@pytest.mark.usefixtures("workplace")
def test_the_mean_of_all_texts_is_kept(vector_database: Database) -> None:
    encoder = BagEncoder()
    fill(vector_database, encoder)
    with vector_database.snapshot() as session:
        vectors = find_vectors(session, encoder.name)
    assert vectors is not None
    mean = np.mean([vector for _, _, vector in read(vector_database).values()], axis=0)
    np.testing.assert_allclose(vectors.mean, mean, atol=1e-3)


@pytest.mark.usefixtures("workplace")
def test_the_scheduled_job_does_it_where_the_settings_allow(vector_database: Database) -> None:
    for place, expected in (("memory", False), ("auto", True)):
        resources: dict[str, Any] = {"encoder": BagEncoder, "vector_place": lambda place=place: place}
        with vector_database.transaction() as session:
            enqueue(session, jobs.profile_others, now=utc_now())
        MemoryRunner(vector_database, JobRegistry(JobRegistry.collect([jobs]), resources=resources)).run_pending()
        assert is_ready(vector_database, BagEncoder()) == expected


def test_vectors_change_with_the_profile_and_go_with_the_issue(vector_database: Database, workplace: Workplace) -> None:
    encoder = BagEncoder()
    fill(vector_database, encoder)
    [changed, gone, wordy, *_] = sorted(read(vector_database))
    with vector_database.transaction() as session:
        issue = session.get_one(Issue, changed)
        changes = {"title": "Kerberos ticket expires"}
        change_issue(session, issue, workplace.project, changes=changes, actor=workplace.manager, now=workplace.tick())
        session.execute(update(Issue).where(Issue.id == wordy).values(title="Menus are gone", updated_at=utc_now()))
        session.execute(delete(IssueProfile).where(IssueProfile.issue_id == gone))
        session.execute(text("DELETE FROM issue_vectors WHERE issue_id = :gone"), {"gone": gone})
        added = workplace.report(session, title="Something new").id
    for number in (changed, added):
        profile_issue(vector_database, number, encoder)
    profile_issue(vector_database, wordy, None)  # The encoder does not answer: words only.
    assert changed in read(vector_database)
    assert added in read(vector_database)
    assert wordy not in read(vector_database)
    require_same(vector_database)


def test_where_writing_the_profile_fails_the_vectors_stay_too(vector_database: Database, workplace: Workplace) -> None:
    encoder = BagEncoder()
    fill(vector_database, encoder)
    before = read(vector_database)
    with vector_database.transaction() as session:
        session.execute(text("ALTER TABLE issue_vectors ADD CHECK (issue_id < 0) NOT VALID"))
        number = workplace.report(session, title="Something new").id
    with pytest.raises(SQLAlchemyError):
        profile_issue(vector_database, number, encoder)
    with vector_database.snapshot() as session:
        assert session.get(IssueProfile, number) is None
    assert read(vector_database) == before


@pytest.mark.usefixtures("workplace")
def test_what_is_missing_or_of_another_text_is_written_again(
    vector_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = BagEncoder()
    fill(vector_database, encoder)
    first, second, *_ = sorted(read(vector_database))
    with vector_database.transaction() as session:
        session.execute(text("DELETE FROM issue_vectors WHERE issue_id = :number"), {"number": first})
        session.execute(text("UPDATE issue_vectors SET digest = 'x' WHERE issue_id = :number"), {"number": second})
    monkeypatch.setattr(vector_filling, "FILLED_AT_ONCE", 1)
    assert keep_vectors(vector_database, encoder.name) == KeptVectors(2)
    require_same(vector_database)


@pytest.mark.usefixtures("workplace")
def test_being_killed_while_filling_loses_little(vector_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = BagEncoder()
    profile_backlog(vector_database, encoder)
    monkeypatch.setattr(vector_filling, "FILLED_AT_ONCE", 3)

    def kill(_done: int, _what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_vectors(vector_database, encoder.name, tell=kill)
    assert len(read(vector_database)) == 3
    assert not is_ready(vector_database, encoder)
    assert keep_vectors(vector_database, encoder.name) == KeptVectors(4)
    assert is_ready(vector_database, encoder)


@pytest.mark.usefixtures("workplace")
def test_an_index_that_was_left_half_built_is_built_again(vector_database: Database) -> None:
    encoder = BagEncoder()
    fill(vector_database, encoder)
    with vector_database.transaction() as session:
        number = session.scalar(text("SELECT id FROM vector_encoders"))
        session.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(:name)"),
            {"name": name_index(number)},
        )
    assert not is_ready(vector_database, encoder)
    keep_vectors(vector_database, encoder.name)
    assert is_ready(vector_database, encoder)


@pytest.mark.usefixtures("workplace")
def test_another_encoder_has_its_own_index_and_that_of_the_former_goes(vector_database: Database) -> None:
    fill(vector_database, BagEncoder())
    fill(vector_database, HashEncoder())
    require_same(vector_database)
    assert is_ready(vector_database, HashEncoder())
    assert not is_ready(vector_database, BagEncoder())
    with vector_database.snapshot() as session:
        assert session.scalars(text("SELECT name FROM vector_encoders")).all() == ["hash"]
        indexes = session.scalars(text("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'ix_issue_vectors%'"))
        assert indexes.all() == [name_index(2)]


@pytest.mark.usefixtures("workplace")
def test_without_an_encoder_those_vectors_are_kept_that_were_written_last(vector_database: Database) -> None:
    assert keep_all_vectors(vector_database, None) is None
    profile_backlog(vector_database, BagEncoder())
    assert keep_all_vectors(vector_database, None) == KeptVectors(7)


@pytest.mark.usefixtures("workplace")
def test_the_command_does_it_unless_the_settings_say_otherwise_and_tells(
    vector_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile_backlog(vector_database, BagEncoder())
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BUGFLOW_ENCODER", str(tmp_path / "none"))
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", vector_database.engine.url.render_as_string(hide_password=False))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["index", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    monkeypatch.setenv("BUGFLOW_DUPLICATES_VECTORS", "memory")
    assert "vectors" not in run()
    monkeypatch.setenv("BUGFLOW_DUPLICATES_VECTORS", "auto")
    assert json.loads(run("--json"))["vectors_written"] == 7
    assert "0 vectors written to the database" in run()
    monkeypatch.setattr(vector_tables, "LEAST_VERSION", (99, 0))
    assert "Vectors stay in memory: PostgreSQL's extension vector has version" in run()


@pytest.mark.usefixtures("workplace")
def test_of_two_processes_one_keeps_vectors(vector_database: Database) -> None:
    encoder = BagEncoder()
    profile_backlog(vector_database, encoder)
    found: list[KeptVectors | None] = []
    inside, leave = threading.Event(), threading.Event()

    def wait(_done: int, _what: str) -> None:
        inside.set()
        leave.wait(20)

    thread = threading.Thread(target=keep_vectors, args=(vector_database, encoder.name), kwargs={"tell": wait})
    thread.start()
    assert inside.wait(20)
    found.append(keep_vectors(vector_database, encoder.name))
    leave.set()
    thread.join(20)
    found.append(keep_vectors(vector_database, encoder.name))
    assert found == [None, KeptVectors(0)]


@pytest.mark.usefixtures("workplace")
def test_who_may_not_create_the_extension_is_told_what_to_do_and_profiles_are_kept_as_before(
    vector_database: Database,
) -> None:
    url = vector_database.engine.url
    role = f"plain_{url.database}"[:40]
    with vector_database.transaction() as session:
        session.execute(text(f"CREATE ROLE {role} LOGIN"))
        session.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"))
        session.execute(text(f"GRANT USAGE, CREATE ON SCHEMA public TO {role}"))
    plain = open_database(url.set(username=role).render_as_string())
    kept = fill(plain, BagEncoder())
    assert kept is not None
    assert "permission denied" in str(kept.problem)
    assert "CREATE EXTENSION vector" in str(kept.problem)
    plain.dispose()
    with vector_database.transaction() as session:
        assert not has_tables(session)
        session.execute(text("CREATE EXTENSION vector"))
        session.execute(text(f"GRANT ALL ON SCHEMA public TO {role}"))
        session.execute(text(f"GRANT REFERENCES ON issues TO {role}"))
    plain = open_database(url.set(username=role).render_as_string())
    assert keep_vectors(plain, "bag") == KeptVectors(7)
    plain.dispose()
    with vector_database.transaction() as session:
        session.execute(text(f"DROP OWNED BY {role}"))
        session.execute(text(f"DROP ROLE {role}"))


def test_an_extension_that_is_dropped_takes_nothing_with_it_but_the_vectors(
    vector_database: Database, workplace: Workplace
) -> None:
    encoder = BagEncoder()
    fill(vector_database, encoder)
    with vector_database.transaction() as session:
        session.execute(text("DROP EXTENSION vector CASCADE"))
        number = workplace.report(session, title="Something new").id
    assert not is_ready(vector_database, encoder)
    assert profile_issue(vector_database, number, encoder)
    assert keep_vectors(vector_database, encoder.name) == KeptVectors(8)
    assert is_ready(vector_database, encoder)


@pytest.mark.usefixtures("workplace")
def test_an_old_pgvector_is_not_used(vector_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_tables, "LEAST_VERSION", (99, 0))
    kept = fill(vector_database, BagEncoder())
    assert kept is not None
    assert "99.0 is needed" in str(kept.problem)


def test_without_pgvector_everything_is_as_before(database: Database) -> None:
    with database.transaction() as session:
        build_workplace(session).report(session, title="Something new")
        has = has_tables(session)
        needs_reason = session.get_bind().dialect.name == "postgresql"
    profile_backlog(database, BagEncoder())
    kept = keep_vectors(database, "bag")
    assert not has
    if needs_reason and kept is not None and kept.problem is not None:
        assert "pgvector" in kept.problem
    elif not needs_reason:
        assert kept is None
