import os
import socket
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from sqlalchemy import select, text, update

from bugflow.core.clock import utc_now
from bugflow.core.database import Database, open_database
from bugflow.core.jobs.definition import JobRegistry, job, job_of
from bugflow.core.jobs.queue import enqueue, schedule_ticks
from bugflow.core.jobs.tables import JobRun, OutboxEvent
from bugflow.core.storage import open_storage
from bugflow.migrations import upgrade_schema
from bugflow.mlops.promotion.service import use_model
from bugflow.mlops.registry.store import set_current
from bugflow.operation.doctor.examination import Examination
from bugflow.operation.doctor.findings import Finding, Level
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.audit.tables import AuditEntry
from bugflow.tracker.issues.tables import Attachment, Issue
from bugflow.tracker.issues.text_index import delete_left_over_rows, reindex_after
from factories.app import Installation
from factories.encoders import write_weights
from factories.runners import BROKERS
from factories.settings import build_settings
from factories.versions import publish_judged

Examine = Callable[..., dict[str, Finding]]
MISSING_SERVER = "postgresql+psycopg://nobody@127.0.0.1:1/none"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def examine(home: Path, *groups: str, registry: JobRegistry | None = None, **options: Any) -> dict[str, Finding]:  # noqa: ANN401 -- Settings.
    """Examine an installation and return the worst finding of each subject."""
    how = {name: options.pop(name) for name in ("deep", "recipient", "environment") if name in options}
    how.setdefault("environment", {})
    found: dict[str, Finding] = {}
    for _, each in Examination(build_settings(home, **options), registry or JobRegistry(), **how).run(
        *([groups] if groups else [])
    ):
        if each.subject not in found or found[each.subject].level in {Level.OK, Level.INFORMATION}:
            found[each.subject] = each
    return found


@pytest.fixture
def home(installation: Installation) -> Path:
    """The folder of an installation with an issue that has a comment and a file."""
    installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": "Zeppelin"})
    files = {"file": ("log.txt", b"boom" * 1000)}
    installation.call("tester", "POST", "/api/v1/issues/1/attachments", files=files)
    with installation.database.transaction() as session:  # As a worker would.
        session.execute(update(OutboxEvent).values(dispatched_at=utc_now()))
    folder: Path = installation.client.app.state.settings.home  # type: ignore[attr-defined]
    folder.chmod(0o700)
    return folder


@pytest.fixture
def examined(home: Path, database_url: str) -> Examine:
    """A way to examine the installation."""
    return lambda *groups, **options: examine(home, *groups, **({"database_url": database_url} | options))


def test_a_sound_installation_has_neither_warnings_nor_failures(examined: Examine) -> None:
    found = examined(deep=True, public_url="https://bugs.example.com", environment={"BUGFLOW_PORT": "8000"})
    assert {each for each in found.values() if each.level in {Level.WARNING, Level.FAILURE}} == set()
    assert found["attachments"].found == "all 1 are in storage and as they were written"
    assert {"database", "schema", "append-only guards", "full text", "storage", "worker", "clock"} <= found.keys()


def test_an_examination_changes_nothing(examined: Examine, home: Path, database: Database) -> None:
    def look() -> object:
        with database.snapshot() as session:
            entries = session.scalars(select(AuditEntry.id)).all(), session.scalars(select(JobRun.id)).all()
        return entries, list(open_storage((home / "files").as_uri()).list_keys())

    before = look()
    examined(deep=True)
    assert look() == before


@pytest.mark.parametrize(
    ("options", "subject", "level", "words"),
    [
        ({"secret_key": SecretStr("bugflow-demo-secret-that-everybody-knows")}, "secret", "failure", "anyone"),
        ({"secret_key": SecretStr("short")}, "secret", "failure", "5 characters"),
        ({"secret_key": SecretStr("ab" * 20)}, "secret", "warning", "only 2 different"),
        ({"public_url": "bugs.example.com"}, "public address", "failure", "no address"),
        ({"public_url": "http://bugs.example.com"}, "public address", "warning", "in the open"),
        ({"host": "0.0.0.0"}, "public address", "warning", "their own machine"),  # noqa: S104 -- A setting.
        (
            {"public_url": "https://bugs.example.com", "trusted_hosts": ["bug.example.com"]},
            "trusted hosts",
            "failure",
            "is refused",
        ),
        ({"environment": {"BUGFLOW_SERCET_KEY": ""}}, "environment", "warning", "Did you mean BUGFLOW_SECRET_KEY"),
        ({"environment": {"BUGFLOW_XYZZY": ""}}, "environment", "warning", "Remove it"),
    ],
)
def test_a_setting_that_is_wrong_is_named(
    tmp_path: Path, options: dict[str, Any], subject: str, level: str, words: str
) -> None:
    found = examine(tmp_path, "settings", **options)[subject]
    assert (found.level, words in f"{found.found} {found.advice}") == (level, True), found


def test_a_pattern_of_trusted_hosts_is_understood(tmp_path: Path) -> None:
    options: dict[str, Any] = {"public_url": "https://bugs.example.com", "trusted_hosts": ["*.example.com"]}
    assert "trusted hosts" not in examine(tmp_path, "settings", **options)


def test_no_finding_repeats_a_secret_or_a_password(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "secret_key": SecretStr("hush-hush"),
        "smtp_url": SecretStr("smtp://me:hush-hush@127.0.0.1:1"),
        "broker_url": "redis://:hush-hush@127.0.0.1:1/0",
        "database_url": "postgresql+psycopg://me:hush-hush@127.0.0.1:1/none",
    }
    assert "hush" not in repr(examine(tmp_path, **options))


def test_a_folder_that_cannot_be_written_is_told() -> None:
    found = examine(Path("/proc"), "home")["home"]
    assert (found.level, "cannot be written" in found.found) == (Level.FAILURE, True)


def test_a_folder_open_to_everybody_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert examine(tmp_path, "home")["home's rights"].level is Level.WARNING
    tmp_path.chmod(0o750)
    assert "home's rights" not in examine(tmp_path, "home")


def test_a_database_that_does_not_exist_is_told_and_not_made(tmp_path: Path) -> None:
    found = examine(tmp_path / "nowhere")
    assert (found["database"].level, found["contents"].level) == (Level.FAILURE, Level.INFORMATION)
    assert not (tmp_path / "nowhere" / "bugflow.db").exists()


def test_a_database_server_that_is_away_hides_nothing_else(tmp_path: Path) -> None:
    found = examine(tmp_path, database_url=MISSING_SERVER)
    assert (found["database"].level, "does not answer" in found["database"].found) == (Level.FAILURE, True)
    assert found["jobs"].found == "not examined, because the database cannot be used"
    assert found["storage"].level is Level.OK


def test_an_address_of_no_database_is_told(tmp_path: Path) -> None:
    found = examine(tmp_path, database_url="mysql://host/name")["database"]
    assert (found.level, "is not supported" in found.found) == (Level.FAILURE, True)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'bugflow.db'}")
    upgrade_schema(database)
    with database.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
        page = connection.scalar(text("SELECT rootpage FROM sqlite_master WHERE name = 'ix_audit_entries_at'"))
        size = connection.scalar(text("PRAGMA page_size"))
    database.dispose()
    with (tmp_path / "bugflow.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    assert examine(tmp_path, "database")["integrity"].level is Level.FAILURE


@pytest.mark.parametrize(("version", "words"), [("9999", "newer BugFlow"), (None, "is empty")])
def test_another_schema_is_told(examined: Examine, database: Database, version: str | None, words: str) -> None:
    with database.transaction() as session:
        change = "UPDATE alembic_version SET version_num = :version" if version else "DELETE FROM alembic_version"
        session.execute(text(change), {"version": version} if version else {})
    found = examined()
    assert (found["schema"].level, words in found["schema"].found) == (Level.FAILURE, True)
    assert "not examined" in found["contents"].found


def test_a_guard_that_was_removed_is_told(examined: Examine, database: Database) -> None:
    with database.transaction() as session:
        if database.engine.dialect.name == "sqlite":
            session.execute(text("DROP TRIGGER audit_entries_no_delete"))
        else:
            session.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_append_only"))
    found = examined("database")["append-only guards"]
    assert (found.level, "audit_entries" in found.found) == (Level.FAILURE, True)


def test_words_that_are_not_indexed_are_told_until_they_are(examined: Examine, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM issue_text"))
        if database.engine.dialect.name == "sqlite":
            session.execute(text("INSERT INTO issue_text (rowid, title, body, comments) VALUES (77, 'a', 'b', 'c')"))
    found = examined("contents")["full text"]
    assert (found.level, "1 issues" in found.found, "db reindex" in found.advice) == (Level.FAILURE, True, True)
    with database.transaction() as session:
        delete_left_over_rows(session)
        assert reindex_after(session, 0) == (1, 1)
        assert reindex_after(session, 1) == (1, 0)
    assert examined("contents")["full text"].level is Level.OK


def test_nobody_who_can_administer_is_told(examined: Examine, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE users SET is_active = false WHERE role = 'admin'"))
    assert examined("contents")["administrators"].level is Level.WARNING


def test_entries_from_the_future_are_told(examined: Examine, database: Database) -> None:
    with database.transaction() as session:
        entry = AuditEntry(at=utc_now() + timedelta(hours=1), actor_name="x", origin="cli", action="x")
        entry.subject_type, entry.subject_id = "user", "1"
        session.add(entry)
    assert examined("contents")["clock"].level is Level.WARNING


def test_a_file_that_is_missing_or_changed_is_told(examined: Examine, home: Path, database: Database) -> None:
    storage = open_storage((home / "files").as_uri())
    with database.snapshot() as session:
        key = session.scalars(select(Attachment.storage_key)).one()
    storage.put(key, BytesIO(b"BOOM" * 1000), overwrite=True)
    assert examined("attachments")["attachments"].level is Level.OK  # The same size: only --deep reads it.
    assert "another content" in examined("attachments", deep=True)["attachments"].found
    storage.put(key, BytesIO(b"cut"), overwrite=True)
    assert "another size" in examined("attachments")["attachments"].found
    storage.delete(key)
    found = examined("attachments")["attachments"]
    assert (found.level, "is missing" in found.found, key in found.found) == (Level.FAILURE, True, True)


def test_a_file_that_no_issue_names_is_told(examined: Examine, home: Path) -> None:
    open_storage((home / "files").as_uri()).put("attachments/lost", BytesIO(b"x"))
    assert examined("attachments", deep=True)["left-over files"].level is Level.INFORMATION


def test_a_storage_that_forgets_or_cannot_be_used_is_told(tmp_path: Path) -> None:
    for address, words in (("memory://", "lost"), ("file:///proc/none", "cannot be"), ("ftp://x/y", "cannot be used")):
        found = examine(tmp_path, "storage", storage_url=address)["storage"]
        assert (found.level, words in found.found) == (Level.FAILURE, True), found


def test_work_that_nobody_takes_is_told(examined: Examine, database: Database) -> None:
    past = utc_now() - timedelta(hours=3)
    with database.transaction() as session:
        session.add(OutboxEvent(name="IssueOpened", payload={}, created_at=past))
    found = examined("jobs")["worker"]
    assert (found.level, "waiting for 3 hours" in found.found) == (Level.FAILURE, True)


@job(long=True)
def take_long(session: Any) -> None:  # noqa: ANN401 -- Never called.
    del session


def test_a_long_job_that_waits_for_another_one_is_no_failure(examined: Examine, database: Database) -> None:
    past, registry = utc_now() - timedelta(hours=3), JobRegistry([job_of(take_long)])
    with database.transaction() as session:
        enqueue(session, take_long, now=past)
        running = enqueue(session, take_long, now=past)
        running.state = "running"
    assert examined("jobs", registry=registry)["worker"].level is Level.OK
    with database.transaction() as session:
        session.execute(update(JobRun).where(JobRun.state == "running").values(state="succeeded"))
    assert examined("jobs", registry=registry)["worker"].level is Level.FAILURE


@job(schedule="0 * * * *")
def tidy(session: Any) -> None:  # noqa: ANN401 -- Never called.
    del session


def test_ticks_that_were_missed_betray_an_absent_worker(
    examined: Examine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = utc_now().replace(hour=12, minute=30)
    monkeypatch.setattr("bugflow.operation.doctor.services.utc_now", lambda: noon)
    registry = JobRegistry([tidy.__bugflow_job__])  # type: ignore[attr-defined]
    assert examined("jobs", registry=registry)["worker"].level is Level.WARNING
    with database.transaction() as session:
        schedule_ticks(session, registry, now=noon)
        session.execute(update(JobRun).values(state="succeeded", finished_at=noon))
    assert examined("jobs", registry=registry)["worker"].level is Level.OK


def test_jobs_that_have_failed_are_counted(examined: Examine, database: Database) -> None:
    now = utc_now()
    with database.transaction() as session:
        for days in (1, 2, 20):
            at = now - timedelta(days=days)
            run = JobRun(job="mail.send", arguments={}, max_attempts=1, due_at=at, created_at=at, finished_at=at)
            run.state = "failed"
            session.add(run)
    found = examined("jobs")["failed jobs"]
    assert (found.level, "mail.send 2 times" in found.found) == (Level.WARNING, True)


def test_a_broker_that_is_away_is_told(tmp_path: Path) -> None:
    for scheme in ("redis", "amqp"):
        found = examine(tmp_path, "broker", broker_url=f"{scheme}://127.0.0.1:{free_port()}/0")["broker"]
        assert (found.level, "does not answer" in found.found) == (Level.FAILURE, True), found


@pytest.mark.parametrize("kind", BROKERS)
def test_a_broker_that_answers_is_well(tmp_path: Path, kind: str) -> None:
    assert examine(tmp_path, "broker", broker_url=BROKERS[kind])["broker"].level is Level.OK


def test_why_mail_does_not_work_is_told(tmp_path: Path) -> None:
    found = examine(tmp_path, "mail", smtp_url=SecretStr(f"smtp://127.0.0.1:{free_port()}"))["mail"]
    assert (found.level, "could not be reached" in found.found, bool(found.advice)) == (Level.FAILURE, True, True)
    assert examine(tmp_path, "mail", smtp_url=SecretStr("mail.example.com"))["mail"].level is Level.FAILURE
    assert examine(tmp_path, "mail", recipient="me@example.com")["mail"].level is Level.FAILURE
    assert examine(tmp_path, "mail")["mail"].level is Level.INFORMATION


class Box:
    """Takes mail."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: ANN401, N802 -- aiosmtpd's.
        self.contents.append(envelope.content)
        return "250 OK"


def test_a_test_mail_is_sent_only_when_asked_for(tmp_path: Path) -> None:
    box, port = Box(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        address = SecretStr(f"smtp://127.0.0.1:{port}")
        assert examine(tmp_path, "mail", smtp_url=address)["mail"].level is Level.OK
        assert box.contents == []
        assert examine(tmp_path, "mail", smtp_url=address, recipient="me@example.com")["mail"].level is Level.OK
    finally:
        controller.stop()
    [content] = box.contents
    assert b"To: me@example.com" in content


def test_the_newest_issue_of_a_large_table_is_indexed_too(database: Database, installation: Installation) -> None:
    for number in range(3):
        installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": f"Zeppelin {number}"})
    with database.transaction() as session:
        assert reindex_after(session, 0, limit=2) == (2, 2)
        assert reindex_after(session, 2, limit=2) == (3, 1)
        assert session.scalars(select(Issue.id)).all() == [1, 2, 3]
    assert len(installation.call("tester", "GET", "/api/v1/issues?q=zeppelin")["items"]) == 3


def test_the_user_name_is_known_without_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER", raising=False)
    assert str(os.geteuid()) in examine(Path("/proc"), "home")["home"].advice


def test_a_machine_without_an_encoder_is_told_that_words_alone_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("bugflow.ml.encoder.weights.PACKAGE", "no_such_package")
    found = examine(tmp_path, "encoder")["encoder"]
    assert (found.level, "words alone" in found.found, "offline" in found.advice) == ("information", True, True)


def test_an_encoder_that_is_wanted_and_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    found = examine(tmp_path, "encoder", encoder="some/encoder")["encoder"]
    assert (found.level, "some/encoder" in found.found, "BUGFLOW_ENCODER" in found.advice) == ("warning", True, True)


def test_weights_that_are_not_prepared_are_told_with_the_command_that_does(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "weights")
    found = examine(tmp_path, "encoder", encoder=str(weights))["encoder"]
    assert (found.level, "bugflow encoder prepare" in found.advice) == ("information", True)


def test_weights_that_cannot_be_prepared_here_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bugflow.ml.encoder.preparation.LIBRARIES", ("no_such_library",))
    weights = write_weights(tmp_path / "weights")
    found = examine(tmp_path, "encoder", encoder=str(weights))["encoder"]
    assert (found.level, "no_such_library" in found.found, "train" in found.advice) == ("warning", True, True)


def test_a_folder_that_is_no_encoder_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "encoder.json").write_text("{}")
    found = examine(tmp_path, "encoder", encoder=str(tmp_path))["encoder"]
    assert (found.level, "encoder.json" in found.found) == ("failure", True)


def test_models_in_use_are_whole_and_those_that_were_chosen(
    examined: Examine, home: Path, tmp_path: Path, installation: Installation
) -> None:
    storage, actor = open_storage((home / "files").as_uri()), build_system_actor("cli")
    old, new = (publish_judged(storage, tmp_path, number, None) for number in ("1.0.0", "1.1.0"))
    with installation.database.transaction() as session:
        use_model(session, storage, "severity", old, actor=actor, now=utc_now())
    assert examined("models")["models"].found.startswith("1 in use")
    key = f"{old.prefix}/members/linear/classifier.json"
    content = b"".join(storage.read(key))
    storage.put(key, BytesIO(b"x" * len(content)), overwrite=True)
    assert examined("models")["models"].level is Level.OK
    damaged = examined("models", deep=True)["model of severity"]
    assert (damaged.level, "classifier.json" in damaged.found) == (Level.FAILURE, True)
    storage.put(key, BytesIO(content), overwrite=True)
    set_current(storage, new, now=utc_now())
    moved = examined("models")["model of severity"]
    assert (moved.level, "models clean" in moved.advice) == (Level.WARNING, True)
    storage.put("ml_models/team/1.0.0/20200101_000000/model.json", BytesIO(b"{}"))
    assert "team/1.0.0/20200101_000000" in examined("models")["unfinished models"].found
