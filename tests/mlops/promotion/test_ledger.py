"""The ledger says what is in use, whatever the storage was left at."""

import io
from pathlib import Path

import pytest

from bugflow.core.database import Database
from bugflow.core.storage import Storage, open_storage
from bugflow.mlops.promotion.errors import AlreadyUsedError, NothingBeforeError
from bugflow.mlops.promotion.jobs import mend_models_in_use
from bugflow.mlops.promotion.ledger import find_unlike, mend_aliases
from bugflow.mlops.promotion.service import list_changes, roll_back, use_model
from bugflow.mlops.registry.choosing import use_none
from bugflow.mlops.registry.store import find_current, set_current
from bugflow.mlops.registry.versions import GLOBAL, ModelVersion
from bugflow.tracker.accounts.actor import build_system_actor
from factories.versions import NOW, publish_judged

PROJECT = "6f1f0d52-0c6f-4c55-9a39-0a5f2f3b8f10"
ACTOR = build_system_actor("cli")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage((tmp_path / "files").as_uri())


def use(database: Database, storage: Storage, version: ModelVersion | None, scope: str = GLOBAL) -> None:
    with database.transaction() as session:
        use_model(session, storage, "severity", version, actor=ACTOR, now=NOW, scope=scope)


def unlike(database: Database, storage: Storage, scope: str = GLOBAL) -> str | None:
    with database.snapshot() as session:
        return find_unlike(session, storage, "severity", scope)


@pytest.mark.parametrize("scope", [GLOBAL, PROJECT])
@pytest.mark.parametrize("left", ["other", "none", "nonsense"])
def test_the_alias_is_put_back_to_what_the_ledger_says(
    database: Database, storage: Storage, tmp_path: Path, left: str, scope: str
) -> None:
    old, new = (publish_judged(storage, tmp_path, number, None, scope=scope) for number in ("1.0.0", "1.1.0"))
    use(database, storage, old, scope)
    assert unlike(database, storage, scope) is None
    if left == "other":
        set_current(storage, new, now=NOW)
    elif left == "none":
        use_none(storage, "severity", scope)
    else:
        key = f"{old.prefix.rsplit('/', 2)[0]}/champion.json"
        storage.put(key, io.BytesIO(b"{"), overwrite=True)
    assert unlike(database, storage, scope) is not None
    mend_models_in_use(database, storage)
    assert (find_current(storage, "severity", scope), unlike(database, storage, scope)) == (old, None)
    with database.snapshot() as session:
        assert len(list_changes(session, "severity", scope)) == 1


def test_what_nobody_ever_chose_is_not_used(database: Database, storage: Storage, tmp_path: Path) -> None:
    version = publish_judged(storage, tmp_path, "1.0.0", None)
    set_current(storage, version, now=NOW)
    with pytest.raises(AlreadyUsedError, match="what comes with BugFlow"):
        use(database, storage, None)
    assert find_current(storage, "severity") is None
    set_current(storage, version, now=NOW)
    with pytest.raises(NothingBeforeError), database.transaction() as session:
        roll_back(session, storage, "severity", actor=ACTOR, now=NOW)
    use(database, storage, version)
    with database.snapshot() as session:
        [change] = list_changes(session, "severity")
        assert (change.before, change.version) == (None, version.name)


def test_what_the_ledger_names_and_nobody_has_any_more_is_told_and_nothing_is_changed(
    database: Database, storage: Storage, tmp_path: Path
) -> None:
    old, new = (publish_judged(storage, tmp_path, number, None) for number in ("1.0.0", "1.1.0"))
    use(database, storage, old)
    set_current(storage, new, now=NOW)
    storage.delete(f"{old.prefix}/manifest.json")
    [problem] = mend_aliases(database, storage, now=NOW).problems
    assert old.name in problem
    assert find_current(storage, "severity") == new
