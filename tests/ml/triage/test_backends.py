"""What every back-end does, whatever it is."""

import random
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import vstack

from bugflow.ml.artifacts import ArtifactError
from bugflow.ml.contract import Classifier, Learner, Report
from bugflow.ml.triage.baselines import MajorityClassifier, PlainClassifier
from bugflow.ml.triage.encoder import EncoderClassifier
from bugflow.ml.triage.keyword import SEVERITY_MEANINGS, SEVERITY_RULES, TEAM_RULES, KeywordClassifier
from bugflow.ml.triage.linear import LinearClassifier
from bugflow.ml.triage.model import MEMBERS
from bugflow.ml.triage.transformer import TransformerClassifier
from bugflow.ml.triage.words import PRESENT, WEIGHED, Kind, WordFeatures
from factories.encoders import BagEncoder
from factories.reports import HOSTILE_REPORTS
from ml.finetuning.tiny import FILLERS, choose_options, write_base

ENCODER = BagEncoder()
BASELINES: Mapping[str, Callable[[], Learner]] = {"majority": MajorityClassifier, "tfidf": PlainClassifier}
LABELS = {"crash": "critical", "typo": "low", "error": "high"}
UNSEEN = 1_000
"""The seed of reports that nobody learns from."""


def describe(deed: str, seed: int) -> Report:
    """Return a report of which only one word tells anything, wherever it stands, and of crashes the project."""
    generator = random.Random(seed)  # noqa: S311 -- No cryptography.
    words = generator.sample(FILLERS, 6)
    words.insert(generator.randrange(4), deed)
    fields = {"project": "Editor"} if deed == "crash" else {}
    return Report(" ".join(words[:4]).capitalize(), f"The {deed} {' '.join(words[4:])}.", fields)


TRAINING = [
    (describe(deed, seed), LABELS[deed])
    for deed, count in (("crash", 30), ("typo", 50), ("error", 20))
    for seed in range(count)
]


@pytest.fixture(scope="module")
def makers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Callable[[], Classifier]]:
    """How each back-end that can be kept is made."""
    options = choose_options(write_base(tmp_path_factory.mktemp("base")), epochs=8, batch_size=8, held_out=0.0)
    return {
        "keyword": lambda: KeywordClassifier(SEVERITY_RULES, SEVERITY_MEANINGS),
        "linear": LinearClassifier,
        "presence": lambda: LinearClassifier(PRESENT),
        "encoder": lambda: EncoderClassifier(ENCODER),
        "transformer": lambda: TransformerClassifier(options, tmp_path_factory.mktemp("work")),
    }


@pytest.fixture(scope="module", params=sorted(MEMBERS))
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a back-end that can be kept."""
    return str(request.param)


@pytest.fixture(scope="module")
def learned(makers: Mapping[str, Callable[[], Classifier]]) -> Callable[[str], Learner]:
    """What each back-end has learned, also one that is only compared with; each learns once."""
    return cache(lambda name: {**BASELINES, **makers}[name]().fit(*zip(*TRAINING, strict=True)))


@pytest.fixture(scope="module")
def kept(backend: str, learned: Callable[[str], Classifier]) -> Classifier:
    """What a back-end that can be kept has learned."""
    return learned(backend)


@pytest.fixture(scope="module", params=[*BASELINES, *sorted(MEMBERS)])
def trained(request: pytest.FixtureRequest, learned: Callable[[str], Learner]) -> Learner:
    """What any back-end has learned."""
    return learned(request.param)


def train(learner: Classifier) -> Classifier:
    """Return it after it has learned."""
    return learner.fit(*zip(*TRAINING, strict=True))


def test_probabilities_are_of_the_labels_seen_and_sum_to_one(trained: Learner) -> None:
    assert trained.classes_ == ("critical", "high", "low")
    probabilities = trained.predict_probabilities([report for report, _ in TRAINING])
    assert probabilities.shape == (100, 3)
    assert (probabilities >= 0).all()
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_any_text_has_an_answer(trained: Learner) -> None:
    probabilities = trained.predict_probabilities(HOSTILE_REPORTS)
    assert np.isfinite(probabilities).all()
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_no_report_has_no_answer(trained: Learner) -> None:
    assert trained.predict_probabilities([]).shape == (0, 3)


def test_the_answer_does_not_depend_on_what_is_asked_beside_it(trained: Learner) -> None:
    reports = [Report("Crash on start"), Report("Typo"), Report("Nothing known")]
    together = trained.predict_probabilities(reports)
    alone = np.vstack([trained.predict_probabilities([each]) for each in reports])
    assert np.allclose(together, alone)


def test_what_was_learned_is_found_again(kept: Classifier) -> None:
    unseen = [describe(deed, UNSEEN) for deed in LABELS]
    found = kept.predict_probabilities(unseen).argmax(axis=1)
    assert [kept.classes_[column] for column in found] == list(LABELS.values())


def test_training_without_any_word_still_gives_an_answer(
    backend: str, makers: Mapping[str, Callable[[], Classifier]]
) -> None:
    model = makers[backend]().fit([Report(""), Report(""), Report("")], ["low", "high", "low"])
    probabilities = model.predict_probabilities([Report("Crash")])
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_a_saved_model_says_what_it_said_before(backend: str, kept: Classifier, tmp_path: Path) -> None:
    kept.save(tmp_path)
    again = MEMBERS[backend].load(tmp_path, encoder=ENCODER)
    reports = [*HOSTILE_REPORTS, *(report for report, _ in TRAINING[::10])]
    assert again.classes_ == kept.classes_
    assert np.allclose(again.predict_probabilities(reports), kept.predict_probabilities(reports), atol=1e-6)
    assert again.explain(TRAINING[0][0], "critical") == kept.explain(TRAINING[0][0], "critical")
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".safetensors", ".onnx"}


def test_the_word_that_decided_is_the_first_reason(kept: Classifier) -> None:
    [first, *_] = kept.explain(describe("error", UNSEEN), "high")
    assert first.what.lower() == "error"
    assert first.weight > 0


def test_reasons_are_few_and_the_weightiest_come_first(kept: Classifier) -> None:
    for report in HOSTILE_REPORTS:
        for label in kept.classes_:
            weights = [abs(reason.weight) for reason in kept.explain(report, label, most=3)]
            assert len(weights) <= 3
            assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize("damage", ["missing", "cut", "no JSON"])
def test_a_damaged_file_is_refused(backend: str, kept: Classifier, damage: str, tmp_path: Path) -> None:
    kept.save(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"[]")
        with pytest.raises(ArtifactError, match="Train it again"):
            MEMBERS[backend].load(tmp_path, encoder=ENCODER)
        path.write_bytes(content)


@pytest.mark.parametrize("kinds", [WEIGHED, PRESENT])
def test_the_reasons_of_a_linear_model_add_up_to_its_score(kinds: tuple[Kind, ...]) -> None:
    reports, labels = zip(*TRAINING, strict=True)
    model = LinearClassifier(kinds).fit(reports, labels)
    for report in (
        TRAINING[0][0],
        Report("crash, CRASH! (crashing) typo", "error in the editor the", {"project": "x"}),
    ):
        features = model._words.transform([report])
        for column, label in enumerate(model.classes_):
            score = float((features @ model._weights[:, column])[0])
            assert sum(reason.weight for reason in model.weigh(report, label)) == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("kinds", [WEIGHED, PRESENT])
def test_a_report_alone_has_the_row_that_it_has_among_many(kinds: tuple[Kind, ...]) -> None:
    features = WordFeatures(kinds)
    reports = [
        *(report for report, _ in TRAINING),
        *HOSTILE_REPORTS,
        Report("crash crash typo", "", {"project": "Editor"}),
    ]
    features.fit_transform(reports)
    together = features.transform(reports)
    alone = vstack([features.transform([report]) for report in reports])
    assert np.allclose(together.toarray(), alone.toarray(), atol=1e-6)
    assert together.getnnz() == alone.getnnz() > 0


def test_a_report_that_is_asked_about_twice_is_read_once_and_another_one_anew() -> None:
    features = WordFeatures(WEIGHED)
    features.fit_transform([report for report, _ in TRAINING])
    first, second = Report("Crash when saving"), Report("Typo on the page")
    rows = features.transform([first])
    assert features.transform([first]) is rows
    assert (features.transform([second]) != rows).nnz
    assert (features.transform([first]) != rows).nnz == 0


def test_a_field_is_named_as_a_reason() -> None:
    reasons = train(LinearClassifier()).explain(Report("Crash", fields={"project": "Editor"}), "critical", most=20)
    assert any((reason.kind, reason.what) == ("field", "project: Editor") and reason.weight > 0 for reason in reasons)


def test_another_encoder_than_the_one_trained_with_is_refused(tmp_path: Path) -> None:
    train(EncoderClassifier(ENCODER)).save(tmp_path)
    with pytest.raises(ArtifactError, match="there is none"):
        EncoderClassifier.load(tmp_path)
    with pytest.raises(ArtifactError, match="'other'"):
        EncoderClassifier.load(tmp_path, encoder=BagEncoder("other"))


def test_all_variants_of_a_report_are_encoded_in_one_call() -> None:
    encoder = BagEncoder()
    reports, labels = zip(*TRAINING, strict=True)
    model = EncoderClassifier(encoder).fit(reports, labels)
    asked = encoder.calls
    model.explain(Report("Crash when saving twice", "First. Second. Third."), "critical")
    assert encoder.calls == asked + 1


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Data loss after an upgrade", "critical"),
        ("An ERROR and a typo", "high"),
        ("Suggestion: larger font", "low"),
        ("It is slow", "medium"),
        ("The debugger stops", "medium"),  # No word of its own: "bug" is a part of it.
    ],
)
def test_words_stand_for_severities(text: str, label: str) -> None:
    assert SEVERITY_RULES.find_label(Report(text)) == label


@pytest.mark.parametrize(
    ("text", "team"),
    [("The build fails", None), ("A button", "Frontend"), ("ci/cd is red", "DevOps"), ("On iOS only", "Mobile")],
)
def test_words_stand_for_teams(text: str, team: str | None) -> None:
    assert TEAM_RULES.find_label(Report(text)) == team
