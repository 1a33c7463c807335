"""Using another model and going back: who may, what is kept, and that two at once cannot both."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bugflow.core.database import Database
from bugflow.core.errors import BugFlowError
from bugflow.core.storage import Storage, open_storage
from bugflow.ml.artifacts import write_json
from bugflow.mlops.promotion.errors import (
    AlreadyUsedError,
    ChangedAtOnceError,
    NothingBeforeError,
    ReasonNeededError,
)
from bugflow.mlops.promotion.files import DECISION
from bugflow.mlops.promotion.service import list_changes, roll_back, use_model
from bugflow.mlops.registry.errors import ModelNotFoundError
from bugflow.mlops.registry.store import find_current, publish_model
from bugflow.mlops.registry.versions import ModelVersion, read_name
from bugflow.tracker.accounts.actor import Actor, MissingPermissionError
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.audit.tables import AuditEntry
from factories.workplace import Workplace, build_workplace

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Office:
    """A database, a storage with versions, and people."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self._folder = database, folder
        self.storage: Storage = open_storage((folder / "files").as_uri())
        with database.transaction() as session:
            self.workplace: Workplace = build_workplace(session)

    def publish(self, number: str, *, passed: bool | None = True) -> ModelVersion:
        folder = self._folder / number
        folder.mkdir()
        (folder / "model.json").write_text(number)
        if passed is not None:
            write_json(folder / DECISION, {"passed": passed})
        return publish_model(self.storage, folder, model_type="team", version=number, now=NOW)

    def use(self, version: ModelVersion | None, **options: Any) -> None:  # noqa: ANN401 -- Any option.
        known: dict[str, Any] = {"actor": self.manager, "now": NOW}
        with self.database.transaction() as session:
            use_model(session, self.storage, "team", version, **(known | options))

    def go_back(self, **options: Any) -> None:  # noqa: ANN401 -- Any option.
        known: dict[str, Any] = {"actor": self.manager, "now": NOW}
        with self.database.transaction() as session:
            roll_back(session, self.storage, "team", **(known | options))

    @property
    def manager(self) -> Actor:
        return self.workplace.manager

    @property
    def current(self) -> str | None:
        found = find_current(self.storage, "team")
        return None if found is None else found.version

    def history(self) -> list[tuple[str, str | None, str | None]]:
        with self.database.snapshot() as session:
            return [(row.verb, row.version, row.before) for row in list_changes(session, "team")]


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, tmp_path)


def test_what_is_used_is_written_down_with_who_and_why(office: Office) -> None:
    version = office.publish("1.0.0")
    office.use(version, reason=" It knows the new team. ")
    assert office.current == "1.0.0"
    with office.database.snapshot() as session:
        [row] = list_changes(session, "team")
        assert (row.version, row.before, row.passed, row.number) == (version.name, None, True, 1)
        assert (row.reason, row.actor_id, row.actor_name) == (
            "It knows the new team.",
            office.manager.user_id,
            office.manager.name,
        )
        [entry] = session.query(AuditEntry).filter_by(action="model.changed").all()
        assert (entry.after or {})["version"] == version.name
    with pytest.raises(DBAPIError, match="append-only"), office.database.transaction() as session:
        session.execute(text("DELETE FROM model_changes"))


def test_going_back_goes_further_each_time(office: Office) -> None:
    names = []
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        version = office.publish(number)
        names.append(version.name)
        office.use(version)
    found = []
    for _ in range(3):
        office.go_back(reason="It guesses.")
        found.append(office.current)
    assert found == ["1.1.0", "1.0.0", None]
    with pytest.raises(NothingBeforeError, match="nothing to go back to"):
        office.go_back()
    assert office.history()[:3] == [
        ("rolled back", None, names[0]),
        ("rolled back", names[0], names[1]),
        ("rolled back", names[1], names[2]),
    ]


def test_what_was_used_again_is_left_for_what_it_followed_then(office: Office) -> None:
    first, second = office.publish("1.0.0"), office.publish("1.1.0")
    office.use(first)
    office.use(second)
    office.use(first)
    office.go_back()
    assert office.current == "1.1.0"


def test_what_failed_its_checks_needs_a_reason_and_what_was_never_judged_does_not(office: Office) -> None:
    failed, unjudged = office.publish("1.0.0", passed=False), office.publish("1.1.0", passed=None)
    for reason in ("", "  "):
        with pytest.raises(ReasonNeededError, match="say why"):
            office.use(failed, reason=reason)
    assert (office.current, office.history()) == (None, [])
    office.use(failed, reason="We changed the teams.")
    office.use(unjudged)
    with office.database.snapshot() as session:
        assert [row.passed for row in list_changes(session, "team")] == [None, False]


@pytest.mark.parametrize("role", [Role.TESTER, Role.DEVELOPER])
def test_only_managers_choose(office: Office, role: Role) -> None:
    version, person = office.publish("1.0.0"), office.workplace.people[role]
    with pytest.raises(MissingPermissionError):
        office.use(version, actor=person)
    with pytest.raises(MissingPermissionError):
        office.go_back(actor=person)
    assert office.current is None


def test_what_is_in_use_or_not_there_is_refused_and_nothing_is_noted(office: Office) -> None:
    version = office.publish("1.0.0")
    with pytest.raises(AlreadyUsedError, match="what comes with BugFlow is in use"):
        office.use(None)
    office.use(version)
    with pytest.raises(AlreadyUsedError):
        office.use(version)
    with pytest.raises(ModelNotFoundError):
        office.use(read_name("team/9.0.0/20260101_000000"))
    assert (office.current, len(office.history())) == ("1.0.0", 1)


def test_of_two_at_once_one_is_told_to_look_again(office: Office) -> None:
    versions = [office.publish(f"1.{minor}.0") for minor in range(6)]
    start, refused = threading.Barrier(len(versions)), list[BugFlowError]()

    def choose(version: ModelVersion) -> None:
        start.wait(20)
        try:
            office.use(version, now=NOW + timedelta(seconds=1))
        except ChangedAtOnceError as error:
            refused.append(error)

    threads = [threading.Thread(target=choose, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = office.history()
    assert len(history) + len(refused) == len(versions)
    assert history[0][1] == f"team/{office.current}/20260301_000000"
    for (_, _, before), (_, earlier, _) in zip(history, [*history[1:], ("", None, None)], strict=True):
        assert before == earlier


def test_a_name_is_read_as_it_is_written() -> None:
    for name in ("team/1.2.3/20260301_120000", "team/6f9619ff-8b86-4011-b42d-00c04fc964ff/1.2.3/20260301_120000"):
        assert read_name(name).name == name
    with pytest.raises(BugFlowError, match="cannot be the name of a model"):
        read_name("team/1.2.3")
