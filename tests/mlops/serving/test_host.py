"""The models of a process: which speaks, what happens when one does not, and how one is replaced."""

import io
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bugflow.core.storage import Storage, open_storage
from bugflow.ml.artifacts import read_json, write_json
from bugflow.ml.contract import Encoder, Report
from bugflow.ml.encoder.errors import NotPreparedError
from bugflow.ml.encoder.sharing import SharedEncoder
from bugflow.ml.triage.model import TriageModel
from bugflow.mlops.registry.store import publish_model, set_current
from bugflow.mlops.registry.versions import GLOBAL, ModelVersion
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.opinions import Opinion, Question
from bugflow.mlops.serving.options import ServingOptions
from factories.models import SEVERITY_TEXTS, TEAM_TEXTS, HeldEncoder, save_model, train_model
from factories.reports import HOSTILE_REPORTS
from factories.runners import wait_until

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PROJECT = "6f1f0d52-0c6f-4c55-9a39-0a5f2f3b8f10"
SEVERITY = Question("severity", ("low", "medium", "high", "critical"))
TEAM = Question("team", ("Backend", "Frontend"))
CRASH = Report("A crash when saving the document")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A storage, a host that uses it, and ways to put models there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.storage: Storage = open_storage("memory://")
        self.encoder = HeldEncoder()
        self.clock = Clock()
        self.hosts: list[ModelHost] = []
        self._count = 0

    def host(self, **options: Any) -> ModelHost:  # noqa: ANN401 -- Any option.
        """Return a host; it looks at models only when it is told to."""
        values: dict[str, Any] = {
            "cache_folder": self.folder / "cache",
            "open_encoder": lambda: self.encoder,
            "timeout_seconds": 20.0,
            "queue_seconds": 20.0,
        }
        made = ModelHost(self.storage, ServingOptions(**(values | options)), clock=self.clock)
        self.hosts.append(made)
        return made

    def publish(
        self, model: TriageModel, *, scope: str = GLOBAL, change: Callable[[Path], None] | None = None
    ) -> ModelVersion:
        """Publish a model under the next version, and use it."""
        self._count += 1
        saved = save_model(self.folder / f"model-{self._count}", model)
        if change is not None:
            change(saved)
        version = publish_model(
            self.storage,
            saved,
            model_type=model.target,
            version=f"1.{self._count}.0",
            now=NOW + timedelta(seconds=self._count),
            scope=scope,
        )
        set_current(self.storage, version, now=NOW)
        return version

    def look(self, host: ModelHost, *, seconds: float = 3600.0) -> None:
        """Let so much time pass and the host look."""
        self.clock.now += seconds
        host.shelf.look()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.encoder.go.set()
    for host in made.hosts:
        host.stop()


def ask(host: ModelHost, report: Report = CRASH, **arguments: Any) -> Opinion:  # noqa: ANN401 -- Any argument.
    return host.judge(report, [SEVERITY], **arguments)["severity"]


def test_until_a_model_is_loaded_the_rules_speak(place: Place) -> None:
    host = place.host()
    place.publish(train_model("severity", SEVERITY_TEXTS))
    before = ask(host)
    assert (before.method, before.label, before.band) == ("keyword", "critical", "suggested")
    assert [each.what for each in before.reasons or ()] == ["crash"]
    host.shelf.look()
    assert ask(host).method == "linear"


def test_a_loaded_model_says_what_it_thinks_how_sure_it_is_and_why(place: Place) -> None:
    host = place.host()
    version = place.publish(train_model("severity", SEVERITY_TEXTS))
    host.shelf.look()
    found = ask(host)
    assert (found.label, found.band, found.model_version) == ("critical", "sure", version.name)
    assert found.confidence is not None
    assert 0.5 < found.confidence < 1
    assert (found.runner_up, found.threshold, found.coverage) == ("low", 0.5, 0.4)
    assert found.runner_up_confidence == pytest.approx(1 - found.confidence)
    assert found.because is None
    assert "crash" in {each.what for each in found.reasons or () if (each.weight or 0) > 0}
    assert ask(host, explain=False).reasons is None


def test_a_model_that_is_not_sure_says_from_where_on_it_would_be(place: Place) -> None:
    host = place.host()
    place.publish(train_model("severity", SEVERITY_TEXTS, sure_from=0.999))
    host.shelf.look()
    found = ask(host)
    assert (found.band, found.abstained) == ("suggested", True)
    assert "probability of 1.00" in (found.because or "")


def test_what_the_project_does_not_have_is_never_said(place: Place) -> None:
    host = place.host()
    place.publish(train_model("team", TEAM_TEXTS))
    host.shelf.look()
    report = Report("The button overlaps the menu")
    found = host.judge(report, [Question("team", ("Night shift", "Backend"))])["team"]
    assert (found.label, found.band, found.confidence, found.runner_up) == (None, "unsure", None, "Backend")
    assert "Frontend" in (found.because or "")


@pytest.mark.parametrize("report", HOSTILE_REPORTS, ids=range(len(HOSTILE_REPORTS)))
@pytest.mark.parametrize("with_encoder", [True, False])
def test_any_text_has_an_answer_and_none_outside_the_set(place: Place, report: Report, *, with_encoder: bool) -> None:
    host = place.host()
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=with_encoder))
    host.shelf.look()
    found = ask(host, report)
    assert found.label in SEVERITY.labels
    assert found.method in {"linear", "encoder"}


def test_what_is_switched_off_is_not_even_loaded(place: Place) -> None:
    host = place.host(targets=("team",))
    place.publish(train_model("severity", SEVERITY_TEXTS))
    host.shelf.look()
    found = host.judge(CRASH, [SEVERITY, TEAM])
    assert (found["severity"].method, found["severity"].label) == ("off", None)
    assert found["team"].method == "keyword"
    assert list(host.describe()) == ["team"]


def test_a_field_that_nobody_knows_anything_about_is_left_out(place: Place) -> None:
    assert place.host().judge(CRASH, [Question("component", ("UI",))]) == {}


def test_failures_open_the_breaker_and_after_a_pause_one_success_closes_it(place: Place) -> None:
    host = place.host(failures=2, pause_seconds=30)
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    host.shelf.look()
    place.encoder.broken = True
    with capture_logs() as logs:
        for _ in range(4):
            found = ask(host)
            assert (found.method, found.label) == ("keyword", "critical")
    assert [each["event"] for each in logs] == ["prediction_failed", "prediction_failed", "prediction_breaker_opened"]
    assert host.describe()["severity"].breaker == "open"
    assert host.read_breakers()["severity"] == 1
    place.encoder.broken = False
    assert ask(host).method == "keyword"
    place.clock.now += 31
    assert ask(host).method == "encoder"
    assert host.describe()["severity"].breaker == "closed"


def test_a_model_that_does_not_answer_in_time_is_answered_for_and_only_it_is_blamed(place: Place) -> None:
    host = place.host(timeout_seconds=0.1, failures=1)
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    place.publish(train_model("team", TEAM_TEXTS, with_encoder=True))
    host.shelf.look()
    place.encoder.go.clear()
    found = host.judge(CRASH, [SEVERITY, TEAM])
    assert [each.method for each in found.values()] == ["keyword", "keyword"]
    assert "in time" in (found["severity"].because or "")
    assert host.read_breakers() == {"severity": 1, "team": 0, "component": 0, "priority": 0}


def test_when_too_much_is_asked_at_once_the_rules_answer_and_no_model_is_blamed(place: Place) -> None:
    host = place.host(threads=1, queue_seconds=0.05, failures=1)
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    host.shelf.look()
    place.encoder.go.clear()
    first: list[Opinion] = []
    thread = threading.Thread(target=lambda: first.append(ask(host)))
    thread.start()
    assert place.encoder.asked.wait(20)
    second = ask(host)
    place.encoder.go.set()
    thread.join(20)
    assert (second.method, first[0].method) == ("keyword", "encoder")
    assert "at once" in (second.because or "")
    assert host.read_breakers()["severity"] == 0


def test_words_speak_where_there_is_no_time_for_the_whole_model(place: Place) -> None:
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True, with_hurry=True))
    host = place.host(timeout_seconds=0.3)
    host.shelf.look()
    assert ask(host).method == "encoder+linear"
    place.encoder.go.clear()
    late = ask(host, Report("Another crash when saving a document"))
    assert (late.method, late.label, late.band) == ("linear", "critical", "sure")
    assert late.confidence is not None
    assert late.because is not None
    assert "no time" in late.because


def test_when_no_thread_comes_back_the_model_is_blamed_even_so(place: Place) -> None:
    host = place.host(threads=1, queue_seconds=0.05, timeout_seconds=0.1, failures=2)
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    host.shelf.look()
    place.encoder.go.clear()
    assert [ask(host).method for _ in range(3)] == ["keyword"] * 3
    assert host.describe()["severity"].breaker == "open"


def test_a_model_that_hangs_does_not_keep_the_host_from_stopping(place: Place) -> None:
    host = place.host(timeout_seconds=0.05)
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    host.shelf.look()
    place.encoder.go.clear()
    ask(host)
    host.stop()
    assert not any(thread.name == "bugflow-prediction" and not thread.daemon for thread in threading.enumerate())


def test_the_projects_own_model_comes_first_and_is_let_go_when_nobody_asks(place: Place) -> None:
    host = place.host(cache_seconds=1000, poll_seconds=5)
    everybody = place.publish(train_model("severity", SEVERITY_TEXTS))
    own = place.publish(train_model("severity", SEVERITY_TEXTS), scope=PROJECT)
    host.shelf.look()
    assert ask(host, scope=PROJECT).model_version == everybody.name
    place.look(host, seconds=61)
    assert ask(host, scope=PROJECT).model_version == own.name
    assert ask(host).model_version == everybody.name
    place.look(host, seconds=1001)
    assert [slot.scope for slot in host.shelf.list_slots() if slot.scope != GLOBAL] == []
    assert ask(host, scope=PROJECT).model_version == everybody.name


def test_the_models_of_the_package_speak_until_there_is_an_own_one(place: Place) -> None:
    starter = save_model(place.folder / "starter", train_model("severity", SEVERITY_TEXTS))
    host = place.host(find_starter=lambda target: starter if target == "severity" else None)
    host.shelf.look()
    found = ask(host)
    assert (found.method, str(found.model_version).split("/")[0]) == ("starter", "starter")
    place.publish(train_model("severity", SEVERITY_TEXTS))
    place.look(host)
    assert ask(host).method == "linear"


def damage_weights(folder: Path) -> None:
    (folder / "members/linear/weights.safetensors").write_bytes(b"\0" * 100)


def damage_labels(folder: Path) -> None:
    path = folder / "members/linear/classifier.json"
    write_json(path, read_json(path) | {"classes": ["critical"]})


def other_format(folder: Path) -> None:
    (folder / "model.json").write_text("{}")


@pytest.mark.parametrize("change", [damage_weights, damage_labels, other_format])
def test_a_damaged_model_leaves_the_old_one_and_is_told_once(place: Place, change: Callable[[Path], None]) -> None:
    host = place.host()
    good = place.publish(train_model("severity", SEVERITY_TEXTS))
    host.shelf.look()
    place.publish(train_model("severity", SEVERITY_TEXTS), change=change)
    with capture_logs() as logs:
        for _ in range(3):
            place.look(host)
    assert [each["event"] for each in logs] == ["model_not_loaded"]
    assert logs[0]["still_served"] == good.name
    assert ask(host).model_version == good.name
    assert host.describe()["severity"].problem


def test_until_the_encoder_is_prepared_the_rules_speak_and_nobody_is_alarmed(place: Place, tmp_path: Path) -> None:
    prepared: list[bool] = []

    def open_encoder() -> Encoder:
        if not prepared:
            raise NotPreparedError(tmp_path)
        return place.encoder

    host = place.host(open_encoder=open_encoder)
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    with capture_logs() as logs:
        host.shelf.look()
    assert [(each["event"], each["log_level"]) for each in logs] == [("model_waits_for_encoder", "info")]
    assert ask(host).method == "keyword"
    assert "not prepared yet" in (host.describe()["severity"].problem or "")
    prepared.append(True)
    place.look(host, seconds=1000)
    assert ask(host).method == "encoder"
    assert host.describe()["severity"].problem is None


def test_a_model_whose_stored_file_was_changed_is_not_used(place: Place) -> None:
    host = place.host()
    version = place.publish(train_model("severity", SEVERITY_TEXTS))
    place.storage.put(f"{version.prefix}/model.json", io.BytesIO(b"{}"), overwrite=True)
    host.shelf.look()
    assert ask(host).method == "keyword"


def test_a_model_that_needs_another_encoder_is_not_used(place: Place) -> None:
    host = place.host()
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    place.encoder.name = "another"
    host.shelf.look()
    assert ask(host).method == "keyword"
    assert "another" in (host.describe()["severity"].problem or "")


def test_a_model_of_something_else_is_not_used(place: Place) -> None:
    def pretend(folder: Path) -> None:
        write_json(folder / "model.json", read_json(folder / "model.json") | {"target": "team"})

    host = place.host()
    place.publish(train_model("severity", SEVERITY_TEXTS), change=pretend)
    host.shelf.look()
    assert ask(host).method == "keyword"


def test_while_models_are_replaced_every_request_is_answered_by_one_of_them(place: Place) -> None:
    host = place.host(poll_seconds=0.001, queue_seconds=20.0)
    versions = [place.publish(train_model("severity", SEVERITY_TEXTS)) for _ in range(2)]
    host.shelf.look()
    ended = threading.Event()
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def keep_asking() -> None:
        while not ended.is_set():
            found = ask(host, explain=False)
            with lock:
                seen[str(found.model_version)] += 1

    def has_answered(name: str, before: int) -> bool:
        return seen[name] > before

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(12):
            version = versions[turn % 2]
            before = seen[version.name]
            set_current(place.storage, version, now=NOW)
            place.look(host)
            wait_until(partial(has_answered, version.name, before))
    finally:
        ended.set()
        for thread in threads:
            thread.join(20)
    assert set(seen) == {each.name for each in versions}


def test_when_much_is_asked_reasons_that_take_long_are_left_out(place: Place) -> None:
    host = place.host(quiet=1, reasons_seconds=20.0)
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    host.shelf.look()
    first, second = ask(host), ask(host)
    assert first.reasons
    assert second.reasons is None
    assert second.label == first.label


def test_rules_inside_a_model_do_not_stand_for_all_its_reasons(place: Place) -> None:
    host = place.host(quiet=1, reasons_seconds=20.0)
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True, with_rules=True))
    host.shelf.look()
    first, second = ask(host), ask(host)
    assert {"saving", "document"} & {each.what for each in first.reasons or ()}
    assert {each.what for each in second.reasons or ()} == {"crash"}


def test_what_is_answered_is_counted(place: Place) -> None:
    class Counted:
        """Remembers what it is told."""

        def __init__(self) -> None:
            self.rows: list[tuple[str, str, str]] = []
            self.times: list[float] = []
            self.watched: dict[str, Callable[[], Mapping[str, float]]] = {}

        def watch(self, name: str, description: str, *, label: str, read: Callable[[], Mapping[str, float]]) -> None:
            self.watched[f"{name} {label}"] = read
            assert description

        def observe_prediction(self, *, target: str, method: str, band: str) -> None:
            self.rows.append((target, method, band))

        def observe_predicting(self, *, seconds: float) -> None:
            self.times.append(seconds)

    counted, host = Counted(), place.host(open_encoder=lambda: SharedEncoder(place.encoder))
    host.observe_with(counted)
    host.judge(CRASH, [SEVERITY, TEAM])
    assert counted.rows == [("severity", "keyword", "suggested"), ("team", "keyword", "unsure")]
    assert len(counted.times) == 1
    assert counted.watched["bugflow_prediction_breaker_open target"]()["team"] == 0
    assert counted.watched["bugflow_encoder what"]() == {}
    place.publish(train_model("severity", SEVERITY_TEXTS, with_encoder=True))
    host.shelf.look()
    assert ask(host).method == "encoder"
    assert counted.watched["bugflow_encoder what"]()["texts"] >= 2
    host.stop()
    assert counted.watched["bugflow_encoder what"]() == {}


def test_the_cache_counts_and_names_its_models_by_type_and_project(place: Place) -> None:
    host = place.host(cache_seconds=60.0)
    assert ask(host).method == "keyword"
    shared = place.publish(train_model("severity", SEVERITY_TEXTS))
    own = place.publish(train_model("severity", SEVERITY_TEXTS), scope=PROJECT)
    place.look(host)
    ask(host, scope=PROJECT)
    place.look(host, seconds=30.0)
    place.clock.now += 10.0
    ask(host, scope=PROJECT)
    loaded = {each.key: each for each in host.shelf.list_loaded()}
    assert [(key, each.version) for key, each in loaded.items()] == [
        ("severity_global", shared.name),
        (f"severity_{PROJECT}", own.name),
    ]
    assert (loaded["severity_global"].age_seconds, loaded[f"severity_{PROJECT}"].age_seconds) == (40.0, 10.0)
    files = [path for path in (place.folder / "cache" / own.name).rglob("*") if path.is_file()]
    assert loaded[f"severity_{PROJECT}"].bytes == sum(path.stat().st_size for path in files) > 0
    place.look(host)
    broken = place.publish(train_model("severity", SEVERITY_TEXTS))
    place.storage.delete(f"{broken.prefix}/model.json")
    place.look(host)
    counts = {"hits": 2.0, "misses": 1.0, "loads": 2.0, "failures": 1.0, "evictions": 1.0}
    assert host.shelf.read_counts() == counts
    assert not host.describe()["severity"].up_to_date
