"""A model of several members: what it says, when it is silent, and that it can be kept."""

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bugflow.ml.artifacts import ArtifactError, read_json, write_json
from bugflow.ml.contract import Report
from bugflow.ml.triage.backends import BASELINES, Workshop, choose_default, list_backends
from bugflow.ml.triage.evaluating import Evaluation, evaluate
from bugflow.ml.triage.examples import Examples, Partition, partition
from bugflow.ml.triage.linear import LinearClassifier
from bugflow.ml.triage.model import TriageModel
from bugflow.ml.triage.training import NoMemberError, build_model, try_learner, try_learners
from factories.encoders import BagEncoder

WORDS = {
    "critical": ("crash", "data", "loss", "frozen", "corrupt"),
    "high": ("error", "fails", "wrong", "timeout", "exception"),
    "low": ("typo", "colour", "label", "wording", "align"),
}
OTHERS = ("page", "editor", "report", "button", "login", "export", "search", "when", "after", "on")
ENCODER = BagEncoder()


def draw_partition(count: int = 1200, *, seed: int = 0) -> Partition:
    """Return reports of which every fifth has no word that tells its label."""
    generator = np.random.default_rng(seed)
    reports, labels = [], []
    for _ in range(count):
        label = str(generator.choice(list(WORDS), p=[0.2, 0.5, 0.3]))
        telling = [str(each) for each in generator.choice(WORDS[label], 2)] if generator.random() < 0.8 else []
        words = generator.permutation([*telling, *generator.choice(OTHERS, 4)])
        reports.append(Report(" ".join(words[:3]), " ".join(words[3:])))
        labels.append(label)
    return partition(Examples(tuple(reports), tuple(labels)), [None] * count)


@pytest.fixture(scope="module")
def data() -> Partition:
    return draw_partition()


@pytest.fixture(scope="module")
def found(data: Partition) -> Evaluation:
    learners = Workshop(encoder=ENCODER).list_learners("severity", data.train.labels)
    return evaluate("severity", data, learners, list_backends(list(learners)))


@pytest.fixture(scope="module")
def model(found: Evaluation, data: Partition) -> TriageModel:
    members = {name: found.tried[name] for name in ("linear", "presence", "encoder")}
    return build_model("severity", members, data)


def test_every_back_end_stands_beside_the_baselines(found: Evaluation) -> None:
    names = [trial.backend for trial in found.trials]
    assert names == ["majority", "keyword", "tfidf", "linear", "presence", "encoder", "ensemble"]
    for trial in found.trials:
        assert (trial.lead is None) == (trial.backend in BASELINES)
        assert (trial.f1_chance is None) == (trial.backend in BASELINES)
    assert choose_default(list_backends(list(found.tried))) == "ensemble"


def test_a_transformer_joins_only_where_it_is_asked_for() -> None:
    backends = list_backends(["transformer", "linear", "presence", "encoder"])
    assert backends["ensemble"] == ("linear", "presence", "encoder")
    assert backends["everything"] == ("linear", "presence", "encoder", "transformer")
    assert choose_default(backends) == "ensemble"
    assert list_backends(["transformer"]) == {"transformer": ("transformer",)}


def test_what_is_told_for_programs_has_the_same_figures(found: Evaluation) -> None:
    figures = found.to_json()
    assert figures["majority_accuracy"] == figures["results"]["majority"]["accuracy"]
    assert figures["results"]["ensemble"]["accuracy"] > figures["majority_accuracy"] + 0.2
    assert figures["best"] in figures["results"]


def test_a_model_is_right_where_it_speaks_and_silent_where_nothing_tells(model: TriageModel) -> None:
    unseen = draw_partition(seed=1).train
    said = model.suggest(unseen.reports)
    spoken = [(each.label, label) for each, label in zip(said, unseen.labels, strict=True) if not each.abstained]
    assert 0.5 < len(spoken) / len(said) < 0.9
    assert np.mean([found == label for found, label in spoken]) >= 0.88
    assert model.suggest([Report("page button search", "when login")])[0].abstained


def test_what_calibrates_is_judged_first_and_learned_from_afterwards(data: Partition) -> None:
    newest = Examples(
        tuple(Report(f"{each.title} quasar") for each in data.calibration.reports),
        tuple("critical" for _ in data.calibration.labels),
    )
    changed = Partition(data.train, newest, Examples((Report("quasar quasar"),), ("critical",)), "time")
    once, twice = (try_learner(LinearClassifier, changed, again=again) for again in (False, True))
    np.testing.assert_array_equal(once.calibration, twice.calibration)
    column = twice.learner.classes_.index("critical")
    assert twice.test[0, column] > once.test[0, column] + 0.4
    assert not once.growth.any()
    shares = [Counter(each.labels)["critical"] / len(each) for each in (changed.train, changed.join_seen())]
    assert twice.growth[column] == pytest.approx(np.log(shares[1] / shares[0]))
    assert not try_learner(LinearClassifier, changed, balanced=True).growth.any()


def test_what_takes_hours_is_trained_once(data: Partition) -> None:
    built: list[str] = []

    def build(name: str) -> LinearClassifier:
        built.append(name)
        return LinearClassifier()

    learners = {name: partial(build, name) for name in ("linear", "transformer")}
    try_learners(["linear", "transformer", "linear"], learners, data)
    assert built == ["linear", "linear", "transformer"]


def test_a_label_that_training_did_not_see_is_not_learned_later(data: Partition) -> None:
    labels = ("blocker", *data.calibration.labels[1:])
    seen = Partition(data.train, Examples(data.calibration.reports, labels), data.test, "time").join_seen()
    assert len(seen) == len(data.train) + len(data.calibration) - 1
    assert "blocker" not in seen.labels
    assert seen.reports[-1] is data.calibration.reports[-1]


def test_a_suggestion_names_the_runner_up_and_its_threshold(model: TriageModel) -> None:
    [said] = model.suggest([Report("crash and data loss", "corrupt")])
    assert (said.label, said.band, said.abstained) == ("critical", "sure", False)
    assert said.threshold is not None
    assert said.threshold <= said.probability <= 1
    assert said.runner_up in {"high", "low"}
    assert 0 <= said.runner_up_probability <= 1 - said.probability
    assert 0 < said.coverage <= 1


def test_reasons_of_all_members_are_one_list(model: TriageModel) -> None:
    reasons = model.explain(Report("Typo on page", "typo"), "low", most=4)
    assert reasons[0].what.casefold() == "typo"
    assert len({reason.what.casefold() for reason in reasons}) == len(reasons) <= 4


def test_a_kept_model_says_the_same(model: TriageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    again = TriageModel.load(tmp_path / "model", encoder=ENCODER)
    reports = draw_partition(60, seed=2).train.reports
    assert (again.target, again.classes, again.method) == ("severity", model.classes, "linear+presence+encoder")
    assert np.allclose(again.predict_probabilities(reports), model.predict_probabilities(reports), atol=1e-6)
    assert [each.band for each in again.suggest(reports)] == [each.band for each in model.suggest(reports)]


def test_what_answers_at_once_is_calibrated_by_itself_and_kept(model: TriageModel, tmp_path: Path) -> None:
    assert model.hurried is not None
    assert (model.hurried.method, model.hurried.hurried) == ("linear+presence", None)
    unseen = draw_partition(seed=3).train
    said = model.hurried.suggest(unseen.reports)
    right = [each.label == label for each, label in zip(said, unseen.labels, strict=True) if not each.abstained]
    assert len(right) > 100
    assert np.mean(right) >= 0.88
    model.save(tmp_path / "model")
    again = TriageModel.load(tmp_path / "model", encoder=ENCODER).hurried
    assert again is not None
    reports = unseen.reports[:20]
    assert np.allclose(again.predict_probabilities(reports), model.hurried.predict_probabilities(reports), atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"members": ["oracle"]},
        {"weights": [1.0]},
        {"biases": [0.0]},
        {"speaking": {"least": "all"}},
        {"coverage": None},
        {"hurried": {"members": ["linear"]}},
    ],
)
def test_a_model_whose_parts_do_not_fit_is_refused(
    model: TriageModel, tmp_path: Path, change: dict[str, object]
) -> None:
    model.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    write_json(path, read_json(path) | change)
    with pytest.raises(ArtifactError):
        TriageModel.load(tmp_path / "model", encoder=ENCODER)


def test_a_baseline_cannot_be_kept(found: Evaluation, data: Partition) -> None:
    with pytest.raises(NoMemberError, match="'majority'"):
        build_model("severity", {"majority": found.tried["majority"]}, data)
