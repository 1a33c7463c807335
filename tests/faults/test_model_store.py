"""The models' storage failing in every way: what is there is whole, and what was in use stays in use."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bugflow.core.storage import Storage, StorageUnavailableError, open_storage
from bugflow.ml.contract import Report
from bugflow.mlops.registry.errors import ModelDamagedError, ModelNotFetchedError
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.store import find_current, list_versions, publish_model, set_current
from bugflow.mlops.registry.versions import ModelVersion
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.opinions import Question
from bugflow.mlops.serving.options import ServingOptions
from factories.disks import small_disk
from factories.faulty_s3 import FaultyS3, Kind, make_bucket, open_faulty, serve_faulty_s3
from factories.models import SEVERITY_TEXTS, HeldEncoder, save_model, train_model
from factories.storages import serve_s3

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
WEIGHTS = bytes(range(250)) * 3600
SEVERITY = Question("severity", ("low", "medium", "high", "critical"))

Act = Callable[[Storage, Path], object]


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with serve_s3() as address:
        yield address


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultyS3]:
    with serve_faulty_s3(s3_endpoint) as standing:
        yield standing


@pytest.fixture
def storage(proxy: FaultyS3, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Storage:
    return open_faulty(proxy, make_bucket(s3_endpoint, monkeypatch))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    (made / "model.json").write_text('{"format": 1}')
    (made / "weights.bin").write_bytes(WEIGHTS)
    return made


def publish(storage: Storage, folder: Path, version: str = "1.0.0") -> ModelVersion:
    return publish_model(storage, folder, model_type="severity", version=version, now=NOW)


def read_all(storage: Storage) -> dict[str, bytes]:
    return {key: b"".join(storage.read(key)) for key in storage.list_keys("ml_models/severity/")}


def publish_next(storage: Storage, folder: Path) -> object:
    return publish(storage, folder, "2.0.0")


def fetch_first(storage: Storage, folder: Path) -> object:
    return fetch_model(storage, list_versions(storage, "severity")[-1], folder.parent / "cache")


def use_first(storage: Storage, _: Path) -> object:
    set_current(storage, list_versions(storage, "severity")[-1], now=NOW)
    return find_current(storage, "severity")


def list_all(storage: Storage, _: Path) -> object:
    return list_versions(storage, "severity")


ACTS = {"publish": publish_next, "fetch": fetch_first, "alias": use_first, "list": list_all}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_storage_that_refuses_is_said_to_be_away_and_all_goes_on_when_it_is_back(
    storage: Storage, proxy: FaultyS3, folder: Path, act: Act
) -> None:
    publish(storage, folder)
    before = read_all(storage)
    proxy.refuse()
    with pytest.raises(StorageUnavailableError, match="try again later"):
        act(storage, folder)
    proxy.recover()
    assert read_all(storage) == before
    act(storage, folder)


@pytest.mark.parametrize(("name", "method"), [("publish", "PUT"), ("fetch", "GET"), ("alias", "PUT"), ("list", "GET")])
def test_a_storage_that_answers_500_leaves_everything_as_it_was(
    storage: Storage, proxy: FaultyS3, folder: Path, name: str, method: str
) -> None:
    publish(storage, folder)
    before = read_all(storage)
    with proxy.failing("error", method) as fault:
        with pytest.raises(StorageUnavailableError):
            ACTS[name](storage, folder)
        assert fault.met.is_set()
    assert read_all(storage) == before
    assert [path for path in (folder.parent / "cache").rglob("*") if path.is_file()] == []
    ACTS[name](storage, folder)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_slow_storage_is_waited_for(storage: Storage, proxy: FaultyS3, folder: Path, method: str) -> None:
    with proxy.failing("slow", method) as fault:
        version = publish(storage, folder)
        for act in (fetch_first, use_first, list_all):
            act(storage, folder)
        assert fault.met.is_set()
    assert find_current(storage, "severity") == version


@pytest.mark.parametrize("broken_at", ["model.json", "weights.bin", "manifest.json"])
def test_what_was_broken_off_is_not_there_and_the_same_call_completes_it_to_the_very_bytes(
    storage: Storage, proxy: FaultyS3, folder: Path, broken_at: str
) -> None:
    undisturbed = open_storage("memory://")
    publish(undisturbed, folder)
    with proxy.failing("error", "PUT", broken_at), pytest.raises(StorageUnavailableError):
        publish(storage, folder)
    assert list_versions(storage, "severity") == []
    published = publish(storage, folder)
    assert list_versions(storage, "severity") == [published]
    assert read_all(storage) == read_all(undisturbed)


@pytest.mark.parametrize("lost_at", ["weights.bin", "manifest.json"])
def test_where_only_the_answer_was_lost_the_same_call_finds_its_own_work(
    storage: Storage, proxy: FaultyS3, folder: Path, lost_at: str
) -> None:
    with proxy.failing("unanswered", "PUT", lost_at) as fault:
        fault.released.set()
        with pytest.raises(StorageUnavailableError):
            publish(storage, folder)
    publish(storage, folder)
    assert fetch_model(storage, publish(storage, folder), folder.parent / "cache").is_dir()


@pytest.mark.parametrize(
    ("kind", "error"),
    [("cut", StorageUnavailableError), ("damaged", ModelDamagedError), ("lost", ModelDamagedError)],
)
def test_what_does_not_come_whole_is_refused_and_leaves_nothing(
    storage: Storage, proxy: FaultyS3, folder: Path, kind: Kind, error: type[Exception]
) -> None:
    version, cache = publish(storage, folder), folder.parent / "cache"
    with proxy.failing(kind, "GET", "weights.bin"), pytest.raises(error):
        fetch_model(storage, version, cache)
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert (fetch_model(storage, version, cache) / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("words", ["champion.json", "manifest.json"])
def test_a_damaged_name_or_manifest_is_refused(storage: Storage, proxy: FaultyS3, folder: Path, words: str) -> None:
    set_current(storage, publish(storage, folder), now=NOW)
    with proxy.failing("damaged", "GET", words), pytest.raises(ModelDamagedError):
        fetch_model(storage, find_current(storage, "severity") or pytest.fail("None."), folder.parent / "cache")


def test_an_alias_whose_move_broke_off_names_the_old_or_the_new(
    storage: Storage, proxy: FaultyS3, folder: Path
) -> None:
    old, new = publish(storage, folder), publish(storage, folder, "2.0.0")
    set_current(storage, old, now=NOW)
    for kind, named in (("error", old), ("unanswered", new)):
        with proxy.failing(kind, "PUT", "champion.json") as fault:  # type: ignore[arg-type]
            fault.released.set()
            with pytest.raises(StorageUnavailableError):
                set_current(storage, new, now=NOW)
        assert find_current(storage, "severity") == named


class Servers:
    """Processes that serve models from one storage and one folder."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self.storage, self.folder = storage, folder
        self._count = 0

    def start(self) -> ModelHost:
        options = ServingOptions(
            cache_folder=self.folder / "served",
            open_encoder=HeldEncoder,
            targets=("severity",),
            timeout_seconds=20.0,
            poll_seconds=0.0,
        )
        return ModelHost(self.storage, options)

    def publish(self) -> ModelVersion:
        self._count += 1
        saved = save_model(self.folder / f"model-{self._count}", train_model("severity", SEVERITY_TEXTS))
        version = publish(self.storage, saved, f"1.{self._count}.0")
        set_current(self.storage, version, now=NOW)
        return version


def say(host: ModelHost) -> str | None:
    return host.judge(Report("A crash when saving the document"), [SEVERITY])["severity"].model_version


def test_while_the_storage_is_away_a_process_serves_on_and_a_new_one_serves_what_was_last_in_use(
    storage: Storage, proxy: FaultyS3, tmp_path: Path
) -> None:
    servers = Servers(storage, tmp_path)
    first, version = servers.start(), servers.publish()
    first.shelf.look()
    proxy.refuse()
    second = servers.start()
    for host in (first, second):
        host.shelf.look()
        assert say(host) == version.name
        assert not host.describe()["severity"].up_to_date
    proxy.recover()
    later = servers.publish()
    third = servers.start()
    third.shelf.look()
    assert (say(third), third.describe()["severity"].up_to_date) == (later.name, True)
    for host in (first, second, third):
        host.stop()


def test_what_was_last_in_use_and_is_damaged_on_this_machine_waits_for_the_storage(
    storage: Storage, proxy: FaultyS3, tmp_path: Path
) -> None:
    servers = Servers(storage, tmp_path)
    first, version = servers.start(), servers.publish()
    first.shelf.look()
    first.stop()
    (tmp_path / "served" / version.name / "model.json").write_text("{}")
    proxy.refuse()
    second = servers.start()
    second.shelf.look()
    assert say(second) is None
    proxy.recover()
    second.shelf.look()
    assert say(second) == version.name
    second.stop()


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_when_a_damaged_version_is_to_be_used_the_old_one_serves_on_also_after_a_restart(
    storage: Storage, tmp_path: Path, damage: str
) -> None:
    servers = Servers(storage, tmp_path)
    first, old = servers.start(), servers.publish()
    first.shelf.look()
    damaged = servers.publish()
    key = f"{damaged.prefix}/model.json"
    storage.delete(key)
    if damage == "changed":
        with (tmp_path / "model-1" / "model.json").open("rb") as other:
            other.readline()
            storage.put(key, other)
    second = servers.start()
    for host in (first, second):
        host.shelf.look()
        assert say(host) == old.name
        assert "model.json" in (host.describe()["severity"].problem or "")
        host.stop()


def test_a_full_disk_under_the_storage_publishes_nothing_and_with_room_the_same_call_completes_it(
    tmp_path: Path, folder: Path
) -> None:
    with small_disk(tmp_path / "disk"):
        storage = open_storage((tmp_path / "disk" / "files").as_uri())
        with pytest.raises(StorageUnavailableError):
            publish(storage, folder)
        assert list_versions(storage, "severity") == []
        assert [path.name for path in (tmp_path / "disk").rglob("*") if path.is_file()] == ["model.json"]
        (folder / "weights.bin").write_bytes(WEIGHTS[:1000])
        version = publish(storage, folder)
        assert (fetch_model(storage, version, tmp_path / "cache") / "weights.bin").stat().st_size == 1000


def test_a_full_disk_on_this_machine_fetches_nothing_and_says_so(tmp_path: Path, folder: Path) -> None:
    storage = open_storage("memory://")
    version = publish(storage, folder)
    with small_disk(tmp_path / "disk"):
        with pytest.raises(ModelNotFetchedError, match="Make room"):
            fetch_model(storage, version, tmp_path / "disk" / "cache")
        assert [path for path in (tmp_path / "disk").rglob("*") if path.is_file()] == []
