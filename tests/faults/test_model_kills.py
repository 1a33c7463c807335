"""Processes killed while they publish a model or choose one, and two that choose at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from bugflow.core.database import Database
from bugflow.core.storage import Storage, open_storage
from bugflow.mlops.promotion.ledger import find_unlike, mend_aliases
from bugflow.mlops.promotion.service import list_changes, use_model
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.store import find_current, list_versions, publish_model
from bugflow.mlops.registry.versions import ModelVersion
from bugflow.tracker.accounts.actor import build_system_actor
from factories.faulty_s3 import FaultyS3, Kind, make_bucket, serve_faulty_s3, write_address
from factories.runners import wait_until
from factories.storages import serve_s3

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
STARTING_SECONDS = 90.0
PUBLISHING = """
import sys
from datetime import datetime
from pathlib import Path
from bugflow.core.storage import open_storage
from bugflow.mlops.registry.store import publish_model
storage, now = open_storage(sys.argv[1]), datetime.fromisoformat(sys.argv[3])
for minor in range(1000):
    publish_model(storage, Path(sys.argv[2]), model_type="team", version=f"1.{minor}.0", now=now)
"""


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with serve_s3() as address:
        yield address


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FaultyS3, str]]:
    """A proxy that can be told to fail, and the address of a bucket behind it."""
    with serve_faulty_s3(s3_endpoint) as standing:
        yield standing, write_address(standing, make_bucket(s3_endpoint, monkeypatch))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    for number in range(20):
        (made / f"part-{number:02}.bin").write_bytes(bytes(range(200)) * 100)
    return made


def publish(storage: Storage, folder: Path, version: str) -> ModelVersion:
    return publish_model(storage, folder, model_type="team", version=version, now=NOW)


def start_publishing(address: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PUBLISHING, address, str(folder), NOW.isoformat()]
    return subprocess.Popen(command)  # noqa: S603 -- Ours.


def start_choosing(database: Database, address: str, home: Path, version: str) -> subprocess.Popen[bytes]:
    """Return a process that uses a version, as a person would on the command line."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    settings = {
        "BUGFLOW_HOME": str(home),
        "BUGFLOW_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "BUGFLOW_STORAGE_URL": address,
    }
    command = [sys.executable, "-m", "bugflow", "models", "promote", "team", version]
    return subprocess.Popen(command, env=plain | settings, stderr=subprocess.PIPE)  # noqa: S603 -- Ours.


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)


def require_in_step(database: Database, storage: Storage) -> None:
    """Alias and ledger say the same, and each change follows the one before."""
    with database.snapshot() as session:
        assert find_unlike(session, storage, "team") is None
        changes = list_changes(session, "team")
    for later, earlier in pairwise(changes):
        assert later.before == earlier.version


def count_changes(database: Database) -> int:
    with database.snapshot() as session:
        return session.scalar(select(func.count()).select_from(ModelChange)) or 0


def test_a_process_killed_while_it_publishes_into_a_folder_leaves_whole_versions_and_none_that_is_half(
    tmp_path: Path, folder: Path
) -> None:
    address = (tmp_path / "files").as_uri()
    storage = open_storage(address)
    process = start_publishing(address, folder)
    wait_until(lambda: len(list_versions(storage, "team")) >= 3, STARTING_SECONDS)
    kill(process)
    published = list_versions(storage, "team")
    for version in published[:5]:
        assert fetch_model(storage, version, tmp_path / "cache").is_dir()
    publish(storage, folder, f"1.{len(published)}.0")
    assert len(list_versions(storage, "team")) == len(published) + 1


@pytest.mark.parametrize("words", ["part-07.bin", "manifest.json"])
@pytest.mark.parametrize("kind", ["held", "unanswered"])
def test_a_process_killed_while_it_publishes_into_s3_leaves_the_version_or_nothing_and_another_completes_it(
    s3: tuple[FaultyS3, str], tmp_path: Path, folder: Path, kind: Kind, words: str
) -> None:
    proxy, address = s3
    storage = open_storage(address)
    with proxy.failing(kind, "PUT", words) as fault:
        process = start_publishing(address, folder)
        assert fault.met.wait(STARTING_SECONDS)
        if kind == "unanswered" and words == "manifest.json":
            wait_until(lambda: list_versions(storage, "team") != [])
        kill(process)
        done = [each.version for each in list_versions(storage, "team")]
    assert done == (["1.0.0"] if (kind, words) == ("unanswered", "manifest.json") else [])
    version = publish(storage, folder, "1.0.0")
    assert (fetch_model(storage, version, tmp_path / "cache") / "part-07.bin").stat().st_size == 20_000


def choose(database: Database, storage: Storage, version: ModelVersion) -> None:
    with database.transaction() as session:
        use_model(session, storage, "team", version, actor=build_system_actor("cli"), now=NOW)


@pytest.mark.parametrize(("kind", "is_first"), [("held", False), ("unanswered", False), ("unanswered", True)])
def test_a_process_killed_while_it_moves_the_alias_changed_nothing_and_what_it_left_is_put_back(
    s3: tuple[FaultyS3, str], database: Database, tmp_path: Path, folder: Path, kind: Kind, *, is_first: bool
) -> None:
    proxy, address = s3
    storage = open_storage(address)
    old, new = (publish(storage, folder, number) for number in ("1.0.0", "1.1.0"))
    if not is_first:
        choose(database, storage, old)
    noted, used = count_changes(database), None if is_first else old
    with proxy.failing(kind, "PUT", "champion.json") as fault:
        process = start_choosing(database, address, tmp_path / "home", "1.1.0")
        assert fault.met.wait(STARTING_SECONDS)
        if kind == "unanswered":
            wait_until(lambda: find_current(storage, "team") == new)
        kill(process)
        assert find_current(storage, "team") == (new if kind == "unanswered" else used)
    assert len(mend_aliases(database, storage, now=NOW).done) == (kind == "unanswered")
    assert (find_current(storage, "team"), count_changes(database)) == (used, noted)
    choose(database, storage, new)
    assert (find_current(storage, "team"), count_changes(database)) == (new, noted + 1)
    require_in_step(database, storage)


def test_of_two_processes_that_choose_the_same_version_at_once_one_does(
    s3: tuple[FaultyS3, str], database: Database, tmp_path: Path, folder: Path
) -> None:
    _, address = s3
    storage = open_storage(address)
    version = publish(storage, folder, "1.0.0")
    both = [start_choosing(database, address, tmp_path / "home", "1.0.0") for _ in range(2)]
    said = [each.communicate(timeout=STARTING_SECONDS)[1].decode() for each in both]
    assert sorted(each.returncode for each in both) == [0, 4], said
    assert (find_current(storage, "team"), count_changes(database)) == (version, 1)
    require_in_step(database, storage)


def is_waiting(database: Database) -> bool:
    """Whether somebody waits for a lock; SQLite does not tell."""
    with database.snapshot() as session:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = :on")
        return bool(session.scalar(waiting, {"on": "transactionid"}))


def test_while_one_process_chooses_another_waits_and_both_are_in_order_or_the_second_is_refused(
    s3: tuple[FaultyS3, str], database: Database, tmp_path: Path, folder: Path
) -> None:
    proxy, address = s3
    storage = open_storage(address)
    versions = [publish(storage, folder, number) for number in ("1.0.0", "1.1.0")]
    with proxy.failing("held", "PUT", "champion.json") as fault:
        first = start_choosing(database, address, tmp_path / "home", "1.0.0")
        assert fault.met.wait(STARTING_SECONDS)
        second = start_choosing(database, address, tmp_path / "home", "1.1.0")
        if not database.is_embedded:
            wait_until(lambda: is_waiting(database), STARTING_SECONDS)
        assert count_changes(database) == 0
    said = [each.communicate(timeout=STARTING_SECONDS)[1].decode() for each in (first, second)]
    assert first.returncode == 0, said
    is_second = database.is_embedded  # There it begins when the first has ended.
    assert second.returncode == (0 if is_second else 4), said
    assert find_current(storage, "team") == versions[is_second]
    require_in_step(database, storage)
